// What one pair of engines needs to be one migration: its schema in the target's terms, and the values of both sides in one form.

import type { ConversionOf } from '../databases/conversion.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { Column } from '../model/table.ts';
import type { Plan } from '../plan/plan.ts';
import type { Joined } from './in-turn.ts';

export interface ConvertedCatalog {
  /** The source's, with `onTarget`: the same things with the same ids, in the same order. */
  readonly catalog: Catalog;
  /** What the target cannot be given, or only in another way. */
  readonly findings: readonly Finding[];
}

export interface PairConversion {
  /** `joined`: tables that are not among those the run began with, whose names stay as they were. */
  catalog(source: Catalog, joined?: Joined): ConvertedCatalog;
  /** Of the source's columns; undefined where the source's values are in the core's form. */
  readonly ofSource?: ConversionOf;
  /** Of the target's columns; undefined where the target's values are in the core's form. */
  readonly ofTarget?: ConversionOf;
  /**
   * Puts the text of a value into the form in which equal values are equal texts; undefined for a column whose texts are so
   * already.
   */
  readonly canonicalOf?: (column: Column) => ((text: string) => string) | undefined;
}

/** What a plan says about conversions: see `convert` there. */
export type ConvertOptions = Plan['convert'];
