// What an Oracle server keeps of a run's lease. The lock is one on a row, which a session holds in a transaction that it never
// ends; the epoch is in a row of another table, because writers lock all of that one.

import { MigrateError } from '../../lib/errors.ts';
import type { Side } from '../../model/side.ts';
import type { LeaseClaim, LeaseLock, LeaseRow, LeaseStore, SessionName } from '../lease-store.ts';
import { isSilence, type OracleServer, type OracleSession } from './connection.ts';
import { oraCode } from './errors.ts';
import { readIdentity } from './identity.ts';
import { OWN_TABLES } from './journal/schema.ts';
import { LEASE_SCHEMA } from './lease-proof.ts';
import { ensureTable, ownTable, readOwnTables } from './own-tables.ts';
import { heldPrefix, lockLabel, runLabel } from './run-label.ts';
import { endSessions } from './run-sessions.ts';
import { execute, query, raw, sql } from './statement.ts';

const ABSENT = 942;
const TAKEN = 1;
const IN_USE = 54;
/** No right, no quota, no place for a table. */
const MAY_NOT_MAKE = new Set([1031, 1536, 1950]);
const STILL_THERE = 'SELECT 1 FROM DUAL';
const BEAT_MS = 1_000;
const RAISE_PATIENCE_MS = 1_000;
const FORGET_PATIENCE_MS = 10_000;
const LEASE = raw(ownTable('LEASE'));
const LOCK = raw(ownTable('LOCK'));
const LOCK_SCHEMA = `CREATE TABLE ${ownTable('LOCK')} (
  "RUN" VARCHAR2(200 CHAR) NOT NULL,
  CONSTRAINT ${ownTable('LOCK_PK')} PRIMARY KEY ("RUN")
)`;

export class OracleLeaseStore implements LeaseStore {
  readonly side: Side;
  readonly table = ownTable('LEASE');
  readonly #server: OracleServer;

  constructor(server: OracleServer) {
    this.side = server.side;
    this.#server = server;
  }

  identity(): Promise<string> {
    return this.#server.use(readIdentity);
  }

  async lock(run: string, former?: SessionName): Promise<LeaseLock> {
    if (former !== undefined) await endFormer(this.#server, former);
    return new OracleLeaseLock(await this.#server.session({ ofRun: false }), run);
  }

  read(run: string): Promise<LeaseRow | undefined> {
    return this.#server.use((session) => readRow(session, run));
  }

  prepare(run: string): Promise<LeaseRow | undefined> {
    return this.#server.use(async (session) => {
      if (!(await readOwnTables(session)).has('LEASE')) await ensureTable(session, LEASE_SCHEMA);
      return readRow(session, run);
    });
  }

  raise(run: string, { epoch, holder, target }: Omit<LeaseRow, 'takenAt'>): Promise<boolean> {
    return this.#server.use((session) =>
      session.transaction(async () => {
        await lockOut(session, RAISE_PATIENCE_MS);
        const raised = await execute(
          session,
          sql`UPDATE ${LEASE} SET "EPOCH" = ${epoch}, "HOLDER" = ${holder}, "TAKEN_AT" = LOCALTIMESTAMP
              WHERE "RUN" = ${run} AND "EPOCH" < ${epoch}`,
        );
        if (raised === 1) return true;
        if ((await query(session, sql`SELECT 1 FROM ${LEASE} WHERE "RUN" = ${run}`)).length > 0) return false;
        await execute(
          session,
          sql`INSERT INTO ${LEASE} ("RUN", "EPOCH", "HOLDER", "TAKEN_AT", "TARGET")
              VALUES (${run}, ${epoch}, ${holder}, LOCALTIMESTAMP, ${target})`,
        );
        return true;
      }),
    );
  }

  async endOthers(run: string): Promise<void> {
    const held = heldPrefix(run);
    const which = sql`(ACTION = ${runLabel({ run, side: this.side })}
      OR ${raw(`SUBSTR(ACTION, 1, ${held.length})`)} = ${held})`;
    await endSessions(this.#server, which, () => this.#server.ids);
  }

  async forget(claim: LeaseClaim): Promise<void> {
    await this.#server.use(async (session) => {
      const tables = await readOwnTables(session);
      await session.transaction(async () => {
        await lockOut(session, FORGET_PATIENCE_MS);
        const gone = await execute(
          session,
          sql`DELETE FROM ${LEASE} WHERE "RUN" = ${claim.run} AND "EPOCH" = ${claim.epoch}`,
        );
        if (gone !== 1) throw new MigrateError('LEASE.LOST', `another runner took over run ${claim.run}`);
        for (const table of ['PASS', 'MADE']) {
          if (!tables.has(table)) continue;
          await execute(session, sql`DELETE FROM ${raw(ownTable(table))} WHERE "RUN" = ${claim.run}`);
        }
      });
      await dropUnused(session, tables);
    });
  }
}

