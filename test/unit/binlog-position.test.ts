import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gtidSet } from '../../src/databases/mysql/log/gtid-set.ts';
import {
  beginOf,
  covers,
  filePrefix,
  formatPosition,
  isWhole,
  parsePlace,
} from '../../src/databases/mysql/log/position.ts';

const UUID = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const OTHER = '4e11fa47-71ca-11e1-9e33-c80aa9429562';

const places = [1, 9, 999_999, 1_000_000, 3_000_000].flatMap((file) =>
  [4, 5, 2 ** 33].flatMap((at) => [0, 1, 10, 5_000].map((ordinal) => ({ file, at, ordinal }))),
);

function position({ file, at, ordinal }: { file: number; at: number; ordinal: number }) {
  return formatPosition(
    filePrefix(`a.b-c.${String(file).padStart(6, '0')}`, { born: file, server: 1 }),
    at,
    `${UUID}:1-${at}`,
    ordinal,
  );
}

test('positions are ordered by file, then by place, then by how many changes of a transaction there are', () => {
  for (const [index, one] of places.entries()) {
    for (const [other, place] of places.entries()) expect(covers(position(one), position(place))).toBe(index >= other);
  }
});

test('the file after binlog.999999 is binlog.1000000', () => {
  const before = formatPosition('binlog.999999', 500, '');
  const after = formatPosition('binlog.1000000', 4, '');
  expect([covers(after, before), covers(before, after)]).toEqual([true, false]);
});

test('a position can be taken apart', () => {
  expect(
    parsePlace(formatPosition(filePrefix('mysql-bin.000012', { born: 255, server: 12 }), 3456, `${UUID}:1-77`, 5_000)),
  ).toEqual({
    base: 'mysql-bin.',
    file: 12,
    name: 'mysql-bin.000012',
    born: 255,
    server: 12,
    at: 3456,
    ordinal: 5_000,
    gtids: `${UUID}:1-77`,
    prepared: [],
  });
  expect(parsePlace('mysql-bin.000012:3456')).toMatchObject({ born: undefined, ordinal: 0, gtids: '' });
  expect(isWhole(position({ file: 1, at: 4, ordinal: 0 }))).toBe(true);
  expect(isWhole(position({ file: 1, at: 4, ordinal: 1 }))).toBe(false);
  expect(() => parsePlace('16/B374D848')).toThrow(/not a position of a binary log/);
});

test('places of different servers are compared by their transactions', () => {
  const on = (server: number, gtids: string, ordinal = 0) =>
    formatPosition(filePrefix('binlog.000009', { born: 1, server }), server * 100, gtids, ordinal);
  const old = on(3, `${UUID}:1-9`);
  expect([covers(on(1, `${UUID}:1-9`), old), covers(old, on(1, `${UUID}:1-9`))]).toEqual([true, true]);
  expect([covers(on(1, `${UUID}:1-9,${OTHER}:1`), old), covers(old, on(1, `${UUID}:1-9,${OTHER}:1`))]).toEqual([
    true,
    false,
  ]);
  expect([covers(on(1, `${UUID}:1-8,${OTHER}:1`), old), covers(old, on(1, `${UUID}:1-8,${OTHER}:1`))]).toEqual([
    false,
    false,
  ]);
  // Within the transaction that follows 1-9.
  const within = on(3, `${UUID}:1-9`, 50);
  expect([covers(on(1, `${UUID}:1-9`), within), covers(within, on(1, `${UUID}:1-9`))]).toEqual([false, true]);
  expect([covers(on(1, `${UUID}:1-10`), within), covers(within, on(1, `${UUID}:1-10`))]).toEqual([true, false]);
  expect([covers(on(1, '0-1-9'), on(3, '0-7-8')), covers(on(1, '0-1-9'), on(3, '0-7-8,1-1-1'))]).toEqual([true, false]);
  // Without numbers there are only places.
  expect([covers(on(3, ''), on(1, '')), covers(on(1, ''), on(3, ''))]).toEqual([true, false]);
});

test('reading begins at the first transaction that is not decided', () => {
  const prefix = filePrefix('binlog.1000002', { born: 255, server: 1 });
  for (const gtids of ['', `${UUID}:1-77`]) {
    const text = formatPosition(prefix, 3456, gtids, 0, '1000001:90,999999:400,999999:1000');
    const place = parsePlace(text);
    expect(place).toMatchObject({ gtids, prepared: [{ file: 1_000_001, at: 90 }, { file: 999_999, at: 400 }, {}] });
    expect(beginOf(place)).toEqual({ name: 'binlog.999999', at: 400 });
  }
  expect(beginOf(parsePlace('binlog.000012:34'))).toMatchObject({ name: 'binlog.000012', at: 34 });
  expect(beginOf(parsePlace('binlog.000012:34 xa=3:4'))).toEqual({ name: 'binlog.000003', at: 4 });
});

test('a set of transactions grows in any order, and tells what it had', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (numbers) => {
      const set = gtidSet('', false);
      const had = new Set<number>();
      for (const number of numbers) {
        expect(set.add(UUID, String(number))).toBe(!had.has(number));
        had.add(number);
      }
      const expanded = [...set.text.matchAll(/:(\d+)(?:-(\d+))?/g)].flatMap(([, first, last = first]) =>
        Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index),
      );
      expect(expanded).toEqual([...had].sort((a, b) => a - b));
      const isFirst = (number: number): boolean => had.has(number) && !had.has(number - 1);
      expect(set.text.split(':')).toHaveLength(had.size === 0 ? 1 : 1 + [...had].filter(isFirst).length);
      expect(gtidSet(set.text, false).text).toBe(set.text);
    }),
  );
});

test('servers and tags have numbers of their own', () => {
  const set = gtidSet(`${UUID}:1-3:5,\n${OTHER}:1:tag:1-2`, false);
  set.add(UUID, '4');
  set.add(`${OTHER}:tag`, '3');
  expect(set.text).toBe(`${UUID}:1-5,${OTHER}:1,${OTHER}:tag:1-3`);
});

test('in MariaDB the last number of a domain stands for all before it', () => {
  const set = gtidSet('0-1-100,1-2-5', true);
  expect(set.add('0', '1-101')).toBe(true);
  expect(set.add('0', '1-101')).toBe(false);
  expect(set.add('0', '7-3')).toBe(true);
  expect(set.add('2', '1-1')).toBe(true);
  expect(set.text).toBe('0-7-3,1-2-5,2-1-1');
});
