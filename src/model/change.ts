// What a change stream delivers: transactions of row changes, in the source's commit order.

import type { Position } from './position.ts';
import type { Table } from './table.ts';

/** A database value in its canonical text form, or bytes, or SQL NULL. Never a JavaScript number or Date. */
export type Value = string | Buffer | null;

/** `undefined` marks a value the log did not carry (an unchanged large value kept out of line). */
export type LoggedValue = Value | undefined;

/** A row in the order of `table.columns`. */
export type Row = readonly LoggedValue[];

/** The values of a table's key columns, in the order of `table.key`; whole rows where the table has no key. */
export type Key = readonly Value[];

export interface Insert {
  readonly op: 'insert';
  readonly table: Table;
  readonly row: Row;
}

export interface Update {
  readonly op: 'update';
  readonly table: Table;
  /** The key before the change; differs from the key in `row` when the key itself changed. */
  readonly key: Key;
  readonly row: Row;
}

export interface Delete {
  readonly op: 'delete';
  readonly table: Table;
  readonly key: Key;
}

export interface Truncate {
  readonly op: 'truncate';
  readonly tables: readonly Table[];
}

/** Text written to the source by `Source.mark` and met here, in order with the data. */
export interface Marker {
  readonly op: 'marker';
  readonly content: string;
}

export type RowChange = Insert | Update | Delete;
export type Change = RowChange | Truncate | Marker;

/**
 * One source transaction, or one piece of a large one. Pieces of one transaction are adjacent; only the
 * last has `last: true`. A transaction is cut at the same places whenever it is read. An idle stream delivers
 * empty transactions that carry nothing but a later position.
 */
export interface Transaction {
  /**
   * The place to resume from once this and everything before it is applied: the end of the transaction, or for an earlier
   * piece a place within it.
   */
  readonly position: Position;
  readonly changes: readonly Change[];
  /** Approximate size in memory. */
  readonly bytes: number;
  readonly last: boolean;
}

/** Text that is equal exactly when two keys are written the same. */
export function keyText(key: Key): string {
  // No text of a database holds a zero byte.
  if (key.length === 1) return textOf(key[0] ?? '\0');
  return key.map((value) => (value === null ? 'n' : `${textOf(value).length}:${textOf(value)}`)).join('');
}

/** Bytes one by one: as UTF-8 those that are none would all be the same. */
function textOf(value: string | Buffer): string {
  return typeof value === 'string' ? value : value.toString('latin1');
}
