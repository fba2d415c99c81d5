// Sessions for statements that change the target's schema. Oracle commits before and after each such statement, so a transaction
// cannot prove the lease for it: it is proved just before, in the same session. A runner that takes over ends that session
// before it works itself, so that a statement of the former one is either done by then or never.

import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaseClaim } from '../lease-store.ts';
import type { OracleServer, OracleSession } from './connection.ts';
import { oraCode } from './errors.ts';
import { proveLease } from './lease-proof.ts';
import { withHolder } from './lock-holders.ts';

export interface SchemaChanges {
  readonly session: OracleSession;
  /** Proves the lease, then runs the statement. Rejects with LEASE.LOST, and TARGET.TRANSIENT while the table is in use. */
  run(statement: string): Promise<void>;
}

/** Lends a session for such statements. */
export type ChangeSchema = <T>(work: (changes: SchemaChanges) => Promise<T>) => Promise<T>;

/** DDL_LOCK_TIMEOUT has passed, or a wait for a lock on the table's rows or its definition. */
const LOCK_TIMEOUTS = new Set([54, 4021, 14411, 30006]);
const DEADLOCKS = new Set([60, 4020]);
const DEADLOCK_TRIES = 20;

/**
 * `claim` is asked before each statement. The session is one that the server lends: a new one costs a log in of a tenth of a second
 * and more, also in a freeze.
 */
export async function changeSchema<T>(
  server: OracleServer,
  claim: () => LeaseClaim,
  work: (changes: SchemaChanges) => Promise<T>,
): Promise<T> {
  return server.use((session) => {
    const run = async (statement: string): Promise<void> => {
      await session.transaction(() => proveLease(session, claim()));
      await altering(session, statement, { lockAttempts: 1 });
    };
    return work({ session, run });
  });
}

/**
 * Tries again when it waited in a circle with another such statement, as two tables with foreign keys between them make it,
 * and `lockAttempts` times in all when it waited for somebody who uses the table for longer than DDL_LOCK_TIMEOUT. Whoever that is
 * the error names, where the account may see it.
 */
export async function altering(
  session: OracleSession,
  statement: string,
  { lockAttempts }: { readonly lockAttempts: number },
): Promise<void> {
  for (let waited = 0, deadlocks = 0; ; ) {
    try {
      // As long as an index takes to build.
      await session.within(0, () => session.execute(statement));
      return;
    } catch (error) {
      const code = oraCode(error) ?? 0;
      if (LOCK_TIMEOUTS.has(code)) waited += 1;
      else if (DEADLOCKS.has(code)) deadlocks += 1;
      else throw error;
      if (waited >= lockAttempts) throw await withHolder(session, statement, error);
      if (deadlocks >= DEADLOCK_TRIES) throw error;
    }
    // Those that queue behind us get their turn.
    await sleep(Math.random() * 50);
  }
}
