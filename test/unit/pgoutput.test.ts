import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LogSink, PgoutputDecoder } from '../../src/databases/postgres/log/pgoutput.ts';
import { Relations } from '../../src/databases/postgres/log/relations.ts';
import type { Change } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import * as log from './pgoutput-messages.ts';

const TEXT = 25;
const orders = log.makeTable('orders', ['id', 'note', 'body']);
const pairs = log.makeTable('pairs', ['b', 'a', 'v'], [1, 0]);
const ORDERS = log.relation({
  oid: 1,
  name: 'orders',
  columns: [
    { name: 'id', oid: TEXT, key: true },
    { name: 'note', oid: TEXT },
    { name: 'body', oid: TEXT },
  ],
});
const PAIRS = log.relation({
  oid: 2,
  name: 'pairs',
  columns: [
    { name: 'b', oid: TEXT, key: true },
    { name: 'a', oid: TEXT, key: true },
    { name: 'v', oid: TEXT },
  ],
});

class Collected implements LogSink {
  readonly changes: Change[] = [];
  skipping = false;
  begin(): void {}
  commit(): void {}
  change(change: Change): void {
    this.changes.push(change);
  }
}

function open(tables: readonly Table[] = [orders, pairs], published: readonly number[] = []) {
  const sink = new Collected();
  const captured = tables.map((table) => ({ table, types: table.columns.map(() => ({ oid: TEXT, modifier: -1 })) }));
  const decoder = new PgoutputDecoder(new Relations(captured, new Set(published)), sink);
  const decode = (...messages: readonly Buffer[]): readonly Change[] => {
    // Frames have a header before the message.
    for (const message of messages) decoder.decode(Buffer.concat([Buffer.alloc(25), message]), 25);
    return sink.changes;
  };
  return { sink, decode };
}

test('rows come out value by value, as they were sent', () => {
  const { decode } = open();
  const texts = ['1', 'ünïcödé 💥', `quote ' " \\ \n ${'x'.repeat(100)}`];
  expect(decode(ORDERS, log.insert(1, texts), log.insert(1, ['2', null, '']))).toEqual([
    { op: 'insert', table: orders, row: texts },
    { op: 'insert', table: orders, row: ['2', null, ''] },
  ]);
});

test('any text survives', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 3, maxLength: 3 }), (row) => {
      // A lone surrogate has no UTF-8 form, so no server can send one.
      const valid = row.map((text) => Buffer.from(text).toString());
      expect(open().decode(ORDERS, log.insert(1, valid))).toEqual([{ op: 'insert', table: orders, row: valid }]);
    }),
  );
});

test('the key of an update is the old one when it was sent, else that of the new row, in key order', () => {
  const { decode } = open();
  const changes = decode(
    PAIRS,
    log.update(2, ['b1', 'a1', 'v']),
    log.update(2, ['b2', 'a2', 'v'], { kind: 'K', row: ['b1', 'a1', null] }),
    log.update(2, ['b3', 'a3', 'v'], { kind: 'O', row: ['b2', 'a2', 'old'] }),
  );
  expect(changes.map((change) => ('key' in change ? change.key : undefined))).toEqual([
    ['a1', 'b1'],
    ['a1', 'b1'],
    ['a2', 'b2'],
  ]);
});

test('a delete has the key of the identity or of the whole old row', () => {
  const { decode } = open();
  expect(
    decode(PAIRS, log.remove(2, 'K', ['b1', 'a1', null]), log.remove(2, 'O', ['b2', 'a2', 'v'])).map((change) =>
      change.op === 'delete' ? change.key : change.op,
    ),
  ).toEqual([
    ['a1', 'b1'],
    ['a2', 'b2'],
  ]);
});

test('an unavailable value is undefined', () => {
  const { decode } = open();
  expect(decode(ORDERS, log.update(1, ['1', 'n', log.UNAVAILABLE]))).toEqual([
    { op: 'update', table: orders, key: ['1'], row: ['1', 'n', undefined] },
  ]);
});

test('an unavailable value is taken from a whole old row, but a null that stands for "not sent" is not', () => {
  const { decode } = open();
  const changes = decode(
    ORDERS,
    log.update(1, ['1', 'n', log.UNAVAILABLE], { kind: 'O', row: ['1', 'm', 'large'] }),
    log.update(1, ['2', 'n', log.UNAVAILABLE], { kind: 'K', row: ['1', null, null] }),
    log.update(1, [log.UNAVAILABLE, 'n', null], { kind: 'K', row: ['large key', null, null] }),
  );
  expect(changes.map((change) => (change.op === 'update' ? change.row : change.op))).toEqual([
    ['1', 'n', 'large'],
    ['2', 'n', undefined],
    ['large key', 'n', null],
  ]);
});

