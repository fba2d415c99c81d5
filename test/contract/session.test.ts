// Sessions: set up alike whatever the server's, the database's or the role's defaults are, and ended for good.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { openPair, withClient } from '../fleet/databases.ts';

let pair: Awaited<ReturnType<typeof openPair>>;

beforeAll(async () => {
  pair = await openPair();
});

afterAll(() => pair.close());

test('what a database has as its defaults does not reach our sessions', async () => {
  const { pathname } = new URL(pair.sourceUrl);
  await withClient(pair.sourceUrl, async (client) => {
    const defaults = {
      synchronous_commit: 'off',
      array_nulls: 'off',
      default_transaction_isolation: 'serializable',
      DateStyle: 'German',
      TimeZone: 'Asia/Seoul',
      extra_float_digits: '0',
      bytea_output: 'escape',
      statement_timeout: '500ms',
      search_path: 'public',
      jit: 'on',
      quote_all_identifiers: 'on',
    };
    for (const [name, value] of Object.entries(defaults))
      await client.query(`ALTER DATABASE "${pathname.slice(1)}" SET ${name} = '${value}'`);
  });
  const server = new PostgresServer('source', pair.sourceUrl, 'settings');
  const shown = await server.with('test', (session) =>
    session.one(
      `SELECT current_setting('synchronous_commit') AS durable, '{NULL}'::text[] = array[NULL]::text[] AS nulls,
      current_setting('transaction_isolation') AS isolation, '2026-01-02 03:04:05.678901+00'::timestamptz AS moment,
      0.1::float8 + 0.2::float8 AS float, '\\xff00'::bytea AS bytes, current_setting('search_path') AS path,
      current_setting('jit') AS jit, format_type('bytea'::regtype, NULL) AS type, pg_sleep(0.7)`,
    ),
  );
  await server.close();
  expect(shown).toMatchObject({
    durable: 'on',
    nulls: 't',
    isolation: 'read committed',
    moment: '2026-01-02 03:04:05.678901+00',
    float: '0.30000000000000004',
    bytes: '\\xff00',
    path: 'pg_catalog',
    jit: 'off',
    type: 'bytea',
  });
});

test('after it was destroyed a server fails what is under way and opens nothing more', async () => {
  const server = new PostgresServer('target', pair.targetUrl, 'destroyed');
  const session = await server.session({ purpose: 'test' });
  const waiting = session.query('SELECT pg_sleep(60)', [], { timeoutMs: 0 });
  server.destroy(new Error('over'));
  await expect(waiting).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await expect(session.query('SELECT 1')).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await expect(server.session({ purpose: 'test' })).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await server.close();
});

test('a query that gets no answer in time ends its connection', async () => {
  const server = new PostgresServer('source', pair.sourceUrl, 'silent');
  const session = await server.session({ purpose: 'test' });
  await expect(session.query('SELECT pg_sleep(60)', [], { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'SOURCE.CONNECTION',
    disposition: 'retry',
  });
  await server.close();
});

test('neither a refused value nor what a function raises is quoted in the error', async () => {
  const server = new PostgresServer('source', pair.sourceUrl, 'canary');
  const errors = await server.with('test', (session) =>
    Promise.all([
      session.query(`SELECT 'canary'::int`).catch(String),
      session.query(`DO $$ BEGIN RAISE EXCEPTION 'canary'; END $$`).catch(String),
      session.query(`DO $$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = '23514'; END $$`).catch(String),
      session.query(`DO $$ BEGIN ASSERT false, 'canary'; END $$`).catch(String),
    ]),
  );
  await server.close();
  expect(errors.join()).toContain('22P02');
  expect(errors.join()).toContain('P0001');
  expect(errors.join()).toContain('23514');
  expect(errors.join()).toContain('P0004');
  expect(errors.join()).not.toContain('canary');
});
