import { expect, test } from 'vitest';
import { columnArrays, columnsOf } from '../../src/databases/postgres/write/column-arrays.ts';
import type { Row } from '../../src/model/change.ts';

const MB = 1024 * 1024;

function arrays(rows: readonly Row[], places: readonly number[]): unknown {
  return [...columnArrays(rows.length, columnsOf(rows, places))];
}

test('each column of the rows becomes one array', () => {
  const rows = [
    ['1', 'a', null],
    ['2', '', 'NULL'],
    ['3', 'x y', '{"\\'],
  ];
  expect(arrays(rows, [0, 2, 1])).toEqual([{ to: 3, arrays: ['{1,2,3}', '{NULL,"NULL","{\\"\\\\"}', '{a,"","x y"}'] }]);
});

test('without rows there is no statement', () => {
  expect(arrays([], [0])).toEqual([]);
});

test('rows of much text are divided among statements, in order', () => {
  const rows = Array.from({ length: 5 }, (_, index) => [String(index), 'x'.repeat(12 * MB)]);
  const ends = [...columnArrays(rows.length, columnsOf(rows, [0, 1]))].map(({ to, arrays: [keys] = [] }) => [to, keys]);
  expect(ends).toEqual([
    [2, '{0,1}'],
    [4, '{2,3}'],
    [5, '{4}'],
  ]);
});

test('a row that is too large for a set ends it, after what stands before it', () => {
  const rows = [
    ['1', 'a'],
    ['2', 'x'.repeat(17 * MB)],
  ];
  const found = [...columnArrays(rows.length, columnsOf(rows, [0, 1]))];
  expect(found.at(-1)).toEqual({ to: 1, arrays: undefined });
});
