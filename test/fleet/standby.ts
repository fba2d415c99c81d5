// A standby of a test server: a physical copy that follows it, and takes over when it is told to.

import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from './databases.ts';
import { startServer, type TestServer } from './postgres.ts';

export interface Standby {
  readonly server: TestServer;
  /** Resolves when it has replayed everything that the other server has logged. */
  caughtUp(): Promise<void>;
  /** Resolves when its copies of the other server's failover slots (PostgreSQL 17 and later) would outlast a promotion. */
  slotsInStep(): Promise<void>;
  /** Resolves when it takes writes. */
  promote(): Promise<void>;
}

export interface StandbyOptions {
  /** Needs PostgreSQL 17. */
  readonly keepSlots: boolean;
  /** As given to the other server. */
  readonly root?: string | undefined;
}

/** Stops `primary` for the copy and starts it again. */
export async function startStandby(primary: TestServer, options: StandbyOptions): Promise<Standby> {
  await withClient(primary.url(), (client) =>
    client.query(`SELECT pg_create_physical_replication_slot('standby', true)`),
  );
  await primary.stop('fast');
  const copying = startServer({
    standbyOf: primary.dataDirectory,
    root: options.root,
    settings: {
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres dbname=postgres`,
      primary_slot_name: 'standby',
      hot_standby_feedback: 'on',
      ...(options.keepSlots ? { sync_replication_slots: 'on' } : {}),
      wal_receiver_status_interval: '1s',
      wal_retrieve_retry_interval: '100ms',
    },
  });
  await copying.catch(() => undefined);
  await primary.start();
  const server = await copying;
  const ask = async (from: TestServer, sql: string): Promise<unknown> =>
    withClient(from.url(), async (client) => (await client.query({ text: sql, rowMode: 'array' })).rows[0]?.[0]);
  const until = async (from: TestServer, sql: string): Promise<void> => {
    while ((await ask(from, sql)) !== true) await sleep(50);
  };
  return {
    server,
    caughtUp: async () => {
      const end = await ask(primary, 'SELECT pg_current_wal_flush_lsn()::text');
      await until(server, `SELECT pg_last_wal_replay_lsn() >= '${end}'`);
    },
    slotsInStep: async () => {
      const kept = 'SELECT bool_and(synced AND NOT temporary) FROM pg_replication_slots WHERE failover';
      while ((await ask(server, kept)) !== true) {
        // The copies are kept once the slots have passed a record of what was running on the other server.
        await ask(primary, 'SELECT pg_log_standby_snapshot()::text');
        await sleep(200);
      }
    },
    promote: async () => {
      await ask(server, 'SELECT pg_promote(true, 60)');
      await until(server, 'SELECT NOT pg_is_in_recovery()');
    },
  };
}
