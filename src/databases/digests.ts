// The port both sides of a comparison answer: digests, computed inside the database where it can.
//
// What is digested is the same whatever the engine: the text of a row, in UTF-8. It is `(a,b,c)`, each value as the target's
// type prints it, nothing for NULL, and in double quotes, with `"` and `\` doubled, when it is empty or has one of `"\(),` or ASCII
// white space in it. The digest of a row is the MD5 of its text in lower-case hex.

import type { Key } from '../model/change.ts';
import type { KeyRange } from '../model/chunk.ts';
import type { EmptyCount } from '../model/empty-values.ts';
import type { Table } from '../model/table.ts';

export interface RangeDigest {
  readonly rows: number;
  /**
   * Equal exactly when (with overwhelming probability) the multisets of rows are equal. Two servers that hash texts alike may
   * agree on their own hash; else it is the sums of the first and of the last 16 digits of the digests of all rows, as signed
   * 64-bit numbers: `sum:sum` in decimal, `:` without rows.
   */
  readonly digest: string;
}

export interface RowDigest {
  readonly key: Key;
  readonly digest: string;
}

export interface Digests {
  /** Count and digest of all rows in the range, in one statement (one moment). */
  range(table: Table, range: KeyRange): Promise<RangeDigest>;
  /** Per-row digests of the range, ordered by key, at most `limit` rows. Not for tables without a key, nor is `keys`. */
  rows(table: Table, range: KeyRange, limit: number): Promise<readonly RowDigest[]>;
  /** Per-row digests of the given keys in one statement, by `keyText`; keys without a row are absent. */
  keys(table: Table, keys: readonly Key[]): Promise<ReadonlyMap<string, string>>;
  /** Inner bounds that cut a range into about `parts` pieces; empty when it cannot be cut. */
  split(table: Table, range: KeyRange, parts: number): Promise<readonly Key[]>;
  /**
   * How many values of the range are empty in each column of which the target has something else for them (`changedEmpties`), at
   * one moment; columns without any are left out. Only a source is asked.
   */
  empties?(table: Table, range: KeyRange): Promise<readonly EmptyCount[]>;
}
