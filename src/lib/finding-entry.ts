// What the catalogue of findings says of each.

export interface FindingEntry {
  readonly why: string;
  /** What cures it in general. */
  readonly cure: string;
}

export const entry = (why: string, cure: string): FindingEntry => ({ why, cure });
