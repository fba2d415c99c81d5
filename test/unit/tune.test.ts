import { describe, expect, it, test } from 'vitest';
import { bestOf, percentile } from '../../src/apply/tune-choice.ts';
import { type Experiment, type Filled, type Measured, measure } from '../../src/apply/tune-measure.ts';
import { neededRows, readSample, type Sample, type SampleRequest } from '../../src/apply/tune-sample.ts';
import { readSettings } from '../../src/cli/tune.ts';
import type { Change, Key, Transaction } from '../../src/model/change.ts';
import {
  at,
  covers,
  createTable,
  insert,
  ModelTable,
  marker,
  remove,
  SILENT,
  transaction,
  update,
} from './apply-fixture.ts';
import { MemoryStream, MemoryTarget } from './apply-memory.ts';

describe('settings', () => {
  it('are lanes and rows of a batch, each once, in the order given', () => {
    expect(readSettings('2x5000, 1:100,2x5000')).toEqual([
      { lanes: 2, batchRows: 5_000 },
      { lanes: 1, batchRows: 100 },
    ]);
  });

  it.each(['', '2', '2x', '0x100', '65x100', '2x0', '2x1000001', '2x100;3x100', '-1x5'])(
    'of the form %j are refused',
    (text) => {
      expect(() => readSettings(text)).toThrow(expect.objectContaining({ code: 'USAGE.ARGUMENT' }));
    },
  );
});

describe('the best setting', () => {
  const measured = (lanes: number, rowsPerSecond: number, p95: number): Measured => ({
    ...{ lanes, batchRows: 100, changes: 1_000, seconds: 1, rowsPerSecond, isWhole: true },
    commitMs: [...Array.from({ length: 94 }, () => 1), ...Array.from({ length: 6 }, () => p95)],
  });

  it('is the fastest of those that keep to the goal', () => {
    const list = [measured(1, 1_000, 50), measured(2, 2_000, 90), measured(4, 4_000, 101)];
    expect(bestOf(list, 100)).toBe(list[1]);
  });

  it('is the one with fewer lanes of two that are about as fast', () => {
    const list = [measured(8, 4_000, 50), measured(4, 3_900, 50), measured(2, 3_500, 50)];
    expect(bestOf(list, 100)).toBe(list[1]);
  });

  it('is none when no one keeps to the goal, or nothing was written in time', () => {
    expect(bestOf([measured(1, 1_000, 50)], 49)).toBeUndefined();
    expect(bestOf([{ ...measured(1, 0, 0), changes: 0, commitMs: [] }], 49)).toBeUndefined();
  });

  it('goes by the value that 95 of 100 do not exceed', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([50, 95, 99, 100].map((of) => percentile(values, of))).toEqual([50, 95, 99, 100]);
    expect(percentile([7], 95)).toBe(7);
  });
});

const items = createTable('items', ['a']);
const bag = { ...createTable('bag', ['a']), identity: 'row', key: [0, 1], spread: false } as const;

describe('a sample', () => {
  const read = (log: readonly Transaction[][], request: Partial<SampleRequest> & { rows?: number } = {}) => {
    const stream = new MemoryStream();
    for (const run of log) stream.push(...run);
    const limits = { rows: request.rows ?? 100, bytes: 10_000, firstMs: 50, quietMs: 50, totalMs: 10_000 };
    const parts = { stream, from: at(0), end: undefined, without: new Set<never>(), limits };
    return readSample({ ...parts, signal: new AbortController().signal, ...request });
  };
  const rows = (from: number, count: number): Change[] =>
    Array.from({ length: count }, (_, index) => insert(items, `${from + index}`, 'x'));

  it('ends with the transaction that fills it, also one in pieces', async () => {
    const pieces = [transaction(1.5, rows(1, 3), false), transaction(2, rows(4, 3))];
    const sample = await read(
      [[transaction(1, rows(0, 1))], pieces.slice(0, 1), pieces.slice(1), [transaction(3, rows(9, 1))]],
      { rows: 2 },
    );
    expect(sample).toMatchObject({ from: '0', to: '2', changes: 7, isAll: false });
    expect(sample?.transactions).toHaveLength(3);
  });

  it('ends where the log ends, or where nothing more comes; half a transaction is not in it', async () => {
    const log = [[transaction(1, rows(0, 2)), transaction(2, [])], [transaction(2.5, rows(2, 1), false)]];
    expect(await read(log, { end: at(2) })).toMatchObject({ to: '2', changes: 2, isAll: true });
    expect(await read(log)).toMatchObject({ to: '2', changes: 2, isAll: true });
  });

  it('is none without a change of a table that counts', async () => {
    const log = [[transaction(1, [marker('m')]), transaction(2, [insert(bag, '1', 'x')])]];
    expect(await read(log, { without: new Set([bag.id]) })).toBeUndefined();
  });

  it('is refused when its first transaction does not fit into memory', async () => {
    const log = [[transaction(1.5, rows(0, 200), false)]];
    await expect(read(log)).rejects.toMatchObject({ code: 'TUNE.NOT_NOW' });
  });
});

