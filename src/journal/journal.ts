// The port of a run's durable state. It lives in the database the run writes to, so that rows and the record of
// them commit together; what belongs to a row's transaction is written by Loader and Lane, everything else here.

import type { Catalog } from '../model/catalog.ts';
import type { Key } from '../model/change.ts';
import type { Chunk, KeyChunk } from '../model/chunk.ts';
import type { Pausable } from '../model/pause.ts';
import type { Position } from '../model/position.ts';
import type { Table, TableId, TableName } from '../model/table.ts';
import type { Throttling } from '../model/throttle.ts';
import type { AuditEntry, AuditRecord } from './audit.ts';
import type { DeadLetterJournal } from './dead-letters.ts';
import type { TableStateJournal } from './table-states.ts';
import type { WorkerJournal } from './workers.ts';

/** Bumped when an older program could misread what a newer one wrote. */
export const JOURNAL_FORMAT = 9;

export const STAGES = [
  'preflight',
  'schema',
  'snapshot',
  'catch-up',
  'verify',
  'cutover',
  'open',
  'foreign-keys',
] as const;
export type StageName = (typeof STAGES)[number];

export interface RunRecord {
  /** The plan's name. */
  readonly name: string;
  /** Eight random hex digits, part of every object the run makes on the source. */
  readonly id: string;
  readonly format: number;
  readonly planHash: string;
  /** The plan's fields that are part of the hash, without secrets, to name what changed. */
  readonly planFields: Readonly<Record<string, string>>;
  readonly sourceIdentity: string;
  /** The line of history of the source's log that was read last; '' before anything was. */
  readonly sourceLineage: string;
  readonly targetIdentity: string;
  /** P0, once the log is pinned. */
  readonly startPosition: Position | null;
  /** Up to where rows that were copied may be ahead of their chunk's `at`; null while every read was exact. */
  readonly settled: Position | null;
  readonly catalog: Catalog;
  /** Of the source's captured schema when the run began. */
  readonly fingerprint: string;
  /** Tables that joined the run since, each with what is partitioned under it: part of the selection, and of the catalog. */
  readonly added: readonly TableName[];
  /** Tables that are to join it as soon as an attempt begins: no part of anything else yet. */
  readonly joining: readonly TableName[];
  readonly lanes: number;
  /** What an operator holds; a process that begins holds it, too. */
  readonly paused: readonly Pausable[];
  /** How fast an operator lets it be; a process that begins is as slow. */
  readonly throttling: Throttling;
  /** `copied`: the target was opened with a copy while the source stays in use. */
  readonly outcome: 'running' | 'complete' | 'copied' | 'aborted';
  /** How the last attempt ended; null while one is at work, and after one that could not say it because it was killed. */
  readonly ended: RunEnd | null;
  readonly createdAt: string;
}

export interface RunEnd {
  /** By the runner's clock. */
  readonly at: string;
  /** What stopped it; null when it had come as far as was asked. */
  readonly error: RunError | null;
}

/** Without cell values and secrets. */
export interface RunError {
  readonly code: string;
  readonly message: string;
  /** What cures it. */
  readonly fix: string;
}

export interface StageRecord {
  readonly stage: StageName;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  /** What the stage leaves for the report; numbers as numbers. */
  readonly result: Readonly<Record<string, unknown>>;
}

export interface TableProgress {
  readonly id: TableId;
  /** The lane that writes the table, or, while it is spread, what of it cannot be divided. */
  readonly lane: number;
  /** True while its rows are divided among the lanes by key. */
  readonly spread: boolean;
  /** Inner bounds of the chunks; null until planned. */
  readonly bounds: readonly Key[] | null;
  readonly chunks: readonly Chunk[];
  readonly keyChunks: readonly KeyChunk[];
}

/**
 * Where a cutover attempt stands. `freezing` may be undone at any time. `switching` is written just before the fence is
 * made permanent: if the fence is permanent the attempt goes forward, else it is undone. `committed`: the target is open.
 */
export type CutoverPhase = 'freezing' | 'switching' | 'committed' | 'undone';