class OracleLeaseLock implements LeaseLock {
  readonly session: SessionName;
  readonly lost: Promise<never>;
  readonly #session: OracleSession;
  readonly #run: string;
  #beat: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(session: OracleSession, run: string) {
    this.#session = session;
    this.#run = run;
    // The server keeps no record of a session longer than it lives, and no other has this id.
    this.session = { id: session.id, since: session.id };
    this.lost = session.lost;
    session.label(lockLabel(run, session.id, false));
  }

  async take(): Promise<boolean> {
    try {
      await this.#makeRow();
      await query(this.#session, sql`SELECT "RUN" FROM ${LOCK} WHERE "RUN" = ${this.#run} FOR UPDATE NOWAIT`);
    } catch (error) {
      const code = oraCode(error) ?? 0;
      if (code === IN_USE) return false;
      // It cannot have made anything yet, and its preflight will say so.
      if (!MAY_NOT_MAKE.has(code)) throw error;
    }
    this.#session.label(lockLabel(this.#run, this.#session.id, true));
    await this.#session.query(STILL_THERE);
    // A session that was killed is told when it asks, and one that never asks may be taken for idle.
    this.#beat ??= setInterval(() => void this.#session.query(STILL_THERE).catch(() => undefined), BEAT_MS);
    this.#beat.unref();
    return true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#beat);
    await this.#cleanUp().catch(() => undefined);
    await this.#session.close();
  }

  /** The one place where something is written before the lease is claimed: a lock needs a row. */
  async #makeRow(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const row = await query(this.#session, sql`SELECT "RUN" FROM ${LOCK} WHERE "RUN" = ${this.#run}`);
        if (row.length > 0) return;
        await this.#session.transaction(() =>
          execute(this.#session, sql`INSERT INTO ${LOCK} ("RUN") VALUES (${this.#run})`),
        );
      } catch (error) {
        const code = oraCode(error);
        if (code === TAKEN) return;
        if (code !== ABSENT || tries === 3) throw error;
        await ensureTable(this.#session, LOCK_SCHEMA);
      }
    }
  }

  /** Takes the table away where no run needs it: the last lease was given up, or none was ever claimed. */
  async #cleanUp(): Promise<void> {
    if (this.#session.broken) return;
    await this.#session.rollback();
    const tables = await readOwnTables(this.#session);
    if (tables.has('LEASE') || !tables.has('LOCK')) return;
    await this.#session.execute('ALTER SESSION SET DDL_LOCK_TIMEOUT = 0');
    await this.#session.execute(`DROP TABLE ${ownTable('LOCK')} PURGE`);
  }
}

/**
 * Waits for its turn behind those that write, and holds up those that come after. The time is taken here and not with WAIT, so that it
 * ends with a server that does not answer as well; the session is cut then.
 */
async function lockOut(session: OracleSession, patienceMs: number): Promise<void> {
  const statement = `LOCK TABLE ${ownTable('LEASE')} IN SHARE ROW EXCLUSIVE MODE`;
  await session
    .within(patienceMs, () => session.execute(statement))
    .catch((error: unknown) => {
      if (!isSilence(error)) throw error;
      throw new MigrateError('TARGET.TRANSIENT', 'the lease is still in use on the target', { cause: error });
    });
}

/** After a network failure the server may keep a session, and its lock, for hours: nothing tells it that the other end is gone. */
async function endFormer(server: OracleServer, { id }: SessionName): Promise<void> {
  await endSessions(server, sql`MODULE = ${`migrate/${id}`}`, () => []);
}

async function readRow(session: OracleSession, run: string): Promise<LeaseRow | undefined> {
  const [row] = await query(
    session,
    sql`SELECT "EPOCH", "HOLDER", TO_CHAR("TAKEN_AT", 'YYYY-MM-DD HH24:MI:SS.FF6'), "TARGET"
        FROM ${LEASE} WHERE "RUN" = ${run}`,
  ).catch((error: unknown) => {
    if (oraCode(error) !== ABSENT) throw error;
    return [];
  });
  if (row === undefined) return undefined;
  const [epoch, holder, takenAt, target] = row.map((value) => (value === null ? '' : String(value)));
  return { epoch: Number(epoch), holder: holder ?? '', takenAt: takenAt ?? '', target: target ?? '' };
}

/** What we made, when no run needs it any more. The locks go with the last session that has one. */
async function dropUnused(session: OracleSession, tables: ReadonlySet<string>): Promise<void> {
  for (const table of ['LEASE', 'FENCE'].filter((name) => tables.has(name))) {
    if ((await session.query(`SELECT 1 FROM ${ownTable(table)}`)).length > 0) return;
  }
  for (const table of OWN_TABLES.filter((name) => tables.has(name))) {
    await session.execute(`DROP TABLE ${ownTable(table)} CASCADE CONSTRAINTS PURGE`).catch((error: unknown) => {
      const code = oraCode(error) ?? 0;
      // Somebody else looks at it, or took it away.
      if (code !== IN_USE && code !== ABSENT) throw error;
    });
  }
}
