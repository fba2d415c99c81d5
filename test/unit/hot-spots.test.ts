// A table of which one lane writes most of the changes is named with the reason, and its keys are not.

import { expect, test } from 'vitest';
import { HotSpots } from '../../src/apply/hot-spots.ts';
import type { LaneWork } from '../../src/apply/prepare.ts';
import { segmentsOf } from '../../src/apply/segment.ts';
import type { RowChange } from '../../src/model/change.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { type HotTable, RunStatus } from '../../src/observe/status.ts';

function table(name: string, more: Partial<Table> = {}): Table {
  const columns = ['id', 'n'].map((column) => ({ name: column, type: 'int', castType: 'int' }));
  const shape = { columns, key: [0], identity: 'key', spread: true, rowEstimate: 0, byteEstimate: 0 } as const;
  return { id: tableId('s', name), schema: 's', name, ...shape, ...more };
}

/** So many updates of so many rows. */
function work(lane: number, of: Table, changes: number, rows = changes): LaneWork {
  const steps = Array.from({ length: changes }, (_, index): RowChange => {
    const id = `secret${index % rows}`;
    return { op: 'update', table: of, key: [id], row: [id, String(index)] };
  });
  return { lane, segments: segmentsOf(steps), changes };
}

function open(lanes: number, atHome: readonly string[] = []) {
  const status = new RunStatus('r');
  const said: string[] = [];
  const log = { warn: (message: string, fields?: object) => void said.push(`${message} ${JSON.stringify(fields)}`) };
  const router = { isSpread: (id: string) => !atHome.includes(id) };
  const spots = new HotSpots({ lanes, router, status, log });
  const look = (now: number): HotTable | null => {
    spots.look(now);
    return status.snapshot().stream.hot;
  };
  return { spots, look, said };
}

test.each([
  [table('t', { spread: false }), 2_000, /^one lane writes it, because more than its key is unique/],
  [table('t', { spread: false, identity: 'row', key: [0, 1] }), 2_000, /^it has no key/],
  [table('home'), 2_000, /^one lane writes it since it was emptied/],
  [table('t'), 3, /^few of its rows have most of the changes$/],
  [table('t'), 2_000, /^its keys fall to one lane$/],
])('a table that one lane writes is named with the reason (%#)', (hot, rows, why) => {
  const { spots, look, said } = open(4, ['s.home']);
  const calm = [0, 1, 2, 3].map((lane) => work(lane, table('calm'), 100));
  spots.count([...calm, work(2, hot, 2_000, rows)], 0);
  const found = look(1_000);
  expect(found).toMatchObject({ table: hot.id, lane: 2, changes: 2_000, why: expect.stringMatching(why) });
  expect(found?.share).toBeCloseTo(2_000 / 2_400);
  look(2_000);
  expect(said).toEqual([expect.stringMatching(/^lane 2 writes 83% of all changes .*"table":"s\.\w+"/)]);
  expect(JSON.stringify(found) + said).not.toContain('secret');
});

test('lanes that share the work, and those that have little, are not told of', () => {
  const even = open(4);
  even.spots.count(
    [0, 1, 2, 3].map((lane) => work(lane, table('t'), 500)),
    0,
  );
  expect(even.look(1_000)).toBeNull();
  const two = open(2);
  two.spots.count([work(0, table('t'), 1_300), work(1, table('t'), 700)], 0);
  expect(two.look(1_000)).toBeNull();
  const little = open(4);
  little.spots.count([work(0, table('t'), 500)], 0);
  expect(little.look(1_000)).toBeNull();
  const only = open(1);
  only.spots.count([work(0, table('t'), 5_000)], 0);
  expect(only.look(1_000)).toBeNull();
  expect([...even.said, ...two.said, ...little.said, ...only.said]).toEqual([]);
});

test('what is over for a minute is forgotten', () => {
  const { spots, look } = open(4);
  spots.count([work(0, table('t'), 2_000)], 0);
  expect(look(59_000)).toMatchObject({ table: 's.t' });
  expect(look(61_000)).toBeNull();
});
