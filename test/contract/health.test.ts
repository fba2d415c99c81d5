// What a PostgreSQL server tells of its health, and to whom.

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ServerHealth } from '../../src/databases/health.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { postgresHealth } from '../../src/databases/postgres/health.ts';
import type { VitalName } from '../../src/model/vital.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';
import { startServer } from '../fleet/postgres.ts';
import { startStandby } from '../fleet/standby.ts';
import { execute, waitsForLock } from '../scenario/scene.ts';

let pair: Pair;
let server: PostgresServer;
let health: ServerHealth;

beforeEach(async () => {
  pair = await openPair();
  server = new PostgresServer('source', pair.sourceUrl, 'health');
  health = postgresHealth(server);
});
afterEach(async () => {
  await server.close();
  await pair.close();
});

async function read(name: VitalName, from = health): Promise<number | null> {
  const vital = from.vitals.find((each) => each.name === name);
  const text = await from.ask(vital?.sql ?? '');
  return text === null ? null : Number(text);
}

test('every reading is a number, and that of a server at rest within any limit', async () => {
  for (const { name } of health.vitals) {
    const value = await read(name);
    expect(value, name).toBeGreaterThanOrEqual(0);
  }
  expect(await read('answer')).toBe(1);
  expect(await read('connections')).toBeLessThan(95);
  expect(await read('replicaLag')).toBe(0);
});

test('who waits for a lock, and what runs, is counted', async () => {
  await execute(pair.sourceUrl, ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)']);
  await withClient(pair.sourceUrl, async (holder) => {
    await holder.query('BEGIN; LOCK TABLE t');
    await withClient(pair.sourceUrl, async (waiter) => {
      await waiter.query(`SET application_name = 'the waiter'`);
      const before = (await read('lockWaits')) ?? 0;
      const waiting = waiter.query('SELECT * FROM t');
      await waitsForLock(pair.sourceUrl, 'the waiter');
      expect(await read('lockWaits')).toBeGreaterThan(before - 1);
      expect(await read('lockWaits')).toBeGreaterThanOrEqual(1);
      expect(await read('runningStatements')).toBeGreaterThanOrEqual(1);
      await holder.query('ROLLBACK');
      await waiting;
    });
  });
});

test('what a table takes on the disk is part of what all data takes', async () => {
  const before = (await read('dataSize')) ?? Number.NaN;
  await execute(pair.sourceUrl, [
    'CREATE TABLE big AS SELECT n, n || repeat($$x$$, 500) FROM generate_series(1, 20000) n',
  ]);
  expect((await read('dataSize')) ?? Number.NaN).toBeGreaterThan(before + 8_000_000);
});

test('a statement of the plan that hangs keeps no vital sign waiting', async () => {
  const hanging = health.askOwn('SELECT pg_sleep(60)');
  hanging.catch(() => undefined);
  expect(await Promise.race([hanging, read('answer')])).toBe(1);
});

test('a standby is asked itself how far it is behind', async () => {
  const primary = await startServer();
  try {
    const standby = await startStandby(primary, { keepSlots: false });
    const urls = [primary.url(), standby.server.url()];
    const servers = urls.map((url) => new PostgresServer('target', url, 'health'));
    try {
      const replicas = servers.map((each, index) => ({ name: String(index), server: each }));
      const [first, second] = postgresHealth(server, replicas).replicas;
      expect(await first?.lag()).toBe('it is no standby, or has replayed nothing yet');
      await execute(urls[0] ?? '', ['CREATE TABLE t (n int)']);
      await standby.caughtUp();
      expect(await second?.lag()).toBe(0);
      await execute(urls[1] ?? '', ['SELECT pg_wal_replay_pause()']);
      await execute(urls[0] ?? '', ['INSERT INTO t VALUES (1)']);
      while ((await second?.lag()) === 0);
      expect(await second?.lag()).toBeGreaterThan(0);
    } finally {
      await Promise.all(servers.map((each) => each.close()));
      await standby.server.close();
    }
  } finally {
    await primary.close();
  }
});

test('log that is written raises what a checkpoint has to do, and a checkpoint lowers it', async () => {
  await withClient(pair.sourceUrl, async (client) => {
    await client.query('CHECKPOINT');
    const before = (await read('logPressure')) ?? Number.NaN;
    await client.query(`SELECT pg_logical_emit_message(false, 'test', repeat('x', 30000000))`);
    const after = (await read('logPressure')) ?? Number.NaN;
    expect(after - before).toBeGreaterThan(1);
  });
});

test('a role that does not see the sessions of others is told nothing, instead of that there are none', async () => {
  const role = `plain_${new URL(pair.sourceUrl).pathname.slice(1)}`;
  await execute(pair.sourceUrl, [`CREATE ROLE ${role} LOGIN`]);
  const url = new URL(pair.sourceUrl);
  url.username = role;
  const plain = new PostgresServer('source', url.href, 'health');
  try {
    const theirs = postgresHealth(plain);
    expect(await read('runningStatements', theirs)).toBeNull();
    expect(await read('lockWaits', theirs)).toBeNull();
    expect(await read('replicaLag', theirs)).toBeNull();
    await expect(read('dataSize', theirs)).rejects.toMatchObject({ code: 'SOURCE.REFUSED' });
    for (const name of ['connections', 'logPressure', 'retainedLog'] as const) {
      expect(await read(name, theirs), name).toBeGreaterThanOrEqual(0);
    }
  } finally {
    await plain.close();
    await execute(pair.sourceUrl, [`DROP ROLE ${role}`]);
  }
});

test('a question changes nothing, is one statement, and one that fails does not end the session', async () => {
  await expect(health.ask('CREATE TABLE made (id int)')).rejects.toThrow('read-only');
  await expect(health.ask('SELECT nonsense')).rejects.toThrow('nonsense');
  expect(await health.ask('SELECT 1; SELECT 2')).toBeNull();
  expect(await health.ask('SELECT 1 WHERE false')).toBeNull();
  const session = await health.ask('SELECT pg_backend_pid()');
  expect(await health.ask('SELECT pg_backend_pid()')).toBe(session);
});

test('after its connection was lost it asks in a new one', async () => {
  const session = await health.ask('SELECT pg_backend_pid()');
  await execute(pair.sourceUrl, [`SELECT pg_terminate_backend(${session}, 10000)`]);
  await health.ask('SELECT 1').catch(() => undefined);
  expect(await health.ask('SELECT pg_backend_pid()')).not.toBe(session);
});
