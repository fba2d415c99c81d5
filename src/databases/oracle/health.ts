// How an Oracle server is: what its views tell to whoever was granted them, and what this process sees of it without any right.

import type { ServerHealth } from '../health.ts';
import { Kept } from '../kept.ts';
import type { OracleServer, OracleSession } from './connection.ts';
import { VITALS } from './health-vitals.ts';

/** These only read, and begin no transaction: one round trip each, of many every few seconds. */
const OWN: ReadonlySet<string | undefined> = new Set(VITALS.flatMap(({ sql, behind }) => [sql, behind]));
// The session goes with a statement that is not answered by then: the server itself stands still.
const CUT_MS = 8_000;

/** A vital sign whose view this account may not read is refused; `commitTime` is measured here, and never is. */
export function oracleHealth(server: OracleServer): ServerHealth {
  const asker = (): ServerHealth['ask'] => {
    const kept = new Kept(() => server.session());
    return (sql) =>
      kept.use((session) =>
        session.within(CUT_MS, () => (OWN.has(sql) ? first(session, sql) : readOnly(session, sql))),
      );
  };
  return {
    vitals: VITALS,
    measured: [{ name: 'commitTime', read: () => Math.round(server.commits.take()) }],
    replicas: [],
    ask: asker(),
    askOwn: asker(),
  };
}

/** A plan's own statement runs in a transaction that can only read. */
async function readOnly(session: OracleSession, sql: string): Promise<string | null> {
  try {
    await session.execute('SET TRANSACTION READ ONLY');
    return await first(session, sql);
  } finally {
    if (!session.broken) await session.rollback().catch(() => session.destroy());
  }
}

async function first(session: OracleSession, sql: string): Promise<string | null> {
  const value = (await session.query(sql))[0]?.[0] ?? null;
  return value === null ? null : String(value);
}
