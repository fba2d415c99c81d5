// What a MySQL or MariaDB server keeps of a run's lease. The lock is one of the server's named locks, which a session holds until
// it ends; the row is in database `migrate`.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from '../../model/side.ts';
import type { LeaseClaim, LeaseLock, LeaseRow, LeaseStore, SessionName } from '../lease-store.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { serverErrno } from './errors.ts';
import { endSession } from './fence/holders.ts';
import { readIdentity } from './identity.ts';
import { RUN_TABLES } from './journal/schema.ts';
import { LEASE_SCHEMA, proveLease } from './lease-proof.ts';
import { MARKER_TABLE } from './log/marker.ts';
import { lockName, readRunSessions } from './run-sessions.ts';
import { quoteLiteral, quoteTable } from './sql.ts';

const ABSENT = new Set([1049, 1146]);
/** Of every part of a run; the order does not matter. */
const OWN_TABLES = ['lease', 'fence', 'pass', MARKER_TABLE, 'run', 'audit', ...RUN_TABLES];
const DENIED = new Set([1044, 1142]);
// After a kill the server needs a moment to roll back.
const END_PATIENCE_MS = 8_000;

export class MysqlLeaseStore implements LeaseStore {
  readonly side: Side;
  readonly table = 'migrate.lease';
  readonly #server: MysqlServer;

  constructor(server: MysqlServer) {
    this.side = server.side;
    this.#server = server;
  }

  identity(): Promise<string> {
    return this.#server.use(readIdentity);
  }

  async lock(run: string, former?: SessionName): Promise<LeaseLock> {
    const session = await this.#server.session({ ofRun: false });
    try {
      // The server gives the same ids again after it was started anew: the second name is never used twice.
      const since = randomBytes(16).toString('hex');
      await session.query(`SELECT GET_LOCK(${quoteLiteral(lockName('session', since))}, 0)`);
      if (former !== undefined) await endFormer(session, former);
      return new MysqlLeaseLock(session, run, { id: String(session.id), since });
    } catch (error) {
      session.close();
      throw error;
    }
  }

  read(run: string): Promise<LeaseRow | undefined> {
    return this.#server.use((session) => readRow(session, run));
  }

  prepare(run: string): Promise<LeaseRow | undefined> {
    return this.#own(async (session) => {
      // Nothing is defined twice: even then the server would wait for whoever defines or backs up something else.
      if (!(await ownTables(session)).includes('lease')) await alone(session, () => runAll(session, LEASE_SCHEMA));
      return readRow(session, run);
    });
  }

  raise(run: string, { epoch, holder, target }: Omit<LeaseRow, 'takenAt'>): Promise<boolean> {
    return this.#own(async (session) => {
      await session.query('SET SESSION innodb_lock_wait_timeout = 1');
      const [key, name, to] = [run, holder, target].map(quoteLiteral);
      const raised = await session.execute(
        `UPDATE migrate.lease SET epoch = ${epoch}, holder = ${name}, taken_at = UTC_TIMESTAMP(6)
         WHERE run = ${key} AND epoch < ${epoch}`,
      );
      if (raised === 1) return true;
      const made = await session.execute(
        `INSERT IGNORE INTO migrate.lease (run, epoch, holder, taken_at, target)
         VALUES (${key}, ${epoch}, ${name}, UTC_TIMESTAMP(6), ${to})`,
      );
      return made === 1;
    });
  }

  async endOthers(run: string): Promise<void> {
    await this.#own(async (session) => {
      const others = async (): Promise<readonly number[]> => {
        const [holder] = await session.query(`SELECT IS_USED_LOCK(${quoteLiteral(lockName('lease', run))})`);
        const ids = [...(await readRunSessions(session, { run, side: this.side })), Number(holder?.[0] ?? 0)];
        // Asked for last: a session has an id here before it joins the run.
        const ours = new Set([0, ...this.#server.ids]);
        return ids.filter((id) => !ours.has(id));
      };
      const ended = await others();
      for (const id of ended) await endSession(session, id);
      const patience = performance.now() + END_PATIENCE_MS;
      while (performance.now() < patience) {
        const left = new Set(await others());
        if (!ended.some((id) => left.has(id))) return;
        await sleep(20);
      }
    });
  }

  async forget(claim: LeaseClaim): Promise<void> {
    await this.#own(async (session) => {
      const run = quoteLiteral(claim.run);
      const hasPass = (await ownTables(session)).includes('pass');
      await session.transaction(async () => {
        await proveLease(session, claim);
        if (hasPass) await session.execute(`DELETE FROM migrate.pass WHERE run = ${run}`);
        await session.execute(`DELETE FROM migrate.lease WHERE run = ${run}`);
      });
      await alone(session, () => dropUnused(session));
    });
  }

  /** A session for this call only: it changes its settings. */
  async #own<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    const session = await this.#server.session();
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }
}

