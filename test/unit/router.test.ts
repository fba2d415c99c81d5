import fc from 'fast-check';
import { expect, test } from 'vitest';
import { laneHash, Router } from '../../src/apply/router.ts';
import { createTable, insert, remove, update } from './apply-fixture.ts';

const items = createTable('items');
const LANES = 4;

function open(spread = true, lanes = LANES): Router {
  return new Router([{ id: items.id, lane: 1, spread }], lanes);
}

const laneOf = (router: Router, key: string): number | undefined => router.route(remove(items, key))[0]?.lane;
/** Two keys of one lane, and one of another. */
const [here, near, away] = ((): [string, string, string] => {
  const router = open();
  const keys = Array.from({ length: 50 }, (_, index) => String(index));
  const [first = '', ...rest] = keys;
  const isWith = (key: string): boolean => laneOf(router, key) === laneOf(router, first);
  return [first, rest.find(isWith) ?? '', rest.find((key) => !isWith(key)) ?? ''];
})();

test('everything that happens to one key goes to one lane', () => {
  const router = open();
  const lane = laneOf(router, '7');
  expect(router.route(insert(items, '7', 'a', 'b'))[0]?.lane).toBe(lane);
  expect(router.route(update(items, '7', '7', undefined, 'b'))[0]?.lane).toBe(lane);
  expect(router.route(update(items, '7', '7', undefined, 'b'))).toHaveLength(1);
});

test('a change of key to another lane is a delete there and a complete insert here, and counts once', () => {
  const change = update(items, here, away, 'a', 'b');
  const router = open();
  expect(router.homesNeeded(change)).toEqual([]);
  expect(router.route(change)).toEqual([
    { lane: laneOf(router, here), change: remove(items, here), counts: 1 },
    { lane: laneOf(router, away), change: insert(items, away, 'a', 'b'), counts: 0 },
  ]);
});

test('a change of key within a lane is left as it is, values missing or not', () => {
  const change = update(items, here, near, undefined, 'b');
  expect(open().route(change)).toEqual([{ lane: laneOf(open(), here), change, counts: 1 }]);
  expect(open().homesNeeded(change)).toEqual([]);
});

test('a change of key that leaves values behind in another lane, and a truncation, need the table at home', () => {
  const moved = update(items, here, away, undefined, 'b');
  const emptied = { op: 'truncate', tables: [items] } as const;
  const router = open();
  expect([router.homesNeeded(moved), router.homesNeeded(emptied)]).toEqual([[items], [items]]);
  router.sendHome(items.id);
  expect([router.homesNeeded(moved), router.homesNeeded(emptied)]).toEqual([[], []]);
  expect(router.route(moved)).toEqual([{ lane: 1, change: moved, counts: 1 }]);
  expect(laneOf(router, away)).toBe(1);
});

test('a table that is not spread, or has one lane to go to, is at home', () => {
  for (const router of [open(false), new Router([{ id: items.id, lane: 0, spread: true }], 1)]) {
    expect(router.isSpread(items.id)).toBe(false);
    expect(new Set([here, near, away].map((key) => laneOf(router, key))).size).toBe(1);
  }
});

test('keys that follow one another are divided about evenly, whatever the number of lanes', () => {
  const stepped = fc.record({ step: fc.integer({ min: 1, max: 64 }), lanes: fc.integer({ min: 2, max: 16 }) });
  const even = fc.property(stepped, ({ step, lanes }) => {
    const counts = new Array<number>(lanes).fill(0);
    for (let key = 0; key < 200_000; key++) counts[laneHash(String(key * step)) % lanes]!++;
    expect(Math.max(...counts)).toBeLessThan((200_000 / lanes) * 1.4);
  });
  fc.assert(even, { numRuns: 50 });
});

test('neighbours of large numbers go together', () => {
  expect(new Set(Array.from({ length: 100 }, (_, index) => laneHash(String(1_234_500 + index)))).size).toBe(1);
  expect(laneHash('1234599')).not.toBe(laneHash('1234600'));
});

test('the hash is the one that runs in flight were divided by', () => {
  expect(['', '1', '42', '142', 'größe', '4:text1:2'].map(laneHash)).toMatchInlineSnapshot(`
    [
      1572119809,
      4244369488,
      4192629037,
      4244369488,
      2466579239,
      3202454017,
    ]
  `);
});
