import { describe, expect, test } from 'vitest';
import { planChunks } from '../../src/copy/plan.ts';
import { pendingTasks } from '../../src/copy/queue.ts';
import { rangeCondition } from '../../src/databases/postgres/range.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import type { Position } from '../../src/model/position.ts';
import { type Table, type TableId, tableId } from '../../src/model/table.ts';

function table(name: string, byteEstimate = 0, key: readonly number[] = [0]): Table {
  const column = { type: 'int4', castType: 'int4' };
  return {
    id: tableId('shop', name),
    schema: 'shop',
    name,
    columns: [
      { ...column, name: 'id' },
      { ...column, name: 'a"b', castType: 'text' },
    ],
    key,
    rowEstimate: 0,
    identity: 'key',
    spread: true,
    byteEstimate,
  };
}

function progress({ id }: Table, done: readonly boolean[]): TableProgress {
  const chunks = done.map((isDone, ordinal) => ({
    ordinal,
    range: { lower: null, upper: null },
    at: isDone ? ('0/1' as Position) : null,
    rows: 0,
  }));
  return { id, lane: 0, spread: false, bounds: [], chunks, keyChunks: [] };
}

describe('the queue of chunks', () => {
  test('holds what is not done, the largest table first', () => {
    const small = table('small', 1);
    const large = table('large', 9);
    const tasks = pendingTasks([small, large], [progress(small, [false]), progress(large, [false, true, false])]);
    expect(tasks.map((task) => `${task.table.name} ${task.chunk.ordinal}`)).toEqual(['large 0', 'large 2', 'small 0']);
  });

  test('refuses a table without chunks, which would look complete', () => {
    expect(() => pendingTasks([table('forgotten')], [])).toThrow('shop.forgotten has no chunks');
  });
});

describe('planning', () => {
  test('cuts only the tables that have no chunks yet', async () => {
    const old = table('old');
    const fresh = table('fresh');
    const planned: [TableId, number][] = [];
    await planChunks({
      tables: [old, fresh],
      chunks: { plan: async (_table, rows) => [[String(rows)]], locate: async () => [] },
      journal: {
        list: async () => [progress(old, [true]), { ...progress(fresh, []), bounds: null }],
        plan: async (id, bounds) => void planned.push([id, bounds.length]),
      },
      rows: 10,
      signal: new AbortController().signal,
    });
    expect(planned).toEqual([[fresh.id, 1]]);
  });
});

describe('a range as a condition', () => {
  test('of one column compares that column', () => {
    expect(rangeCondition(table('t'), { lower: ['1'], upper: ["'"] })).toBe(`"id" >= '1'::int4 AND "id" < ''''::int4`);
  });

  test('of several columns compares rows', () => {
    expect(rangeCondition(table('t', 0, [1, 0]), { lower: ['x', '1'], upper: null })).toBe(
      `ROW("a""b","id") >= ROW('x'::text,'1'::int4)`,
    );
  });

  test('open at both ends is always true', () => {
    expect(rangeCondition(table('t'), { lower: null, upper: null })).toBe('TRUE');
  });

  test('with a bound of the wrong width is refused', () => {
    expect(() => rangeCondition(table('t'), { lower: ['1', '2'], upper: null })).toThrow('2 values');
  });
});