class MysqlLeaseLock implements LeaseLock {
  readonly session: SessionName;
  readonly lost: Promise<never>;
  readonly #session: MysqlSession;
  readonly #name: string;

  constructor(session: MysqlSession, run: string, name: SessionName) {
    this.#session = session;
    this.#name = lockName('lease', run);
    this.session = name;
    this.lost = session.lost;
  }

  async take(): Promise<boolean> {
    const [row] = await this.#session.query(`SELECT GET_LOCK(${quoteLiteral(this.#name)}, 0)`);
    return row?.[0] === '1';
  }

  async close(): Promise<void> {
    this.#session.close();
  }
}

/** After a network failure the server may keep a session, and its lock, for hours: nothing tells it that the other end is gone. */
async function endFormer(session: MysqlSession, { id, since }: SessionName): Promise<void> {
  const [row] = await session.query(`SELECT IS_USED_LOCK(${quoteLiteral(lockName('session', since))})`);
  if (row?.[0] === id) await endSession(session, Number(id));
}

async function readRow(session: MysqlSession, run: string): Promise<LeaseRow | undefined> {
  const [row] = await session
    .query(`SELECT epoch, holder, taken_at, target FROM migrate.lease WHERE run = ${quoteLiteral(run)}`)
    .catch((error: unknown) => {
      if (!ABSENT.has(serverErrno(error) ?? 0)) throw error;
      return [];
    });
  if (row === undefined) return undefined;
  const [epoch, holder, takenAt, target] = row;
  return { epoch: Number(epoch), holder: holder ?? '', takenAt: takenAt ?? '', target: target ?? '' };
}

/** Nobody else defines or drops these tables meanwhile. */
async function alone(session: MysqlSession, work: () => Promise<void>): Promise<void> {
  await session.query(`SELECT GET_LOCK('migrate/schema', ${END_PATIENCE_MS / 1_000})`);
  await work();
  await session.query("SELECT RELEASE_LOCK('migrate/schema')");
}

async function runAll(session: MysqlSession, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await session.query(statement);
}

/** Those of our tables that are there. */
async function ownTables(session: MysqlSession): Promise<readonly string[]> {
  const names = OWN_TABLES.map(quoteLiteral).join(', ');
  const rows = await session.query(
    `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'migrate' AND TABLE_NAME IN (${names})`,
  );
  return rows.map(([name]) => name ?? '');
}

/** What we made, when no run needs it any more. A database of this name may hold what others have put there. */
async function dropUnused(session: MysqlSession): Promise<void> {
  const tables = await ownTables(session);
  for (const table of ['lease', 'fence'].filter((name) => tables.includes(name))) {
    if ((await session.query(`SELECT 1 FROM ${quoteTable({ schema: 'migrate', name: table })} LIMIT 1`)).length > 0)
      return;
  }
  try {
    if (tables.length > 0) {
      await session.query(`DROP TABLE ${tables.map((name) => quoteTable({ schema: 'migrate', name })).join(', ')}`);
    }
    const others = await session.query(
      "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'migrate' LIMIT 1",
    );
    if (others.length === 0) await session.query('DROP DATABASE IF EXISTS migrate');
  } catch (error) {
    // It was made for the run by somebody else, who keeps it.
    if (!DENIED.has(serverErrno(error) ?? 0)) throw error;
  }
}
