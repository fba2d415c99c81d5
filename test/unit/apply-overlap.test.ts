// Random histories of a source, copied in chunks that were read at different positions, applied by lanes whose number
// changes, in pieces and in parts, with random crashes: the target must end as the source is. Also where the reads were not exact:
// then any row may be what it was at any moment after the chunk's position, up to a later one.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Applier } from '../../src/apply/applier.ts';
import { CommitPoints } from '../../src/apply/commit-points.ts';
import { Overlap } from '../../src/apply/overlap.ts';
import { Preparer } from '../../src/apply/prepare.ts';
import { Router } from '../../src/apply/router.ts';
import type { Segment } from '../../src/apply/segment.ts';
import { Gate } from '../../src/health/gate.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Change, LoggedValue, RowChange, Transaction } from '../../src/model/change.ts';
import { keyText } from '../../src/model/change.ts';
import type { Table, TableId } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { at, covers, createTable, insert, ModelTable, remove, SILENT, transaction, update } from './apply-fixture.ts';
import { MemoryJournal, MemorySource, MemoryStream, MemoryTarget } from './apply-memory.ts';

const tables = [createTable('first'), createTable('second')] as const;
const BOUNDS = [['2'], ['5']] as const;
type State = ReadonlyMap<Table, ReadonlyMap<string, readonly LoggedValue[]>>;

