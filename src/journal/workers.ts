// The port of the further processes that work on a run. They are fenced as every writer is, by the epoch of the run's lease: what
// was given to a worker holds for one epoch, so whoever leads takes all of it back by raising it.

import type { TableId } from '../model/table.ts';

export type WorkerId = number;

/** A worker that has been silent for longer is taken for gone. */
export const SILENT_SECONDS = 10;
/** One that has been silent for longer is no worker of the run any more; a process that was only halted joins again. */
export const FORGOTTEN_SECONDS = 60;

export interface WorkerRecord {
  readonly id: WorkerId;
  /** For people: host and process id. */
  readonly name: string;
  /** ISO 8601. */
  readonly joinedAt: string;
  /** Since it last said that it lives, by the database's clock. */
  readonly silentSeconds: number;
  /** What it does, for people. */
  readonly doing: string;
  /** Row changes it has applied since it joined. */
  readonly changes: number;
  /** Chunks that it has copied, and the rows in them. */
  readonly chunks: number;
  readonly rows: number;
  /** The epoch for which it was given lanes; null before the first time. */
  readonly epoch: number | null;
  /** The lanes that it writes while that is the run's epoch. */
  readonly lanes: readonly number[];
}

/** What a worker says of itself. */
export type WorkerBeat = Pick<WorkerRecord, 'doing' | 'changes'>;

/** One chunk that is to be copied. */
export interface ChunkName {
  readonly table: TableId;
  readonly ordinal: number;
}

/** Everything here rejects with RUN.FORMAT for a run of another version; those that need no lease know nobody where there is no run. */
export interface WorkerJournal {
  /** Enters a worker. Needs no lease: it writes nothing of the run. Rejects with RUN.NONE when there is no such run. */
  join(name: string): Promise<WorkerId>;
  /** Says that the worker lives. False when it was removed: it must join again. Needs no lease. */
  beat(id: WorkerId, beat: WorkerBeat): Promise<boolean>;
  /** Takes the worker out. Idempotent. Needs no lease. */
  leave(id: WorkerId): Promise<void>;
  /** By id. Needs no lease. */
  list(): Promise<readonly WorkerRecord[]>;
  /**
   * Gives lanes to workers for the epoch of the lease, in one transaction that proves it; whoever is not named has none from then on.
   * Workers that are gone are left out.
   */
  share(lanes: ReadonlyMap<WorkerId, readonly number[]>): Promise<void>;
  /** Takes out workers that are silent. Proves the lease. */
  remove(ids: readonly WorkerId[]): Promise<void>;
  /**
   * Claims chunks for the epoch of the lease, which it proves, and resolves with those that nobody has copied or claimed in this epoch,
   * in the order given. Does not wait for another claim. Null claims for whoever leads.
   */
  claim(chunks: readonly ChunkName[], by: WorkerId | null): Promise<readonly ChunkName[]>;
}

/** Those of `chunks` that the journal gave, in their own order. `rows`: what it says of each, in text. */
export function claimed(
  chunks: readonly ChunkName[],
  rows: readonly Readonly<Record<string, string | null>>[],
): readonly ChunkName[] {
  const nameOf = (ordinal: unknown, table: unknown): string => `${ordinal} ${table}`;
  const given = new Set(rows.map(({ ordinal, table_id }) => nameOf(ordinal, table_id)));
  return chunks.filter(({ ordinal, table }) => given.has(nameOf(ordinal, table)));
}
