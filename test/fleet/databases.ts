// A database of its own for each test, on the two servers that all tests share.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Ports of the shared servers. */
    fleet: { source: number; target: number };
  }
}

export interface Pair {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** Ends every session on both databases, drops their slots and the databases. */
  close(): Promise<void>;
}

/** Two empty databases, one on each shared server, with the same name. */
export async function openPair(): Promise<Pair> {
  const { source, target } = inject('fleet');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await Promise.all([source, target].map((port) => create(port, name)));
  return {
    sourceUrl: urlOf(source, name),
    targetUrl: urlOf(target, name),
    close: async () => {
      await Promise.all([source, target].map((port) => drop(port, name)));
    },
  };
}

function urlOf(port: number, database: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${database}`;
}

async function create(port: number, name: string): Promise<void> {
  await withClient(urlOf(port, 'postgres'), (client) => client.query(`CREATE DATABASE ${name} TEMPLATE template0`));
}

async function drop(port: number, name: string): Promise<void> {
  await withClient(urlOf(port, 'postgres'), async (client) => {
    const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rows.length === 0) return;
    await client.query('SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1', [name]);
    await withClient(urlOf(port, name), rollbackPrepared);
    await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1', [
      name,
    ]);
    await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
  });
}

/** A prepared transaction outlives its session, and no database with one can be dropped. */
async function rollbackPrepared(client: pg.Client): Promise<void> {
  const found = await client.query('SELECT gid FROM pg_prepared_xacts WHERE database = current_database()');
  for (const { gid } of found.rows as { gid: string }[]) {
    await client.query(`ROLLBACK PREPARED ${client.escapeLiteral(gid)}`);
  }
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