test('truncate names its tables, and only transactional messages of our own are markers', () => {
  const { decode } = open();
  expect(
    decode(
      ORDERS,
      PAIRS,
      log.truncate([2, 1]),
      log.message('migrate', 'm-1'),
      log.message('migrate', 'no', false),
      log.message('other', 'no'),
      Buffer.from('Oxxxxxxxxname\0'),
      Buffer.from('Yxxxx'),
    ),
  ).toEqual([
    { op: 'truncate', tables: [pairs, orders] },
    { op: 'marker', content: 'm-1' },
  ]);
});

test('changes that are read over are not judged', () => {
  const { sink, decode } = open();
  sink.skipping = true;
  expect(decode(log.insert(99, ['1']), log.truncate([99]), log.message('migrate', 'old'))).toEqual([]);
});

describe('a table that is not as it was', () => {
  const columns = [
    { name: 'id', oid: TEXT, key: true },
    { name: 'note', oid: TEXT },
    { name: 'body', oid: TEXT },
  ];
  const cases: readonly (readonly [string, Parameters<typeof log.relation>[0], RegExp])[] = [
    ['has a new column', { oid: 1, name: 'orders', columns: [...columns, { name: 'n', oid: TEXT }] }, /n was added/],
    ['lost a column', { oid: 1, name: 'orders', columns: columns.slice(0, 2) }, /body was dropped/],
    [
      'has a renamed column',
      { oid: 1, name: 'orders', columns: [...columns.slice(0, 2), { name: 'text', oid: TEXT }] },
      /body is gone, text is new/,
    ],
    [
      'has a column of another type',
      { oid: 1, name: 'orders', columns: [...columns.slice(0, 2), { name: 'body', oid: 17 }] },
      /body is no longer text/,
    ],
    [
      'has a column of another length',
      { oid: 1, name: 'orders', columns: [...columns.slice(0, 2), { name: 'body', oid: TEXT, modifier: 9 }] },
      /body is no longer text/,
    ],
    [
      'lost its key',
      { oid: 1, name: 'orders', columns: columns.map((column) => ({ ...column, key: false })), identity: 'n' },
      /key column id is not part of the replica identity/,
    ],
    [
      'has a wider key',
      { oid: 1, name: 'orders', columns: columns.map((column) => ({ ...column, key: true })) },
      /primary key has other columns/,
    ],
    ['was renamed', { oid: 1, name: 'orders_old', columns }, /renamed to shop\.orders_old/],
  ];
  test.each(cases)('%s: the first change of it stops the stream', (_, relation, difference) => {
    const { decode } = open([orders], [1]);
    decode(ORDERS, log.insert(1, ['1', null, null]), log.relation(relation));
    expect(() => decode(log.insert(1, ['2', null, null]))).toThrow(
      expect.objectContaining({ code: 'SCHEMA.CHANGED', message: expect.stringMatching(difference) }),
    );
  });

  test('logs whole old rows now: that is no reason to stop', () => {
    const { decode } = open([orders]);
    const full = columns.map((column) => ({ ...column, key: true }));
    const row = ['1', 'n', 'b'];
    expect(decode(log.relation({ oid: 1, name: 'orders', columns: full, identity: 'f' }), log.insert(1, row))).toEqual([
      { op: 'insert', table: orders, row },
    ]);
  });
});

describe('what is not known stops the stream', () => {
  const unknown = expect.objectContaining({ code: 'STREAM.UNKNOWN' });

  test('a kind of message', () => {
    expect(() => open().decode(Buffer.from('S1234'))).toThrow(unknown);
  });

  test('a table that is not captured', () => {
    const other = log.relation({ oid: 5, name: 'other', columns: [{ name: 'id', oid: TEXT, key: true }] });
    expect(() => open().decode(other, log.insert(5, ['1']))).toThrow(unknown);
  });

  test('a table that was not described', () => {
    expect(() => open().decode(log.insert(1, ['1', null, null]))).toThrow(unknown);
  });

  test('a row of another width', () => {
    expect(() => open().decode(ORDERS, log.insert(1, ['1']))).toThrow(unknown);
  });

  test('a value in binary form', () => {
    const binary = log.insert(1, ['1', null, null]);
    binary[binary.indexOf('t')] = 'b'.charCodeAt(0);
    expect(() => open().decode(ORDERS, binary)).toThrow(unknown);
  });

  test('a change without its key', () => {
    expect(() => open().decode(ORDERS, log.remove(1, 'K', [null, null, null]))).toThrow(unknown);
    expect(() => open().decode(ORDERS, log.update(1, [log.UNAVAILABLE, 'n', null]))).toThrow(unknown);
  });

  test('a message that was cut off, wherever that is', () => {
    const whole = log.update(1, ['1', 'note', 'body'], { kind: 'O', row: ['1', 'old', null] });
    for (let length = 1; length < whole.length; length++) {
      expect(() => open().decode(ORDERS, whole.subarray(0, length))).toThrow();
    }
  });
});
