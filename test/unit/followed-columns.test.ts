// Columns that came during the run, in the log of before and after them.

import { expect, test } from 'vitest';
import { PgoutputDecoder } from '../../src/databases/postgres/log/pgoutput.ts';
import { Relations } from '../../src/databases/postgres/log/relations.ts';
import type { Change } from '../../src/model/change.ts';
import * as log from './pgoutput-messages.ts';

const TEXT = 25;
const COLUMNS = ['id', 'note', 'x', 'y'];
const orders = { ...log.makeTable('orders', COLUMNS), followed: 2 };

function described(...names: readonly string[]): Buffer {
  return log.relation({
    oid: 1,
    name: 'orders',
    columns: names.map((name) => ({ name, oid: TEXT, key: name === 'id' })),
  });
}

function decode(...messages: readonly Buffer[]): readonly Change[] {
  const changes: Change[] = [];
  const sink = { skipping: false, begin() {}, commit() {}, change: (change: Change) => changes.push(change) };
  const types = orders.columns.map(() => ({ oid: TEXT, modifier: -1 }));
  const decoder = new PgoutputDecoder(new Relations([{ table: orders, types }], new Set([1])), sink);
  for (const message of messages) decoder.decode(message, 0);
  return changes;
}

test('a row from before a column came has NULL in it', () => {
  const rows = decode(
    described('id', 'note'),
    log.insert(1, ['1', 'n']),
    log.update(1, ['1', log.UNAVAILABLE]),
    log.remove(1, 'K', ['1', null]),
    described('id', 'note', 'x'),
    log.insert(1, ['2', 'n', 'x']),
    described('id', 'note', 'x', 'y'),
    log.insert(1, ['3', null, 'x', 'y']),
  );
  expect(rows.map((change) => ('row' in change ? change.row : 'key' in change ? change.key : change.op))).toEqual([
    ['1', 'n', null, null],
    ['1', undefined, null, null],
    ['1'],
    ['2', 'n', 'x', null],
    ['3', null, 'x', 'y'],
  ]);
});

test('a column that was there before the run, one in another place, and one that is gone again stop it', () => {
  const stopped = (...names: readonly (readonly string[])[]) =>
    expect(() => decode(...names.map((list) => described(...list)), log.insert(1, ['1'])));
  stopped(['id']).toThrow(/column note was dropped/);
  stopped(['id', 'note', 'y']).toThrow(/column x is gone, y is new/);
  stopped(['id', 'note', 'x', 'y', 'z']).toThrow(/column z was added/);
  stopped(['id', 'note', 'x'], ['id', 'note']).toThrow(/column x was dropped/);
});
