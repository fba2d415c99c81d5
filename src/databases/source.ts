// The port of a database that a run reads from. Nothing here writes to the captured tables.

import type { Readable } from 'node:stream';
import type { Catalog } from '../model/catalog.ts';
import type { Key, Row } from '../model/change.ts';
import type { KeyRange } from '../model/chunk.ts';
import type { SchemaDrift } from '../model/drift.ts';
import type { Finding } from '../model/finding.ts';
import type { RoleGrants } from '../model/grant.ts';
import type { Position } from '../model/position.ts';
import type { Table, TableName } from '../model/table.ts';
import type { Digests } from './digests.ts';
import type { Fence } from './fence.ts';
import type { Sequences } from './sequences.ts';

/** Which tables belong to a run: glob patterns over `schema.name`. An exclude wins over an include, a name over both. */
export interface TableSelection {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Each with every table that is partitioned under it. Default none. */
  readonly names?: readonly Pick<TableName, 'schema' | 'name'>[];
  /** As if they did not exist, each with every table that is partitioned under it. Default none. */
  readonly without?: readonly Pick<TableName, 'schema' | 'name'>[];
}

/**
 * The rows of one chunk on their way from a reader to a loader, in a form of COPY. `text`, which every reader can write: UTF-8, a
 * line for each row, its values as the target's types print them, between tabs; `\N` is NULL, and backslashes escape.
 * `binary`: PostgreSQL's own, for columns that have the same binary form on both sides.
 */
export interface ChunkBytes {
  readonly format: 'text' | 'binary';
  /** A byte stream, with backpressure. Ends only when the source said that it sent every row. */
  readonly bytes: Readable;
  /** How many rows were sent. Valid once `bytes` ended. */
  rows(): number;
}

/** Reads chunks at one moment. One reader uses one connection and serves one chunk at a time. */
export interface ChunkReader {
  /** The rows of the range. `progress` is told of every block of bytes as it passes. */
  read(table: Table, range: KeyRange, progress?: (bytes: number) => void): ChunkBytes;
  /** One row by its key at the same moment, or undefined when there is none. */
  readRow(table: Table, key: Key): Promise<Row | undefined>;
  close(): Promise<void>;
}

/** A position of the stream and the snapshot that is exact at it, made in one act. */
export interface Start {
  /** A transaction is visible to the readers exactly when this position covers it; with `settled` at least then. */
  readonly at: Position;
  /**
   * Present where the pair is not exact: each reader sees any of the transactions after `at` and up to here, and none after. Only
   * of a source whose log carries whole rows, and whose tables all have a key.
   */
  readonly settled?: Position;
  /** How it was made, where the source has several ways: `table-locks`. */
  readonly means?: string;
  /** How long the source's writers were held up for it, in ms. */
  readonly lockMs?: number;
  /** At most as many at a time as the plan says: where a snapshot cannot be shared, all were opened with it. */
  reader(): Promise<ChunkReader>;
  /** Rejects when the snapshot is lost (its connection broke). Never resolves while it is held. */
  readonly lost: Promise<never>;
  /** Releases the snapshot. Safe to call twice. */
  close(): Promise<void>;
}

/** The schema that a run carries, and the fingerprint it had. */
export interface SchemaRecord {
  readonly catalog: Catalog;
  readonly fingerprint: string;
}

export interface Source {
  /** The schema of the selected tables, read in one snapshot. */
  describe(selection: TableSelection): Promise<Catalog>;
  /**
   * Digest of everything in the schema that the stream and the copy depend on, the list of selected tables included:
   * another one than at the start means that the schema was changed. One statement, quick enough for the freeze.
   */
  fingerprint(selection: TableSelection): Promise<string>;
  /**
   * What became of the schema since it was recorded; undefined when nothing did. Read at one moment. Rejects with
   * SOURCE.TRANSIENT while a table is being altered.
   */
  drift(selection: TableSelection, record: SchemaRecord): Promise<SchemaDrift | undefined>;
  /** Every preflight check of the selected tables, of which `catalog` is the description; all findings at once. */
  check(catalog: Catalog, selection: TableSelection): Promise<readonly Finding[]>;
  /** What a role (default: the one it is connected as) must be given for a run. */
  grants(catalog: Catalog, role?: string): Promise<RoleGrants>;
  /** Resolves when the server answers; cheap enough for once a second. */
  ping(): Promise<void>;
  /** What the server calls its version: `18.4`. */
  version(): Promise<string>;
  /** Identifies the server and database, to refuse to resume on another one. Stable across restarts. */
  identity(): Promise<string>;
  /**
   * Names the line of history that the log is on: a server that took over from another one, or was restored, is on another.
   * Rejects with STREAM.GONE when the log no longer contains everything that `reached` covers, which was read on the line
   * `since`; '' when nothing was read before.
   */
  lineage(since: string, reached: readonly Position[]): Promise<string>;
  readonly log: SourceLog;
  readonly chunks: SourceChunks;
  readonly digests: Digests;
  readonly fence: Fence;
  readonly sequences: Sequences;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/** The source's side of the change stream: what pins, marks and releases the log. Idempotent throughout. */
export interface SourceLog {
  /**
   * The first exact pair: from here on the source keeps its log for this run. If the log was pinned
   * before (a crash before the position was journalled), that pin is dropped first.
   */
  pin(tables: readonly Table[]): Promise<Start>;
  /** A later exact pair; needs no pin and leaves none. */
  pair(): Promise<Start>;
  /** Writes a marker that the stream delivers in order; committed when this resolves. */
  mark(content: string): Promise<void>;
  /** The source's position now, never behind anything a reader could see before the call. */
  head(): Promise<Position>;
  /**
   * Adds tables to a log that is pinned: every later exact pair covers what the log does not have of them. Rejects with
   * SOURCE.LOCKED naming who holds one of them.
   */
  publish(tables: readonly Table[]): Promise<void>;
  /** Removes everything `pin` and `publish` left on the source. */
  release(): Promise<void>;
}

/** Key ranges as the source orders keys; collations and types make this a question only it can answer. */
export interface SourceChunks {
  /** Inner bounds, ascending, that cut the table into pieces of about `rows` rows; none for a small table. */
  plan(table: Table, rows: number): Promise<readonly Key[]>;
  /** For each key the ordinal of its chunk: the number of `bounds` that are not greater than it. */
  locate(table: Table, bounds: readonly Key[], keys: readonly Key[]): Promise<readonly number[]>;
}
