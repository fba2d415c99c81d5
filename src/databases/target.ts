// The port of a database that a run writes to.

import type { LetterMoves, Refusal } from '../journal/dead-letters.ts';
import type { Catalog, ColumnDefinition } from '../model/catalog.ts';
import type { Change, Key, Row, RowChange } from '../model/change.ts';
import type { Chunk, KeyChunk, KeyRange } from '../model/chunk.ts';
import type { Finding } from '../model/finding.ts';
import type { RoleGrants } from '../model/grant.ts';
import type { Position } from '../model/position.ts';
import type { Renames } from '../model/renames.ts';
import type { Table, TableName } from '../model/table.ts';
import type { Digests } from './digests.ts';
import type { Fence } from './fence.ts';
import type { ForeignKeys } from './foreign-keys.ts';
import type { Scratch } from './scratch.ts';
import type { Sequences } from './sequences.ts';
import type { ChunkBytes, SchemaRecord } from './source.ts';

/** What this database can do, as data. */
export interface Traits {
  /**
   * True when a table may hold only rows that were read at one moment, because more than its key is unique there from the
   * start: a copy that lost its snapshot empties the tables it had not finished.
   */
  readonly oneMomentPerTable: boolean;
}

/** The net changes of one table in a batch; keys are unique within it. A table without a key has no updates. */
export interface TableChanges {
  readonly table: Table;
  /** Rows that exist and must go. Without a key: a row as often as copies of it must go. */
  readonly deletes: readonly Key[];
  /** True when rows to delete may be missing, because of changes that are tolerant. Default false. */
  readonly tolerant?: boolean;
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
  /** Transactions of the source of which this commits the first part, for the totals; 0 by default. */
  readonly splits?: number;
}

/** Takes the changes that the target refuses for what is in them, so that the others can be written. */
export interface Refusals {
  /** True when an earlier change of its key was refused: it was kept and must not be written. */
  holds(change: RowChange): boolean;
  /** Keeps a change that was refused. Throws APPLY.DEAD_LETTERS when there are too many. */
  refuse(change: RowChange, refusal: Refusal): void;
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
   * Applies changes row by row in the source's order, deferrable constraints deferred. A tolerant one first deletes what there is
   * under its keys.
   * Rejects with APPLY.ROW_MISSING or APPLY.CONSTRAINT. With `refusals` a row that is refused goes there, and the others
   * are written.
   */
  replay(
    changes: readonly Change[],
    keyChunks: readonly { readonly table: Table; readonly chunk: KeyChunk }[],
    refusals?: Refusals,
  ): Promise<void>;
  /** Empties a table, or the given ranges of it. */
  truncate(tables: readonly { readonly table: Table; readonly ranges: readonly KeyRange[] | 'all' }[]): Promise<void>;
  /**
   * Moves the letters and, by compare-and-set, the checkpoints, checks the lease, commits. Rejects with LEASE.LOST when either does not
   * hold, and with TARGET.COMMIT_UNKNOWN (retry: the checkpoints tell at the next opening) when the reply was lost.
   */
  commit(moves: readonly CheckpointMove[], letters?: LetterMoves): Promise<void>;
  close(): Promise<void>;
}

/** Loads chunks; one loader uses one connection. */
export interface Loader {
  /**
   * Writes the bytes of a `ChunkReader`, in the format it names, and journals the chunk with its `at`, in one transaction that checks the lease.
   * Resolves with the rows written; rejects with COPY.ROWS when they are fewer than were read. A lost COMMIT reply is settled inside: it reconnects and reads the chunk's row with a lock.
   */
  load(table: Table, chunk: Chunk, at: Position, read: ChunkBytes): Promise<number>;
  close(): Promise<void>;
}

/** A column for a table that has rows; NULL in all of them. */
export interface NewColumn {
  readonly table: TableName;
  readonly column: ColumnDefinition;
}

/** The run once tables have joined it. */
export interface JoinedRecord extends SchemaRecord {
  /** The names that were asked for. */
  readonly names: readonly TableName[];
}

export interface RenamedCatalog {
  /** For `Catalog.onTarget`; absent when a finding says why it cannot be. */
  readonly catalog?: Catalog;
  readonly findings: readonly Finding[];
}

