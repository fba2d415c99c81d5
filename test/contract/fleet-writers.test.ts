// The harness that judges the product is judged here: writers, comparer and the check of acknowledged writes.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkAcknowledged, compareDatabases } from '../fleet/compare.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';
import { openProxy } from '../fleet/proxy.ts';
import { seedWorkload, startWriters, unexpectedCodes, type WorkloadName, type Writers } from '../fleet/writers.ts';

let pair: Pair;
let writers: Writers | undefined;

beforeEach(async () => {
  pair = await openPair();
});

afterEach(async () => {
  await writers?.close();
  writers = undefined;
  await pair.close();
});

async function write(workload: WorkloadName, sourceUrl = pair.sourceUrl): Promise<Writers> {
  await seedWorkload(pair.sourceUrl, workload, 40);
  writers = await startWriters({ ...pair, sourceUrl, workload, rows: 40, rate: 400 });
  return writers;
}

test.each(['shop', 'torture'] as const)(
  'writers on %s are never refused, and everything they did is found',
  async (name) => {
    const running = await write(name);
    await running.more('source', 400);
    const log = await running.stop();
    expect(unexpectedCodes(log)).toEqual({});
    const check = await checkAcknowledged(log, pair.sourceUrl);
    expect(check).toMatchObject({ lost: 0, duplicated: 0, phantom: 0, unknown: 0, examples: [] });
    expect(check.acknowledged).toBeGreaterThan(400);
  },
);

test('lost, superseded, revived and doubled writes are counted', async () => {
  const running = await write('shop');
  await running.more('source', 300);
  const log = await running.stop();
  const check = () => checkAcknowledged(log, pair.sourceUrl);
  await withClient(pair.sourceUrl, async (client) => {
    await client.query('UPDATE work.events SET token = $1 WHERE id = (SELECT min(id) FROM work.events)', ['other']);
    expect(await check()).toMatchObject({ lost: 1, duplicated: 0 });
    await client.query('DELETE FROM work.events WHERE id = (SELECT max(id) FROM work.events)');
    expect(await check()).toMatchObject({ lost: 2, duplicated: 0 });
    const gone = log
      .flatMap(({ writes }) => writes)
      .find(({ table, removes }) => table === 'work.order_lines' && removes);
    const [order, line] = gone?.key.split('|') ?? [];
    await client.query(`INSERT INTO work.order_lines VALUES ($1, $2, 'x', 1, 'revived')`, [order, line]);
    expect(await check()).toMatchObject({ lost: 3 });
    await client.query('INSERT INTO work.ledger (token) SELECT min(token) FROM work.ledger');
    expect(await check()).toMatchObject({ lost: 3, duplicated: 1 });
    const first = log.find(({ outcome }) => outcome === 'ok')?.token;
    await client.query('DELETE FROM work.ledger WHERE token = $1', [first]);
    expect((await check()).lost).toBe(4);
  });
});

test('writers move to the target when the source refuses, and what they were refused is not there', async () => {
  await seedWorkload(pair.targetUrl, 'shop', 40);
  const running = await write('shop');
  await running.more('source', 50);
  await withClient(pair.sourceUrl, (client) =>
    client.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'moved' USING ERRCODE = '25006'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON work.ledger EXECUTE FUNCTION refuse()`),
  );
  await running.more('target', 20);
  const log = await running.stop();
  expect(log.some(({ code }) => code === '25006')).toBe(true);
  expect(
    (
      await checkAcknowledged(
        log.filter(({ side }) => side === 'source'),
        pair.sourceUrl,
      )
    ).lost,
  ).toBe(0);
});

test('a lost answer to COMMIT is unknown, and the ledger decides about it', async () => {
  const proxy = await openProxy(Number(new URL(pair.sourceUrl).port));
  try {
    const running = await write('torture', proxy.url(pair.sourceUrl));
    await running.more('source', 20);
    await proxy.cutOn('COMMIT', 'after');
    await proxy.cutOn('COMMIT', 'before');
    await running.more('source', 20);
    const log = await running.stop();
    expect(log.filter(({ outcome }) => outcome === 'unknown')).toHaveLength(2);
    const check = await checkAcknowledged(log, pair.sourceUrl);
    expect(check).toMatchObject({ unknown: 2, lost: 0, duplicated: 0, phantom: 0 });
  } finally {
    await proxy.close();
  }
});

test('the comparer finds rows that are missing, extra or different, in every type', async () => {
  const running = await write('torture');
  await running.more('source', 100);
  await running.stop();
  await seedWorkload(pair.targetUrl, 'torture', 40);
  const equal = await compareDatabases(pair.sourceUrl, pair.sourceUrl);
  expect(equal).toMatchObject({ tables: 6, differences: [] });
  expect(equal.rows).toBeGreaterThan(240);
  const { differences } = await compareDatabases(pair.sourceUrl, pair.targetUrl);
  expect(new Set(differences.map(({ table }) => table))).toContain('work.things');
  await withClient(pair.targetUrl, async (client) => {
    await client.query(`DELETE FROM work.wide WHERE a = 3; INSERT INTO work.names VALUES ('zz', '1')`);
    await client.query(`CREATE TABLE public.more (a int)`);
    await client.query(`UPDATE work.seats SET token = 'x' WHERE id = 7`);
    const seeded = await openPair();
    try {
      await seedWorkload(seeded.sourceUrl, 'torture', 40);
      expect((await compareDatabases(seeded.sourceUrl, pair.targetUrl)).differences).toEqual([
        { table: 'work.names', key: 'zz', kind: 'extra', columns: [] },
        { table: 'work.seats', key: '7', kind: 'different', columns: ['token'] },
        { table: 'work.wide', key: '2000-01-01 | 3 | ', kind: 'missing', columns: [] },
      ]);
      expect((await compareDatabases(pair.targetUrl, seeded.sourceUrl)).differences).toContainEqual({
        table: 'public.more',
        key: '',
        kind: 'missing',
        columns: [],
      });
    } finally {
      await seeded.close();
    }
  });
});
