// What the tests of journals share: what a database does for them, and what they write.

import type { CheckpointMove, LaneCheckpoint } from '../../src/databases/target.ts';
import type { LetterMoves, NewDeadLetter } from '../../src/journal/dead-letters.ts';
import type { CutoverRecord, Journal } from '../../src/journal/journal.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { LoggedValue, RowChange } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { type Table, tableId } from '../../src/model/table.ts';

/** A transaction such as a lane's. */
export interface Writing {
  move(moves: readonly CheckpointMove[]): Promise<void>;
  letters(at: Position, moves: LetterMoves): Promise<void>;
  chunk(table: Table, ordinal: number, at: Position, rows: number): Promise<void>;
  keyChunk(table: Table, key: readonly string[], at: Position): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

export interface JournalWorld {
  journal(run: string, epoch: number): Journal;
  /** Writes the lease's row: whoever has another epoch has lost it. */
  takeOver(run: string, epoch: number): Promise<void>;
  begin(run: string, epoch: number): Promise<Writing>;
  /** Gives the run the secret that its sessions show to the fence. */
  givePass(run: string): Promise<void>;
  checkpoints(run: string): Promise<readonly LaneCheckpoint[]>;
  /** Resolves when somebody waits for a lock. */
  someoneWaits(): Promise<void>;
  /** Takes back what was copied of a table. */
  empty(run: string, epoch: number, table: Table): Promise<void>;
  /** What every database takes. */
  execute(statement: string): Promise<void>;
  /** How many rows of a run there are in all tables of `migrate` together; the audit and the lease left out. */
  rowsOf(run: string): Promise<number>;
  close(): Promise<void>;
}

export const at = (n: number): Position => `${n}`.padStart(30, 'uuid:1-') as Position;
export const NONE: LetterMoves = { kept: [], emptied: [], replayed: [] };

export function tableNamed(name: string, overrides: Partial<Table> = {}): Table {
  return {
    id: tableId('shop', name),
    schema: 'shop',
    name,
    columns: [
      { name: 'id', type: 'bigint', castType: 'bigint' },
      { name: 'note', type: 'text', castType: 'text' },
    ],
    key: [0],
    identity: 'key',
    spread: true,
    rowEstimate: 0,
    byteEstimate: 0,
    ...overrides,
  };
}

export function catalogOf(tables: readonly Table[]): Catalog {
  const definition = { columns: [], constraints: [], indexes: [], comment: null };
  return {
    tables: tables.map((table) => ({ ...definition, table })),
    parents: [],
    types: [],
    extensions: [],
    sequences: [],
    schemas: ['shop'],
    notCarried: [],
  } as unknown as Catalog;
}

export function newRun(name: string, catalog: Catalog, lanes = 2): Parameters<Journal['create']>[0] {
  return {
    name,
    id: '01234567',
    planHash: 'hash',
    planFields: { 'source.url': "it's", b: '\\', a: '"' },
    sourceIdentity: 'source',
    targetIdentity: 'target',
    catalog,
    fingerprint: 'print',
    lanes,
  };
}

export function letter(
  table: Table,
  op: RowChange['op'],
  key: string,
  row: readonly LoggedValue[] = [],
): NewDeadLetter {
  const change = (op === 'delete' ? { op, table, key: [key] } : { op, table, key: [key], row }) as RowChange;
  return { change, key: [key], newKey: null, refusal: null };
}

export const attempt: CutoverRecord = {
  attempt: 9,
  phase: 'undone',
  switches: [],
  writePauseMs: 1.5,
  steps: [],
  reason: `'"\\`,
};

/** Names that a careless statement would break on, or take for each other. */
export const HOSTILE = [`o'"\\\`d; -- %s $1 ? 🐘`, 'Case', 'case', 'end ', 'end', 'Ä', 'A', '\u0001'];
