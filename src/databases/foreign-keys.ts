// The port of foreign keys that a target can only have once nothing is applied to it any more: where they cannot be
// switched off for the run, they would refuse what the lanes write in an order of their own.

import type { Catalog } from '../model/catalog.ts';

export interface ForeignKeys {
  /**
   * Adds what `Target.complete` left out: in force for whatever is written from then on, not checked against the rows
   * that are there. Nothing where `complete` has built them. Short lock attempts; idempotent.
   */
  add(catalog: Catalog): Promise<void>;
  /** Takes back what `add` made, so that the apply can go on. Cheap when there is nothing to take back; idempotent. */
  remove(catalog: Catalog): Promise<void>;
  /** Checks the rows, one foreign key after another, while applications write. Skips what is checked already. */
  validate(catalog: Catalog, progress: (subject: string) => void): Promise<Validation>;
}

export interface Validation {
  readonly validated: number;
  /** Foreign keys, for people, that some row violates. They stay in force for new rows. */
  readonly notValid: readonly string[];
}
