// The demo's own proof can be trusted: it accepts a move that keeps every write, and only that.

import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from, to } from 'pg-copy-streams';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runDemo } from '../../src/demo/demo.ts';
import { SHOP_SCHEMA } from '../../src/demo/shop.ts';
import { withClient } from '../fleet/databases.ts';

// The clients run in a child process, here straight from their TypeScript.
beforeAll(() => void vi.stubEnv('NODE_OPTIONS', '--import tsx'));
afterAll(() => void vi.unstubAllEnvs());

const TABLES = ['shop.customers', 'shop.products', 'shop.orders', 'shop.order_lines'];

/** The simplest move there is: close the source, copy, open the target. */
async function moveByCopy(plan: string, env: Readonly<Record<string, string>>, damage = 'SELECT 1'): Promise<object> {
  const text = await readFile(plan, 'utf8');
  const [sourceUrl = '', targetUrl = ''] = [...text.matchAll(/url: (.+)/g)].map(([, url = '']) =>
    url.replace(/\$\{(\w+)\}/, (_, name: string) => env[name] ?? ''),
  );
  await withClient(sourceUrl, (source) =>
    withClient(targetUrl, async (target) => {
      await close(source);
      await target.query('BEGIN');
      await target.query(SHOP_SCHEMA);
      for (const table of TABLES) {
        await pipeline(source.query(to(`COPY ${table} TO STDOUT`)), target.query(from(`COPY ${table} FROM STDIN`)));
      }
      await target.query(`SELECT setval('shop.orders_id_seq', 1000000)`);
      await target.query(damage);
      await target.query('COMMIT');
    }),
  );
  return { result: 'complete' };
}

async function close(source: pg.Client): Promise<void> {
  await source.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'the shop has moved' USING ERRCODE = '25006'; END $$`);
  for (const table of TABLES) {
    await source.query(`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON ${table} EXECUTE FUNCTION refuse()`);
  }
}

const small = { signal: new AbortController().signal, say: () => undefined, rows: 400, rate: 100, afterMs: 0 };

test('clients follow the shop to the target, and every confirmed write is found there', async () => {
  const result = await runDemo({ ...small, run: (plan, env) => moveByCopy(plan, env) });
  expect(result).toMatchObject({ result: 'complete', clients: { lost: 0, duplicated: 0, unknown: 0 } });
  expect((result.clients as { acknowledgedOnTarget: number }).acknowledgedOnTarget).toBeGreaterThan(0);
});

test.each([
  ['a lost write', `DELETE FROM shop.orders WHERE reference NOT LIKE 'seed-%'`],
  ['a lost change', `UPDATE shop.orders SET version = version - 1`],
  [
    'a doubled write',
    `INSERT INTO shop.orders (reference, customer_id) SELECT reference, 1 FROM shop.orders WHERE reference NOT LIKE 'seed-%'`,
  ],
])('%s is noticed', async (_, damage) => {
  const demo = runDemo({ ...small, run: (plan, env) => moveByCopy(plan, env, damage) });
  await expect(demo).rejects.toMatchObject({ code: 'VERIFY.DIFFERENCES' });
});

test('a run that fails ends the demo, and the servers with it', async () => {
  let url = '';
  const demo = runDemo({
    ...small,
    run: async (plan, env) => {
      const text = await readFile(plan, 'utf8');
      url = /url: (.+)/.exec(text)?.[1]?.replace(/\$\{(\w+)\}/, (_, name: string) => env[name] ?? '') ?? '';
      await withClient(url, (client) => client.query('SELECT 1'));
      throw new Error('the run failed');
    },
  });
  await expect(demo).rejects.toThrow('the run failed');
  await expect(withClient(url, (client) => client.query('SELECT 1'))).rejects.toThrow('ECONNREFUSED');
});

test('an aborted demo ends before it runs anything', async () => {
  const demo = runDemo({ ...small, signal: AbortSignal.abort(new Error('stopped')), run: () => Promise.reject() });
  await expect(demo).rejects.toThrow('stopped');
});

test('a demo that is aborted while its clients write after the switch ends with the reason', async () => {
  const stop = new AbortController();
  const demo = runDemo({
    ...small,
    afterMs: 60_000,
    signal: stop.signal,
    say: (line) => {
      if (line.includes('lives on the target')) stop.abort(new Error('stopped late'));
    },
    run: (plan, env) => moveByCopy(plan, env),
  });
  await expect(demo).rejects.toThrow('stopped late');
});
