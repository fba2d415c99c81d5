// The servers of a storm between engines: any kind, restarted alike, with databases that are made anew for every seed.

import { withClient } from '../../fleet/databases.ts';
import { startMariadb } from '../../fleet/mariadb.ts';
import { startMysql } from '../../fleet/mysql.ts';
import { startServer } from '../../fleet/postgres.ts';
import { execute, openClient, type TextClient } from '../../fleet/text-client.ts';
import type { Hold } from '../faults.ts';
import { nameIn, type Pair } from './schema.ts';

export interface EngineServer {
  readonly kind: Pair['from'];
  readonly port: number;
  restart(mode: 'fast' | 'immediate'): Promise<void>;
  /** The url of an empty database; what a storm left is removed. */
  fresh(seed: number): Promise<string>;
  close(): Promise<void>;
}

export async function startEngine(kind: Pair['from']): Promise<EngineServer> {
  return kind === 'postgres' ? startPostgres() : startMysqlOr(kind);
}

async function startPostgres(): Promise<EngineServer> {
  const server = await startServer();
  return {
    kind: 'postgres',
    port: server.port,
    restart: async (mode) => {
      await server.stop(mode);
      await server.start();
    },
    fresh: async (seed) => {
      await withClient(server.url(), async (client) => {
        const { rows } = await client.query("SELECT datname AS name FROM pg_database WHERE datname LIKE 'storm%'");
        for (const { name } of rows as { name: string }[]) {
          await client.query('SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1', [
            name,
          ]);
          await client.query(
            'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1',
            [name],
          );
          await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
        }
        await client.query(`CREATE DATABASE storm_${seed} TEMPLATE template0`);
      });
      return server.url(`storm_${seed}`);
    },
    close: () => server.close(),
  };
}

async function startMysqlOr(kind: 'mysql' | 'mariadb'): Promise<EngineServer> {
  const server = kind === 'mysql' ? await startMysql(['--local-infile=ON']) : await startMariadb();
  const url = `mysql://root@127.0.0.1:${server.port}`;
  return {
    kind,
    port: server.port,
    restart: (mode) => (mode === 'fast' ? server.restart() : server.crash()),
    fresh: async () => {
      const databases = ['storm', 'depot', 'migrate'];
      await execute(
        url,
        databases.map((name) => `DROP DATABASE IF EXISTS ${name}`),
      );
      return url;
    },
    close: () => server.close(),
  };
}

/** Ends the sessions of everybody, the storm's own clients included where nothing tells them apart. */
async function endSessions(url: string): Promise<void> {
  const client = await openClient(url);
  try {
    if (client.kind === 'postgres') {
      await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'migrate%'`);
      return;
    }
    // information_schema does not tell while somebody writes a character of four bytes.
    const { rows } = await client.query('SHOW PROCESSLIST');
    const [[own] = []] = (await client.query('SELECT CONNECTION_ID()')).rows;
    const others = rows.filter(([id, , , , command]) => id !== own && command !== 'Daemon');
    for (const [id] of others) await client.query(`KILL ${id}`).catch(() => undefined);
  } finally {
    await client.close();
  }
}

/** Takes something away from everybody until the answer is called. What cannot be had now is not taken. */
export async function hold(
  url: string,
  what: Hold,
  tables: readonly (readonly [sql: string, key: string])[],
): Promise<() => Promise<void>> {
  if (what === 'sessions') {
    await endSessions(url);
    return async () => undefined;
  }
  const client = await openClient(url);
  const take = (statement: string): Promise<unknown> => client.query(statement).catch(() => undefined);
  await take(
    client.kind === 'mysql' ? 'SET innodb_lock_wait_timeout = 1, lock_wait_timeout = 1' : "SET lock_timeout = '1s'",
  );
  if (what !== 'table' || client.kind === 'postgres') await take('BEGIN');
  for (const [table, key] of tables) await take(holding(client, what, table, key));
  return async () => {
    await take('ROLLBACK');
    await client.close();
  };
}

function holding(client: TextClient, what: Hold, table: string, key: string): string {
  if (what === 'reading') return `SELECT count(*) FROM ${table}`;
  if (what === 'rows') return `SELECT 1 FROM ${table} ORDER BY ${nameIn(client.kind, key)} DESC LIMIT 20 FOR UPDATE`;
  return client.kind === 'mysql' ? `LOCK TABLES ${table} WRITE` : `LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`;
}
