// Tables that look like the run's: what is read for them is of one moment, and what is written to them is nowhere else.

import { expect, onTestFinished, test } from 'vitest';
import { PostgresScratch } from '../../src/databases/postgres/scratch.ts';
import { type LaneFixture, openLaneFixture, position, RUN } from './lane-fixture.ts';

const SCHEMA = 'migrate_tune_01234567';

async function open(): Promise<{ readonly fixture: LaneFixture; readonly scratch: PostgresScratch }> {
  const fixture = await openLaneFixture();
  onTestFinished(() => fixture.close());
  await fixture.db.query(`CREATE TABLE public.items (id bigint PRIMARY KEY, name text UNIQUE, b bytea);
    INSERT INTO public.items VALUES (1, 'one', '\\x00ff'), (2, NULL, NULL), (3, 'three', '')`);
  return { fixture, scratch: new PostgresScratch({ server: fixture.server, id: '01234567', run: () => RUN }) };
}

test('rows and checkpoints are those of the moment of the look, whatever is committed later', async () => {
  const { fixture, scratch } = await open();
  const table = await fixture.table('items');
  const moment = await scratch.look();
  onTestFinished(() => moment.close());
  await fixture.db.query(`UPDATE public.items SET name = 'later' WHERE id = 1; DELETE FROM public.items WHERE id = 3;
    UPDATE migrate.checkpoint SET position = '0/2'`);
  expect(moment.checkpoints).toEqual([
    { lane: 0, position: '0/1' },
    { lane: 1, position: '0/1' },
  ]);
  const rows = await moment.rows(table, [['3'], ['1'], ['9'], ['2']], 1_000);
  expect([...rows].sort()).toEqual([
    ['1', 'one', '\\x00ff'],
    ['2', null, null],
    ['3', 'three', '\\x'],
  ]);
  await expect(moment.rows(table, [['1']], 5)).rejects.toMatchObject({ code: 'TUNE.NOT_NOW' });
});

test('a lane writes to the tables of the schema and moves its checkpoints there, and all of it goes with the schema', async () => {
  const { fixture, scratch } = await open();
  const like = await fixture.table('items');
  const table = { ...like, schema: scratch.schema, name: 't0' };
  // In place of what an earlier one left.
  await scratch.make([{ table, like }], 1, position('0/5'));
  await scratch.make([{ table, like }], 1, position('0/1'));
  const before = await Promise.all([fixture.rows('public.items'), fixture.checkpoints()]);
  const lane = await scratch.lane();
  onTestFinished(() => lane.close());
  const write = async (...rows: string[][]): Promise<boolean> => {
    await lane.begin();
    return lane.attempt([{ table, deletes: [], updates: [], inserts: rows, keyChunks: [] }]);
  };
  expect(await write(['1', 'a', ''], ['2', 'a', ''])).toBe(false);
  await lane.commit([]).catch(() => undefined);
  expect(await write(['1', 'a', ''], ['2', 'b', ''])).toBe(true);
  await lane.commit([{ lane: 0, from: position('0/1'), position: position('0/2'), changes: 2 }]);
  expect(await fixture.rows(`${SCHEMA}.t0`)).toHaveLength(2);
  expect(await fixture.rows(`${SCHEMA}.checkpoint`)).toEqual([expect.stringContaining('0/2')]);
  expect(await Promise.all([fixture.rows('public.items'), fixture.checkpoints()])).toEqual(before);
  expect([await scratch.drop(), await scratch.drop()]).toEqual([true, false]);
});
