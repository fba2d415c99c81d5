// The journal in database `migrate` of a MySQL target: the run's own record here, its parts beside it.

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
import type { MysqlServer } from '../connection.ts';
import { PASS_SCHEMA } from '../pass.ts';
import { inPieces, type StatementValue, sql, tuple } from '../statement.ts';
import { MysqlCutoverJournal } from './cutovers.ts';
import { MysqlDeadLetterJournal } from './dead-letters.ts';
import { JOURNAL_SCHEMA, LATER_COLUMNS, RUN_TABLES } from './schema.ts';
import { columns, isoText, JournalSession } from './session.ts';
import { MysqlStageJournal } from './stages.ts';
import { MysqlTableStateJournal } from './table-states.ts';
import { MysqlTableJournal } from './tables.ts';
import { MysqlWorkerJournal } from './workers.ts';

const RUN = {
  ...columns('name', 'id', 'format', 'plan_hash', 'plan_fields', 'source_identity', 'source_lineage'),
  ...columns(
    'target_identity',
    'start_position',
    'settled',
    'catalog',
    'fingerprint',
    'added',
    'joining',
    'lanes',
    'outcome',
  ),
  ...columns('ended'),
  ...columns('held', 'throttle'),
  created_at: isoText('created_at'),
};

const STANDING = columns('outcome', 'held', 'throttle');

export class MysqlJournal implements Journal {
  readonly stages: StageJournal;
  readonly tables: TableJournal;
  readonly states: TableStateJournal;
  readonly cutovers: CutoverJournal;
  readonly deadLetters: DeadLetterJournal;
  readonly workers: WorkerJournal;
  readonly #session: JournalSession;

  /** `claim` is asked at each write; it throws while no lease is held. */
  constructor(server: MysqlServer, run: string, claim: () => LeaseClaim) {
    this.#session = new JournalSession(server, run, claim);
    this.stages = new MysqlStageJournal(this.#session);
    this.tables = new MysqlTableJournal(this.#session);
    this.states = new MysqlTableStateJournal(this.#session);
    this.cutovers = new MysqlCutoverJournal(this.#session);
    this.deadLetters = new MysqlDeadLetterJournal(this.#session);
    this.workers = new MysqlWorkerJournal(this.#session);
  }

  async load(): Promise<RunRecord | undefined> {
    if (!(await this.#session.hasRun())) return undefined;
    const [row] = await this.#session.read(RUN, sql`migrate.run WHERE name = ${this.#session.run}`);
    return row && runRecord(row);
  }

  async standing(): ReturnType<Journal['standing']> {
    if (!(await this.#session.hasRun())) return undefined;
    const [row] = await this.#session.read(STANDING, sql`migrate.run WHERE name = ${this.#session.run}`);
    return row && runStanding(row);
  }

  async create(run: Parameters<Journal['create']>[0]): Promise<RunRecord> {
    const name = this.#session.run;
    await this.#session.ddl([...JOURNAL_SCHEMA, ...PASS_SCHEMA]);
    for (const { found, add } of LATER_COLUMNS) {
      if ((await this.#session.read(columns('COLUMN_NAME'), found)).length === 0) await this.#session.ddl([add]);
    }
    const tables = run.catalog.tables.map(({ table }) => table);
    const lanes = assignLanes(tables, run.lanes);
    const rows = tables.map(({ id, spread }, index) => tuple([name, id, lanes[index] ?? 0, Number(spread)]));
    await this.#session.write(
      sql`INSERT INTO migrate.run (name, id, format, plan_hash, plan_fields, source_identity, source_lineage, target_identity,
            catalog, fingerprint, added, joining, lanes)
          VALUES (${name}, ${run.id}, ${JOURNAL_FORMAT}, ${run.planHash}, ${JSON.stringify(run.planFields)},
            ${run.sourceIdentity}, '', ${run.targetIdentity}, ${JSON.stringify(run.catalog)}, ${run.fingerprint},
            '[]', '[]', ${run.lanes})`,
      ...[...inPieces(rows)].map((piece) => `INSERT INTO migrate.tables (run, table_id, lane, spread) VALUES ${piece}`),
    );
    const created = await this.load();
    if (created === undefined) throw new MigrateError('INTERNAL.BUG', 'the run was not recorded');
    return created;
  }

  setStart(position: Position): Promise<void> {
    return this.#set('start_position', position);
  }

  setSettled(position: Position): Promise<void> {
    return this.#set('settled', position);
  }

  setLineage(lineage: string): Promise<void> {
    return this.#set('source_lineage', lineage);
  }

  setPaused(paused: readonly Pausable[]): Promise<void> {
    return this.#set('held', pauseText(paused));
  }

  setThrottling(set: Throttling): Promise<void> {
    return this.#set('throttle', throttleText(set));
  }

  setOutcome(outcome: RunRecord['outcome']): Promise<void> {
    return this.#set('outcome', outcome);
  }

  setEnded(ended: RunEnd | null): Promise<void> {
    return this.#set('ended', ended && JSON.stringify(ended));
  }

  async forget(): Promise<void> {
    const { run } = this.#session;
    await this.#session.write(
      // First of all: who joins waits for it, and then finds no run.
      sql`DELETE FROM migrate.run WHERE name = ${run}`,
      ...RUN_TABLES.map((table) => `DELETE FROM migrate.${table} WHERE ${sql`run = ${run}`}`),
      sql`DELETE FROM migrate.pass WHERE run = ${run}`,
    );
  }

  async audit({ by, command, result }: AuditEntry): Promise<void> {
    await this.#session.write(
      sql`INSERT INTO migrate.audit (run, actor, command, detail)
          VALUES (${this.#session.run}, ${by}, ${command}, ${result})`,
    );
  }

  async auditTrail(most: number): Promise<readonly AuditRecord[]> {
    const rows = await this.#session.read(
      { ...columns('actor', 'command', 'detail'), at: isoText('at') },
      sql`migrate.audit WHERE run = ${this.#session.run} ORDER BY id DESC LIMIT ${most}`,
    );
    return rows.map(auditRecord);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #set(column: string, value: StatementValue): Promise<void> {
    await this.#session.write(`UPDATE migrate.run SET ${column} = ${sql`${value} WHERE name = ${this.#session.run}`}`);
  }
}
