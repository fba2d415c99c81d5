// What the server tells about its sessions and transactions.

import { setTimeout as sleep } from 'node:timers/promises';
import type { MysqlSession, TextRow } from './connection.ts';
import { serverErrno } from './errors.ts';

// No right to a database, a table or a column, to PROCESS.
const DENIED = new Set([1044, 1142, 1143, 1227]);
const UNTELLABLE = 3854;
const ATTEMPTS = 20;
const PAUSE_MS = 20;

/**
 * The rows of a query of `information_schema.INNODB_TRX` or `PROCESSLIST`, or of the performance_schema. Undefined where the user
 * may not look, or where the server cannot tell: MySQL reads neither of the first two while any session is within a statement
 * that has a character of four bytes, whatever is asked of them.
 */
export async function readActivity(session: MysqlSession, sql: string): Promise<readonly TextRow[] | undefined> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      return await session.query(sql);
    } catch (error) {
      const errno = serverErrno(error) ?? 0;
      if (DENIED.has(errno)) return undefined;
      if (errno !== UNTELLABLE) throw error;
    }
    await sleep(PAUSE_MS);
  }
  return undefined;
}
