// The comparison of tables without a key: whole tables, copies counted. The apply is a stand-in that is always caught up.

import { expect, test } from 'vitest';
import type { Table } from '../../src/model/table.ts';
import { compareTables } from '../../src/verify/compare.ts';
import { differencesError } from '../../src/verify/differences.ts';
import { settleFrozen, settleLive } from '../../src/verify/settle.ts';
import { tableOf } from './copy-fixture.ts';
import { verifyWorld } from './verify-fixture.ts';

const LOGS: Table = {
  ...tableOf(
    'logs',
    [
      ['c0', 'int4'],
      ['c1', 'text'],
      ['c2', 'json'],
    ],
    [0, 1, 2],
  ),
  identity: 'row',
  spread: false,
  rowEstimate: 3000,
};
const SCHEMA = `CREATE TABLE logs (c0 int, c1 text, c2 json);
  INSERT INTO logs SELECT i % 1000, nullif('text ' || i % 1000, 'text 5'), '{"a": 1}' FROM generate_series(1, 3000) i`;

const world = verifyWorld(SCHEMA, {
  tables: [LOGS],
  progress: [],
  limits: { chunkRows: 500, concurrency: 2, rounds: 3 },
});

test('equal multisets are equal, in whatever order the rows lie', async () => {
  await world.onTarget(
    'CREATE TABLE o AS SELECT * FROM logs ORDER BY c0 DESC; TRUNCATE logs; INSERT INTO logs SELECT * FROM o',
  );
  expect(await compareTables(world.context)).toEqual({ rowsCompared: 3000, differences: [], unstable: 0 });
  expect(world.context.pending.rows.tables).toBe(0);
});

test.each([
  ['one copy too few', 'DELETE FROM logs WHERE ctid = (SELECT min(ctid) FROM logs)'],
  ['one copy too many', 'INSERT INTO logs SELECT * FROM logs LIMIT 1'],
  [
    'a copy of one row for a copy of another',
    `UPDATE logs SET c0 = 8, c1 = 'text 8' WHERE ctid = (SELECT min(ctid) FROM logs)`,
  ],
  ['an empty text for NULL', "UPDATE logs SET c1 = '' WHERE c1 IS NULL"],
  ['another blank in a json', `UPDATE logs SET c2 = '{"a":1}' WHERE c0 = 1`],
])('%s is found, live and at rest, and told without a value', async (_, sql) => {
  await world.onTarget(sql);
  const differences = [{ table: 'public.logs', count: 1, more: true, keys: [] }];
  expect(await compareTables(world.context)).toEqual({ rowsCompared: 0, differences, unstable: 0 });
  // No comparison that comes later may pass without having looked at it.
  expect(world.context.pending.rows.tables).toBe(1);
  expect((await settleFrozen(world.context)).differences).toEqual(differences);
  expect(differencesError(differences as never).message).toBe('rows differ in public.logs (1 or more)');
});

test('a table that changes all the time is left to the freeze, with the time that it will take', async () => {
  world.apply.between = async () => {
    world.context.pending.changed(LOGS, ['1', 'x', null]);
    await world.onSource("INSERT INTO logs VALUES (1, 'x')");
  };
  await world.onTarget('DELETE FROM logs WHERE c0 = 1');
  expect(await compareTables(world.context)).toEqual({ rowsCompared: 0, differences: [], unstable: 1 });
  const settled = await settleLive(world.context);
  expect(settled).toMatchObject({ differences: [], pendingTables: 0, pendingKeys: 0, pendingRows: { tables: 1 } });
  expect(settled.pendingRows.readMs).toBeGreaterThan(0);
});

test('a table that has come to rest since it changed is settled before the freeze', async () => {
  world.context.pending.changed(LOGS, ['1', 'x', null]);
  expect(await settleLive(world.context)).toMatchObject({ rowsCompared: 3000, pendingRows: { tables: 0, readMs: 0 } });
});

test('behind the fence a table that changed is compared as a whole, once, and is settled then', async () => {
  for (const run of [world.onSource, world.onTarget]) await run("INSERT INTO logs VALUES (1, 'x')");
  world.context.pending.changed(LOGS, ['1', 'x', null]);
  expect(await settleFrozen(world.context)).toEqual({ rowsCompared: 3001, differences: [], unstable: 0 });
  expect(await settleFrozen(world.context)).toEqual({ rowsCompared: 0, differences: [], unstable: 0 });
});

test('a table that the apply touched is left to the freeze, however it looks', async () => {
  // A, B, A: the source looks unchanged while the target shows what was there in between.
  await world.onTarget("INSERT INTO logs VALUES (1, 'between')");
  world.context.pending.changed(LOGS, ['1', 'x', null]);
  expect(await compareTables(world.context)).toEqual({ rowsCompared: 0, differences: [], unstable: 1 });
});
