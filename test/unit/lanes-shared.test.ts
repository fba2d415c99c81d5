// Lanes that several processes write, each of which reads the whole log: whoever has which of them, wherever they are taken back and
// given to others, and wherever a process dies, the target ends as the source is.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Applier } from '../../src/apply/applier.ts';
import { HeadLag } from '../../src/apply/head-lag.ts';
import { Gate } from '../../src/health/gate.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Change, LoggedValue, RowChange, Transaction } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { at, covers, createTable, ModelTable, SILENT, transaction } from './apply-fixture.ts';
import { copiedAt, MemoryJournal, MemorySource, MemoryStream, MemoryTarget } from './apply-memory.ts';

/** The last one has no key: all of a row tells which one it is. */
const tables = [
  createTable('first'),
  createTable('second'),
  { ...createTable('keyless'), key: [0, 1, 2], identity: 'row', spread: false } as Table,
] as const;
const LANES = 4;
const KEYS = 12;

const operation = fc.record({
  table: fc.nat(5).map((number) => tables[number === 5 ? 2 : number % 2] as Table),
  kind: fc.constantFrom('insert', 'insert', 'insert', 'update', 'delete', 'move', 'move', 'truncate'),
  key: fc.nat(KEYS - 1),
  to: fc.nat(KEYS - 1),
  hide: fc.nat(3).map((number) => number === 0),
  last: fc.nat(5).map((number) => number === 0),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

type Values = readonly LoggedValue[];

interface History {
  readonly log: readonly Transaction[];
  readonly models: ReadonlyMap<Table, ModelTable>;
}

/** Keys are hundreds: neighbours share a lane. */
function play(operations: readonly Operation[]): History {
  const models = new Map<Table, ModelTable>(tables.map((table) => [table, new ModelTable(table)]));
  const log: Transaction[] = [];
  let changes: Change[] = [];
  for (const [index, each] of operations.entries()) {
    const change = changeOf(models.get(each.table) as ModelTable, each, index);
    if (change !== undefined) changes.push(change);
    if (changes.length === 0 || !(each.last || index === operations.length - 1)) continue;
    log.push(transaction(log.length + 1, changes));
    changes = [];
  }
  if (changes.length > 0) log.push(transaction(log.length + 1, changes));
  return { log, models };
}

function changeOf(model: ModelTable, { table, kind, key, to, hide }: Operation, index: number): Change | undefined {
  const name = (number: number): string => String(100 * (number + 1));
  if (kind === 'truncate') {
    // Rare: an empty table has little left to go wrong.
    if (key > 0) return undefined;
    model.rows.clear();
    return { op: 'truncate', tables: [table] };
  }
  const find = (number: number) => [...model.rows.values()].find(([id]) => id === name(number));
  const old = find(key);
  if ((old !== undefined) === (kind === 'insert')) return undefined;
  const moved = kind === 'move' ? to : key;
  if (moved !== key && find(moved) !== undefined) return undefined;
  const isHidden = hide && kind !== 'insert' && table.identity === 'key';
  const row = [name(moved), isHidden ? undefined : `v${index}`, `w${index}`];
  const change = changeTo(table, kind === 'insert' ? undefined : old, kind === 'delete' ? undefined : row);
  model.apply(change);
  return change;
}

function changeTo(table: Table, old: Values | undefined, row: Values | undefined): RowChange {
  if (old === undefined) return { op: 'insert', table, row: row ?? [] };
  const key = table.key.map((column) => old[column] ?? null);
  return row === undefined ? { op: 'delete', table, key } : { op: 'update', table, key, row };
}

/** A transaction as the stream delivers it: cut after so many changes, always at the same places. */
function pieces({ position, changes }: Transaction, rows: number): Transaction[] {
  const cut: Transaction[] = [];
  let from = 0;
  for (; changes.length - from > rows; from += rows) {
    const place = Number(position) - 1 + (from + rows) / 1_000;
    cut.push(transaction(place, changes.slice(from, from + rows), false));
  }
  return [...cut, transaction(Number(position), changes.slice(from))];
}

const round = fc.record({
  /** Which process writes each lane. */
  split: fc.array(fc.nat(2), { minLength: LANES, maxLength: LANES }),
  /** After so many commits of all processes the lanes are taken back. */
  commits: fc.nat(10),
  /** A commit that is under way then is seen by whoever comes next. */
  moment: fc.constantFrom('before' as const, 'after' as const),
});
const scenario = fc.record({
  operations: fc.array(operation, { minLength: 10, maxLength: 40, size: 'max' }),
  spread: fc.boolean(),
  /** Of each process: they need not agree. */
  batchRows: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 3, maxLength: 3 }),
  pieceRows: fc.constantFrom(1, 2, 3, 1_000),
  maxTransactionRows: fc.constantFrom(1, 1, 3, 1_000),
  rounds: fc.array(round, { minLength: 1, maxLength: 3 }),
  takesSets: fc.boolean(),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
type Round = Scenario['rounds'][number];

interface Durable {
  readonly target: MemoryTarget;
  readonly journal: MemoryJournal;
  readonly progress: readonly TableProgress[];
}

const OVER = new MigrateError('LEASE.LOST', 'the epoch was raised');
/** How often each path was taken: the property is worth something only if all were. */
const taken = { apart: 0, within: 0, rerouted: 0, sentHome: 0, split: 0, takenBack: 0 };

function open(
  { batchRows, maxTransactionRows, pieceRows }: Scenario,
  { log }: History,
  { target, journal, progress }: Durable,
  {
    share,
    number,
    homeward,
  }: { readonly share?: Set<number>; readonly number: number; readonly homeward: Set<Table['id']> },
): { readonly applier: Applier; readonly stream: MemoryStream; readonly status: RunStatus } {
  const stream = new MemoryStream();
  for (const each of log) for (const piece of pieces(each, pieceRows)) stream.push(piece);
  const status = new RunStatus('test');
  const applier = new Applier({
    ...{ stream, target, journal, homeward, status, log: SILENT, gate: new Gate() },
    source: new MemorySource(
      () => at(0),
      () => undefined,
    ),
    tables: progress.map((each) => ({ ...each, ...journal.routes.get(each.id) })),
    ...(share === undefined ? {} : { share }),
    limits: {
      ...{ batchRows: batchRows[number] ?? 1, batchBytes: 1_000_000, batchWait: 0, lanes: LANES, maxTransactionRows },
    },
    signal: new AbortController().signal,
  });
  return { applier, stream, status };
}

/** Until every lane is at the end, or what `given` says has come, or a lane met what it cannot write. */
async function shareLanes(
  given: Scenario,
  history: History,
  durable: Durable,
  { split, commits, moment }: Round,
): Promise<void> {
  const { target } = durable;
  let left = commits;
  const end = at(history.log.length);
  target.onCommit = (when) => {
    if (left < 0 || (when === moment && left-- === 0)) {
      left = -1;
      throw OVER;
    }
  };
  const numbers = [...new Set(split)];
  const processes = numbers.map((number) => {
    const share = new Set(split.flatMap((whose, lane) => (whose === number ? [lane] : [])));
    return open(given, history, durable, { share, number, homeward: new Set() });
  });
  await Promise.all(
    processes.map(async ({ applier, stream, status }) => {
      await applier.start();
      const stopped = await applier.passed(end).then(
        () => undefined,
        (error: unknown) => error,
      );
      await applier.close();
      // Who writes some of the lanes knows nothing of what is durable in the others.
      expect(stream.acked).toEqual([]);
      taken.split += status.snapshot().stream.splitTransactions;
      if (stopped === OVER) taken.takenBack++;
      else if (stopped instanceof MigrateError && stopped.code === 'APPLY.REROUTE') taken.rerouted++;
      else if (stopped !== undefined) throw stopped;
    }),
  );
  target.onCommit = () => undefined;
}

/** All lanes in one hand, to the end. */
async function applyAlone(given: Scenario, history: History, durable: Durable): Promise<void> {
  const homeward = new Set<Table['id']>();
  for (let attempt = 0; attempt < 10; attempt++) {
    const { applier, stream } = open(given, history, durable, { number: 0, homeward });
    await applier.start();
    const stopped = await applier.passed(at(history.log.length)).then(
      () => undefined,
      (error: unknown) => error,
    );
    await applier.close();
    expect(durable.target.positions.every((position) => covers(position, stream.acked.at(-1) ?? at(0)))).toBe(true);
    if (stopped === undefined) return;
    if (!(stopped instanceof MigrateError && stopped.code === 'APPLY.REROUTE')) throw stopped;
  }
  throw new Error('it does not get on');
}

test('whoever writes which lanes, and wherever they are taken back, the target ends as the source is', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const history = play(given.operations);
      const positions = Array.from({ length: LANES }, () => at(0));
      const target = new MemoryTarget(tables, positions);
      target.takesSets = given.takesSets;
      const progress = tables.map((table, lane) => copiedAt(table, lane, at(0), table.spread));
      const journal = new MemoryJournal(target, progress, [true, given.spread, false]);
      for (const each of given.rounds) {
        await shareLanes(given, history, { target, journal, progress }, each);
        if (new Set(target.positions).size > 1) taken.apart++;
        if (target.positions.some((position) => !Number.isInteger(Number(position)))) taken.within++;
      }
      await applyAlone(given, history, { target, journal, progress });
      taken.sentHome += journal.sentHome;
      for (const table of tables) {
        expect([...target.rows(table)].sort()).toEqual([...(history.models.get(table)?.rows ?? [])].sort());
      }
    }),
    { numRuns: 150 },
  );
  expect(Object.entries(taken).filter(([, times]) => times === 0)).toEqual([]);
});

