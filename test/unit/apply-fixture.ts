// Tables, changes and an in-memory stream for tests of the apply. Positions are numbers, compared as numbers.

import type { Change, RowChange } from '../../src/model/change.ts';
import { type Key, keyText, type LoggedValue, type Transaction } from '../../src/model/change.ts';
import type { Covers, Position } from '../../src/model/position.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import type { Log } from '../../src/observe/log.ts';

/** A table with an integer key `id` and further text columns. */
export function createTable(name: string, columns: readonly string[] = ['a', 'b'], keyColumns = 1): Table {
  return {
    id: tableId('public', name),
    schema: 'public',
    name,
    columns: [...Array.from({ length: keyColumns }, (_, index) => (index === 0 ? 'id' : `id${index}`)), ...columns].map(
      (column, index) => ({
        name: column,
        type: index < keyColumns ? 'integer' : 'text',
        castType: index < keyColumns ? 'integer' : 'text',
      }),
    ),
    key: Array.from({ length: keyColumns }, (_, index) => index),
    rowEstimate: 0,
    identity: 'key',
    spread: true,
    byteEstimate: 0,
  };
}

/** A log that nobody reads. */
export const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export const at = (number: number): Position => String(number) as Position;
export const covers: Covers = (checkpoint, position) => Number(checkpoint) >= Number(position);

export const insert = (table: Table, ...row: LoggedValue[]): RowChange => ({ op: 'insert', table, row });
export const update = (table: Table, key: string, ...row: LoggedValue[]): RowChange => ({
  op: 'update',
  table,
  key: [key],
  row,
});
export const remove = (table: Table, key: string): RowChange => ({ op: 'delete', table, key: [key] });
export const marker = (content: string): Change => ({ op: 'marker', content });

export function transaction(position: number, changes: readonly Change[], last = true): Transaction {
  return { position: at(position), changes, bytes: 100 * changes.length, last };
}

/** A table's rows by key: what changes do to it one by one. Throws where a database would object. */
export class ModelTable {
  readonly rows = new Map<string, readonly LoggedValue[]>();
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  apply(change: RowChange): void {
    if (change.tolerant === true) this.#overwrite(change);
    else if (change.op === 'insert') this.insert(change.row);
    else if (change.op === 'delete') this.remove(change.key);
    else this.update(change.key, change.row);
  }

  /** As a tolerant delete does. */
  clear(key: Key): void {
    this.rows.delete(keyText(key));
  }

  #overwrite(change: RowChange): void {
    if (change.op !== 'insert') this.clear(change.key);
    if (change.op === 'delete') return;
    this.clear(this.#keyOf(change.row));
    this.insert(change.row);
  }

  insert(row: readonly LoggedValue[]): void {
    const text = keyText(this.#keyOf(row));
    if (this.rows.has(text)) throw new Error('duplicate key');
    if (row.includes(undefined)) throw new Error('incomplete row');
    this.rows.set(text, row);
  }

  remove(key: Key): void {
    if (!this.rows.delete(keyText(key))) throw new Error('row missing');
  }

  update(key: Key, row: readonly LoggedValue[]): void {
    const old = this.rows.get(keyText(key));
    if (old === undefined) throw new Error('row missing');
    this.rows.delete(keyText(key));
    this.insert(row.map((value, column) => (value === undefined ? old[column] : value)));
  }

  #keyOf(row: readonly LoggedValue[]): Key {
    return this.#table.key.map((column) => row[column] ?? null);
  }
}
