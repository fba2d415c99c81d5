// What a change stream delivers: transactions of row changes, in the source's commit order.

import type { MigrateError } from '../lib/errors.ts';
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

interface OfOneRow {
  readonly table: Table;
  /**
   * The target may have it already, or what came after it: whatever stands under its keys gives way. Of a table with a key only,
   * and its row is complete. Default false.
   */
  readonly tolerant?: boolean;
  /**
   * What the target cannot hold of it; NULL stands in its place, so that the change can be kept as a dead letter or end the apply,
   * but never be applied. One that need not be applied, since its table is left out or was read again later, does no harm.
   */
  readonly refused?: RefusedValue;
}

/** The first value of a change that the target cannot hold. */
export interface RefusedValue {
  /** The name of its column. */
  readonly column: string;
  /** Names table and column. */
  readonly error: MigrateError;
  /** True when rows are found by it, so that nobody knows which row the change is of. */
  readonly isKey: boolean;
}

export interface Insert extends OfOneRow {
  readonly op: 'insert';
  readonly row: Row;
}

export interface Update extends OfOneRow {
  readonly op: 'update';
  /** The key before the change; differs from the key in `row` when the key itself changed. */
  readonly key: Key;
  readonly row: Row;
}

export interface Delete extends OfOneRow {
  readonly op: 'delete';
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