export interface Target {
  readonly traits: Traits;
  /** What the server calls its version: `18.4`. */
  version(): Promise<string>;
  identity(): Promise<string>;
  /** Resolves when the server answers; cheap enough for once a second. */
  ping(): Promise<void>;
  /** Every preflight check; all findings at once. `resuming` when the tables are already this run's own. */
  check(catalog: Catalog, resuming: boolean): Promise<readonly Finding[]>;
  /** The part of a source's catalog that this target can be given; the whole of it unless its tables were made by hand. */
  fit(catalog: Catalog): Promise<Catalog>;
  /**
   * Finds out what the target would call and how it would describe the things of a catalog under other names; leaves nothing
   * behind. `made`: they are there already, under the new names.
   */
  rename(catalog: Catalog, renames: Renames, made: boolean): Promise<RenamedCatalog>;
  /** What a role (default: the one it is connected as) must be given for a run. */
  grants(catalog: Catalog, role?: string): Promise<RoleGrants>;
  /**
   * Creates schemas, types, sequences and tables with their keys, some hundred to a transaction; idempotent. Nobody but the run can
   * write to a table: it is closed by the fence from the transaction on that makes it, or hidden until it is revealed. Where a plan asks
   * for the direct path, tables stand open until they are copied.
   */
  create(catalog: Catalog): Promise<void>;
  /**
   * Gives the tables that `create` has hidden their own names, closed by the fence, and closes what still stands open. Idempotent. Once
   * all that is copied for the first time is there and no loader is open, before anything else but `empty`, `setApart` and `addColumns`
   * is asked of them. Rejects with TARGET.REFUSED when somebody has taken a name, or written to what stood open.
   */
  reveal(catalog: Catalog): Promise<void>;
  /** Builds what was left out, one object after another, skipping what exists: indexes, unique constraints, foreign keys. */
  complete(catalog: Catalog, progress: (subject: string) => void): Promise<void>;
  /**
   * Makes tables that join a run under way, closed by the fence, and journals that they are part of it and are to be copied, in
   * one transaction that checks the lease. Made by hand they are only closed, and must be empty. Rejects with TARGET.REFUSED when
   * something is there that was not when they were checked.
   */
  join(catalog: Catalog, joined: JoinedRecord): Promise<void>;
  /**
   * Adds columns and journals the schema that has them, in one transaction that checks the lease. Partitions get theirs with
   * the table they are a part of. No lane or loader may be open. Rejects with TARGET.TRANSIENT while a table is in use.
   */
  addColumns(columns: readonly NewColumn[], record: SchemaRecord): Promise<void>;
  /** Takes back the copy of tables, and the record of it, in one transaction. Before anything is applied to them. */
  empty(tables: readonly Table[]): Promise<void>;
  /**
   * Empties tables and forgets what is known of their rows, the foreign keys that need them included, in one transaction.
   * With `lane` they get a lane of their own at that position, which is not after any of the checkpoints. No lane may be open.
   */
  setApart(catalog: Catalog, tables: readonly Table[], lane: Position | null): Promise<void>;
  loader(): Promise<Loader>;
  /** Opens a writer. */
  lane(): Promise<Lane>;
  /** The lanes' checkpoints, read with a lock: waits for a transaction that is still ending. */
  checkpoints(): Promise<readonly LaneCheckpoint[]>;
  /** The same as committed by now, without waiting for anybody: to be shown, never to go on from. */
  reached(): Promise<readonly LaneCheckpoint[]>;
  /**
   * What somebody has put on the tables that acts on the rows the run writes, as `trigger audit on shop.orders`: it may have
   * written what the source does not have.
   */
  firing(catalog: Catalog): Promise<readonly string[]>;
  readonly digests: Digests;
  readonly fence: Fence;
  readonly sequences: Sequences;
  readonly foreignKeys: ForeignKeys;
  /** In the target's own terms, whatever the tables are called on the source. */
  readonly scratch: Scratch;
  /** Drops what `create` made. Only for an abandoned run. False, with nothing done, when the tables were made by hand. */
  drop(catalog: Catalog): Promise<boolean>;
  close(): Promise<void>;
}
