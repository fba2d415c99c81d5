// Statements that need a strong lock on a table that others use: many short attempts, so that nobody queues behind us for
// long.

import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrateError } from '../../lib/errors.ts';
import type { Writer } from '../fence.ts';
import { sqlState } from './errors.ts';

export interface ShortLock {
  /** Runs the statement in a transaction of its own, with this `lock_timeout`. */
  readonly attempt: (lockTimeout: string) => Promise<void>;
  /** Who holds the table against us. */
  readonly holders: () => Promise<readonly Writer[]>;
  /** Told of them after each attempt that failed. */
  readonly onHeld?: (holders: readonly Writer[]) => void;
  /** What to throw after `timeoutMs`. */
  readonly blocked: (holders: readonly Writer[]) => MigrateError;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const SHORT = '200ms';
// Autovacuum gives way only to who has waited for the server's deadlock_timeout, 1 s by default; it is no holder here.
const PAST_AUTOVACUUM = '1500ms';
// Lock not available, deadlock.
const TRIES_AGAIN = new Set(['55P03', '40P01']);

export async function withShortLock(options: ShortLock): Promise<void> {
  const { attempt, signal } = options;
  const end = performance.now() + options.timeoutMs;
  for (let lockTimeout = SHORT; ; ) {
    signal?.throwIfAborted();
    try {
      return await attempt(lockTimeout);
    } catch (error) {
      if (!TRIES_AGAIN.has(sqlState(error) ?? '')) throw error;
    }
    const holders = await options.holders();
    if (performance.now() > end) throw options.blocked(holders);
    options.onHeld?.(holders);
    lockTimeout = holders.length === 0 ? PAST_AUTOVACUUM : SHORT;
    await sleep(50 + Math.random() * 150, undefined, signal === undefined ? {} : { signal });
  }
}
