import { expect, test } from 'vitest';
import type { Batch } from '../../src/apply/batch.ts';
import { CommitPoints } from '../../src/apply/commit-points.ts';
import type { Transaction } from '../../src/model/change.ts';
import { at, covers, createTable, insert, transaction } from './apply-fixture.ts';

const items = createTable('items');
const keyless = { ...createTable('keyless'), identity: 'row' } as const;

function open(opened: readonly number[], options: { readonly isWithin?: boolean } = {}): CommitPoints {
  return new CommitPoints({
    covers,
    opened: opened.map(at),
    isWithin: options.isWithin ?? false,
    maxTransactionRows: 3,
  });
}

const rows = (count: number, table = items) =>
  Array.from({ length: count }, (_, index) => insert(table, String(index), 'a', 'b'));
const batch = (...transactions: Transaction[]): Batch => ({
  transactions,
  last: transactions.at(-1)?.last ?? true,
});
const piece = (position: number, count: number, table = items) => transaction(position, rows(count, table), false);

test('a batch that ends between transactions is committed, one that ends within one is not', () => {
  const points = open([0, 0]);
  expect(points.follow(batch(transaction(1, rows(9))))).toEqual({
    commitAt: '1',
    isWithin: false,
    firstPart: undefined,
  });
  expect(points.follow(batch(transaction(2, rows(9)), piece(2.1, 2)))).toEqual({
    commitAt: undefined,
    isWithin: true,
    firstPart: undefined,
  });
  expect(points.isLevel).toBe(false);
  // Nothing arrived: nothing has changed.
  expect(points.follow(batch())).toEqual({ commitAt: undefined, isWithin: true, firstPart: undefined });
  expect(points.isLevel).toBe(false);
  expect(points.follow(batch(transaction(3, [])))).toMatchObject({ commitAt: '3', isWithin: false });
  expect(points.isLevel).toBe(true);
});

test('a transaction that has grown too large is committed in parts, and announced once', () => {
  const points = open([0]);
  const ends = [piece(0.1, 2), piece(0.2, 2), piece(0.3, 2), piece(0.4, 2), transaction(1, rows(1))].map((each) =>
    points.follow(batch(each)),
  );
  expect(ends.map(({ commitAt, firstPart }) => [commitAt, firstPart])).toEqual([
    [undefined, undefined],
    ['0.2', 4],
    [undefined, undefined],
    ['0.4', undefined],
    ['1', undefined],
  ]);
  points.follow(batch(piece(1.1, 2)));
  expect(points.follow(batch(piece(1.2, 2))).firstPart).toBe(4);
});

test('one of which an earlier process committed parts is not announced again', () => {
  const points = open([0.1], { isWithin: true });
  expect(points.follow(batch(piece(0.2, 4)))).toEqual({ commitAt: '0.2', isWithin: true, firstPart: undefined });
});

test('a transaction that touched a table without a key is never committed in part, and the next one is free again', () => {
  const points = open([0]);
  points.follow(batch(piece(0.1, 1, keyless)));
  expect(points.follow(batch(piece(0.2, 9))).commitAt).toBeUndefined();
  expect(points.follow(batch(transaction(1, rows(1)), piece(1.1, 9))).commitAt).toBe('1.1');
});

test('lanes that are apart are committed where the highest of them stands, also within a transaction', () => {
  const points = open([0, 0.2]);
  expect(points.isLevel).toBe(false);
  expect([0.1, 0.2, 1].map((position) => points.reachesCeiling(at(position)))).toEqual([false, true, true]);
  expect(points.follow(batch(piece(0.1, 1)))).toMatchObject({ commitAt: undefined });
  expect(points.isLevel).toBe(false);
  expect(points.follow(batch(piece(0.2, 1)))).toMatchObject({ commitAt: '0.2' });
  expect(points.isLevel).toBe(true);
  expect(points.reachesCeiling(at(1))).toBe(false);
});

test('a commit before the highest lane does not make the lanes level', () => {
  const points = open([0, 2]);
  expect(points.follow(batch(transaction(1, rows(1))))).toMatchObject({ commitAt: '1' });
  expect(points.isLevel).toBe(false);
});
