// The journal in schema `migrate` of the target. Every write is a transaction that first proves the lease.

import type { DeadLetterJournal } from '../../journal/dead-letters.ts';
import {
  type CutoverJournal,
  type CutoverPhase,
  type CutoverRecord,
  JOURNAL_FORMAT,
  type Journal,
  type LaneTable,
  type RunRecord,
  type StageJournal,
  type StageName,
  type StageRecord,
  type TableJournal,
  type TableProgress,
} from '../../journal/journal.ts';
import type { TableStateJournal } from '../../journal/table-states.ts';
import { MigrateError } from '../../lib/errors.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { Key } from '../../model/change.ts';
import type { Chunk, KeyChunk } from '../../model/chunk.ts';
import type { Position } from '../../model/position.ts';
import type { TableId } from '../../model/table.ts';
import type { PostgresServer, Session, TextRow } from './connection.ts';
import { PostgresDeadLetterJournal } from './dead-letters.ts';
import { assignLanes, changeLanes } from './journal-lanes.ts';
import { JOURNAL_SCHEMA, type LeaseClaim, proveLease } from './journal-schema.ts';
import { PostgresTableStateJournal } from './journal-states.ts';
import { KeptSession } from './kept-session.ts';

/** Runs journal statements one after another: transactions of one connection must not interleave. */
class JournalSession {
  readonly #kept: KeptSession;
  readonly #claim: () => LeaseClaim;
  readonly run: string;

  constructor(server: PostgresServer, run: string, claim: () => LeaseClaim) {
    const settings = { lock_timeout: '30s', statement_timeout: '50s' };
    this.#kept = new KeptSession(server, { purpose: 'journal', settings });
    this.run = run;
    this.#claim = claim;
  }

  read(text: string, values: readonly unknown[] = []): Promise<readonly TextRow[]> {
    return this.#kept.use((session) => session.query(text, [this.run, ...values]));
  }

  /** One transaction; `$1` is always the run. Resolves with the rows touched. */
  write(text: string, values: readonly unknown[] = []): Promise<number> {
    return this.writeAll([{ text, values }]);
  }

  /** Several statements in one transaction. */
  writeAll(statements: readonly { readonly text: string; readonly values: readonly unknown[] }[]): Promise<number> {
    return this.transaction(async (session) => {
      let rows = 0;
      for (const { text, values } of statements) rows += await session.execute(text, [this.run, ...values]);
      return rows;
    });
  }

  /** One transaction that proves the lease before anything else. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#kept.use((session) =>
      session.transaction(async () => {
        await proveLease(session, this.#claim());
        return work(session);
      }),
    );
  }

  /** DDL takes no parameters. */
  ddl(text: string): Promise<void> {
    return this.#kept.use(async (session) => {
      await session.run(text, []);
    });
  }

  async close(): Promise<void> {
    await this.#kept.close();
  }
}

export class PostgresJournal implements Journal {
  readonly stages: StageJournal;
  readonly tables: TableJournal;
  readonly states: TableStateJournal;
  readonly cutovers: CutoverJournal;
  readonly deadLetters: DeadLetterJournal;
  readonly #session: JournalSession;

