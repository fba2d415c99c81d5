// The port of a database that a run writes to.

import type { Catalog } from '../model/catalog.ts';
import type { Change, Key, Row } from '../model/change.ts';
import type { Chunk, KeyChunk, KeyRange } from '../model/chunk.ts';
import type { Finding } from '../model/finding.ts';
import type { Position } from '../model/position.ts';
import type { Table } from '../model/table.ts';
import type { Digests } from './digests.ts';
import type { Fence } from './fence.ts';
import type { Sequences } from './sequences.ts';
import type { ChunkBytes } from './source.ts';

/** What this database can do, as data. */
export interface Traits {
  /** Session can switch triggers and foreign keys off for itself. */
  readonly bypassesTriggers: boolean;
  /** DDL takes part in transactions. */
  readonly transactionalDdl: boolean;
}

/** The net changes of one table in a batch; keys are unique within it. */
export interface TableChanges {
  readonly table: Table;
  /** Rows that exist and must go. */
  readonly deletes: readonly Key[];
  /** Rows that exist and change, grouped by which columns are carried (indexes into `table.columns`, key columns never among them). */
  readonly updates: readonly {
    readonly columns: readonly number[];
    readonly keys: readonly Key[];
    readonly rows: readonly Row[];
  }[];
  /** Rows that do not exist and appear; complete. */
  readonly inserts: readonly Row[];
  /** Single rows read again from the source as part of this batch; journalled with it. */
  readonly keyChunks: readonly KeyChunk[];
}

/** A lane's checkpoint as read at opening. */
export interface LaneCheckpoint {
  readonly lane: number;
  readonly position: Position;
}

export interface CheckpointMove extends LaneCheckpoint {
  /** What the checkpoint must be now; anything else means that another runner wrote. */
  readonly from: Position;
  /** Row changes applied by this move, for the totals. */
  readonly changes: number;
}

/**
 * One writer with its own connection. Calls come one at a time: `begin`, any number of `attempt`,
 * `replay` and `truncate`, then `commit`; closing the lane rolls back. Triggers and foreign keys of the target do not fire.
 */
export interface Lane {
  begin(): Promise<void>;
  /**
   * Writes the net changes set by set: deletes, updates, inserts. Resolves false, with nothing of it left,
   * when a constraint or a row count says that the order of the source is needed: then `replay`.
   */
  attempt(sets: readonly TableChanges[]): Promise<boolean>;
  /**
   * Applies changes row by row in the source's order, deferrable constraints deferred.
   * Rejects with APPLY.ROW_MISSING or APPLY.CONSTRAINT.
   */
  replay(
    changes: readonly Change[],
    keyChunks: readonly { readonly table: Table; readonly chunk: KeyChunk }[],
  ): Promise<void>;
  /** Empties a table, or the given ranges of it. */
  truncate(tables: readonly { readonly table: Table; readonly ranges: readonly KeyRange[] | 'all' }[]): Promise<void>;
  /**
   * Moves the checkpoints by compare-and-set, checks the lease, commits. Rejects with LEASE.LOST when either does not
   * hold, and with TARGET.COMMIT_UNKNOWN (retry: the checkpoints tell at the next opening) when the reply was lost.
   */
  commit(moves: readonly CheckpointMove[]): Promise<void>;
  close(): Promise<void>;
}

/** Loads chunks; one loader uses one connection. */
export interface Loader {
  /**
   * Writes the bytes of a `ChunkReader` and journals the chunk with its `at`, in one transaction that checks the lease.
   * Resolves with the rows written; rejects with COPY.ROWS when they are fewer than were read. A lost COMMIT reply is settled inside: it reconnects and reads the chunk's row with a lock.
   */
  load(table: Table, chunk: Chunk, at: Position, read: ChunkBytes): Promise<number>;
  close(): Promise<void>;
}

export interface Target {
  readonly traits: Traits;
  identity(): Promise<string>;
  /** Resolves when the server answers; cheap enough for once a second. */
  ping(): Promise<void>;
  /** Every preflight check; all findings at once. `resuming` when the tables are already this run's own. */
  check(catalog: Catalog, resuming: boolean): Promise<readonly Finding[]>;
  /** Creates schemas, types, sequences and tables with primary keys, closed by the fence; in one transaction; idempotent. */
  create(catalog: Catalog): Promise<void>;
  /** Builds what was left out, one object after another, skipping what exists: indexes, unique constraints, foreign keys. */
  complete(catalog: Catalog, progress: (subject: string) => void): Promise<void>;
  loader(): Promise<Loader>;
  /** Opens a writer. */
  lane(): Promise<Lane>;
  /** The lanes' checkpoints, read with a lock: waits for a transaction that is still ending. */
  checkpoints(): Promise<readonly LaneCheckpoint[]>;
  readonly digests: Digests;
  readonly fence: Fence;
  readonly sequences: Sequences;
  /** Drops what `create` made. Only for an abandoned run. */
  drop(catalog: Catalog): Promise<void>;
  close(): Promise<void>;
}
