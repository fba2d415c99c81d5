// What a comparison found: which keys differ, per table. Keys only, never another cell of a row; of a table without a key
// only that it differs.

import { MigrateError } from '../lib/errors.ts';
import { type Key, keyText } from '../model/change.ts';
import type { Table, TableId } from '../model/table.ts';

/** Keys listed per table; the rest are only counted. */
const LISTED = 20;
/** From here on a table is wrong as a whole: finding every key of it would only load both servers. */
const ENOUGH = 1_000;

export interface Difference {
  readonly table: TableId;
  /** Rows that differ, or exist on one side only. A lower bound when `more`. */
  readonly count: number;
  /** True when the rest of the table was not searched any further. */
  readonly more: boolean;
  /** The first keys, as text; none for a table without a key. Belongs into the report, not into log lines or error messages. */
  readonly keys: readonly string[];
}

/** Collects differences; one key counts once. */
export class Differences {
  readonly #tables = new Map<TableId, Set<string>>();
  /** Without a key: how many rows differ is not known. */
  readonly #unsearched = new Set<TableId>();

  add(table: Table, keys: readonly Key[]): void {
    if (keys.length === 0) return;
    const known = this.#tables.get(table.id) ?? new Set<string>();
    for (const key of keys) known.add(key.length === 1 ? keyText(key) : JSON.stringify(key.map(String)));
    this.#tables.set(table.id, known);
    if (table.identity === 'row') this.#unsearched.add(table.id);
  }

  /** True when a table has so many that looking for more is pointless. */
  enough(table: Table): boolean {
    return (this.#tables.get(table.id)?.size ?? 0) >= ENOUGH;
  }

  get count(): number {
    let count = 0;
    for (const keys of this.#tables.values()) count += keys.size;
    return count;
  }

  list(): readonly Difference[] {
    return [...this.#tables].map(([table, keys]) => ({
      table,
      count: keys.size,
      more: keys.size >= ENOUGH || this.#unsearched.has(table),
      keys: this.#unsearched.has(table) ? [] : [...keys].slice(0, LISTED),
    }));
  }
}

/** The error of a comparison that found differences: tables and counts, but no keys, which may be personal data. */
export function differencesError(differences: readonly Difference[]): MigrateError {
  const tables = differences.map(({ table, count, more }) => `${table} (${count}${more ? ' or more' : ''})`);
  const rest = tables.length > 10 ? ` and ${tables.length - 10} more tables` : '';
  return new MigrateError('VERIFY.DIFFERENCES', `rows differ in ${tables.slice(0, 10).join(', ')}${rest}`);
}
