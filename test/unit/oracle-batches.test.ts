// Rows on their way to Oracle: how they are cut into batches and what is said about the values that are bound.

import { expect, test } from 'vitest';
import type { Value } from '../../src/databases/oracle/connection.ts';
import { batches, bindColumns } from '../../src/databases/oracle/write/batches.ts';
import { WrittenColumn } from '../../src/databases/oracle/write/columns.ts';

const column = (type: string): WrittenColumn =>
  new WrittenColumn({ name: 'C', type, castType: type }, 0, { print: (own) => own, read: (text) => text });
const bindOf = (type: string, ...values: Value[]) =>
  bindColumns(
    [column(type)],
    values.map((value) => [value]),
  )[0];

test.each([
  ['NUMBER(20)', '1', { type: 'text', maxBytes: 128 }],
  ['VARCHAR2(50 CHAR)', null, { type: 'text', maxBytes: 128 }],
  ['VARCHAR2(4000 CHAR)', 'é'.repeat(1_990), { type: 'text', maxBytes: 4_000 }],
  ['VARCHAR2(4000 CHAR)', '€'.repeat(1_334), { type: 'text', maxBytes: 32_767 }],
  ['CLOB', 'é'.repeat(20_000), { type: 'text', maxBytes: 40_000 }],
  ['CLOB', 'é'.repeat(2_001), { type: 'text', maxBytes: 32_768 }],
  ['CLOB', 'é'.repeat(1_990), { type: 'text', maxBytes: 4_000 }],
  ['RAW(2000)', Buffer.alloc(1_000), { type: 'bytes', maxBytes: 2_000 }],
  ['RAW(2000)', Buffer.alloc(1_999), { type: 'bytes', maxBytes: 2_000 }],
  ['BLOB', Buffer.alloc(50_000), { type: 'bytes', maxBytes: 50_000 }],
  ['JSON', '{}', { type: 'text', maxBytes: 128 }],
  ['JSON', `"${'a'.repeat(3_999)}"`, { type: 'clob', maxBytes: 4_001 }],
])('a value of %s is bound with room for all its bytes', (type, value, expected) => {
  expect(bindOf(type, 'a', value, null)).toEqual(expected);
});

test('batches have so many rows and so many bytes, and a large row is one alone', () => {
  const sizes = (...rows: Value[][]): readonly number[] =>
    [...batches([column('CLOB')], rows)].map((batch) => batch.rows.length);
  expect(sizes()).toEqual([]);
  expect(sizes(...Array.from({ length: 2_500 }, () => ['a']))).toEqual([1_000, 1_000, 500]);
  expect(sizes(['a'], ['b'.repeat(1 << 20)], ['c'], [null])).toEqual([1, 1, 2]);
});

test('a value that no column of its type can hold is refused before it is sent', () => {
  expect(column('CLOB').own('a'.repeat(40_000))).toHaveLength(40_000);
  expect(column('VARCHAR2(4000)').own('€'.repeat(10_922))).toHaveLength(10_922);
  expect(() => column('VARCHAR2(4000)').own('€'.repeat(10_923))).toThrow(
    expect.objectContaining({ code: 'TARGET.REFUSED', message: 'column C cannot hold a value of 32769 bytes' }),
  );
});
