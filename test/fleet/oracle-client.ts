// Oracle for tests that cross from one kind of server to another. Its driver, without ours.

import type { TextClient } from './text-client.ts';

const SETTINGS = `ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,' NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'
  NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6' TIME_ZONE = '+00:00'`;
/** As the others say it: closed to writes, no such table, two in each other's way. */
const STATES: Readonly<Record<string, string>> = {
  'ORA-20901': '25006',
  'ORA-00942': '42P01',
  'ORA-00060': '40001',
  'ORA-00001': '23505',
};

export async function openOracleClient(url: string): Promise<TextClient> {
  const { default: driver } = await import('oracledb');
  const { host, pathname, username: user, password } = new URL(url);
  const opened = driver.getConnection({ user, password, connectString: `${host}${pathname}`, connectTimeout: 5 });
  const connection = await opened.catch(withState);
  await connection.execute(SETTINGS, []);
  return {
    kind: 'postgres',
    quote: (text) => `'${text.replaceAll("'", "''")}'`,
    bytes: (hex) => `HEXTORAW('${hex}')`,
    query: async (sql) => {
      // A transaction begins by itself.
      if (sql === 'BEGIN') return { rows: [], affected: 0 };
      if (sql === 'COMMIT') await connection.commit().catch(withState);
      else if (sql === 'ROLLBACK') await connection.rollback().catch(withState);
      else {
        const { rows = [], rowsAffected = rows.length } = await connection.execute(sql, []).catch(withState);
        const texts = rows.map((row) => row.map((value) => (value === null ? null : String(value))));
        return { rows: texts, affected: rowsAffected };
      }
      return { rows: [], affected: 0 };
    },
    close: () => connection.close().catch(() => undefined),
  };
}

function withState(error: unknown): never {
  const code = /^ORA-\d{5}/.exec(error instanceof Error ? error.message : '')?.[0];
  throw Object.assign(new Error('refused', { cause: error }), {
    sqlState: (code && STATES[code]) ?? (code ? 'HY000' : '08000'),
  });
}