  /** `claim` is asked at each write; it throws while no lease is held. */
  constructor(server: PostgresServer, run: string, claim: () => LeaseClaim) {
    this.#session = new JournalSession(server, run, claim);
    this.stages = new PostgresStageJournal(this.#session);
    this.tables = new PostgresTableJournal(this.#session);
    this.states = new PostgresTableStateJournal(this.#session);
    this.cutovers = new PostgresCutoverJournal(this.#session);
    this.deadLetters = new PostgresDeadLetterJournal(this.#session);
  }

  async load(): Promise<RunRecord | undefined> {
    const [exists] = await this.#session.read(
      `SELECT to_regclass('migrate.run') IS NOT NULL AS it WHERE $1::text IS NOT NULL`,
    );
    if (exists?.it !== 't') return undefined;
    const [format] = await this.#session.read('SELECT format FROM migrate.run WHERE name = $1');
    if (format === undefined) return undefined;
    if (Number(format.format) !== JOURNAL_FORMAT) {
      throw new MigrateError(
        'RUN.FORMAT',
        `the journal has format ${format.format}, this version writes ${JOURNAL_FORMAT}`,
      );
    }
    const [row] = await this.#session.read(
      `SELECT *, ${isoText('created_at')} AS created FROM migrate.run WHERE name = $1`,
    );
    return row === undefined ? undefined : runRecord(row);
  }

  async create(run: Parameters<Journal['create']>[0]): Promise<RunRecord> {
    await this.#session.ddl(JOURNAL_SCHEMA);
    const tables = run.catalog.tables.map(({ table }) => table);
    await this.#session.writeAll([
      {
        text: `INSERT INTO migrate.run (name, id, format, plan_hash, plan_fields, source_identity, target_identity, catalog, fingerprint, lanes)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        values: [
          run.id,
          JOURNAL_FORMAT,
          run.planHash,
          JSON.stringify(run.planFields),
          run.sourceIdentity,
          run.targetIdentity,
          JSON.stringify(run.catalog),
          run.fingerprint,
          run.lanes,
        ],
      },
      {
        text: `INSERT INTO migrate.tables (run, table_id, lane, spread)
               SELECT $1, id, lane, spread FROM unnest($2::text[], $3::int[], $4::boolean[]) AS t(id, lane, spread)`,
        values: [
          tables.map((table) => table.id),
          assignLanes(tables, run.lanes),
          tables.map((table) => String(table.spread)),
        ],
      },
    ]);
    const created = await this.load();
    if (created === undefined) throw new MigrateError('INTERNAL.BUG', 'the run was not recorded');
    return created;
  }

  async setStart(position: Position): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET start_position = $2 WHERE name = $1', [position]);
  }

  async setLineage(lineage: string): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET source_lineage = $2 WHERE name = $1', [lineage]);
  }

  async setPaused(paused: boolean): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET paused = $2 WHERE name = $1', [paused]);
  }

  async setOutcome(outcome: RunRecord['outcome']): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET outcome = $2 WHERE name = $1', [outcome]);
  }

  async forget(): Promise<void> {
    await this.#session.write('DELETE FROM migrate.run WHERE name = $1');
  }

  async audit(command: string, detail: string): Promise<void> {
    await this.#session.write('INSERT INTO migrate.audit (run, actor, command, detail) VALUES ($1, $2, $3, $4)', [
      `${process.env.USER ?? 'unknown'}@${process.pid}`,
      command,
      detail,
    ]);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

class PostgresStageJournal implements StageJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly StageRecord[]> {
    const rows = await this.#session.read(
      `SELECT stage, ${isoText('started_at')} AS started_at, ${isoText('finished_at')} AS finished_at, result
       FROM migrate.stage WHERE run = $1 ORDER BY migrate.stage.started_at`,
    );
    return rows.map((row) => ({
      stage: row.stage as StageName,
      startedAt: row.started_at ?? '',
      finishedAt: row.finished_at ?? null,
      result: JSON.parse(row.result ?? '{}'),
    }));
  }

  async start(stage: StageName): Promise<void> {
    await this.#session.write(
      'INSERT INTO migrate.stage (run, stage) VALUES ($1, $2) ON CONFLICT (run, stage) DO UPDATE SET finished_at = NULL',
      [stage],
    );
  }

  async note(stage: StageName, result: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#session.write('UPDATE migrate.stage SET result = $3 WHERE run = $1 AND stage = $2', [
      stage,
      JSON.stringify(result),
    ]);
  }

  async finish(stage: StageName, result: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#session.write(
      'UPDATE migrate.stage SET finished_at = clock_timestamp(), result = $3 WHERE run = $1 AND stage = $2',
      [stage, JSON.stringify(result)],
    );
  }
}

class PostgresTableJournal implements TableJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly TableProgress[]> {
    const tables = await this.#session.read(
      'SELECT table_id, lane, spread, bounds FROM migrate.tables WHERE run = $1 ORDER BY table_id',
    );
    const chunks = await this.#session.read(
      'SELECT table_id, ordinal, at, rows FROM migrate.chunk WHERE run = $1 ORDER BY table_id, ordinal',
    );
    const keyChunks = await this.#session.read('SELECT table_id, key, at FROM migrate.key_chunk WHERE run = $1');
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

  async plan(table: TableId, bounds: readonly Key[]): Promise<void> {
    await this.#session.writeAll([
      {
        text: 'UPDATE migrate.tables SET bounds = $3 WHERE run = $1 AND table_id = $2 AND bounds IS NULL',
        values: [table, JSON.stringify(bounds)],
      },
      {
        text: 'INSERT INTO migrate.chunk (run, table_id, ordinal) SELECT $1, $2, n FROM generate_series(0, $3::int) AS n',
        values: [table, bounds.length],
      },
    ]);
  }

  async openLanes(position: Position): Promise<void> {
    await this.#session.write(
      `INSERT INTO migrate.checkpoint (run, direction, lane, position)
       SELECT $1, 'forward', n, $2 FROM migrate.run, generate_series(0, lanes - 1) AS n WHERE name = $1
       ON CONFLICT DO NOTHING`,
      [position],
    );
  }

  async sendHome(tables: readonly TableId[]): Promise<void> {
    await this.#session.write(
      'UPDATE migrate.tables SET spread = false WHERE run = $1 AND table_id = ANY ($2::text[])',
      [tables],
    );
  }

  setLanes(count: number, tables: readonly LaneTable[]): Promise<boolean> {
    return this.#session.transaction((session) => changeLanes(session, this.#session.run, count, tables));
  }

  changesApplied(): Promise<number> {
    return this.#total('changes');
  }

  splitTransactions(): Promise<number> {
    return this.#total('splits');
  }

  async #total(column: 'changes' | 'splits'): Promise<number> {
    const [row] = await this.#session.read(
      `SELECT coalesce(sum(${column}), 0) AS n FROM migrate.checkpoint WHERE run = $1`,
    );
    return Number(row?.n ?? 0);
  }
}

class PostgresCutoverJournal implements CutoverJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async latest(): Promise<CutoverRecord | undefined> {
    const [row] = await this.#session.read(
      'SELECT attempt, phase, detail FROM migrate.cutover WHERE run = $1 ORDER BY attempt DESC LIMIT 1',
    );
    if (row === undefined) return undefined;
    const detail = JSON.parse(row.detail ?? '{}') as Omit<CutoverRecord, 'attempt' | 'phase'>;
    return { ...detail, attempt: Number(row.attempt), phase: row.phase as CutoverPhase };
  }

  async write(record: CutoverRecord): Promise<void> {
    const { attempt, phase, ...detail } = record;
    await this.#session.write(
      `INSERT INTO migrate.cutover (run, attempt, phase, detail) VALUES ($1, $2, $3, $4)
       ON CONFLICT (run, attempt) DO UPDATE SET phase = $3, detail = $4, updated_at = now()`,
      [attempt, phase, JSON.stringify(detail)],
    );
  }
}

/** A moment as ISO 8601; sessions run in UTC. */
function isoText(expression: string): string {
  return `to_char(${expression}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

function grouped(rows: readonly TextRow[]): ReadonlyMap<string, readonly TextRow[]> {
  const groups = new Map<string, TextRow[]>();
  for (const row of rows) {
    const id = row.table_id ?? '';
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [row]);
    else group.push(row);
  }
  return groups;
}

function chunkOf(row: TextRow, bounds: readonly Key[]): Chunk {
  const ordinal = Number(row.ordinal);
  return {
    ordinal,
    range: { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null },
    at: (row.at ?? null) as Position | null,
    rows: Number(row.rows),
  };
}

function runRecord(row: TextRow): RunRecord {
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
    catalog: JSON.parse(row.catalog ?? '{}') as Catalog,
    fingerprint: row.fingerprint ?? '',
    lanes: Number(row.lanes),
    paused: row.paused === 't',
    outcome: row.outcome as RunRecord['outcome'],
    createdAt: row.created ?? '',
  };
}
