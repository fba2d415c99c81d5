// What PostgreSQL keeps of a run's lease: the row, an advisory lock, and the run's sessions, which are known by their names.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from '../../model/side.ts';
import type { LeaseClaim, LeaseLock, LeaseRow, LeaseStore, SessionName } from '../lease-store.ts';
import type { PostgresServer, Session } from './connection.ts';
import { sqlState } from './errors.ts';
import { readIdentity } from './identity.ts';
import { LEASE_SCHEMA, proveLease } from './lease-proof.ts';

/** Of the session that holds the lock, or waits for it. */
const PURPOSE = 'lease';
const NO_SUCH_PLACE = ['3F000', '42P01'];
/** For sessions that were told to end. */
const PATIENCE_MS = 8_000;

export class PostgresLeaseStore implements LeaseStore {
  readonly side: Side;
  readonly table = 'migrate.lease';
  readonly #server: PostgresServer;

  constructor(server: PostgresServer) {
    this.side = server.side;
    this.#server = server;
  }

  identity(): Promise<string> {
    return this.#server.with('claim', readIdentity);
  }

  async lock(run: string, former?: SessionName): Promise<LeaseLock> {
    const session = await this.#server.session({ purpose: PURPOSE });
    if (former !== undefined) {
      await session.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2::timestamptz',
        [Number(former.id), former.since],
      );
    }
    const row = await session.one('SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()');
    return new AdvisoryLock(session, run, row?.backend_start ?? '');
  }

  async read(run: string): Promise<LeaseRow | undefined> {
    try {
      return await this.#server.with('claim', (session) => readRow(session, run));
    } catch (error) {
      if (NO_SUCH_PLACE.includes(sqlState(error) ?? '')) return undefined;
      throw error;
    }
  }

  async prepare(run: string): Promise<LeaseRow | undefined> {
    return this.#server.with('claim', async (session) => {
      await session.query("SET lock_timeout = '1s'");
      // Concurrent CREATE … IF NOT EXISTS of two runs can collide on the catalog's own keys.
      await session.query("SELECT pg_advisory_lock(hashtext('migrate schema'))");
      await session.run(LEASE_SCHEMA, []);
      await session.query("SELECT pg_advisory_unlock(hashtext('migrate schema'))");
      return readRow(session, run);
    });
  }

  /** The UPDATE waits for transactions that proved the old epoch. */
  async raise(run: string, { epoch, holder, target }: Omit<LeaseRow, 'takenAt'>): Promise<boolean> {
    const written = await this.#server.with('claim', async (session) => {
      await session.query("SET lock_timeout = '1s'");
      return session.execute(
        `INSERT INTO migrate.lease (run, epoch, holder, target) VALUES ($1, $2, $3, $4)
         ON CONFLICT (run) DO UPDATE SET epoch = excluded.epoch, holder = excluded.holder, taken_at = now()
         WHERE migrate.lease.epoch < excluded.epoch`,
        [run, epoch, holder, target],
      );
    });
    return written === 1;
  }

  async endOthers(run: string): Promise<void> {
    await this.#server.with('claim', async (session) => {
      // One that is just being opened may be ours without our knowing it yet; if not, the next round ends it.
      const ended = await session.query(
        `SELECT pid, pg_terminate_backend(pid) AS ended FROM pg_stat_activity a
         WHERE starts_with(application_name, $1) AND datname = current_database()
           AND pid <> ALL ($2::int[]) AND backend_start < clock_timestamp() - interval '500 ms'
           AND (application_name <> $1 || '${PURPOSE}'
             OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted))`,
        [`migrate ${run} `, [session.pid, ...this.#server.pids]],
      );
      const patience = performance.now() + PATIENCE_MS;
      const pids = ended.map((row) => Number(row.pid));
      while (pids.length > 0 && performance.now() < patience) {
        const left = await session.one('SELECT count(*) AS n FROM pg_stat_activity WHERE pid = ANY ($1::int[])', [
          pids,
        ]);
        if (left?.n === '0') break;
        await sleep(50);
      }
    });
  }

  async forget(claim: LeaseClaim): Promise<void> {
    await this.#server.with('forget', async (session) => {
      await session.transaction(async () => {
        await proveLease(session, claim);
        await session.query('DELETE FROM migrate.lease WHERE run = $1', [claim.run]);
        await dropUnused(session);
      });
    });
  }
}

async function readRow(session: Session, run: string): Promise<LeaseRow | undefined> {
  const row = await session.one('SELECT epoch, holder, taken_at, target FROM migrate.lease WHERE run = $1', [run]);
  if (row === undefined) return undefined;
  const { epoch, holder, taken_at: takenAt, target } = row;
  return { epoch: Number(epoch), holder: holder ?? '', takenAt: takenAt ?? '', target: target ?? '' };
}

/** A schema that was made for the run by somebody else is theirs, and so may all its tables be. */
async function dropUnused(session: Session): Promise<void> {
  const used = await session.one(
    `SELECT EXISTS (SELECT FROM migrate.lease)
       OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace) AS it,
       pg_has_role(n.nspowner, 'USAGE') AS own,
       (SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
        WHERE c.relnamespace = n.oid AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')) AS tables
     FROM pg_namespace n WHERE n.nspname = 'migrate'`,
  );
  if (used?.it !== 'f') return;
  if (used.own === 't') await session.run('DROP SCHEMA migrate CASCADE', []);
  else if (used.tables !== null) await session.run(`DROP TABLE ${used.tables} CASCADE`, []);
}

class AdvisoryLock implements LeaseLock {
  readonly session: SessionName;
  readonly lost: Promise<never>;
  readonly #session: Session;
  readonly #run: string;
  #closed = false;

  constructor(session: Session, run: string, since: string) {
    this.#session = session;
    this.#run = run;
    this.session = { id: String(session.pid), since };
    this.lost = new Promise((_, reject) => {
      session.client.once('end', () => {
        if (!this.#closed) reject(new Error('the session ended'));
      });
    });
    this.lost.catch(() => undefined);
  }

  async take(): Promise<boolean> {
    const row = await this.#session.one("SELECT pg_try_advisory_lock(hashtext('migrate run'), hashtext($1)) AS it", [
      this.#run,
    ]);
    return row?.it === 't';
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#session.close();
  }
}
