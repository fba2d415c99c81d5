// The records of the journal, read from the columns of its tables, which are the same in every database.

import { MigrateError } from '../lib/errors.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Key, RowChange } from '../model/change.ts';
import type { Chunk, KeyChunk } from '../model/chunk.ts';
import { readPauses } from '../model/pause.ts';
import type { Position } from '../model/position.ts';
import type { TableId, TableName } from '../model/table.ts';
import { readThrottle } from '../model/throttle.ts';
import type { AuditRecord } from './audit.ts';
import type { DeadLetter, LetterState, Refusal } from './dead-letters.ts';
import {
  type CutoverPhase,
  type CutoverRecord,
  JOURNAL_FORMAT,
  type RunEnd,
  type RunRecord,
  type StageName,
  type StageRecord,
  type TableProgress,
} from './journal.ts';
import { letterKey } from './letter-values.ts';
import type { TableState, TableStateRecord } from './table-states.ts';
import type { WorkerRecord } from './workers.ts';

/** A row by the names of its columns: every value as text, `t` and `f` for booleans, moments as ISO 8601. */
type RecordRow = Readonly<Record<string, string | null>>;

/** Rejects what another version wrote, before anything else of the row is read. */
export function expectFormat(format: string | null | undefined): void {
  if (Number(format) === JOURNAL_FORMAT) return;
  throw new MigrateError('RUN.FORMAT', `the journal has format ${format}, this version writes ${JOURNAL_FORMAT}`);
}

/** From migrate.audit. */
export function auditRecord({ at, actor, command, detail }: RecordRow): AuditRecord {
  return { at: at ?? '', by: actor ?? '', command: command ?? '', result: detail ?? '' };
}

/** From migrate.run. */
export function runRecord(row: RecordRow): RunRecord {
  return {
    name: row.name ?? '',
    id: row.id ?? '',
    format: Number(row.format),
    planHash: row.plan_hash ?? '',
    planFields: JSON.parse(row.plan_fields ?? '{}') as Record<string, string>,
    sourceIdentity: row.source_identity ?? '',
    sourceLineage: row.source_lineage ?? '',
    targetIdentity: row.target_identity ?? '',
    startPosition: (row.start_position ?? null) as Position | null,
    settled: (row.settled ?? null) as Position | null,
    catalog: JSON.parse(row.catalog ?? '{}') as Catalog,
    fingerprint: row.fingerprint ?? '',
    added: JSON.parse(row.added ?? '[]') as TableName[],
    joining: JSON.parse(row.joining ?? '[]') as TableName[],
    lanes: Number(row.lanes),
    paused: readPauses(row.held),
    throttling: readThrottle(row.throttle),
    outcome: row.outcome as RunRecord['outcome'],
    ended: row.ended ? (JSON.parse(row.ended) as RunEnd) : null,
    createdAt: row.created_at ?? '',
  };
}

/** From the columns held, throttle and outcome of migrate.run. */
export function runStanding(row: RecordRow): Pick<RunRecord, 'paused' | 'throttling' | 'outcome'> {
  return {
    paused: readPauses(row.held),
    throttling: readThrottle(row.throttle),
    outcome: row.outcome as RunRecord['outcome'],
  };
}

/** From migrate.stage. */
export function stageRecord(row: RecordRow): StageRecord {
  return {
    stage: row.stage as StageName,
    startedAt: row.started_at ?? '',
    finishedAt: row.finished_at ?? null,
    result: JSON.parse(row.result ?? '{}'),
  };
}

/** From migrate.cutover. */
export function cutoverRecord(row: RecordRow): CutoverRecord {
  const detail = JSON.parse(row.detail ?? '{}') as Omit<CutoverRecord, 'attempt' | 'phase'>;
  return { ...detail, attempt: Number(row.attempt), phase: row.phase as CutoverPhase };
}

/** From migrate.table_state. */
export function tableStateRecord(row: RecordRow): TableStateRecord {
  return {
    table: row.table_id as TableId,
    state: row.state as TableState,
    waiver: row.state === 'skipped' ? { by: row.by ?? '', reason: row.reason ?? '', at: row.at ?? '' } : null,
  };
}

/** From migrate.dead_letter. */
export function deadLetter(row: RecordRow): DeadLetter {
  const refusal: Refusal | null =
    typeof row.sqlstate === 'string'
      ? { sqlState: row.sqlstate, constraint: row.constraint ?? null, column: row.column ?? null }
      : null;
  return {
    id: Number(row.id),
    table: row.table_id as TableId,
    key: letterKey(row.key ?? '[]'),
    newKey: typeof row.new_key === 'string' ? letterKey(row.new_key) : null,
    position: row.position as Position,
    op: row.op as RowChange['op'],
    refusal,
    state: row.state as LetterState,
    by: row.by ?? null,
    reason: row.reason ?? null,
    createdAt: row.created_at ?? '',
    settledAt: row.settled_at ?? null,
  };
}

/** From migrate.worker, with `silent` in seconds, and with `chunks` and `rows` counted in migrate.chunk: null for none. */
export function workerRecord(row: RecordRow): WorkerRecord {
  return {
    id: Number(row.id),
    name: row.name ?? '',
    joinedAt: row.joined_at ?? '',
    silentSeconds: Number(row.silent),
    doing: row.doing ?? '',
    changes: Number(row.changes),
    chunks: Number(row.chunks ?? 0),
    rows: Number(row.rows ?? 0),
    epoch: typeof row.epoch === 'string' ? Number(row.epoch) : null,
    lanes: JSON.parse(row.lanes ?? '[]') as readonly number[],
  };
}

/** From migrate.tables, migrate.chunk in their order with `claimed` by the epoch of the lease, and migrate.key_chunk. */
export function tableProgress(
  tables: readonly RecordRow[],
  chunks: readonly RecordRow[],
  keyChunks: readonly RecordRow[],
): readonly TableProgress[] {
  const chunksOf = grouped(chunks);
  const keyChunksOf = grouped(keyChunks);
  return tables.map((row) => {
    const id = row.table_id as TableId;
    const bounds = row.bounds === null ? null : (JSON.parse(row.bounds ?? '[]') as readonly Key[]);
    return {
      id,
      lane: Number(row.lane),
      spread: row.spread === 't',
      bounds,
      chunks: (chunksOf.get(id) ?? []).map((chunk) => chunkOf(chunk, bounds ?? [])),
      keyChunks: (keyChunksOf.get(id) ?? []).map(
        (chunk): KeyChunk => ({ key: JSON.parse(chunk.key ?? '[]') as Key, at: chunk.at as Position }),
      ),
    };
  });
}

function grouped(rows: readonly RecordRow[]): ReadonlyMap<string, readonly RecordRow[]> {
  const groups = new Map<string, RecordRow[]>();
  for (const row of rows) {
    const id = row.table_id ?? '';
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [row]);
    else group.push(row);
  }
  return groups;
}

function chunkOf(row: RecordRow, bounds: readonly Key[]): Chunk {
  const ordinal = Number(row.ordinal);
  return {
    ordinal,
    range: { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null },
    at: (row.at ?? null) as Position | null,
    rows: Number(row.rows),
    ...(row.claimed === 't' ? { claimed: { by: row.claimed_by === null ? null : Number(row.claimed_by) } } : {}),
  };
}
