// The vital signs of an Oracle server, as its V$ views tell them to whoever was granted them. Nothing here is from the views that
// need a licence of the Diagnostics Pack.

import type { ServerHealth, Vital } from '../health.ts';
import { Kept } from '../kept.ts';
import type { OracleServer, OracleSession } from './connection.ts';

const VITALS: readonly Vital[] = [
  { name: 'answer', sql: 'SELECT 1 FROM DUAL' },
  {
    // A server has as many sessions as processes to serve them; UNLIMITED is not a number.
    name: 'connections',
    sql: `SELECT MAX(ROUND(100 * CURRENT_UTILIZATION / TO_NUMBER(TRIM(LIMIT_VALUE)), 1)) FROM V$RESOURCE_LIMIT
      WHERE RESOURCE_NAME IN ('processes', 'sessions') AND TRIM(LIMIT_VALUE) NOT IN ('UNLIMITED', '0')`,
  },
  {
    // The question itself runs, too.
    name: 'runningStatements',
    sql: `SELECT COUNT(*) - 1 FROM V$SESSION WHERE STATUS = 'ACTIVE' AND TYPE = 'USER'`,
  },
  { name: 'lockWaits', sql: 'SELECT COUNT(*) FROM V$SESSION WHERE BLOCKING_SESSION IS NOT NULL' },
  {
    // What a recovery would have to read: when that is all of it, everybody waits for the next checkpoint.
    name: 'logPressure',
    sql: `SELECT ROUND(100 * SUM(CASE WHEN STATUS IN ('CURRENT', 'ACTIVE') THEN BYTES ELSE 0 END) / SUM(BYTES), 1)
      FROM V$LOG`,
  },
];

// The session goes with a statement that is not answered by then: the server itself stands still.
const CUT_MS = 8_000;

/** Needs SELECT on V_$RESOURCE_LIMIT, V_$SESSION and V_$LOG; without one of them its vital sign is refused. */
export function oracleHealth(server: OracleServer): ServerHealth {
  const kept = new Kept(() => server.session());
  return {
    vitals: VITALS,
    ask: (sql) => kept.use((session) => ask(session, sql)),
  };
}

/** In a transaction that can only read. */
async function ask(session: OracleSession, sql: string): Promise<string | null> {
  const timer = setTimeout(() => session.destroy(), CUT_MS);
  try {
    await session.execute('SET TRANSACTION READ ONLY');
    const value = (await session.query(sql))[0]?.[0] ?? null;
    return value === null ? null : String(value);
  } finally {
    clearTimeout(timer);
    if (!session.broken) await session.rollback().catch(() => session.destroy());
  }
}
