// Ordered row changes of one table → their net effect per key, as sets that can be written in any order of rows:
// deletes, then updates, then inserts. Rows without a key have no updates: of them only the number of copies counts.

import type { TableChanges } from '../databases/target.ts';
import { type Key, keyText, type Row, type RowChange, type Update } from '../model/change.ts';
import type { KeyChunk } from '../model/chunk.ts';
import type { Table } from '../model/table.ts';
import { compareKeys, isComplete, keyAfter, keyOrder, movesKey, newKey, oldKey, withKey } from './keys.ts';

/** What the batch did to one key so far. */
interface Net {
  readonly key: Key;
  readonly order: number;
  /** Whether the row was there before the batch; undefined when that is not known. */
  readonly existed: boolean | undefined;
  /** The values known now, or null when the row is gone. Complete when the row did not exist before. */
  row: Row | null;
}

/** A change of key that leaves values behind: only the server can move them, so it cannot become a delete and an insert. */
export function isUncollapsible(change: RowChange): boolean {
  return change.op === 'update' && change.row.includes(undefined) && movesKey(change) && !isFull(change);
}

/**
 * The net changes of one table, or undefined when they do not add up (an insert over a row that is there, a change of a
 * row that is gone, an insert with a value missing): then only the order of the source can tell what is wrong. Those of a
 * table without a key always add up.
 */
export function collapse(
  table: Table,
  changes: readonly RowChange[],
  keyChunks: readonly KeyChunk[] = [],
): TableChanges | undefined {
  if (table.identity === 'row') return collapseRows(table, changes);
  const nets = new Map<string, Net>();
  for (const change of changes) {
    if (!fold(nets, change)) return undefined;
  }
  return toSets(table, [...nets.values()].sort(byKey), keyChunks);
}

/** A row's text says which copies are equal: what the type calls equal may still be another text, and another row. */
function collapseRows(table: Table, changes: readonly RowChange[]): TableChanges {
  const counts = new Map<string, { readonly row: Key; copies: number }>();
  const count = (row: Key | undefined, copies: number): void => {
    if (row === undefined) return;
    const text = keyText(row);
    const known = counts.get(text);
    if (known === undefined) counts.set(text, { row, copies });
    else known.copies += copies;
  };
  for (const change of changes) {
    count(oldKey(change), -1);
    count(newKey(change), 1);
  }
  const deletes: Key[] = [];
  const inserts: Row[] = [];
  for (const { row, copies } of counts.values()) {
    for (let copy = copies; copy < 0; copy++) deletes.push(row);
    for (let copy = copies; copy > 0; copy--) inserts.push(row);
  }
  return { table, deletes, updates: [], inserts, keyChunks: [] };
}

/** Adds one change; false when it cannot follow what came before. */
function fold(nets: Map<string, Net>, change: RowChange): boolean {
  if (change.tolerant === true) return overwrite(nets, change);
  switch (change.op) {
    case 'insert':
      return isFull(change) && appear(nets, keyAfter(change.table, change.row), change.row);
    case 'delete':
      return vanish(nets, change.key);
    case 'update':
      if (!change.row.includes(undefined)) {
        if (!movesKey(change)) return alter(nets, change.key, change.row);
        return vanish(nets, change.key) && appear(nets, keyAfter(change.table, change.row), change.row);
      }
      return foldPartial(nets, change);
  }
}

function foldPartial(nets: Map<string, Net>, change: Update): boolean {
  const key = keyAfter(change.table, change.row, change.key);
  const row = withKey(change.table, change.row, key);
  if (!movesKey(change)) return alter(nets, change.key, row);
  return isFull(change) && vanish(nets, change.key) && appear(nets, key, row);
}

/** Whatever was there: it adds up always. */
function overwrite(nets: Map<string, Net>, change: RowChange): boolean {
  const put = (key: Key | undefined, row: Row | null): void => {
    if (key === undefined) return;
    const text = keyText(key);
    const net = nets.get(text);
    if (net === undefined) nets.set(text, netOf(key, undefined, row));
    else net.row = row;
  };
  put(oldKey(change), null);
  if (change.op !== 'delete') put(newKey(change), change.row);
  return true;
}

function netOf(key: Key, existed: Net['existed'], row: Row | null): Net {
  return { key, order: keyOrder(key), existed, row };
}

function appear(nets: Map<string, Net>, key: Key, row: Row): boolean {
  const text = keyText(key);
  const net = nets.get(text);
  if (net === undefined) nets.set(text, netOf(key, false, row));
  else if (net.row !== null) return false;
  // Deleted and inserted again: an update of every column. It needs no second pass over the indexes of columns
  // that did not change, and a delete and an insert of one key could not be told apart by their order in the sets.
  else net.row = row;
  return true;
}

function vanish(nets: Map<string, Net>, key: Key): boolean {
  const text = keyText(key);
  const net = nets.get(text);
  if (net === undefined) nets.set(text, netOf(key, true, null));
  else if (net.row === null) return false;
  else net.row = null;
  return true;
}

function alter(nets: Map<string, Net>, key: Key, row: Row): boolean {
  const text = keyText(key);
  const net = nets.get(text);
  if (net === undefined) nets.set(text, netOf(key, true, row));
  else if (net.row === null) return false;
  else net.row = merge(net.row, row);
  return true;
}

/** The later row, with values it does not carry taken from the earlier one. */
function merge(earlier: Row, later: Row): Row {
  return later.includes(undefined)
    ? later.map((value, column) => (value === undefined ? earlier[column] : value))
    : later;
}

function byKey(left: Net, right: Net): number {
  return left.order - right.order || compareKeys(left.key, right.key);
}

function toSets(table: Table, nets: Iterable<Net>, keyChunks: readonly KeyChunk[]): TableChanges {
  const deletes: Key[] = [];
  const inserts: Row[] = [];
  const groups = new Map<string, { columns: readonly number[]; keys: Key[]; rows: Row[] }>();
  let tolerant = false;
  for (const { key, existed, row } of nets) {
    tolerant ||= existed === undefined;
    if (existed === undefined || (row === null && existed)) deletes.push(key);
    if (row === null) continue;
    if (existed !== true) {
      inserts.push(row);
    } else {
      const mask = maskOf(row);
      let group = groups.get(mask);
      if (group === undefined) {
        group = { columns: carried(table, row), keys: [], rows: [] };
        groups.set(mask, group);
      }
      group.keys.push(key);
      group.rows.push(row);
    }
  }
  const sets = { table, deletes, updates: [...groups.values()], inserts, keyChunks };
  return tolerant ? { ...sets, tolerant } : sets;
}

/** Equal for rows that carry the same columns. */
function maskOf(row: Row): string {
  return row.includes(undefined) ? row.map((value) => (value === undefined ? '-' : '+')).join('') : '';
}

function carried(table: Table, row: Row): readonly number[] {
  return row.flatMap((value, column) => (value === undefined || table.key.includes(column) ? [] : [column]));
}

function isFull(change: { readonly table: Table; readonly row: Row }): boolean {
  return isComplete(change.table, change.row);
}
