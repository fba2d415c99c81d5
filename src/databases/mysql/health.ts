// The vital signs of a MySQL or MariaDB server. What its replicas are behind no server of this kind knows: they are asked themselves.

import type { RowDataPacket } from 'mysql2';
import type { Side } from '../../model/side.ts';
import type { Replica, ServerHealth, Vital } from '../health.ts';
import { Kept } from '../kept.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { translateError } from './errors.ts';

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
    // Of all databases, undo and temporary tables included; neither redo nor binary log.
    { name: 'dataSize', sql: 'SELECT SUM(ALLOCATED_SIZE) FROM information_schema.INNODB_TABLESPACES' },
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

export function mysqlHealth(
  server: MysqlServer,
  kind: MysqlKind,
  replicas: readonly { readonly name: string; readonly server: MysqlServer }[] = [],
): ServerHealth {
  const asker = (): ServerHealth['ask'] => {
    const kept = new Kept(() => open(server, kind));
    return (sql) => kept.use((session) => within(session, async () => (await session.query(sql))[0]?.[0] ?? null));
  };
  return {
    vitals: VITALS[kind],
    replicas: replicas.map((replica) => replicaOf(replica.name, replica.server, kind)),
    ask: asker(),
    askOwn: asker(),
  };
}

/** Of every source that it has. */
const STATUS: Readonly<Record<MysqlKind, { readonly sql: string; readonly column: string }>> = {
  mysql: { sql: 'SHOW REPLICA STATUS', column: 'Seconds_Behind_Source' },
  mariadb: { sql: 'SHOW ALL REPLICAS STATUS', column: 'Seconds_Behind_Master' },
};

function replicaOf(name: string, server: MysqlServer, kind: MysqlKind): Replica {
  const { sql, column } = STATUS[kind];
  const kept = new Kept(() => open(server, kind));
  return {
    name,
    lag: async () => {
      const rows = await kept.use((session) => within(session, () => rowsByName(session, server.side, sql)));
      const behind = rows.map((row) => row[column] as string | number | null);
      if (behind.length === 0) return 'it is no replica';
      if (behind.includes(null)) return 'its replication does not run';
      return Math.max(...behind.map(Number)) * 1_000;
    },
  };
}

/** The columns of a SHOW differ from version to version. */
function rowsByName({ connection }: MysqlSession, side: Side, sql: string): Promise<readonly RowDataPacket[]> {
  return new Promise((resolve, reject) => {
    connection.query<RowDataPacket[]>({ sql, rowsAsArray: false }, (error, rows) => {
      if (error === null) resolve(rows);
      else reject(translateError(side, error));
    });
  });
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

async function within<T>(session: MysqlSession, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => session.close(), CUT_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