const operation = fc.record({
  table: fc.constantFrom(...tables),
  kind: fc.constantFrom('insert', 'insert', 'update', 'delete', 'move', 'move', 'truncate'),
  key: fc.integer({ min: 0, max: 7 }),
  to: fc.integer({ min: 0, max: 7 }),
  hide: fc.boolean(),
  last: fc.boolean(),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** A history and the source's state after each position; `states[p]` holds at position p. */
function play(operations: readonly Operation[]): { log: Transaction[]; states: State[] } {
  const models = new Map(tables.map((table) => [table, new ModelTable(table)]));
  const state = (): State => new Map([...models].map(([table, model]) => [table, new Map(model.rows)]));
  for (const model of models.values()) for (const key of [1, 3, 6]) model.insert([String(key), `old ${key}`, 'b']);
  const states = [state()];
  const log: Transaction[] = [];
  let changes: Change[] = [];
  for (const [index, each] of operations.entries()) {
    const model = models.get(each.table);
    const change = model && toChange(model, each, index);
    if (change === undefined) continue;
    if (change.op === 'truncate') model?.rows.clear();
    else model?.apply(change);
    changes.push(change);
    if (!each.last) continue;
    log.push(transaction(states.length, changes));
    states.push(state());
    changes = [];
  }
  if (changes.length > 0) {
    log.push(transaction(states.length, changes));
    states.push(state());
  }
  return { log, states };
}

function toChange(
  model: ModelTable,
  each: Operation,
  index: number,
): RowChange | Extract<Change, { op: 'truncate' }> | undefined {
  const { table, kind, key, to, hide } = each;
  // Rare: an empty table has little left to go wrong.
  if (kind === 'truncate') return key <= 1 ? { op: 'truncate', tables: [table] } : undefined;
  const old = model.rows.get(String(key));
  if (kind === 'insert') return old === undefined ? insert(table, String(key), `v${index}`, 'b') : undefined;
  if (old === undefined) return undefined;
  if (kind === 'delete') return remove(table, String(key));
  const moved = kind === 'move' ? to : key;
  if (moved !== key && model.rows.has(String(moved))) return undefined;
  return update(table, String(key), String(moved), hide ? undefined : `v${index}`, `w${index}`);
}

/** Copies each chunk as of its position, or a row as of any moment from then on up to `settled`. */
function copy(target: MemoryTarget, states: readonly State[], ats: readonly number[], blur: Blur): TableProgress[] {
  let picked = 0;
  const { settled, picks } = blur;
  return tables.map((table, lane) => {
    const chunks = [0, 1, 2].map((ordinal) => {
      const position = (ats[lane * 3 + ordinal] ?? 0) % states.length;
      const range = { lower: BOUNDS[ordinal - 1] ?? null, upper: BOUNDS[ordinal] ?? null };
      for (let key = Number(range.lower?.[0] ?? 0); key < Number(range.upper?.[0] ?? 8); key++) {
        const later = settled === undefined ? 0 : (picks[picked++ % picks.length] ?? 0) % (settled - position + 1);
        const row = states[position + later]?.get(table)?.get(String(key));
        if (row !== undefined) target.tables.get(table.id)?.insert(row);
      }
      return { ordinal, range, at: at(position), rows: 0 };
    });
    return { id: table.id, lane, spread: true, bounds: BOUNDS, chunks, keyChunks: [] };
  });
}

interface Blur {
  readonly settled: number | undefined;
  readonly picks: readonly number[];
}

/** A transaction as the stream delivers it: cut after so many changes, always at the same places. */
function pieces({ position, changes }: Transaction, rows: number): Transaction[] {
  const cut: Transaction[] = [];
  let from = 0;
  for (; changes.length - from >= rows; from += rows) {
    const place = Number(position) - 1 + (from + rows) / 1_000;
    cut.push(transaction(place, changes.slice(from, from + rows), false));
  }
  return [...cut, transaction(Number(position), changes.slice(from))];
}

const crash = fc.record({
  commit: fc.nat(6),
  moment: fc.constantFrom('before' as const, 'after' as const),
  /** The process dies with it; else it tries again. */
  dies: fc.boolean(),
});
const scenario = fc.record({
  operations: fc.array(operation, { minLength: 1, maxLength: 50, size: 'max' }),
  // Without an overlap every change is applied.
  ats: fc.oneof(fc.constant([]), fc.array(fc.nat(40), { minLength: 6, maxLength: 6 })),
  spread: fc.tuple(fc.boolean(), fc.boolean()),
  batchRows: fc.integer({ min: 1, max: 8 }),
  pieceRows: fc.constantFrom(1, 2, 3, 1_000),
  maxTransactionRows: fc.constantFrom(1, 3, 1_000),
  crashes: fc.array(crash, { maxLength: 5, size: 'max' }),
  /** Per attempt. */
  lanes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
  ahead: fc.array(fc.nat(12), { minLength: 1, maxLength: 5 }),
  /** How much later than all of `ats` the reads are settled, and how much later than its chunk each row is. */
  blur: fc.option(fc.record({ by: fc.nat(20), picks: fc.array(fc.nat(40), { minLength: 1, maxLength: 48 }) })),
  takesSets: fc.boolean(),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

const CRASH = new Error('crash');
/** How often each path was taken: the property is worth something only if all were. */
const taken = { reread: 0, located: 0, apart: 0, sentHome: 0, rerouted: 0, relaned: 0, split: 0, blurred: 0 };

/** One opening of the apply; resolves with what ended it, or undefined at the end of the history. */
async function attemptOnce(
  { pieceRows, batchRows, maxTransactionRows, ahead }: Scenario,
  { log, states }: ReturnType<typeof play>,
  durable: {
    readonly target: MemoryTarget;
    readonly journal: MemoryJournal;
    readonly progress: TableProgress[];
    readonly settled: number | undefined;
  },
  attempt: { readonly lanes: number; readonly homeward: Set<TableId> },
): Promise<unknown> {
  const { target, journal, progress, settled } = durable;
  const head = states.length - 1;
  const stream = new MemoryStream();
  const status = new RunStatus('test');
  let pairs = 0;
  const source = new MemorySource(
    () => at(Math.min(head, Math.ceil(Number(stream.delivered ?? 0)) + (ahead[pairs++ % ahead.length] ?? 0))),
    (table, key, position) => states[Number(position)]?.get(table)?.get(keyText(key)),
  );
  const applier = new Applier({
    stream,
    target,
    source,
    journal,
    tables: progress.map((each) => ({
      ...each,
      ...journal.routes.get(each.id),
      keyChunks: [...(target.keyChunks.get(each.id)?.values() ?? [])],
    })),
    settled: settled === undefined ? null : at(settled),
    homeward: attempt.homeward,
    limits: { batchRows, batchBytes: 1_000_000, batchWait: 0, lanes: attempt.lanes, maxTransactionRows },
    gate: new Gate(),
    status,
    log: SILENT,
    signal: new AbortController().signal,
  });
  await applier.start();
  for (const each of log) for (const piece of pieces(each, pieceRows)) stream.push(piece);
  const end = await applier.passed(at(head)).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (end === undefined) expect(applier.overlapOver()).toBe(true);
  await applier.close();
  for (const position of stream.acked) expect(stream.isWhole(position)).toBe(true);
  const last = stream.acked.at(-1);
  if (last !== undefined) for (const position of target.positions) expect(covers(position, last)).toBe(true);
  taken.reread += source.reread;
  taken.located += source.located;
  taken.split += status.snapshot().stream.splitTransactions;
  return end;
}

test('whatever the chunks were read at, whoever writes what, and wherever it crashes, the target ends as the source is', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { blur } = given;
      // A source of which reads are not exact logs whole rows.
      const history = play(given.operations.map((each) => (blur === null ? each : { ...each, hide: false })));
      const { states } = history;
      const head = states.length - 1;
      const target = new MemoryTarget(tables, [at(0), at(0)]);
      target.takesSets = given.takesSets;
      const newest = Math.max(0, ...(given.ats as readonly number[]).map((each) => each % states.length));
      const settled = blur === null ? undefined : Math.min(head, newest + blur.by);
      if (settled !== undefined && settled > newest) taken.blurred++;
      const progress = copy(target, states, given.ats, { settled, picks: blur?.picks ?? [] });
      const journal = new MemoryJournal(target, progress, given.spread);
      let homeward = new Set<TableId>();
      for (let attempt = 0; ; attempt++) {
        // Every end of an attempt that is no crash must get the run on.
        expect(attempt).toBeLessThan(given.crashes.length + 12);
        const next = given.crashes[attempt];
        let commits = 0;
        target.onCommit = (moment) => {
          if (next !== undefined && next.moment === moment && commits++ >= next.commit) throw CRASH;
        };
        const lanes = given.lanes[Math.min(attempt, given.lanes.length - 1)] ?? 1;
        if (new Set(target.positions).size > 1) taken.apart++;
        const before = target.positions.length;
        if (journal.setLanes(lanes) && before !== lanes) taken.relaned++;
        const end = await attemptOnce(given, history, { target, journal, progress, settled }, { lanes, homeward });
        if (end === undefined) break;
        // A process that dies forgets.
        if (end === CRASH) homeward = next?.dies === true ? new Set() : homeward;
        else if (end instanceof MigrateError && end.code === 'APPLY.REROUTE') taken.rerouted++;
        else if (!(end instanceof MigrateError && end.code === 'APPLY.LANES')) throw end;
      }
      taken.sentHome += journal.sentHome;
      for (const table of tables) {
        const source = [...(states[head]?.get(table) ?? [])].sort();
        expect([...target.rows(table)].sort()).toEqual(source);
      }
      for (const position of target.positions) expect(covers(position, at(head))).toBe(true);
    }),
    { numRuns: 2_500 },
  );
  expect(Object.entries(taken).filter(([, times]) => times === 0)).toEqual([]);
});

