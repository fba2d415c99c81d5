// Rows that are copied and changes that are applied to a server on which any call may go wrong: every one is there exactly once.

import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Applier } from '../../src/apply/applier.ts';
import type { OracleServer } from '../../src/databases/oracle/connection.ts';
import { readCheckpoints } from '../../src/databases/oracle/journal/moves.ts';
import type { ChunkBytes } from '../../src/databases/source.ts';
import { Gate } from '../../src/health/gate.ts';
import { toMigrateError } from '../../src/lib/errors.ts';
import type { RowChange, Transaction, Value } from '../../src/model/change.ts';
import type { Chunk } from '../../src/model/chunk.ts';
import type { Table } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { OracleDouble } from '../fleet/oracle-double/double.ts';
import type { DoubleFault } from '../fleet/oracle-double/faults.ts';
import { oracleTable } from '../oracle/oracle-table.ts';
import { at, SILENT } from '../unit/apply-fixture.ts';
import { copiedAt, MemorySource, MemoryStream } from '../unit/apply-memory.ts';
import {
  CLAIM,
  changesOf,
  checkpointsOf,
  defineRun,
  LANES,
  laneOf,
  loaderOf,
  rowsOf,
  serverOf,
  TABLES,
} from './oracle-double-fixture.ts';

const SEEDS = 40;
const FAULTS = 5;
const CHUNK: Chunk = { ordinal: 0, range: { lower: null, upper: null }, at: null, rows: 0 };
const COPIED = 15;
const TRANSACTIONS = 15;
const LIMITS = { batchRows: 12, batchBytes: 1_000_000, batchWait: 0, lanes: LANES, maxTransactionRows: 1_000_000 };
const [LEFT, RIGHT] = TABLES as readonly [Table, Table];

let double: OracleDouble;
let server: OracleServer;

beforeEach(async () => {
  double = await OracleDouble.open();
  defineRun(double);
  server = serverOf(double);
});
afterEach(async () => {
  vi.useRealTimers();
  server.destroy();
  await double.close();
});

const chunkOf = (rows: readonly (readonly Value[])[]): ChunkBytes => ({
  format: 'text',
  bytes: Readable.from([Buffer.from(rows.map((row) => `${row.map((value) => value ?? '\\N').join('\t')}\n`).join(''))]),
  rows: () => rows.length,
});
const insert = (table: Table, ...row: Value[]): RowChange => ({ op: 'insert', table, row });
const move = (lane: number, from: string, to: string, changes: number) => ({
  ...{ lane, from: at(Number(from)), position: at(Number(to)), changes },
});

