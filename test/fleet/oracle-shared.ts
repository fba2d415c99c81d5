// The Oracle that a test file works on: a stand-in of its own on the PostgreSQL that all share, or the server that
// ORACLE_TEST_URL names, whose account must be allowed to make and drop users.

import { inject } from 'vitest';
import { type OracleOptions, type OracleServer, startOracle, withOracle } from './oracle.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The port of the PostgreSQL that all stand-ins share; undefined with a real server. */
    oracle: { ground: number | undefined };
    /** The file to which the tests of the project `oracle` add what they send. */
    oracleStatements: string;
  }
}

/** `oracle://user:password@host:port/service`; tests that need the stand-in are skipped then. */
export const REAL_ORACLE = process.env.ORACLE_TEST_URL || undefined;

/** Only in tests of the project `oracle`. */
export async function openOracle(options: OracleOptions = {}): Promise<OracleServer> {
  const { ground } = inject('oracle');
  if (ground !== undefined) return startOracle({ port: ground }, options);
  return openReal(REAL_ORACLE ?? '', options.schemas ?? ['SHOP']);
}

/** Users that were there are made anew, and the journal of an earlier test is dropped. */
async function openReal(url: string, schemas: readonly string[]): Promise<OracleServer> {
  await withOracle(url, async (session) => {
    for (const schema of schemas) {
      await session.execute(`DROP USER "${schema}" CASCADE`, []).catch(() => undefined);
      await session.execute(
        `CREATE USER "${schema}" IDENTIFIED BY "${schema.toLowerCase()}" QUOTA UNLIMITED ON "USERS"`,
        [],
      );
    }
    const own = `SELECT "TABLE_NAME" FROM USER_TABLES WHERE "TABLE_NAME" LIKE 'MIGRATE$%'`;
    for (const [table] of (await session.execute(own, [])).rows ?? []) {
      await session.execute(`DROP TABLE "${table}" CASCADE CONSTRAINTS PURGE`, []);
    }
  });
  const onlyStandIn = () => Promise.reject(new Error('only the stand-in can do that: skip the test on a real server'));
  return {
    url,
    port: Number(new URL(url).port || 1521),
    pid: undefined,
    logFile: '',
    below: '',
    fault: onlyStandIn,
    crash: onlyStandIn,
    restart: onlyStandIn,
    close: async () => undefined,
  };
}
