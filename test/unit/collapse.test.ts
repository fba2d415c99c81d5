import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collapse, isUncollapsible } from '../../src/apply/collapse.ts';
import { segmentsOf } from '../../src/apply/segment.ts';
import type { TableChanges } from '../../src/databases/target.ts';
import type { LoggedValue, RowChange } from '../../src/model/change.ts';
import { keyText } from '../../src/model/change.ts';
import { createTable, insert, ModelTable, remove, update } from './apply-fixture.ts';

const items = createTable('items');

const net = (...changes: RowChange[]): Omit<TableChanges, 'table' | 'keyChunks'> | undefined => {
  const sets = collapse(items, changes);
  return sets && { deletes: sets.deletes, updates: sets.updates, inserts: sets.inserts };
};

test('an insert and an update become an insert with the updated values', () => {
  const sets = net(insert(items, '1', 'a', 'b'), update(items, '1', '1', 'c', undefined));
  expect(sets).toEqual({ deletes: [], updates: [], inserts: [['1', 'c', 'b']] });
});

test('an insert and a delete become nothing', () => {
  expect(net(insert(items, '1', 'a', 'b'), remove(items, '1'))).toEqual({ deletes: [], updates: [], inserts: [] });
});

test('a delete and an insert of a row that was there become an update of every column', () => {
  expect(net(remove(items, '1'), insert(items, '1', 'a', null))).toEqual({
    deletes: [],
    updates: [{ columns: [1, 2], keys: [['1']], rows: [['1', 'a', null]] }],
    inserts: [],
  });
});

test('updates are merged, and later values that are unavailable keep earlier ones', () => {
  const sets = net(update(items, '1', '1', 'x', undefined), update(items, '1', '1', undefined, 'y'));
  expect(sets?.updates).toEqual([{ columns: [1, 2], keys: [['1']], rows: [['1', 'x', 'y']] }]);
});

test('updates are grouped by the columns they carry', () => {
  const sets = net(
    update(items, '1', '1', 'x', undefined),
    update(items, '2', '2', 'y', 'z'),
    update(items, '3', '3', 'w', undefined),
  );
  expect(sets?.updates.map(({ columns, keys }) => ({ columns, keys }))).toEqual([
    { columns: [1], keys: [['1'], ['3']] },
    { columns: [1, 2], keys: [['2']] },
  ]);
});

test('a change of key with every value becomes a delete and an insert', () => {
  expect(net(update(items, '1', '2', 'a', 'b'))).toEqual({
    deletes: [['1']],
    updates: [],
    inserts: [['2', 'a', 'b']],
  });
});

test('a change of key that leaves values behind cannot be collapsed and stands alone', () => {
  const moved = update(items, '1', '2', 'a', undefined);
  expect(isUncollapsible(moved)).toBe(true);
  expect(net(moved)).toBeUndefined();
  const changes = [insert(items, '9', 'a', 'b'), moved, remove(items, '2')];
  const segments = segmentsOf(changes);
  expect(
    segments.map((segment) => (segment.kind === 'rows' ? [segment.changes, segment.sets !== undefined] : [])),
  ).toEqual([
    [[changes[0]], true],
    [[moved], false],
    [[changes[2]], true],
  ]);
});

test('a key value that the log did not carry did not change', () => {
  const pairs = createTable('pairs', ['a'], 2);
  const change: RowChange = { op: 'update', table: pairs, key: ['1', '2'], row: ['1', undefined, 'x'] };
  expect(isUncollapsible(change)).toBe(false);
  expect(collapse(pairs, [change])?.updates).toEqual([{ columns: [2], keys: [['1', '2']], rows: [['1', '2', 'x']] }]);
});

test('changes that do not add up are not collapsed', () => {
  expect(net(insert(items, '1', 'a', 'b'), insert(items, '1', 'a', 'b'))).toBeUndefined();
  expect(net(remove(items, '1'), remove(items, '1'))).toBeUndefined();
  expect(net(remove(items, '1'), update(items, '1', '1', 'a', 'b'))).toBeUndefined();
  expect(net(insert(items, '1', 'a', undefined))).toBeUndefined();
});

// Keys from a small range, so that most operations meet rows that others touched.
const operation = fc.record({
  kind: fc.constantFrom('insert', 'update', 'delete', 'move'),
  key: fc.integer({ min: 0, max: 6 }),
  to: fc.integer({ min: 0, max: 6 }),
  a: fc.option(fc.string({ maxLength: 2 })),
  b: fc.option(fc.string({ maxLength: 2 })),
  hideA: fc.boolean(),
  hideB: fc.boolean(),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** The change an operation makes of the table's state, or undefined when it is not possible there. */
function toChange(model: ModelTable, { kind, key, to, a, b, hideA, hideB }: Operation): RowChange | undefined {
  const old = model.rows.get(String(key));
  if (kind === 'insert') return old === undefined ? insert(items, String(key), a, b) : undefined;
  if (old === undefined) return undefined;
  if (kind === 'delete') return remove(items, String(key));
  const moved = kind === 'move' ? to : key;
  if (moved !== key && model.rows.has(String(moved))) return undefined;
  // A hidden value is one that did not change.
  const values: LoggedValue[] = [hideA ? undefined : a, hideB ? undefined : b];
  return update(items, String(key), String(moved), ...values);
}

function write(model: ModelTable, sets: TableChanges): void {
  for (const key of sets.deletes) model.remove(key);
  for (const { columns, keys, rows } of sets.updates) {
    for (const [index, key] of keys.entries()) {
      const row = rows[index] ?? [];
      model.update(
        key,
        row.map((value, column) => (columns.includes(column) || column === 0 ? value : undefined)),
      );
    }
  }
  for (const row of sets.inserts) model.insert(row);
}

test('writing the collapsed sets gives what the changes give one by one', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), fc.subarray([0, 1, 2, 3, 4, 5, 6]), (operations, present) => {
      const one = new ModelTable(items);
      const sets = new ModelTable(items);
      for (const key of present) {
        one.insert([String(key), `a${key}`, `b${key}`]);
        sets.insert([String(key), `a${key}`, `b${key}`]);
      }
      const changes: RowChange[] = [];
      for (const each of operations) {
        const change = toChange(one, each);
        if (change === undefined) continue;
        one.apply(change);
        changes.push(change);
      }
      for (const segment of segmentsOf(changes)) {
        if (segment.kind !== 'rows') throw new Error('nothing was emptied');
        if (segment.sets === undefined) for (const change of segment.changes) sets.apply(change);
        else for (const set of segment.sets) write(sets, set);
      }
      expect(new Map([...sets.rows].sort())).toEqual(new Map([...one.rows].sort()));
    }),
    { numRuns: 1_000 },
  );
});

test('keys are unique within the collapsed sets', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const model = new ModelTable(items);
      const changes: RowChange[] = [];
      for (const each of operations) {
        const change = toChange(model, { ...each, hideA: false, hideB: false });
        if (change === undefined) continue;
        model.apply(change);
        changes.push(change);
      }
      const sets = collapse(items, changes);
      if (sets === undefined) throw new Error('every value is there, so it can be collapsed');
      const keys = [
        ...sets.deletes,
        ...sets.updates.flatMap((group) => group.keys),
        ...sets.inserts.map(([id]) => [id ?? null]),
      ];
      expect(new Set(keys.map(keyText)).size).toBe(keys.length);
    }),
  );
});
