// The fault proxy does to a connection exactly what it says.

import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';
import { type FaultProxy, openProxy } from '../fleet/proxy.ts';

let pair: Pair;
let proxy: FaultProxy;
let client: pg.Client;

beforeEach(async () => {
  pair = await openPair();
  proxy = await openProxy(Number(new URL(pair.sourceUrl).port));
  await withClient(pair.sourceUrl, (direct) => direct.query('CREATE TABLE t (a int)'));
  client = new pg.Client({ connectionString: proxy.url(pair.sourceUrl) });
  client.on('error', () => undefined);
  await client.connect();
});

afterEach(async () => {
  await client.end().catch(() => undefined);
  await proxy.close();
  await pair.close();
});

async function rows(): Promise<number> {
  return withClient(pair.sourceUrl, async (direct) => (await direct.query('SELECT 1 FROM t')).rows.length);
}

test('bytes pass unchanged and connections are counted', async () => {
  const { rows: answer } = await client.query(`SELECT repeat('x', 3000000) AS a`);
  expect(answer[0].a).toHaveLength(3_000_000);
  expect(proxy.connections).toBe(1);
  expect(proxy.accepted).toBe(1);
});

test('cut resets a query that runs', async () => {
  const query = client.query('SELECT pg_sleep(60)').catch((error: NodeJS.ErrnoException) => error.code);
  proxy.cut();
  expect(await query).toBe('ECONNRESET');
  expect(proxy.connections).toBe(0);
});

test('cutting before a COMMIT leaves nothing on the server', async () => {
  const fired = proxy.cutOn('COMMIT', 'before');
  await client.query('BEGIN');
  await client.query('INSERT INTO t VALUES (1)');
  await expect(client.query('COMMIT')).rejects.toThrow();
  await fired;
  expect(await rows()).toBe(0);
});

test('cutting after a COMMIT loses the answer but not the transaction', async () => {
  const fired = proxy.cutOn('COMMIT', 'after');
  await client.query('BEGIN');
  await client.query('INSERT INTO t VALUES (1)');
  await expect(client.query('COMMIT')).rejects.toThrow();
  await fired;
  expect(await rows()).toBe(1);
});

test('a fault that is waited for happens once', async () => {
  const fired = proxy.cutOn('INSERT', 'before');
  await expect(client.query('INSERT INTO t VALUES (1)')).rejects.toThrow();
  await fired;
  await withClient(proxy.url(pair.sourceUrl), (second) => second.query('INSERT INTO t VALUES (2)'));
  expect(await rows()).toBe(1);
});

test('a limit of bytes resets in the middle of an answer', async () => {
  const spent = proxy.limitBytes(100_000);
  await expect(client.query(`SELECT repeat('x', 3000000)`)).rejects.toThrow();
  await spent;
});

test('a black hole holds what is sent, and new connections, until it is lifted', async () => {
  proxy.blackhole(true);
  let answered = 0;
  const query = client.query('INSERT INTO t VALUES (1)').then(() => answered++);
  const second = withClient(proxy.url(pair.sourceUrl), (other) => other.query('SELECT 1')).then(() => answered++);
  expect(await rows()).toBe(0);
  expect(answered).toBe(0);
  proxy.blackhole(false);
  await Promise.all([query, second]);
  expect(await rows()).toBe(1);
});

test('a pattern sent before it was waited for does not count', async () => {
  await client.query('INSERT INTO t VALUES (1)');
  const fired = proxy.cutOn('INSERT', 'before');
  await client.query('SELECT 1');
  await expect(client.query('INSERT INTO t VALUES (2)')).rejects.toThrow();
  await fired;
  expect(await rows()).toBe(1);
});

test('an answer that comes late is overtaken by one that does not', async () => {
  const order: string[] = [];
  await withClient(pair.sourceUrl, async (direct) => {
    proxy.latency(400);
    const late = client.query('SELECT 1').then(() => order.push('late'));
    await direct.query('SELECT 1').then(() => order.push('direct'));
    await late;
  });
  expect(order).toEqual(['direct', 'late']);
});
