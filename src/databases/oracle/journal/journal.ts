// The journal on an Oracle target: the run's own record here, its parts beside it.

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
import type { OracleServer } from '../connection.ts';
import { ownTable } from '../own-tables.ts';
import { PASS_SCHEMA } from '../pass.ts';
import { quoteName } from '../sql.ts';
import { execute, raw, sql } from '../statement.ts';
import { OracleCutoverJournal } from './cutovers.ts';
import { OracleDeadLetterJournal } from './dead-letters.ts';
import { JOURNAL_SCHEMA, RUN_TABLES } from './schema.ts';
import { columns, insertRows, isoText, JournalSession, own } from './session.ts';
import { OracleStageJournal } from './stages.ts';
import { OracleTableStateJournal } from './table-states.ts';
import { OracleTableJournal } from './tables.ts';
import { OracleWorkerJournal } from './workers.ts';

const RUN = {
  ...columns('name', 'id', 'format', 'plan_hash', 'plan_fields', 'source_identity', 'source_lineage'),
  ...columns('target_identity', 'start_position', 'settled', 'catalog', 'fingerprint', 'added', 'joining', 'lanes'),
  ...columns('outcome', 'ended'),
  ...columns('held', 'throttle'),
  created_at: isoText('created_at'),
};

const STANDING = columns('outcome', 'held', 'throttle');

export class OracleJournal implements Journal {
  readonly stages: StageJournal;
  readonly tables: TableJournal;
  readonly states: TableStateJournal;
  readonly cutovers: CutoverJournal;
  readonly deadLetters: DeadLetterJournal;
  readonly workers: WorkerJournal;
  readonly #session: JournalSession;

  /** `claim` is asked at each write; it throws while no lease is held. */
  constructor(server: OracleServer, run: string, claim: () => LeaseClaim) {
    this.#session = new JournalSession(server, run, claim);
    this.stages = new OracleStageJournal(this.#session);
    this.tables = new OracleTableJournal(this.#session);
    this.states = new OracleTableStateJournal(this.#session);
    this.cutovers = new OracleCutoverJournal(this.#session);
    this.deadLetters = new OracleDeadLetterJournal(this.#session);
    this.workers = new OracleWorkerJournal(this.#session);
  }

  async load(): Promise<RunRecord | undefined> {
    if (!(await this.#session.hasRun())) return undefined;
    const [row] = await this.#session.read(RUN, sql`${own('RUN')} WHERE "NAME" = ${this.#session.run}`);
    return row && runRecord(row);
  }

  async standing(): ReturnType<Journal['standing']> {
    if (!(await this.#session.hasRun())) return undefined;
    const [row] = await this.#session.read(STANDING, sql`${own('RUN')} WHERE "NAME" = ${this.#session.run}`);
    return row && runStanding(row);
  }

  async create(run: Parameters<Journal['create']>[0]): Promise<RunRecord> {
    await this.#session.define(new Map([...JOURNAL_SCHEMA, ['PASS', PASS_SCHEMA]]));
    const tables = run.catalog.tables.map(({ table }) => table);
    const lanes = assignLanes(tables, run.lanes);
    await this.#session.transaction(async (session, claim) => {
      await execute(
        session,
        sql`INSERT INTO ${own('RUN')} ("NAME", "ID", "FORMAT", "PLAN_HASH", "PLAN_FIELDS", "SOURCE_IDENTITY",
              "TARGET_IDENTITY", "CATALOG", "FINGERPRINT", "ADDED", "JOINING", "LANES")
            VALUES (${claim.run}, ${run.id}, ${JOURNAL_FORMAT}, ${run.planHash}, ${JSON.stringify(run.planFields)},
              ${run.sourceIdentity}, ${run.targetIdentity}, ${JSON.stringify(run.catalog)}, ${run.fingerprint},
              '[]', '[]', ${run.lanes})`,
      );
      const rows = tables.map(({ id, spread }, index) => [claim.run, id, lanes[index] ?? 0, Number(spread)]);
      await insertRows(session, ownTable('TABLES'), ['run', 'table_id', 'lane', 'spread'], rows);
    });
    const created = await this.load();
    if (created === undefined) throw new MigrateError('INTERNAL.BUG', 'the run was not recorded');
    return created;
  }

  setStart(position: Position): Promise<void> {
    return this.#set('START_POSITION', position);
  }

  setSettled(position: Position): Promise<void> {
    return this.#set('SETTLED', position);
  }

  setLineage(lineage: string): Promise<void> {
    return this.#set('SOURCE_LINEAGE', lineage);
  }

  setPaused(paused: readonly Pausable[]): Promise<void> {
    return this.#set('HELD', pauseText(paused));
  }

  setThrottling(set: Throttling): Promise<void> {
    return this.#set('THROTTLE', throttleText(set));
  }

  setOutcome(outcome: RunRecord['outcome']): Promise<void> {
    return this.#set('OUTCOME', outcome);
  }

  setEnded(ended: RunEnd | null): Promise<void> {
    return this.#set('ENDED', ended && JSON.stringify(ended));
  }

  async forget(): Promise<void> {
    const { run } = this.#session;
    await this.#session.write(
      // First of all: who joins waits for it, and then finds no run.
      sql`DELETE FROM ${own('RUN')} WHERE "NAME" = ${run}`,
      ...[...RUN_TABLES, 'PASS'].map((table) => sql`DELETE FROM ${own(table)} WHERE "RUN" = ${run}`),
    );
  }

  async audit({ by, command, result }: AuditEntry): Promise<void> {
    await this.#session.write(
      sql`INSERT INTO ${own('AUDIT')} ("RUN", "ACTOR", "COMMAND", "DETAIL")
          VALUES (${this.#session.run}, ${by}, ${command}, ${result})`,
    );
  }

  async auditTrail(most: number): Promise<readonly AuditRecord[]> {
    const rows = await this.#session.read(
      { ...columns('actor', 'command', 'detail'), at: isoText('at') },
      sql`${own('AUDIT')} WHERE "RUN" = ${this.#session.run} ORDER BY "AT" DESC FETCH FIRST ${most} ROWS ONLY`,
    );
    return rows.map(auditRecord);
  }

  /** Its sessions are the server's. */
  async close(): Promise<void> {}

  async #set(column: string, value: string | number | null): Promise<void> {
    await this.#session.write(
      sql`UPDATE ${own('RUN')} SET ${raw(quoteName(column))} = ${value} WHERE "NAME" = ${this.#session.run}`,
    );
  }
}
