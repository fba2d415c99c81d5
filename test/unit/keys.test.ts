// The order in which rows are written.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from '../../src/apply/keys.ts';
import { type Key, keyText } from '../../src/model/change.ts';

const sorted = (keys: readonly Key[]): readonly Key[] => keys.toSorted(compareKeys);

test('numbers, dates and uuids stand as in an index', () => {
  expect(sorted([['10'], ['9'], ['100'], ['1']])).toEqual([['1'], ['9'], ['10'], ['100']]);
  expect(sorted([['2024-10-01'], ['2023-12-31']])).toEqual([['2023-12-31'], ['2024-10-01']]);
  expect(
    sorted([
      ['7', '10'],
      ['7', '2'],
      ['3', '9'],
    ]),
  ).toEqual([
    ['3', '9'],
    ['7', '2'],
    ['7', '10'],
  ]);
});

test('it is an order: whatever came in, the same comes out', () => {
  const key = fc.tuple(fc.oneof(fc.string({ maxLength: 3 }), fc.constant(null)), fc.string({ maxLength: 2 }));
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 12, selector: ([a, b]) => `${a?.length}:${a}:${b}` }), (keys) => {
      const comparable = keys.filter(([first]) => first !== null);
      expect(sorted(comparable)).toEqual(sorted(comparable.toReversed()));
    }),
  );
});

test('keys of bytes that are no text have texts of their own', () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte));
  expect(new Set(bytes.map((byte) => keyText([byte]))).size).toBe(256);
  expect(new Set(bytes.map((byte) => keyText(['1', byte]))).size).toBe(256);
});
