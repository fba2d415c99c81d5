// The lease of a run, on both of its databases. A lock on the target tells whether a runner lives; what fences is the epoch
// row, which every writing transaction proves. The lock is taken before anything is written.

import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaseClaim, LeaseLock, LeaseStore, SessionName } from '../databases/lease-store.ts';
import type { Lease } from '../journal/lease.ts';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Side } from '../model/side.ts';

export interface LeaseOptions {
  readonly source: LeaseStore;
  readonly target: LeaseStore;
  readonly run: string;
  /** Who holds it, for people: host and process id. */
  readonly holder: string;
  /** Outlives this lease: the same for every one that the process opens for the run. */
  readonly former?: FormerLock;
}

/** What the process had before its connections were lost. */
export interface FormerLock {
  /** The session that held the lock last. */
  session?: SessionName;
  /** The epoch that was claimed last. */
  epoch?: number;
}

// After a kill -9 the server needs a moment to notice that the old sessions are gone.
const LOCK_PATIENCE_MS = 8_000;

export class RunLease implements Lease {
  readonly lost: Promise<never>;
  readonly #options: LeaseOptions;
  #lock: LeaseLock | undefined;
  #epoch: number | undefined;
  #lose: (reason: unknown) => void = () => undefined;

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
    const { target, run, former } = this.#options;
    // After a network failure the server may keep our own last session, and its lock, for hours.
    const lock = await target.lock(run, former?.session);
    this.#lock = lock;
    if (former !== undefined) former.session = lock.session;
    lock.lost.catch(() =>
      this.#lose(new MigrateError('TARGET.CONNECTION', 'target: the session that holds the lease broke')),
    );
    const patience = performance.now() + LOCK_PATIENCE_MS;
    while (!(await lock.take())) {
      if (performance.now() > patience) {
        throw new MigrateError('LEASE.HELD', `another runner is working on run ${run}: ${await this.#holder()}`);
      }
      // Until it is our turn: a session that is just being opened is not ended at the first try.
      if (takeover) await this.#takeOver();
      await sleep(100);
    }
    await this.#expectNotTakenOver();
  }

  /**
   * A takeover looks like a lost connection here, and the new runner may itself be without one at the moment: only the
   * epoch tells that we are not to go on. One that this process has raised on one side only is no takeover.
   */
  async #expectNotTakenOver(): Promise<void> {
    const { former, holder, run, target } = this.#options;
    if (former?.epoch === undefined) return;
    const row = await target.read(run);
    if (row === undefined || row.epoch <= former.epoch || row.holder === holder) return;
    throw new MigrateError('LEASE.LOST', `another runner took over run ${run}: ${row.holder}`);
  }

  /**
   * Takes the lease: ends what an earlier runner left open and raises the epoch on both databases. Claimed once more, it takes back
   * what was given to workers.
   */
  async claimEpoch(): Promise<void> {
    if (this.#lock === undefined)
      throw new MigrateError('INTERNAL.BUG', 'the lease must be locked before it is claimed');
    if (this.#epoch !== undefined) await this.#expectOwn(this.#epoch);
    this.#epoch = await this.#takeOver();
    if (this.#options.former !== undefined) this.#options.former.epoch = this.#epoch;
    await failpoint('lease.acquired');
  }

  async #expectOwn(epoch: number): Promise<void> {
    const { run, target } = this.#options;
    const row = await target.read(run);
    if (row?.epoch === epoch) return;
    throw new MigrateError('LEASE.LOST', `another runner took over run ${run}: ${row?.holder ?? 'it was forgotten'}`);
  }

  /** Removes the run's lease from one side, and what else is ours there when no run is left. Nothing can be written after. */
  forget(side: Side): Promise<void> {
    return this.#options[side].forget(this.claim());
  }

  async release(): Promise<void> {
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
      await this.#endOthers();
      try {
        const epoch = await this.#raiseEpoch();
        // One that proved the old epoch a moment ago may be about to do what commits by itself.
        await this.#endOthers();
        return epoch;
      } catch (error) {
        if (toMigrateError(error).code !== 'TARGET.TRANSIENT' && toMigrateError(error).code !== 'SOURCE.TRANSIENT')
          throw error;
        if (performance.now() > patience) throw error;
      }
    }
  }

  async #endOthers(): Promise<void> {
    const { source, target, run } = this.#options;
    for (const store of [target, source]) await store.endOthers(run);
  }

  /** One epoch for both databases, above what either has. */
  async #raiseEpoch(): Promise<number> {
    const { source, target, run, holder } = this.#options;
    const identity = await target.identity();
    let epoch = 0;
    for (const store of [target, source]) {
      const row = await store.prepare(run);
      if (row !== undefined && row.target !== identity) throw nameTaken(run, store);
      epoch = Math.max(epoch, row?.epoch ?? 0);
    }
    epoch += 1;
    for (const store of [target, source]) {
      if (await store.raise(run, { epoch, holder, target: identity })) continue;
      throw new MigrateError('LEASE.HELD', `another runner took over run ${run} at the same time`);
    }
    return epoch;
  }

  async #holder(): Promise<string> {
    const row = await this.#options.target.read(this.#options.run).catch(() => undefined);
    return row === undefined ? 'it has not recorded its name yet' : `${row.holder} since ${row.takenAt}`;
  }
}

function nameTaken(run: string, { side, table }: LeaseStore): MigrateError {
  return new MigrateError('RUN.NAME', `the ${side} has a run named ${run} that goes to another target`, {
    fix: `Give the plan another name, or abort the other run first. After a finished run: DELETE FROM ${table} WHERE run = '${run}'; COMMIT; -- on the ${side}, as the account of ${side}.url`,
  });
}
