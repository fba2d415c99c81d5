// How tables are cut for the comparison, and how the jobs are run.

import { describe, expect, test } from 'vitest';
import type { TableProgress } from '../../src/journal/journal.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { cutRange } from '../../src/verify/comparer.ts';
import { planRanges } from '../../src/verify/ranges.ts';
import { eachOf } from '../../src/verify/work.ts';

const TABLE: Table = {
  id: tableId('s', 't'),
  schema: 's',
  name: 't',
  columns: [],
  key: [0],
  rowEstimate: 7,
  identity: 'key',
  spread: true,
  byteEstimate: 0,
};

function progress(rows: readonly number[]): TableProgress {
  const bound = (ordinal: number) => (ordinal > 0 && ordinal < rows.length ? [String(ordinal)] : null);
  const chunks = rows.map((count, ordinal) => {
    return { ordinal, range: { lower: bound(ordinal), upper: bound(ordinal + 1) }, at: null, rows: count };
  });
  const bounds = rows.slice(1).map((_, index) => [String(index + 1)]);
  return { id: TABLE.id, lane: 0, spread: false, bounds, chunks, keyChunks: [] };
}

describe('planning ranges', () => {
  test('joins small neighbours and leaves no gap', () => {
    const ranges = planRanges(TABLE, progress([10, 10, 90, 5, 200, 1]), 100);
    expect(ranges.map(({ range, rows }) => [range.lower?.[0] ?? null, range.upper?.[0] ?? null, rows])).toEqual([
      [null, '2', 20],
      ['2', '4', 95],
      ['4', '5', 200],
      ['5', null, 1],
    ]);
  });

  test('takes a table without planned chunks as one range', () => {
    expect(planRanges(TABLE, undefined, 100)).toEqual([{ table: TABLE, range: { lower: null, upper: null }, rows: 7 }]);
    expect(planRanges(TABLE, { ...progress([]), bounds: null }, 100)).toHaveLength(1);
  });

  test('cuts a range at its inner bounds', () => {
    expect(cutRange({ lower: ['a'], upper: null }, [['b'], ['c']])).toEqual([
      { lower: ['a'], upper: ['b'] },
      { lower: ['b'], upper: ['c'] },
      { lower: ['c'], upper: null },
    ]);
    expect(cutRange({ lower: null, upper: null }, [])).toEqual([{ lower: null, upper: null }]);
  });
});

describe('running jobs', () => {
  test('rejects with the first failure once all that had begun have ended, and begins no other', async () => {
    const begun: number[] = [];
    let ended = 0;
    const run = eachOf([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      await Promise.resolve();
      ended++;
      if (item === 1) throw new Error('first');
      await Promise.resolve();
    });
    await expect(run).rejects.toThrow('first');
    expect(begun).toEqual([1, 2]);
    expect(ended).toBe(2);
  });
});
