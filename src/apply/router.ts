// Which lane writes what. A table belongs to its home lane; the rows of one that is spread are divided among all lanes by
// key. All that happens to one key happens in one lane, in the source's order. What the journal says of a table decides:
// changes that are read again after a crash must go to the lanes they went to before.

import type { TableProgress } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { type Change, type Key, keyText, type RowChange, type Update } from '../model/change.ts';
import type { Table, TableId } from '../model/table.ts';
import { isComplete, keyAfter, movesKey, withKey } from './keys.ts';

export interface Routed {
  readonly lane: number;
  readonly change: RowChange;
  /** 1, or 0 for the second half of a change of key that went to two lanes: the source made one change. */
  readonly counts: 0 | 1;
}

interface Route {
  readonly home: number;
  spread: boolean;
}

const NONE: readonly Table[] = [];

export class Router {
  readonly #lanes: number;
  readonly #routes: ReadonlyMap<TableId, Route>;

  constructor(tables: readonly Pick<TableProgress, 'id' | 'lane' | 'spread'>[], lanes: number) {
    this.#lanes = lanes;
    this.#routes = new Map(tables.map(({ id, lane, spread }) => [id, { home: lane, spread: spread && lanes > 1 }]));
  }

  /** The lane that empties the table, and writes it when it is not spread. */
  home(table: Table): number {
    return this.#route(table).home;
  }

  isSpread(table: TableId): boolean {
    return this.#routes.get(table)?.spread === true;
  }

  /** From now on the table's own lane writes it. */
  sendHome(table: TableId): void {
    const route = this.#routes.get(table);
    if (route !== undefined) route.spread = false;
  }

  /** The tables of a change that must be at home for it: no lane alone could empty a spread one, or move what it cannot see. */
  homesNeeded(change: Change): readonly Table[] {
    if (change.op === 'truncate') return change.tables.filter(({ id }) => this.isSpread(id));
    if (change.op !== 'update' || !change.row.includes(undefined) || !this.isSpread(change.table.id)) return NONE;
    return this.#leavesLane(change) && !isComplete(change.table, change.row) ? [change.table] : NONE;
  }

  /** Where a change goes; undefined when it goes to two lanes: then `route` divides it. */
  laneOf(change: RowChange): number | undefined {
    const { home, spread } = this.#route(change.table);
    if (!spread) return home;
    if (change.op === 'update' && this.#leavesLane(change)) return undefined;
    return this.#laneOf(change.op === 'insert' ? keyAfter(change.table, change.row) : change.key);
  }

  /** What goes where. A change of key from one lane to another becomes a delete there and an insert here. */
  route(change: RowChange): readonly Routed[] {
    const lane = this.laneOf(change);
    if (lane !== undefined) return [{ lane, change, counts: 1 }];
    const { table } = change;
    if (change.op !== 'update') throw new MigrateError('INTERNAL.BUG', `${change.op} of ${table.id} has no lane`);
    const key = keyAfter(table, change.row, change.key);
    return [
      { lane: this.#laneOf(change.key), change: { op: 'delete', table, key: change.key }, counts: 1 },
      { lane: this.#laneOf(key), change: { op: 'insert', table, row: withKey(table, change.row, key) }, counts: 0 },
    ];
  }

  #leavesLane(change: Update): boolean {
    return (
      movesKey(change) && this.#laneOf(change.key) !== this.#laneOf(keyAfter(change.table, change.row, change.key))
    );
  }

  #laneOf(key: Key): number {
    return laneHash(keyText(key)) % this.#lanes;
  }

  #route(table: Table): Route {
    const route = this.#routes.get(table.id);
    if (route === undefined)
      throw new MigrateError('INTERNAL.BUG', `${table.id} has changes but is not part of the run`);
    return route;
  }
}

/**
 * The same for up to a hundred numbers that follow one another: rows that lie together are then written by one lane, which
 * finds them in the same pages. Another hash is another format of the journal.
 */
export function laneHash(text: string): number {
  const end = text.length - 2;
  return hash(text, end > 0 && isDigit(text.charCodeAt(end)) && isDigit(text.charCodeAt(end + 1)) ? end : text.length);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** FNV-1a, its bits mixed once more: keys often differ in their last digit only. */
function hash(text: string, end: number): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < end; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
