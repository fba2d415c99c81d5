import { expect, test } from 'vitest';
import { ReadPace } from '../../src/databases/postgres/log/read-pace.ts';

const FULL = 65_536;

test('while full blocks come there is no rest', () => {
  const pace = new ReadPace();
  expect([FULL, FULL, FULL].map((bytes) => pace.after(bytes))).toEqual([0, 0, 0]);
});

test('a stream of small blocks is read again after a millisecond', () => {
  const pace = new ReadPace();
  expect([100, 2_000, 100].map((bytes) => pace.after(bytes))).toEqual([1, 1, 1]);
});

test('rests grow while each gathers more than a block, up to 20 ms, and shrink when little comes', () => {
  const pace = new ReadPace();
  const busy = [1, 2, 3, 4, 5, 6].map(() => [FULL, 10].map((bytes) => pace.after(bytes))[1]);
  expect(busy).toEqual([2, 4, 8, 16, 20, 20]);
  expect([10, 10, 10, 10, 10].map((bytes) => pace.after(bytes))).toEqual([10, 5, 2.5, 1.25, 1]);
});

test('a rest that gathers more than the buffers should hold is too long', () => {
  const pace = new ReadPace();
  for (const bytes of [FULL, 10, FULL, 10]) pace.after(bytes);
  for (let block = 0; block < 17; block++) pace.after(FULL);
  expect(pace.after(10)).toBe(2);
});