test('the lag of all lanes is never less than the age of the oldest change that one of them lacks', () => {
  /** So much is written, then perhaps looked at, then applied by the slowest lane; so much time passes before and after. */
  const step = fc.record({ writes: fc.nat(3), applies: fc.nat(3), ms: fc.nat(50), looks: fc.nat(3) });
  fc.assert(
    // Long enough for older looks to be thinned out, where nothing is applied any more after a while.
    fc.property(fc.array(step, { minLength: 8, maxLength: 20 }), fc.constantFrom(1, 130), (steps, times) => {
      const lag = new HeadLag(covers);
      const writtenAt: number[] = [];
      let [applied, now, known] = [0, 0, 0];
      const all = Array.from({ length: times }, () => steps).flat();
      for (const [index, { writes, applies, ms, looks }] of all.entries()) {
        now += ms;
        for (let count = 0; count < writes; count++) writtenAt.push(now);
        if (looks > 0) lag.look(at(writtenAt.length), now);
        now += ms;
        applied = Math.min(writtenAt.length, applied + (index < 100 ? applies : 0));
        const seconds = lag.seconds(at(applied), now);
        if (seconds === null) continue;
        known++;
        const least = (now - (writtenAt[applied] ?? now)) / 1_000;
        if (seconds < least) expect(seconds).toBeGreaterThanOrEqual(least);
      }
      fc.pre(known > 0);
    }),
    { numRuns: 12 },
  );
});
