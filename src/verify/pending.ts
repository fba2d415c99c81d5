// The keys that the apply has touched since verification began and that were not compared after that. A table without a
// key is pending as a whole as soon as one of its rows changes.

import type { ChangeObserver } from '../apply/replication.ts';
import { type Key, keyText } from '../model/change.ts';
import type { Table, TableId } from '../model/table.ts';

/** Keys held in memory, over all tables, before a table is marked as a whole. */
const LIMIT = 200_000;

/** What of one table is to be compared again. */
export interface PendingTable {
  readonly table: Table;
  readonly keys: readonly Key[] | 'whole';
}

interface Entry {
  readonly table: Table;
  readonly keys: Map<string, Key>;
  whole: boolean;
}

/** The pending tables without a key: only reading each of them whole settles them. */
export interface PendingRows {
  readonly tables: number;
  /** About how long that takes where nothing moves, in ms: as long as it took the last time. */
  readonly readMs: number;
}

/**
 * Lives as long as the process: a session that starts again goes on with the same one. It is not journalled, so a
 * comparison made by an earlier process counts for nothing and is made again.
 */
export class PendingKeys implements ChangeObserver {
  readonly #limit: number;
  readonly #tables = new Map<TableId, Entry>();
  /** What the last reading of each table without a key took, in ms. */
  readonly #readMs = new Map<TableId, number>();
  #size = 0;

  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  /** Single keys; tables marked as a whole are not among them. */
  get size(): number {
    return this.#size;
  }

  /** Tables with a key that are pending as a whole. */
  get wholeTables(): number {
    return this.#entries('key').filter(({ whole }) => whole).length;
  }

  get rows(): PendingRows {
    const entries = this.#entries('row');
    const readMs = entries.reduce((sum, { table }) => sum + (this.#readMs.get(table.id) ?? 0), 0);
    return { tables: entries.length, readMs };
  }

  /** A table without a key was read in this time. */
  tookToRead(table: Table, ms: number): void {
    this.#readMs.set(table.id, ms);
  }

  changed(table: Table, key: Key): void {
    const entry = this.#entry(table);
    if (entry.whole) return;
    if (table.identity === 'row') {
      entry.whole = true;
      return;
    }
    const before = entry.keys.size;
    entry.keys.set(keyText(key), key);
    this.#size += entry.keys.size - before;
    if (this.#size > this.#limit) this.#forgetLargest();
  }

  truncated(table: Table): void {
    this.#markWhole(this.#entry(table));
  }

  has(table: Table, key: Key): boolean {
    const entry = this.#tables.get(table.id);
    return entry !== undefined && (entry.whole || entry.keys.has(keyText(key)));
  }

  /** Hands over the tables with a key, or those without; what changes from now on is collected anew. */
  take(identity: Table['identity']): readonly PendingTable[] {
    return this.#entries(identity).map(({ table, keys, whole }): PendingTable => {
      this.#tables.delete(table.id);
      this.#size -= keys.size;
      return { table, keys: whole ? 'whole' : [...keys.values()] };
    });
  }

  /** The table is not compared any more. */
  remove(table: TableId): void {
    const entry = this.#tables.get(table);
    if (entry === undefined) return;
    this.#tables.delete(table);
    this.#size -= entry.keys.size;
  }

  /** Takes back what was not settled. */
  putBack(entries: readonly PendingTable[]): void {
    for (const { table, keys } of entries) {
      if (keys === 'whole') this.truncated(table);
      else for (const key of keys) this.changed(table, key);
    }
  }

  #entries(identity: Table['identity']): readonly Entry[] {
    return [...this.#tables.values()].filter(({ table }) => table.identity === identity);
  }

  #entry(table: Table): Entry {
    let entry = this.#tables.get(table.id);
    if (entry === undefined) {
      entry = { table, keys: new Map(), whole: false };
      this.#tables.set(table.id, entry);
    }
    return entry;
  }

  #markWhole(entry: Entry): void {
    this.#size -= entry.keys.size;
    entry.keys.clear();
    entry.whole = true;
  }

  #forgetLargest(): void {
    let largest: Entry | undefined;
    for (const entry of this.#tables.values()) {
      if (largest === undefined || entry.keys.size > largest.keys.size) largest = entry;
    }
    if (largest !== undefined) this.#markWhole(largest);
  }
}
