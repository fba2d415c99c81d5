// The lease on both databases. A session-level lock on the target tells whether a runner lives; what fences is the
// epoch row, which every writing transaction proves. The lock is taken before anything is written.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from '../../journal/lease.ts';
import { MigrateError, toMigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Side } from '../../model/side.ts';
import type { PostgresServer, Session } from './connection.ts';
import { readIdentity } from './identity.ts';
import { LEASE_SCHEMA, type LeaseClaim, proveLease } from './lease-proof.ts';

export interface LeaseOptions {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  readonly run: string;
  /** Who holds it, for people: host and process id. */
  readonly holder: string;
  /** Outlives this lease: the same for every one that the process opens for the run. */
  readonly former?: FormerLock;
}

/** What the process had before its connections were lost. */
export interface FormerLock {
  /** The session that held the lock last, as the target names it. */
  session?: { readonly pid: number; readonly since: string };
  /** The epoch that was claimed last. */
  epoch?: number;
}

// After a kill -9 the server needs a moment to notice that the old sessions are gone.
const LOCK_PATIENCE_MS = 8_000;
/** Of the session that holds the lock, or waits for it. */
const PURPOSE = 'lease';

export class PostgresLease implements Lease {
  readonly lost: Promise<never>;
  readonly #options: LeaseOptions;
  #lock: Session | undefined;
  #epoch: number | undefined;
  #lose: (reason: unknown) => void = () => undefined;
  #released = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.lost = new Promise((_, reject) => {
      this.#lose = reject;
    });
    this.lost.catch(() => undefined);
  }

  get epoch(): number {
    return this.claim().epoch;
  }

  /** What a transaction must prove. Throws while the lease is not claimed. */
  claim(): LeaseClaim {
    if (this.#epoch === undefined) throw new MigrateError('INTERNAL.BUG', 'the lease is not claimed yet');
    return { run: this.#options.run, epoch: this.#epoch };
  }

  /**
   * Makes sure that no other runner lives; writes nothing unless `takeover`, which first fences the other runner by
   * raising the epoch and then ends its sessions. Rejects with LEASE.HELD, or with LEASE.LOST where another runner
   * took over from this process.
   */
  async lock(takeover: boolean): Promise<void> {
    const { target, run } = this.#options;
    const session = await target.session({ purpose: PURPOSE });
    this.#lock = session;
    session.client.once('end', () => {
      if (!this.#released)
        this.#lose(new MigrateError('TARGET.CONNECTION', 'target: the session that holds the lease broke'));
    });
    await this.#endFormer(session);
    const patience = performance.now() + LOCK_PATIENCE_MS;
    while (!(await tryLock(session, run))) {
      if (performance.now() > patience) {
        throw new MigrateError('LEASE.HELD', `another runner is working on run ${run}: ${await this.#holder()}`);
      }
      // Until it is our turn: a session that is just being opened is not ended at the first try.
      if (takeover) await this.#takeOver();
      await sleep(100);
    }
    await this.#expectNotTakenOver(session);
  }

  /**
   * A takeover looks like a lost connection here, and the new runner may itself be without one at the moment: only the
   * epoch tells that we are not to go on. One that this process has raised on one side only is no takeover.
   */
  async #expectNotTakenOver(session: Session): Promise<void> {
    const { former, holder, run } = this.#options;
    if (former?.epoch === undefined) return;
    const row = await session.one('SELECT epoch, holder FROM migrate.lease WHERE run = $1', [run]);
    if (Number(row?.epoch ?? 0) <= former.epoch || row?.holder === holder) return;
    throw new MigrateError('LEASE.LOST', `another runner took over run ${run}: ${row?.holder}`);
  }

  /** Takes the lease: ends what an earlier runner left open and raises the epoch on both databases. */
  async claimEpoch(): Promise<void> {
    if (this.#lock === undefined)
      throw new MigrateError('INTERNAL.BUG', 'the lease must be locked before it is claimed');
    this.#epoch = await this.#takeOver();
    if (this.#options.former !== undefined) this.#options.former.epoch = this.#epoch;
    await failpoint('lease.acquired');
  }

  /** Removes the run's lease from one side, and schema `migrate` when nothing is left in it. Nothing can be written after. */
  async forget(side: Side): Promise<void> {
    const server = this.#options[side];
    await server.with('forget', async (session) => {
      await session.transaction(async () => {
        await proveLease(session, this.claim());
        await session.query('DELETE FROM migrate.lease WHERE run = $1', [this.#options.run]);
        const used = await session.one(
          `SELECT EXISTS (SELECT FROM migrate.lease)
             OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace) AS it,
             pg_has_role(n.nspowner, 'USAGE') AS own,
             (SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
              WHERE c.relnamespace = n.oid AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')) AS tables
           FROM pg_namespace n WHERE n.nspname = 'migrate'`,
        );
        if (used?.it !== 'f') return;
        // A schema that was made for the run by somebody else is theirs, and so may all its tables be.
        if (used.own === 't') await session.run('DROP SCHEMA migrate CASCADE', []);
        else if (used.tables !== null) await session.run(`DROP TABLE ${used.tables} CASCADE`, []);
      });
    });
  }

  async release(): Promise<void> {
    this.#released = true;
    this.#epoch = undefined;
    await this.#lock?.close();
  }

  /**
   * The epoch can only be raised when no transaction holds the old one. A dead or frozen runner's may be open for ever, so
   * they are ended first; a runner that lives may begin another at once, so this is done until it is our turn.
   */
  async #takeOver(): Promise<number> {
    const patience = performance.now() + LOCK_PATIENCE_MS;
    for (;;) {
      await this.#endOldSessions();
      try {
        return await this.#raiseEpoch();
      } catch (error) {
        if (toMigrateError(error).code !== 'TARGET.TRANSIENT' && toMigrateError(error).code !== 'SOURCE.TRANSIENT')
          throw error;
        if (performance.now() > patience) throw error;
      }
    }
  }

  /**
   * After a network failure the server may keep our own last session, and its lock, for hours: nothing tells it that
   * this end is gone.
   */
  async #endFormer(session: Session): Promise<void> {
    const { former } = this.#options;
    if (former === undefined) return;
    if (former.session !== undefined) {
      await session.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2::timestamptz',
        [former.session.pid, former.session.since],
      );
    }
    const row = await session.one('SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()');
    former.session = { pid: session.pid, since: row?.backend_start ?? '' };
  }

  /** One epoch for both databases, above what either has. The UPDATE waits for transactions that proved the old one. */
  async #raiseEpoch(): Promise<number> {
    const { source, target, run, holder } = this.#options;
    return target.with('claim', (onTarget) =>
      source.with('claim', async (onSource) => {
        let epoch = 0;
        const identity = await readIdentity(onTarget);
        for (const session of [onTarget, onSource]) {
          await session.query("SET lock_timeout = '1s'");
          // Concurrent CREATE … IF NOT EXISTS of two runs can collide on the catalog's own keys.
          await session.query("SELECT pg_advisory_lock(hashtext('migrate schema'))");
          await session.run(LEASE_SCHEMA, []);
          await session.query("SELECT pg_advisory_unlock(hashtext('migrate schema'))");
          const row = await session.one('SELECT epoch, target FROM migrate.lease WHERE run = $1', [run]);
          if (row !== undefined && row.target !== identity) throw nameTaken(run, session);
          epoch = Math.max(epoch, Number(row?.epoch ?? 0));
        }
        epoch += 1;
        for (const session of [onTarget, onSource]) {
          const written = await session.execute(
            `INSERT INTO migrate.lease (run, epoch, holder, target) VALUES ($1, $2, $3, $4)
             ON CONFLICT (run) DO UPDATE SET epoch = excluded.epoch, holder = excluded.holder, taken_at = now()
             WHERE migrate.lease.epoch < excluded.epoch`,
            [run, epoch, holder, identity],
          );
          if (written !== 1)
            throw new MigrateError('LEASE.HELD', `another runner took over run ${run} at the same time`);
        }
        return epoch;
      }),
    );
  }

  /**
   * Ends the sessions of this run that are not ours: their runner is dead or fenced, but may still hold locks. One that
   * waits for the lease holds none: its runner is told that it is taken, which a broken connection would not tell.
   */
  async #endOldSessions(): Promise<void> {
    const { source, target, run } = this.#options;
    for (const server of [target, source]) {
      await server.with('claim', async (session) => {
        // One that is just being opened may be ours without our knowing it yet; if not, the next round ends it.
        const ended = await session.query(
          `SELECT pid, pg_terminate_backend(pid) AS ended FROM pg_stat_activity a
           WHERE starts_with(application_name, $1) AND datname = current_database()
             AND pid <> ALL ($2::int[]) AND backend_start < clock_timestamp() - interval '500 ms'
             AND (application_name <> $1 || '${PURPOSE}'
               OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted))`,
          [`migrate ${run} `, [session.pid, ...server.pids]],
        );
        const patience = performance.now() + LOCK_PATIENCE_MS;
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
  }

  async #holder(): Promise<string> {
    const row = await this.#lock
      ?.one('SELECT holder, taken_at FROM migrate.lease WHERE run = $1', [this.#options.run])
      .catch(() => undefined);
    return row === undefined ? 'it has not recorded its name yet' : `${row.holder} since ${row.taken_at}`;
  }
}

function nameTaken(run: string, { side }: Session): MigrateError {
  return new MigrateError('RUN.NAME', `the ${side} has a run named ${run} that goes to another target`);
}

async function tryLock(session: Session, run: string): Promise<boolean> {
  const row = await session.one("SELECT pg_try_advisory_lock(hashtext('migrate run'), hashtext($1)) AS it", [run]);
  return row?.it === 't';
}
