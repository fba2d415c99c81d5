// How the values of a column become those of another form, where two engines write them differently. Made in `convert`, used by
// an adapter at its edge; it has no knowledge of the other engine. The core has one form for each pair of databases: where
// PostgreSQL is one of the two, texts as PostgreSQL prints them; between two of MySQL's kind, texts as MySQL's log delivers them,
// and bytes as hex in lower case.

import { MigrateError } from '../lib/errors.ts';
import type { Value } from '../model/change.ts';
import type { Column, Table } from '../model/table.ts';

/** Neither function is asked about NULL. */
export interface Conversion {
  /**
   * The value in the core's form; what comes in is the adapter's own, as its log delivers it. NULL where a policy of the
   * run says so. Throws MigrateError for a value that the target cannot hold.
   */
  print(value: string | Buffer): Value;
  /**
   * The adapter's own value for one in the core's form: for what `print` made of it, and on a target for every value of the source.
   * Throws MigrateError for one that the column cannot hold.
   */
  read(value: string | Buffer): string | Buffer;
  /** True when both return what they are given: then texts may pass as bytes. */
  readonly isSame?: boolean;
  /**
   * True for a text, UTF-8 in `bytes`, of which `print` is known to return it as it is, so that it may pass as bytes. False says
   * nothing.
   */
  keeps?(bytes: Buffer, start: number, end: number): boolean;
  /** True when the core's form is the bytes as hex in lower case. */
  readonly isHex?: boolean;
}

/** By the column as the adapter knows it; what `convert` has to know besides stands in its `handling`. */
export type ConversionOf = (column: Column) => Conversion;

const IDENTITY: Conversion = { print: (value) => value, read: (value) => value, isSame: true };

/** Values stay as the source has them. */
export const unconverted: ConversionOf = () => IDENTITY;

/** In `Column.handling` of a source's column: the target holds an empty text, or no bytes at all, for NULL, and so does the core. */
export const EMPTY_IS_NULL = 'empty is null';

/** What a conversion has thrown, which knows the column only. */
export function refusedIn({ id }: Pick<Table, 'id'>, error: MigrateError): MigrateError {
  return new MigrateError(error.code, `${id}: ${error.message}`, { cause: error, fix: error.fix });
}
