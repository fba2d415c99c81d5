// The steps of one lane in a batch → segments: the largest pieces that can be written set by set without losing the order.

import type { TableChanges } from '../databases/target.ts';
import type { RowChange } from '../model/change.ts';
import type { KeyChunk, KeyRange } from '../model/chunk.ts';
import type { Table, TableId } from '../model/table.ts';
import { collapse, isUncollapsible } from './collapse.ts';
import type { EmptyStep, Step } from './step.ts';

export interface TableKeyChunk {
  readonly table: Table;
  readonly chunk: KeyChunk;
}

/** Row changes: set by set if there are sets and the target takes them, else one by one. */
export interface RowsSegment {
  readonly kind: 'rows';
  /** In the source's order. */
  readonly changes: readonly RowChange[];
  readonly keyChunks: readonly TableKeyChunk[];
  /** Their net effect; undefined when only their order can say what it is. */
  readonly sets: readonly TableChanges[] | undefined;
}

/** Tables or ranges to empty, in one statement. */
export interface EmptySegment {
  readonly kind: 'empty';
  readonly tables: readonly { readonly table: Table; readonly ranges: readonly KeyRange[] | 'all' }[];
}

export type Segment = RowsSegment | EmptySegment;

/** Cuts at truncations and at changes of key that leave values behind; those stand alone. */
export function segmentsOf(steps: readonly Step[]): readonly Segment[] {
  const segments: Segment[] = [];
  let changes: RowChange[] = [];
  let keyChunks: TableKeyChunk[] = [];
  let emptied: EmptyStep[] = [];
  let hasKeyless = false;
  const pushRows = (some: readonly RowChange[], chunks: readonly TableKeyChunk[]): void => {
    if (some.length + chunks.length > 0) segments.push(rowsSegment(some, chunks));
  };
  const endRows = (): void => {
    // Rows without a key stand apart: if others have to be replayed one by one, these need not, each of them would be
    // found by reading its whole table.
    if (!hasKeyless) pushRows(changes, keyChunks);
    else {
      for (const identity of ['key', 'row'] as const) {
        const isOf = ({ table }: { readonly table: Table }): boolean => table.identity === identity;
        pushRows(changes.filter(isOf), keyChunks.filter(isOf));
      }
    }
    changes = [];
    keyChunks = [];
    hasKeyless = false;
  };
  const endEmptied = (): void => {
    if (emptied.length > 0)
      segments.push({ kind: 'empty', tables: emptied.map(({ table, ranges }) => ({ table, ranges })) });
    emptied = [];
  };
  for (const step of steps) {
    if (step.op === 'empty') {
      endRows();
      emptied.push(step);
      continue;
    }
    endEmptied();
    hasKeyless ||= step.table.identity === 'row';
    if (step.op === 'reread') {
      keyChunks.push({ table: step.table, chunk: step.chunk });
      if (step.row !== undefined) changes.push({ op: 'insert', table: step.table, row: step.row });
    } else if (isUncollapsible(step)) {
      endRows();
      segments.push({ kind: 'rows', changes: [step], keyChunks: [], sets: undefined });
    } else changes.push(step);
  }
  endRows();
  endEmptied();
  return segments;
}

export function rowsSegment(changes: readonly RowChange[], keyChunks: readonly TableKeyChunk[]): RowsSegment {
  return { kind: 'rows', changes, keyChunks, sets: setsOf(changes, keyChunks) };
}

function setsOf(
  changes: readonly RowChange[],
  keyChunks: readonly TableKeyChunk[],
): readonly TableChanges[] | undefined {
  const tables = new Map<TableId, { table: Table; changes: RowChange[]; keyChunks: KeyChunk[] }>();
  const entry = (table: Table): { changes: RowChange[]; keyChunks: KeyChunk[] } => {
    let found = tables.get(table.id);
    if (found === undefined) {
      found = { table, changes: [], keyChunks: [] };
      tables.set(table.id, found);
    }
    return found;
  };
  for (const change of changes) entry(change.table).changes.push(change);
  for (const { table, chunk } of keyChunks) entry(table).keyChunks.push(chunk);
  const sets: TableChanges[] = [];
  for (const each of tables.values()) {
    const set = collapse(each.table, each.changes, each.keyChunks);
    if (set === undefined) return undefined;
    sets.push(set);
  }
  return sets;
}
