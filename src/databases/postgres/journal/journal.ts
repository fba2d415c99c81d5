// The journal in schema `migrate` of the target: the run's own record here, its parts beside it.

import { assignLanes } from '../../../journal/assign-lanes.ts';
import type { AuditEntry, AuditRecord } from '../../../journal/audit.ts';
import type { DeadLetterJournal } from '../../../journal/dead-letters.ts';
import {
  type CutoverJournal,
  JOURNAL_FORMAT,
  type Journal,
  type RunEnd,
  type RunRecord,
  type StageJournal,
  type TableJournal,
} from '../../../journal/journal.ts';
import { auditRecord, runRecord, runStanding } from '../../../journal/records.ts';
import type { TableStateJournal } from '../../../journal/table-states.ts';
import type { WorkerJournal } from '../../../journal/workers.ts';
import { MigrateError } from '../../../lib/errors.ts';
import { type Pausable, pauseText } from '../../../model/pause.ts';
import type { Position } from '../../../model/position.ts';
import { type Throttling, throttleText } from '../../../model/throttle.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { PostgresServer } from '../connection.ts';
import { PostgresCutoverJournal } from './cutovers.ts';
import { PostgresDeadLetterJournal } from './dead-letters.ts';
import { JOURNAL_SCHEMA } from './schema.ts';
import { isoText, JournalSession } from './session.ts';
import { PostgresStageJournal } from './stages.ts';
import { PostgresTableStateJournal } from './table-states.ts';
import { PostgresTableJournal } from './tables.ts';
import { PostgresWorkerJournal } from './workers.ts';

export class PostgresJournal implements Journal {
  readonly stages: StageJournal;
  readonly tables: TableJournal;
  readonly states: TableStateJournal;
  readonly cutovers: CutoverJournal;
  readonly deadLetters: DeadLetterJournal;
  readonly workers: WorkerJournal;
  readonly #session: JournalSession;

  /** `claim` is asked at each write; it throws while no lease is held. */
  constructor(server: PostgresServer, run: string, claim: () => LeaseClaim) {
    this.#session = new JournalSession(server, run, claim);
    this.stages = new PostgresStageJournal(this.#session);
    this.tables = new PostgresTableJournal(this.#session);
    this.states = new PostgresTableStateJournal(this.#session);
    this.cutovers = new PostgresCutoverJournal(this.#session);
    this.deadLetters = new PostgresDeadLetterJournal(this.#session);
    this.workers = new PostgresWorkerJournal(this.#session);
  }

  async load(): Promise<RunRecord | undefined> {
    if (!(await this.#session.hasRun())) return undefined;
    const [row] = await this.#session.read(
      `SELECT *, ${isoText('created_at')} AS created FROM migrate.run WHERE name = $1`,
    );
    return row && runRecord({ ...row, created_at: row.created ?? null });
  }

  async standing(): ReturnType<Journal['standing']> {
    if (!(await this.#session.hasRun())) return undefined;
    const [row] = await this.#session.read('SELECT held, throttle, outcome FROM migrate.run WHERE name = $1');
    return row && runStanding(row);
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

  async setSettled(position: Position): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET settled = $2 WHERE name = $1', [position]);
  }

  async setLineage(lineage: string): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET source_lineage = $2 WHERE name = $1', [lineage]);
  }

  async setPaused(paused: readonly Pausable[]): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET held = $2 WHERE name = $1', [pauseText(paused)]);
  }

  async setThrottling(set: Throttling): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET throttle = $2 WHERE name = $1', [throttleText(set)]);
  }

  async setOutcome(outcome: RunRecord['outcome']): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET outcome = $2 WHERE name = $1', [outcome]);
  }

  async setEnded(ended: RunEnd | null): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET ended = $2 WHERE name = $1', [ended && JSON.stringify(ended)]);
  }

  async forget(): Promise<void> {
    await this.#session.write('DELETE FROM migrate.run WHERE name = $1');
  }

  async audit({ by, command, result }: AuditEntry): Promise<void> {
    await this.#session.write('INSERT INTO migrate.audit (run, actor, command, detail) VALUES ($1, $2, $3, $4)', [
      ...[by, command, result],
    ]);
  }

  async auditTrail(most: number): Promise<readonly AuditRecord[]> {
    const rows = await this.#session.read(
      `SELECT ${isoText('at')} AS at, actor, command, detail
       FROM migrate.audit WHERE run = $1 ORDER BY migrate.audit.at DESC, ctid DESC LIMIT $2`,
      [most],
    );
    return rows.map(auditRecord);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
