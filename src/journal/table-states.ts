// The port of what operators asked for single tables. A table that nothing was asked for has no entry: it is carried.

import type { TableId, TableName } from '../model/table.ts';

/**
 * `skipped`: neither copied nor applied nor compared. `asked`: to be copied again, as soon as an attempt begins. `copying`: it
 * has a lane of its own, which waits until its chunks are copied and goes until all lanes are at one position.
 */
export type TableState = 'skipped' | 'asked' | 'copying';

/** Who took the responsibility that a table is not carried, and why. */
export interface Waiver {
  readonly by: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

export interface TableStateRecord {
  readonly table: TableId;
  readonly state: TableState;
  /** Of a skipped table. */
  readonly waiver: Waiver | null;
}

export interface TableStateJournal {
  /** By table. Needs no lease. */
  list(): Promise<readonly TableStateRecord[]>;
  /** Another skip of the same table replaces the waiver. */
  skip(table: TableId, waiver: Pick<Waiver, 'by' | 'reason'>): Promise<void>;
  /** The table is carried as if nothing had ever been asked for it. */
  carry(table: TableId): Promise<void>;
  /** Asks for a table to be copied again. One that is being copied begins anew. */
  askCopy(table: TableId): Promise<void>;
  /** Asks for a table that is no part of the run to join it. */
  askJoin(table: TableName): Promise<void>;
  /** Takes that back. */
  withdrawJoin(table: TableName): Promise<void>;
}
