// The keys that the apply has touched since verification began and that were not compared after that.

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

/**
 * Lives as long as the process: a session that starts again goes on with the same one. It is not journalled, so a
 * comparison made by an earlier process counts for nothing and is made again.
 */
export class PendingKeys implements ChangeObserver {
  readonly #limit: number;
  readonly #tables = new Map<TableId, Entry>();
  #size = 0;

  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  /** Single keys; tables marked as a whole are not among them. */
  get size(): number {
    return this.#size;
  }

  get wholeTables(): number {
    let count = 0;
    for (const entry of this.#tables.values()) if (entry.whole) count++;
    return count;
  }

  changed(table: Table, key: Key): void {
    const entry = this.#entry(table);
    if (entry.whole) return;
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

  /** Hands everything over; what changes from now on is collected anew. */
  take(): readonly PendingTable[] {
    const taken = [...this.#tables.values()].map(({ table, keys, whole }): PendingTable => {
      return { table, keys: whole ? 'whole' : [...keys.values()] };
    });
    this.#tables.clear();
    this.#size = 0;
    return taken;
  }

  /** Takes back what was not settled. */
  putBack(entries: readonly PendingTable[]): void {
    for (const { table, keys } of entries) {
      if (keys === 'whole') this.truncated(table);
      else for (const key of keys) this.changed(table, key);
    }
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
