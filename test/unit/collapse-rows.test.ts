// Changes of tables without a key: only how often each row is there counts.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collapse, isUncollapsible } from '../../src/apply/collapse.ts';
import { segmentsOf } from '../../src/apply/segment.ts';
import { type Key, keyText, type LoggedValue, type Row, type RowChange } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import { createTable, insert } from './apply-fixture.ts';

const logs: Table = { ...createTable('logs', ['a'], 1), key: [0, 1], identity: 'row', spread: false };
const items = createTable('items');

const remove = (...key: Key): RowChange => ({ op: 'delete', table: logs, key });
const update = (key: Key, ...row: LoggedValue[]): RowChange => ({ op: 'update', table: logs, key, row });
const net = (...changes: RowChange[]): { deletes: readonly Key[]; inserts: readonly Row[] } => {
  const { deletes, updates, inserts } = collapse(logs, changes) ?? { deletes: [], updates: [], inserts: [] };
  expect(updates).toEqual([]);
  return { deletes, inserts };
};

test('copies add up', () => {
  expect(
    net(insert(logs, '1', 'x'), insert(logs, '1', 'x'), remove('1', 'x'), remove('2', 'y'), remove('2', 'y')),
  ).toEqual({
    deletes: [
      ['2', 'y'],
      ['2', 'y'],
    ],
    inserts: [['1', 'x']],
  });
});

test('an update of one of two copies is one row fewer and one more, and values the log lacks stay', () => {
  expect(net(update(['1', 'x'], '2', undefined))).toEqual({ deletes: [['1', 'x']], inserts: [['2', 'x']] });
  expect(isUncollapsible(update(['1', 'x'], '2', undefined))).toBe(false);
});

test('an update that changes nothing is nothing', () => {
  expect(net(update(['1', null], '1', null))).toEqual({ deletes: [], inserts: [] });
});

test('texts that a type calls equal are different rows, and so are NULL, the empty text and what looks like either', () => {
  const rows: readonly Key[] = [
    ['1.0', ''],
    ['1.00', ''],
    ['1.0', null],
    [null, '1.0'],
    ['n', 'n'],
    [null, null],
  ];
  expect(net(...rows.map((row) => insert(logs, ...row))).inserts).toEqual(rows);
  const one: Table = { ...logs, columns: logs.columns.slice(0, 1), key: [0] };
  const single = [null, 'n', ''].map((value): RowChange => ({ op: 'insert', table: one, row: [value] }));
  expect(collapse(one, single)?.inserts).toEqual([[null], ['n'], ['']]);
});

test('they stand apart from changes that may have to be replayed', () => {
  const steps = [insert(items, '1', 'a', 'b'), insert(logs, '1', 'x'), insert(items, '2', 'a', 'b')];
  const segments = segmentsOf(steps);
  expect(segments.map((segment) => (segment.kind === 'rows' ? segment.changes : []))).toEqual([
    [steps[0], steps[2]],
    [steps[1]],
  ]);
});

// Few values, so that most changes meet copies.
const value = fc.constantFrom('1.0', '1.00', '', null);
const row = fc.tuple(value, value);
const operation = fc.record({
  kind: fc.constantFrom('insert', 'update', 'delete'),
  row,
  place: fc.nat(),
  hide: fc.boolean(),
});

test('writing the net counts gives what the changes give one by one', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 8 }), fc.array(operation, { maxLength: 40 }), (present, operations) => {
      const inOrder: Key[] = [...present];
      const changes: RowChange[] = [];
      for (const { kind, row: fresh, place, hide } of operations) {
        const at = inOrder.length === 0 ? 0 : place % inOrder.length;
        const [old] = kind === 'insert' ? [undefined] : inOrder.splice(at, 1);
        if (kind !== 'insert' && old === undefined) continue;
        if (kind === 'insert') changes.push(insert(logs, ...fresh));
        else if (kind === 'delete') changes.push(remove(...(old ?? [])));
        // A hidden value is one that did not change.
        else changes.push(update(old ?? [], fresh[0], hide ? undefined : fresh[1]));
        if (kind !== 'delete') inOrder.push(kind === 'update' && hide ? [fresh[0], old?.[1] ?? null] : fresh);
      }
      const { deletes, inserts } = net(...changes);
      const written = [...present.map((key): Key => key)];
      for (const gone of deletes) {
        const found = written.findIndex((key) => keyText(key) === keyText(gone));
        expect(found, 'a row to delete must have been there before').toBeGreaterThanOrEqual(0);
        written.splice(found, 1);
      }
      const texts = (rows: readonly Row[]): readonly string[] => rows.map((each) => JSON.stringify(each)).sort();
      expect(texts([...written, ...inserts])).toEqual(texts(inOrder));
    }),
    { numRuns: 1_000 },
  );
});
