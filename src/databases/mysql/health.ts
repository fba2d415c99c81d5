// The vital signs of a MySQL or MariaDB server. What its replicas are behind no server of this kind knows.

import type { ServerHealth, Vital } from '../health.ts';
import { Kept } from '../kept.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';

export type MysqlKind = 'mysql' | 'mariadb';

/** Status variables are what any account may read. */
function status(table: string, name: string): string {
  return `(SELECT VARIABLE_VALUE FROM ${table} WHERE VARIABLE_NAME = '${name}')`;
}

const ofMysql = (name: string): string => status('performance_schema.global_status', name);
const ofMariadb = (name: string): string => status('information_schema.GLOBAL_STATUS', name);

function shared(read: (name: string) => string): readonly Vital[] {
  return [
    { name: 'answer', sql: 'SELECT 1' },
    { name: 'connections', sql: `SELECT ROUND(100 * ${read('Threads_connected')} / @@GLOBAL.max_connections, 1)` },
    // The question itself runs, too.
    { name: 'runningStatements', sql: `SELECT ROUND(${read('Threads_running')} - 1)` },
    { name: 'lockWaits', sql: `SELECT ${read('Innodb_row_lock_current_waits')}` },
  ];
}

const VITALS: Readonly<Record<MysqlKind, readonly Vital[]>> = {
  mysql: [
    ...shared(ofMysql),
    {
      name: 'logPressure',
      sql: `SELECT ROUND(100 * (${ofMysql('Innodb_redo_log_current_lsn')} - ${ofMysql('Innodb_redo_log_checkpoint_lsn')})
        / @@GLOBAL.innodb_redo_log_capacity, 1)`,
    },
    {
      name: 'historyLength',
      sql: `SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'`,
    },
  ],
  mariadb: [
    ...shared(ofMariadb),
    {
      name: 'logPressure',
      sql: `SELECT ROUND(100 * ${ofMariadb('Innodb_checkpoint_age')} / ${ofMariadb('Innodb_checkpoint_max_age')}, 1)`,
    },
    { name: 'historyLength', sql: `SELECT ${ofMariadb('Innodb_history_list_length')}` },
  ],
};

const STATEMENT_MS = 5_000;
// The session goes with a statement that is not ended by then: the server itself stands still.
const CUT_MS = 8_000;

const SETTINGS: Readonly<Record<MysqlKind, string>> = {
  mysql: `SET SESSION max_execution_time = ${STATEMENT_MS}`,
  mariadb: `SET SESSION max_statement_time = ${STATEMENT_MS / 1_000}`,
};

export function mysqlHealth(server: MysqlServer, kind: MysqlKind): ServerHealth {
  const kept = new Kept(() => open(server, kind));
  return {
    vitals: VITALS[kind],
    ask: (sql) => kept.use((session) => within(session, sql)),
  };
}

async function open(server: MysqlServer, kind: MysqlKind): Promise<MysqlSession> {
  const session = await server.session();
  try {
    await session.query(SETTINGS[kind]);
    await session.query('SET SESSION TRANSACTION READ ONLY');
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

async function within(session: MysqlSession, sql: string): Promise<string | null> {
  const timer = setTimeout(() => session.close(), CUT_MS);
  try {
    return (await session.query(sql))[0]?.[0] ?? null;
  } finally {
    clearTimeout(timer);
  }
}
