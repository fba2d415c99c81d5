// Sessions for statements that change the target's schema. MySQL commits each such statement by itself, so a transaction cannot
// prove the lease for it: it is proved just before, in the same session. A runner that takes over ends that session before
// it works itself, so that a statement of the former one is either done by then or never.

import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaseClaim } from '../lease-store.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { serverErrno } from './errors.ts';
import { proveLease } from './lease-proof.ts';
import { quoteLiteral } from './sql.ts';

export interface SchemaChanges {
  readonly session: MysqlSession;
  /** Proves the lease, then runs the statement. Rejects with LEASE.LOST, and TARGET.TRANSIENT while the table is in use. */
  run(statement: string): Promise<void>;
}

/**
 * Rows and defaults are the source's: zero dates and an AUTO_INCREMENT of 0 stay what they are. Foreign keys are not
 * checked, which lets them be added without a look at the rows, in any order and in circles.
 */
const SETTINGS = `SET SESSION foreign_key_checks = 0, lock_wait_timeout = 10,
  sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'`;

/** Where the server has them. */
const WISHES: ReadonlyMap<string, string> = new Map([
  // A foreign key may point at any index, as it may on the source.
  ['restrict_fk_on_non_standard_key', 'OFF'],
  // The server would add a column to a table without a key. Needs a right; preflight says so where it is missing.
  ['sql_generate_invisible_primary_key', 'OFF'],
  // Sorting in memory; the default is 1 MB.
  ['innodb_ddl_buffer_size', String(64 << 20)],
]);

const NO_RIGHT = 1227;
const DEADLOCK = 1213;
const LOCK_TIMEOUT = 1205;
const DEADLOCKS = 20;

/** `claim` is asked before each statement. The session is closed at the end. */
export async function changeSchema<T>(
  server: MysqlServer,
  claim: () => LeaseClaim,
  work: (changes: SchemaChanges) => Promise<T>,
): Promise<T> {
  const session = await server.session();
  try {
    await session.query(SETTINGS);
    await wish(session);
    const run = async (statement: string): Promise<void> => {
      await session.transaction(() => proveLease(session, claim()));
      await altering(session, statement, { lockAttempts: 1 });
    };
    return await work({ session, run });
  } finally {
    session.close();
  }
}

/**
 * Tries again when it waited in a circle with another such statement, as two tables with foreign keys between them make it,
 * and `lockAttempts` times in all when it waited for somebody who uses the table for longer than `lock_wait_timeout`.
 */
export async function altering(
  session: MysqlSession,
  statement: string,
  { lockAttempts }: { readonly lockAttempts: number },
): Promise<void> {
  for (let waited = 0, deadlocks = 0; ; ) {
    try {
      await session.query(statement);
      return;
    } catch (error) {
      const errno = serverErrno(error);
      if (errno === LOCK_TIMEOUT) waited += 1;
      else if (errno === DEADLOCK) deadlocks += 1;
      else throw error;
      if (waited >= lockAttempts || deadlocks >= DEADLOCKS) throw error;
    }
    // Those that queue behind us get their turn.
    await sleep(Math.random() * 50);
  }
}

async function wish(session: MysqlSession): Promise<void> {
  const names = [...WISHES.keys()].map(quoteLiteral).join(', ');
  for (const [name, value] of await session.query(`SHOW VARIABLES WHERE Variable_name IN (${names})`)) {
    const wished = WISHES.get(name ?? '');
    if (wished === undefined || value === wished) continue;
    try {
      await session.query(`SET SESSION ${name} = ${wished}`);
    } catch (error) {
      if (serverErrno(error) !== NO_RIGHT) throw error;
    }
  }
}
