// Which keys the verification remembers between two comparisons.

import { expect, test } from 'vitest';
import { type Table, tableId } from '../../src/model/table.ts';
import { PendingKeys } from '../../src/verify/pending.ts';

function table(name: string, identity: Table['identity'] = 'key'): Table {
  return {
    id: tableId('s', name),
    schema: 's',
    name,
    columns: [],
    key: [0],
    identity,
    spread: true,
    rowEstimate: 0,
    byteEstimate: 0,
  };
}

const A = table('a');
const B = table('b');

test('a key counts once however often it changes', () => {
  const pending = new PendingKeys();
  for (let time = 0; time < 3; time++) pending.changed(A, ['1']);
  pending.changed(B, ['1']);
  expect(pending.size).toBe(2);
});

test('taking empties it, and what changes afterwards is collected anew', () => {
  const pending = new PendingKeys();
  pending.changed(A, ['1']);
  expect(pending.take('key')).toEqual([{ table: A, keys: [['1']] }]);
  expect(pending.has(A, ['1'])).toBe(false);
  pending.changed(A, ['2']);
  pending.putBack([{ table: A, keys: [['1'], ['2']] }]);
  expect(pending.take('key')).toEqual([{ table: A, keys: [['2'], ['1']] }]);
  expect(pending.take('key')).toEqual([]);
});

test('a truncated table is pending as a whole, whatever changes before or after', () => {
  const pending = new PendingKeys();
  pending.changed(A, ['1']);
  pending.truncated(A);
  pending.changed(A, ['2']);
  expect(pending.size).toBe(0);
  expect(pending.wholeTables).toBe(1);
  expect(pending.has(A, ['3'])).toBe(true);
  const taken = pending.take('key');
  expect(taken).toEqual([{ table: A, keys: 'whole' }]);
  pending.changed(A, ['4']);
  pending.putBack(taken);
  expect(pending.take('key')).toEqual([{ table: A, keys: 'whole' }]);
});

test('over its limit it remembers the largest table as a whole and keeps the keys of the others', () => {
  const pending = new PendingKeys(10);
  pending.changed(B, ['1']);
  for (let key = 0; key < 10; key++) pending.changed(A, [String(key)]);
  expect(pending.size).toBe(1);
  expect(pending.take('key')).toEqual([
    { table: B, keys: [['1']] },
    { table: A, keys: 'whole' },
  ]);
});

test('a table without a key is pending as a whole with its first change, and taken apart from the others', () => {
  const pending = new PendingKeys();
  const logs = table('logs', 'row');
  pending.tookToRead(logs, 40);
  expect(pending.rows).toEqual({ tables: 0, readMs: 0 });
  pending.changed(logs, ['1', null]);
  pending.changed(A, ['1']);
  expect(pending).toMatchObject({ size: 1, wholeTables: 0, rows: { tables: 1, readMs: 40 } });
  expect(pending.has(logs, [])).toBe(true);
  expect(pending.take('key')).toEqual([{ table: A, keys: [['1']] }]);
  const taken = pending.take('row');
  expect(taken).toEqual([{ table: logs, keys: 'whole' }]);
  expect(pending.has(logs, [])).toBe(false);
  pending.putBack([{ table: logs, keys: [[]] }]);
  expect(pending.take('row')).toEqual(taken);
});