/** Whole numbers below `limit`, always the same for one seed. */
function numbersOf(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

interface History {
  readonly copied: ReadonlyMap<Table, readonly (readonly Value[])[]>;
  readonly transactions: readonly Transaction[];
  readonly changes: number;
  /** The rows at its end, as `rowsOf` tells them. */
  readonly rows: ReadonlyMap<Table, readonly string[]>;
}

/** What was copied, and changes that fit to it, one after another. */
function history(pick: (limit: number) => number): History {
  const rows = new Map(TABLES.map((table) => [table, new Map<string, readonly Value[]>()]));
  const text = (): string | null => (pick(5) === 0 ? null : `note ${pick(1_000)}`);
  for (const known of rows.values()) {
    for (let id = 0; id < COPIED; id++) known.set(String(id), [String(id), text(), String(pick(500))]);
  }
  const copied = new Map([...rows].map(([table, known]) => [table, [...known.values()]]));
  let next = COPIED;
  let changes = 0;
  const change = (): RowChange => {
    changes++;
    const table = pick(2) === 0 ? LEFT : RIGHT;
    const known = rows.get(table) ?? new Map<string, readonly Value[]>();
    const id = [...known.keys()][pick(known.size)] ?? '0';
    const kind = pick(3);
    if (kind === 0) known.delete(id);
    if (kind === 0) return { op: 'delete', table, key: [id] };
    // Of one in four changes the key changes, too.
    const to = kind === 1 || pick(4) === 0 ? String(next++) : id;
    const row = [to, text(), String(pick(500))];
    if (kind === 2) known.delete(id);
    known.set(to, row);
    return kind === 1 ? { op: 'insert', table, row } : { op: 'update', table, key: [id], row };
  };
  const transactions = Array.from({ length: TRANSACTIONS }, (_, index) => {
    const all = Array.from({ length: 1 + pick(4) }, change);
    return { position: at(index + 1), changes: all, bytes: 100 * all.length, last: true };
  });
  const told = [...rows].map(
    ([table, known]) => [table, [...known.values()].map((row) => row.join('|')).sort()] as const,
  );
  return { copied, transactions, changes, rows: new Map(told) };
}

/** One that the run gets over by itself. */
function faultOf(pick: (limit: number) => number): DoubleFault {
  const among = <T>(list: readonly [T, ...T[]]): T => list[pick(list.length)] ?? list[0];
  const pattern = among([
    undefined,
    /^COMMIT$/,
    /"SHOP"/,
    /CHECKPOINT/,
    /CHUNK/,
    /^LOCK/,
    /^ROLLBACK$/,
    /^LOGIN$/,
    /PASS/,
  ]);
  const oraCode = among([54, 60, 1555, 30_036, 28, 603, 1089, 3113, 3135, 12_541]);
  return {
    ...(pattern === undefined ? {} : { pattern }),
    moment: among(['before', 'after', 'amid']),
    action: among(['drop', 'drop', 'garbage', { oraCode }, { oraCode }, { delayMs: 2 }]),
    skip: pick(pattern === undefined ? 40 : 5),
  };
}

/** Does it until it succeeds, each time with everything opened anew, as a run does. */
async function untilDone(work: (opened: OracleServer) => Promise<void>): Promise<void> {
  for (let attempts = 1; ; attempts++) {
    const opened = serverOf(double);
    try {
      return await work(opened);
    } catch (thrown) {
      const error = toMigrateError(thrown);
      // Whatever faults there are, each costs an attempt or two.
      if (error.disposition !== 'retry' || attempts > 4 * FAULTS) throw error;
    } finally {
      opened.destroy();
    }
  }
}

async function copy(opened: OracleServer, { copied }: History): Promise<void> {
  for (const [table, rows] of copied) {
    const done = double.tables.rows('MIGRATE$CHUNK').some(({ TABLE_ID, AT }) => TABLE_ID === table.id && AT !== null);
    if (done) continue;
    const loader = loaderOf(opened);
    try {
      await loader.load(table, CHUNK, at(0), chunkOf(rows));
    } finally {
      await loader.close();
    }
  }
}

async function apply(opened: OracleServer, { transactions }: History): Promise<void> {
  const stream = new MemoryStream();
  const applier = new Applier({
    stream,
    target: {
      checkpoints: () => opened.use((session) => readCheckpoints(session, CLAIM, 'forward')),
      lane: async () => laneOf(opened),
    },
    source: new MemorySource(
      () => at(0),
      () => undefined,
    ),
    tables: TABLES.map((table, lane) => copiedAt(table, lane, at(0))),
    journal: { sendHome: async () => undefined },
    homeward: new Set(),
    limits: LIMITS,
    log: SILENT,
    gate: new Gate(),
    status: new RunStatus(CLAIM.run),
    signal: new AbortController().signal,
  });
  try {
    await applier.start();
    stream.push(...transactions);
    await Promise.race([applier.passed(at(transactions.length)), applier.failed]);
  } finally {
    await applier.close();
  }
}

test(`under ${SEEDS * FAULTS} faults in ${SEEDS} runs every row and every change arrives exactly once`, async () => {
  let struck = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const pick = numbersOf(seed);
    const planned = history(pick);
    defineRun(double);
    double.clearFaults();
    const faults = Array.from({ length: FAULTS }, () => faultOf(pick));
    for (const fault of faults) double.fault(fault);
    const told = `seed ${seed}: ${faults.map((fault) => JSON.stringify({ ...fault, pattern: String(fault.pattern) })).join(' ')}`;
    await untilDone((opened) => copy(opened, planned)).catch((error: unknown) => expect.fail(`${told}: ${error}`));
    await untilDone((opened) => apply(opened, planned)).catch((error: unknown) => expect.fail(`${told}: ${error}`));
    for (const table of TABLES) expect(rowsOf(double, table), told).toEqual(planned.rows.get(table));
    expect([changesOf(double), ...checkpointsOf(double)], told).toEqual([
      planned.changes,
      ...Array.from({ length: LANES }, () => at(TRANSACTIONS)),
    ]);
    struck += double.struck;
  }
  // Some wait for a call that never comes.
  expect(struck).toBeGreaterThan(SEEDS * 2);
});

test.each([
  ['before', '0'],
  ['after', '5'],
  ['amid', '5'],
] as const)(
  'where a COMMIT was lost %s it took effect the checkpoint says so, and the batch goes on from there',
  async (moment, found) => {
    const lane = laneOf(server);
    const write = async (position: string): Promise<void> => {
      await lane.begin();
      await lane.replay([insert(LEFT, '1', 'a', '1')], []);
      await lane.commit([move(0, position, '5', 1)]);
    };
    double.fault({ pattern: /^COMMIT$/, moment, action: 'drop' });
    await expect(write('0')).rejects.toMatchObject({ code: 'TARGET.COMMIT_UNKNOWN', disposition: 'retry' });
    const checkpoints = await server.use((session) => readCheckpoints(session, CLAIM, 'forward'));
    expect(checkpoints.map(({ position }) => position)).toEqual([found, '0']);
    if (moment === 'before') await write('0');
    // Who believes that nothing took effect is refused, before the row that is there.
    else await expect(write('0')).rejects.toMatchObject({ code: 'APPLY.CONSTRAINT' });
    await lane.close();
    expect([rowsOf(double, LEFT), changesOf(double)]).toEqual([['1|a|1'], 1]);
  },
);

