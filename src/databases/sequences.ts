// The port of number generators: sequences and identity columns.

import type { Catalog } from '../model/catalog.ts';

export interface SequenceValue {
  readonly schema: string;
  readonly name: string;
  /** The last value handed out, or null when none was. Text: may exceed 2^53. */
  readonly last: string | null;
  readonly increment: string;
  /** Values each session may hold unused. */
  readonly cache: string;
}

export interface Sequences {
  read(catalog: Catalog): Promise<readonly SequenceValue[]>;
  /** Sets each sequence past `last` by `margin` increments (clamped to its limits), never backwards. Also restores what the apply could not work with (identity ALWAYS). */
  advance(catalog: Catalog, values: readonly SequenceValue[], margin: number): Promise<void>;
  /**
   * Takes back what `advance` restored, so that the apply can go on: for a cutover that was undone. Sequences stay where
   * they are. Cheap when there is nothing to take back.
   */
  relax(catalog: Catalog): Promise<void>;
}
