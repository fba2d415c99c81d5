// The keys a row change touches.

import type { Change, Key, LoggedValue, Row, RowChange, Update, Value } from '../model/change.ts';
import type { Table } from '../model/table.ts';

/** The key of the row that an insert or update leaves. A key value the log did not carry did not change. */
export function keyAfter(table: Table, row: Row, before?: Key): Key {
  return table.key.map((column, index) => {
    const carried = row[column];
    const value = carried === undefined ? before?.[index] : carried;
    if (value === undefined) throw new TypeError(`key column ${column} of ${table.id} is missing from the row`);
    return value;
  });
}

/** The key of the row that a change finds, or undefined for an insert. */
export function oldKey(change: RowChange): Key | undefined {
  return change.op === 'insert' ? undefined : change.key;
}

/** The key of the row that a change leaves, or undefined for a delete. */
export function newKey(change: RowChange): Key | undefined {
  if (change.op === 'delete') return undefined;
  return keyAfter(change.table, change.row, oldKey(change));
}

/** True when an update moves its row to another key. */
export function movesKey({ table: { key: columns }, row, key }: Update): boolean {
  for (let index = 0; index < columns.length; index++) {
    const value = row[columns[index] ?? 0];
    if (value !== undefined && !sameValue(value, key[index])) return true;
  }
  return false;
}

/** True when the target cannot hold a value of its key: the key that the change has is not the row's. */
export function isOfNoKnownRow(change: Change): boolean {
  return change.op !== 'marker' && change.op !== 'truncate' && change.refused?.isKey === true;
}

/** True when every column outside the key has a value. */
export function isComplete(table: Table, row: Row): boolean {
  return !row.includes(undefined) || row.every((value, column) => value !== undefined || table.key.includes(column));
}

/** The row with its key columns filled in. */
export function withKey(table: Table, row: Row, key: Key): Row {
  const filled: LoggedValue[] = [...row];
  for (const [index, column] of table.key.entries()) filled[column] = key[index];
  return filled;
}

/**
 * An order in which numbers, dates and uuids stand as in an index; of other types just an order. Rows written in it are found
 * page after page, and two writers of the same rows meet them in the same order.
 */
export function compareKeys(left: Key, right: Key): number {
  for (let index = 0; index < left.length; index++) {
    const value = left[index] ?? null;
    const other = right[index] ?? null;
    if (value === other || value === null || other === null) continue;
    const order = value.length - other.length;
    if (order !== 0) return order;
    if (typeof value === 'string' && typeof other === 'string') return value < other ? -1 : 1;
  }
  return 0;
}

/** A number that orders keys much as `compareKeys` does, where it tells them apart: comparing numbers is several times as fast. */
export function keyOrder(key: Key): number {
  const [value] = key;
  if (typeof value !== 'string') return 0;
  let order = Math.min(value.length, 8_191);
  for (let index = 0; index < 5; index++) {
    order = order * 256 + (index < value.length ? Math.min(value.charCodeAt(index), 255) : 0);
  }
  return order;
}

function sameValue(left: Value, right: Value | undefined): boolean {
  if (left === right) return true;
  return typeof left === 'object' && Buffer.isBuffer(left) && Buffer.isBuffer(right) && left.equals(right);
}