test('a chunk locks the leases, which those of other runs are among, only when its rows are written', async () => {
  const loader = loaderOf(server);
  await loader.load(LEFT, CHUNK, at(0), chunkOf([['1', 'a', '1']]));
  await loader.close();
  const order = [/^INSERT INTO "SHOP"/, /^LOCK TABLE "MIGRATE\$LEASE"/, /^UPDATE "MIGRATE\$CHUNK"/, /^COMMIT$/];
  const places = order.map((pattern) => double.calls.findIndex(({ text }) => pattern.test(text)));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places).not.toContain(-1);
});

test('long values of several columns are bound so that nothing of some length stands behind what is sent last', async () => {
  const wide = oracleTable('WIDE', ['A CLOB', 'ID NUMBER(10)', 'B CLOB', 'V VARCHAR2(32767)', 'C BLOB'], 'ID');
  double.tables.define({ name: 'SHOP.WIDE', columns: wide.columns.map(({ name }) => ({ name })), key: ['ID'] });
  const [a, b, v] = ['a'.repeat(40_000), 'b'.repeat(20_000), 'v'.repeat(10_000)];
  const lane = laneOf(server);
  const none = { deletes: [], tolerant: false, updates: [], inserts: [], keyChunks: [] };
  await lane.begin();
  const inserts = [
    [a, '1', b, v, '00ff'],
    [b, '2', null, v, 'ff'.repeat(5_000)],
  ];
  const rows = [[b, undefined, a, v, 'aa']];
  const updates = [{ columns: [0, 2, 3, 4], keys: [['2']], rows }];
  expect(
    await lane.attempt([
      { table: wide, ...none, inserts },
      { table: wide, ...none, updates },
    ]),
  ).toBe(true);
  await lane.replay([{ op: 'update', table: wide, key: ['1'], row: [b, '1', a, undefined, null] }], []);
  await lane.commit([move(0, '0', '5', 3)]);
  await lane.close();
  const ids = double.tables
    .rows('SHOP.WIDE')
    .map(({ ID, A, B, V, C }) => [ID, A, B, V, Buffer.isBuffer(C) && C.toString('hex')]);
  expect(ids).toEqual([
    ['1', b, a, v, false],
    ['2', b, a, v, 'aa'],
  ]);
});

test('a lane and a chunk whose server falls silent end in time, and hold nothing', async () => {
  const lane = laneOf(server);
  await lane.begin();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  double.fault({ pattern: /"SHOP"/, action: 'silence' });
  const attempt = lane.replay([insert(LEFT, '1', 'a', '1')], []).catch((error: unknown) => error);
  await vi.waitUntil(() => double.calls.at(-1)?.text.includes('"SHOP"'));
  await vi.advanceTimersByTimeAsync(150_000);
  expect(await attempt).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry' });
  double.fault({ pattern: /"SHOP"/, action: 'silence' });
  const loader = loaderOf(server, 7_000);
  const loading = loader.load(LEFT, CHUNK, at(0), chunkOf([['1', 'a', '1']])).catch((error: unknown) => error);
  await vi.waitUntil(() => double.calls.filter(({ text }) => text.includes('"SHOP"')).length === 2);
  await vi.advanceTimersByTimeAsync(7_000);
  expect(await loading).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry' });
  vi.useRealTimers();
  expect(await loader.load(LEFT, CHUNK, at(0), chunkOf([['1', 'b', '2']]))).toBe(1);
  expect(rowsOf(double, LEFT)).toEqual(['1|b|2']);
  await loader.close();
  await lane.close();
});

test('a lane whose server falls silent before its first transaction ends in time', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const lane = laneOf(server);
  double.fault({ pattern: /PASS/, action: 'silence' });
  const beginning = lane.begin().catch((error: unknown) => error);
  await vi.waitUntil(() => double.calls.at(-1)?.text.includes('PASS'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await beginning).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry' });
  await lane.close();
});

test('a chunk whose COMMIT was lost is found done, or done again', async () => {
  const rows = [
    ['1', 'a', '1'],
    ['2', null, '2'],
  ];
  const loader = loaderOf(server);
  double.fault({ pattern: /^COMMIT$/, moment: 'after', action: 'drop' });
  expect(await loader.load(LEFT, CHUNK, at(0), chunkOf(rows))).toBe(2);
  double.fault({ pattern: /^COMMIT$/, action: 'drop' });
  await expect(loader.load(RIGHT, CHUNK, at(0), chunkOf(rows))).rejects.toMatchObject({
    code: 'TARGET.COMMIT_UNKNOWN',
  });
  expect(await loader.load(RIGHT, CHUNK, at(0), chunkOf(rows))).toBe(2);
  expect(TABLES.map((table) => rowsOf(double, table))).toEqual([
    ['1|a|1', '2||2'],
    ['1|a|1', '2||2'],
  ]);
  await loader.close();
});