/** One table of two chunks, below and from key 5; prepares transactions and gives the steps' order for lane 0. */
async function prepare(
  ats: readonly [number, number],
  log: readonly Transaction[],
  keyChunks: TableProgress['keyChunks'] = [],
  settled?: number,
): Promise<readonly Segment[]> {
  const [table] = tables;
  const bounds = [['5']];
  const chunks = ats.map((position, ordinal) => ({
    ordinal,
    range: { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null },
    at: at(position),
    rows: 0,
  }));
  const source = new MemorySource(
    () => at(8),
    (_, key) => [key[0], 'as of 8', 'b'],
  );
  const progress = { id: table.id, lane: 0, spread: false, bounds, chunks, keyChunks };
  const overlap = new Overlap({
    tables: [progress],
    covers,
    settled: settled === undefined ? null : at(settled),
    ...source,
  });
  const opened = [at(0)];
  const preparer = new Preparer({
    overlap,
    covers,
    router: new Router([progress], 1),
    commitPoints: new CommitPoints({ covers, opened, isWithin: false, maxTransactionRows: 1_000 }),
    opened: new Map(opened.entries()),
    homeward: new Set(),
  });
  const { work } = await preparer.prepare({ transactions: log, last: true });
  return work[0]?.segments ?? [];
}

test('a row that was read again survives a truncation that came before its reading', async () => {
  const [table] = tables;
  const [moved, ...rest] = await prepare(
    [9, 0],
    [
      transaction(1, [update(table, '1', '7', undefined, 'b')]),
      transaction(2, [{ op: 'truncate', tables: [table] }]),
      transaction(3, [update(table, '7', '7', 'later', 'b')]),
    ],
  );
  const row = ['7', 'as of 8', 'b'];
  expect(moved).toMatchObject({ changes: [{ op: 'insert', row }], keyChunks: [{ chunk: { key: ['7'], at: '8' } }] });
  expect(rest).toMatchObject([
    { kind: 'empty', tables: [{ ranges: [{ lower: ['5'], upper: null }] }] },
    { kind: 'rows', changes: [{ op: 'insert', row }] },
  ]);
});

test('rows read again by an earlier runner are remembered', async () => {
  const [table] = tables;
  const log = [
    transaction(4, [update(table, '7', '7', 'x', 'b')]),
    transaction(9, [update(table, '7', '7', 'y', 'b')]),
  ];
  const [rows] = await prepare([0, 0], log, [{ key: ['7'], at: at(8) }]);
  expect(rows).toMatchObject({ changes: [{ row: ['7', 'y', 'b'] }] });
});

test('a table whose chunks agree is not asked for', async () => {
  const [table] = tables;
  expect(await prepare([6, 6], [transaction(4, [remove(table, '7')])])).toEqual([]);
});

test('a change that a read may be ahead of overwrites what is there, and a later one must find what it expects', async () => {
  const [table] = tables;
  const log = [
    transaction(4, [insert(table, '7', 'x', 'b')]),
    transaction(5, [update(table, '7', '8', 'y', 'b')]),
    transaction(6, [insert(table, '9', 'z', 'b')]),
  ];
  const [rows] = await prepare([3, 3], log, [], 5);
  expect(rows).toMatchObject({
    changes: [{ op: 'insert', tolerant: true }, { op: 'update', tolerant: true }, { op: 'insert' }],
    sets: [
      {
        tolerant: true,
        deletes: [['7'], ['8']],
        updates: [],
        inserts: [
          ['8', 'y', 'b'],
          ['9', 'z', 'b'],
        ],
      },
    ],
  });
  expect(rows?.kind === 'rows' && rows.changes[2]?.tolerant).toBeUndefined();
  const hidden = [transaction(4, [update(table, '7', '7', undefined, 'b')])];
  await expect(prepare([3, 3], hidden, [], 5)).rejects.toMatchObject({ code: 'INTERNAL.BUG' });
});
