// A session that is kept for questions, over errors and lost connections.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { PostgresServer, type Session } from '../../src/databases/postgres/connection.ts';
import { KeptSession } from '../../src/databases/postgres/kept-session.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';

let pair: Pair;
let server: PostgresServer;
let kept: KeptSession;

beforeEach(async () => {
  pair = await openPair();
  server = new PostgresServer('source', pair.sourceUrl, 'kept');
  kept = new KeptSession(server, { purpose: 'test' });
});
afterEach(async () => {
  await server.close();
  await pair.close();
});

const pid = (): Promise<number> => kept.use(async (session) => session.pid);
const end = (session: number) =>
  withClient(pair.sourceUrl, (client) => client.query('SELECT pg_terminate_backend($1, 10000)', [session]));

test('all calls have one session, and each waits for the one before', async () => {
  const order: string[] = [];
  const call = (name: string, seconds: number) =>
    kept.use(async (session) => {
      order.push(`${name} begins`);
      await session.query('SELECT pg_sleep($1::float8)', [seconds]);
      order.push(`${name} ends`);
      return session.pid;
    });
  const pids = await Promise.all([call('slow', 0.1), call('quick', 0)]);
  expect(order).toEqual(['slow begins', 'slow ends', 'quick begins', 'quick ends']);
  expect(new Set(pids).size).toBe(1);
});

test('a statement that the server refuses fails its call and keeps the session', async () => {
  const before = await pid();
  await expect(kept.use((session) => session.query('SELECT 1 / 0'))).rejects.toMatchObject({ code: 'SOURCE.REFUSED' });
  expect(await pid()).toBe(before);
});

test('a call whose connection breaks fails once, and the next one has another session', async () => {
  let calls = 0;
  const broken = kept.use((session) => {
    calls++;
    const last = session.query('SELECT pg_terminate_backend(pg_backend_pid())');
    return last.catch((error: unknown) => {
      expect(session.broken).toBe(true);
      throw error;
    });
  });
  const next = pid();
  await expect(broken).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
  expect(await next).toBeGreaterThan(0);
  expect(calls).toBe(1);
});

test('a connection that broke between two calls is replaced before the second', async () => {
  let session: Session | undefined;
  await kept.use(async (each) => {
    session = each;
  });
  const gone = new Promise<void>((resolve) => session!.client.once('end', resolve));
  await end(session!.pid);
  await gone;
  expect(await pid()).not.toBe(session!.pid);
});

test('a session that could not be opened is tried again at the next call', async () => {
  const url = new URL(pair.sourceUrl);
  await withClient(pair.sourceUrl, (client) => client.query('CREATE ROLE late_comer NOLOGIN'));
  try {
    url.username = 'late_comer';
    const late = new KeptSession(new PostgresServer('source', url.href, 'kept'), { purpose: 'test' });
    await expect(late.use((session) => session.query('SELECT 1'))).rejects.toThrow();
    await withClient(pair.sourceUrl, (client) => client.query('ALTER ROLE late_comer LOGIN'));
    expect(await late.use((session) => session.query('SELECT 1 AS it'))).toEqual([{ it: '1' }]);
    await late.close();
  } finally {
    await withClient(pair.sourceUrl, (client) => client.query('DROP ROLE late_comer'));
  }
});