export interface CutoverRecord {
  readonly attempt: number;
  readonly phase: CutoverPhase;
  /** Switch drivers by index: started and finished, in order. A started one that never finished is ambiguous. */
  readonly switches: readonly { readonly name: string; readonly state: 'started' | 'done' | 'undone' }[];
  /** When the source was closed, by the runner's clock: what a later runner measures the write pause from. */
  readonly frozenAt?: string;
  /** Filled at the commit point. */
  readonly writePauseMs: number | null;
  readonly steps: readonly { readonly name: string; readonly ms: number }[];
  /** Why the attempt was undone; with `switching`: why it is being undone. */
  readonly reason: string | null;
}

export interface Journal {
  /** The run's record, or undefined when there is none. Needs no lease. */
  load(): Promise<RunRecord | undefined>;
  /** What of the record changes while a run is on, without the rest, which may be large. Needs no lease. */
  standing(): Promise<Pick<RunRecord, 'paused' | 'throttling' | 'outcome'> | undefined>;
  create(
    run: Omit<
      RunRecord,
      | 'format'
      | 'createdAt'
      | 'outcome'
      | 'ended'
      | 'paused'
      | 'throttling'
      | 'startPosition'
      | 'settled'
      | 'sourceLineage'
      | 'added'
      | 'joining'
    >,
  ): Promise<RunRecord>;
  setStart(position: Position): Promise<void>;
  /** Before anything is copied that was not read exactly. A later read is never settled before an earlier one. */
  setSettled(position: Position): Promise<void>;
  setLineage(lineage: string): Promise<void>;
  setPaused(paused: readonly Pausable[]): Promise<void>;
  setThrottling(set: Throttling): Promise<void>;
  setOutcome(outcome: RunRecord['outcome']): Promise<void>;
  /** Null when an attempt begins. */
  setEnded(ended: RunEnd | null): Promise<void>;
  /** Removes the run's record and everything that belongs to it, except the audit. */
  forget(): Promise<void>;
  readonly stages: StageJournal;
  readonly tables: TableJournal;
  readonly states: TableStateJournal;
  readonly cutovers: CutoverJournal;
  readonly deadLetters: DeadLetterJournal;
  readonly workers: WorkerJournal;
  audit(entry: AuditEntry): Promise<void>;
  /** The latest entries of all runs of this name, the newest first. Needs no lease, but a run. */
  auditTrail(most: number): Promise<readonly AuditRecord[]>;
  close(): Promise<void>;
}

export interface StageJournal {
  list(): Promise<readonly StageRecord[]>;
  start(stage: StageName): Promise<void>;
  /** Keeps what an unfinished stage has to say, such as the keys that differ. */
  note(stage: StageName, result: Readonly<Record<string, unknown>>): Promise<void>;
  finish(stage: StageName, result: Readonly<Record<string, unknown>>): Promise<void>;
}

/** What decides which lane a table belongs to. */
export type LaneTable = Pick<Table, 'id' | 'byteEstimate' | 'spread'>;

export interface TableJournal {
  list(): Promise<readonly TableProgress[]>;
  /** Records the chunks of a table: `bounds.length + 1` of them. Idempotent only in that a planned table is refused. */
  plan(table: TableId, bounds: readonly Key[]): Promise<void>;
  /** Creates the lanes' checkpoints at the start position. Idempotent. */
  openLanes(position: Position): Promise<void>;
  /**
   * From here on these tables are written by their own lane only. Only while every lane stands at one position with no
   * transaction open: what is read again after a crash must go to the lanes it went to before.
   */
  sendHome(tables: readonly TableId[]): Promise<void>;
  /**
   * Changes the number of lanes, and with it which lane each table belongs to; the lane of tables that were copied again goes.
   * False, with nothing changed, while the lanes do not stand at one position. No lane may be open, and nothing may be left
   * to copy.
   */
  setLanes(count: number, tables: readonly LaneTable[]): Promise<boolean>;
  /** Row changes applied so far, over all restarts. */
  changesApplied(): Promise<number>;
  /** Transactions of the source that were committed in parts so far, over all restarts. */
  splitTransactions(): Promise<number>;
}

export interface CutoverJournal {
  latest(): Promise<CutoverRecord | undefined>;
  /** Inserts or updates the attempt. */
  write(record: CutoverRecord): Promise<void>;
}