/** The same for the same seed. */
function randoms(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

/** Transactions that fit to what is there. Afterwards `model` is what they lead to. */
function history(model: ModelTable, random: (below: number) => number): Transaction[] {
  const present = (): readonly string[] => [...model.rows.values()].map(([id]) => String(id));
  const one = (): Change => {
    const [id, other, fresh] = [present()[random(model.rows.size)] ?? '1', `${random(40)}`, `${random(1_000)}`];
    const isFree = !present().includes(other);
    const kind = random(4);
    const change =
      kind === 0 && isFree
        ? insert(items, other, fresh)
        : kind === 1 && isFree
          ? update(items, id, other, fresh)
          : kind === 2
            ? remove(items, id)
            : update(items, id, id, fresh);
    model.apply(change as Exclude<Change, { op: 'marker' | 'truncate' }>);
    return change;
  };
  return Array.from({ length: 30 }, (_, index) => transaction(index + 1, Array.from({ length: 1 + random(5) }, one)));
}

test.each([1, 2, 3, 4, 5])(
  'what a sample needs lets it be applied by any number of lanes, history %i',
  async (seed) => {
    const random = randoms(seed);
    const before = new ModelTable(items);
    for (let id = 0; id < 20; id++) before.insert([`${id}`, 'old']);
    const rowsBefore = new Map(before.rows);
    const transactions = history(before, random);
    const changes = transactions.reduce((sum, each) => sum + each.changes.length, 0);
    const sample: Sample = { from: at(0), to: at(30), transactions, changes, isAll: true };
    const filled = neededRows(sample, new Set()).map(({ table, keys }): Filled => {
      const found = keys.map(([id]) => [...rowsBefore.values()].find((row) => row[0] === id));
      expect(found).not.toContain(undefined);
      return { table, spread: true, rows: found.map((row) => row ?? []) };
    });
    for (const lanes of [1, 2, 5]) {
      let made = new MemoryTarget([], []);
      const experiment: Experiment = {
        ...{ sample, filled, log: { covers, isWhole: () => true }, without: new Set(), announce: SILENT },
        standIns: {
          make: async (tables, count, position) => {
            made = new MemoryTarget(
              tables,
              Array.from({ length: count }, () => position),
            );
          },
          lane: () => made.lane(),
        },
        limits: { lanes: 1, batchRows: 1_000, batchBytes: 1_000_000, batchWait: 1, maxTransactionRows: 1_000 },
        signal: new AbortController().signal,
      };
      const measured = await measure(experiment, { lanes, batchRows: 7 }, 30_000);
      expect(measured).toMatchObject({ lanes, batchRows: 7, changes, isWhole: true });
      expect(measured.commitMs.length).toBeGreaterThan(changes / 40);
      const touched = new Set(transactions.flatMap((each) => each.changes.flatMap(keysOf)));
      const expected = [...before.rows.values()].filter(([id]) => touched.has(String(id)));
      expect([...made.rows(items).values()].sort()).toEqual(expected.sort());
    }
  },
);

function keysOf(change: Change): readonly string[] {
  if (change.op === 'marker' || change.op === 'truncate') return [];
  return [...(change.op === 'insert' ? [] : [change.key[0]]), ...(change.op === 'delete' ? [] : [change.row[0]])].map(
    String,
  );
}

test('of a table without a key as many copies are needed as go before they come', () => {
  const row: Key = ['1', 'x'];
  const gone: Change = { op: 'delete', table: bag, key: row };
  const transactions = [transaction(1, [gone, insert(bag, ...row), gone, gone])];
  const [needed] = neededRows({ from: at(0), to: at(1), transactions, changes: 4, isAll: true }, new Set());
  expect(needed).toMatchObject({ keys: [], rows: [row, row] });
});

test('what a table has before it is emptied is needed, and nothing after', () => {
  const empty: Change = { op: 'truncate', tables: [items] };
  const transactions = [transaction(1, [remove(items, '1'), empty, insert(items, '2', 'x'), remove(items, '2')])];
  const [needed] = neededRows({ from: at(0), to: at(1), transactions, changes: 4, isAll: true }, new Set());
  expect(needed?.keys).toEqual([['1']]);
});
