// What the program spends on each row that it writes to Oracle, without an Oracle: to a double of its protocol, in another process,
// that takes every row without looking at it. Against the least that the driver can do: executeMany with rows that are ready.
// Run: npx tsx bench/oracle-double.ts [rows] [rounds].

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Applier } from '../src/apply/applier.ts';
import { oracleConversion, oracleHandling } from '../src/convert/oracle-forms.ts';
import { copyTables } from '../src/copy/copier.ts';
import { OracleServer } from '../src/databases/oracle/connection.ts';
import { columnsOf } from '../src/databases/oracle/driver.ts';
import { OracleLoader } from '../src/databases/oracle/load.ts';
import { OracleLane } from '../src/databases/oracle/write/lane.ts';
import { Gate } from '../src/health/gate.ts';
import type { Row, RowChange, Transaction } from '../src/model/change.ts';
import type { Position } from '../src/model/position.ts';
import { type Table, tableId } from '../src/model/table.ts';
import { RunStatus } from '../src/observe/status.ts';
import { planSchema } from '../src/plan/plan.ts';
import type { ChangeStream } from '../src/stream/change-stream.ts';
import { SILENT } from '../test/unit/apply-fixture.ts';
import { median, report, seconds, thousands } from './lib/results.ts';

const ROWS = Number(process.argv[2] ?? 500_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const CHUNK_ROWS = 50_000;
const READERS = 2;
const LANES = 2;
const BATCH = 1_000;
const CLAIM = { run: 'bench', epoch: 1 };
const START = '0' as Position;

const COLUMNS = [
  ['ID', 'NUMBER(19)', 'plain'],
  ['CUSTOMER', 'NUMBER(10)', 'plain'],
  ['STATUS', 'VARCHAR2(20 CHAR)', 'plain'],
  ['AMOUNT', 'NUMBER(12,2)', 'decimal(2)'],
  ['PLACED_AT', 'TIMESTAMP(6)', 'moment'],
  ['NOTE', 'VARCHAR2(200 CHAR)', 'plain'],
] as const;
const TABLE: Table = {
  id: tableId('shop', 'orders'),
  schema: 'SHOP',
  name: 'ORDERS',
  columns: COLUMNS.map(([name, type, form]) => ({ name, type, castType: type, handling: oracleHandling(form) })),
  key: [0],
  identity: 'key',
  spread: true,
  rowEstimate: ROWS,
  byteEstimate: 200 * ROWS,
};
const NOTE = 'b1946ac92492d2347c6235b4d2611184'.repeat(4);

function row(id: number): Row {
  return [String(id), String(id % 50_000), `status ${id % 7}`, `${id % 9_999}.5`, '2024-01-01 00:00:07', NOTE];
}

/** What one measurement took. */
interface Took {
  readonly clock: number;
  /** Of this process alone. */
  readonly cpu: number;
  /** The most that was in memory, in bytes. */
  readonly memory: number;
}

async function measure(work: () => Promise<void>): Promise<Took> {
  let memory = 0;
  const look = (): void => {
    memory = Math.max(memory, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 50);
  const before = process.cpuUsage();
  const clock = await seconds(work);
  const { user, system } = process.cpuUsage(before);
  clearInterval(timer);
  look();
  return { clock, cpu: (user + system) / 1e6, memory };
}

/** Rows that are ready, as the program binds them, one batch after another over one session. */
async function bare(server: OracleServer): Promise<void> {
  const rows = Array.from({ length: BATCH }, (_, id) => row(id).map(String));
  const names = COLUMNS.map(([name]) => `"${name}"`).join(', ');
  const values = COLUMNS.map(([, type], index) =>
    type.startsWith('N') ? `TO_NUMBER(:${index + 1})` : `:${index + 1}`,
  );
  const session = await server.session();
  const statement = `INSERT INTO "SHOP"."ORDERS" (${names}) VALUES (${values.join(', ')})`;
  for (let done = 0; done < ROWS; done += BATCH) await session.insertMany(statement, rows, columnsOf(rows));
  await session.commit();
  await session.close();
}

/** What a run does with chunks, from a source that has them ready. */
async function copy(server: OracleServer): Promise<void> {
  const count = Math.ceil(ROWS / CHUNK_ROWS);
  const bounds = Array.from({ length: count - 1 }, (_, index) => [String((index + 1) * CHUNK_ROWS)]);
  const chunks = Array.from({ length: count }, (_, ordinal) => ({
    ...{ ordinal, at: null, rows: 0 },
    range: { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null },
  }));
  await copyTables({
    tables: [TABLE],
    progress: [{ id: TABLE.id, lane: 0, spread: true, bounds, chunks, keyChunks: [] }],
    start: {
      at: START,
      lost: new Promise<never>(() => undefined),
      reader: async () => ({
        read: () => ({ format: 'text', bytes: Readable.from(BLOCKS), rows: () => CHUNK_ROWS }),
        readRow: async () => undefined,
        close: async () => undefined,
      }),
      close: async () => undefined,
    },
    target: {
      loader: async () => {
        const conversionOf = oracleConversion;
        return new OracleLoader({ server, claim: CLAIM, conversionOf, networkTimeoutMs: 60_000 });
      },
    },
    readers: READERS,
    gate: new Gate(),
    status: new RunStatus(CLAIM.run),
    signal: new AbortController().signal,
  });
}

/** Of one chunk, as a source sends them. */
const BLOCKS: readonly Buffer[] = Array.from({ length: CHUNK_ROWS / BATCH }, (_, block) =>
  Buffer.from(Array.from({ length: BATCH }, (_, id) => `${row(block * BATCH + id).join('\t')}\n`).join('')),
);

/** Two updates to an insert and a delete, ten changes to a transaction. */
function change(number: number): RowChange {
  const kind = number % 4;
  if (kind === 0) return { op: 'insert', table: TABLE, row: row(ROWS + number) };
  if (kind === 1) return { op: 'delete', table: TABLE, key: [String(number)] };
  return { op: 'update', table: TABLE, key: [String(number)], row: row(number) };
}

const PER_TRANSACTION = 10;
const PER_RUN = 50;

async function* log(signal: AbortSignal): AsyncGenerator<readonly Transaction[]> {
  for (let done = 0; done < ROWS; ) {
    yield Array.from({ length: PER_RUN }, () => {
      const changes = Array.from({ length: PER_TRANSACTION }, () => change(done++));
      return { position: String(done) as Position, changes, bytes: 200 * PER_TRANSACTION, last: true };
    });
    // As from a socket.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!signal.aborted) await once(signal, 'abort');
}

const STREAM: ChangeStream = {
  isShareable: true,
  check: async () => [],
  open: async function* (resume, signal) {
    await resume('log');
    yield { id: 'log', changes: log(signal), ack: () => undefined };
  },
  covers: (checkpoint, position) => Number(checkpoint) >= Number(position),
  isWhole: () => true,
  distance: (from, to) => Math.max(0, Number(to) - Number(from)),
  retainedBytes: async () => undefined,
  close: async () => undefined,
};

async function apply(server: OracleServer): Promise<void> {
  const chunk = { ordinal: 0, range: { lower: null, upper: null }, at: START, rows: 0 };
  const applier = new Applier({
    stream: STREAM,
    target: {
      lane: async () => new OracleLane({ server, claim: CLAIM, direction: 'forward', conversionOf: oracleConversion }),
      checkpoints: async () => Array.from({ length: LANES }, (_, lane) => ({ lane, position: START })),
    },
    source: {
      log: { pair: () => Promise.reject(new Error('nothing is read again')) },
      chunks: { locate: async (_, __, keys) => keys.map(() => 0) },
    },
    journal: { sendHome: async () => undefined },
    tables: [{ id: TABLE.id, lane: 0, spread: true, bounds: [], chunks: [chunk], keyChunks: [] }],
    homeward: new Set(),
    limits: { ...planSchema.shape.apply.parse({}), lanes: LANES },
    gate: new Gate(),
    status: new RunStatus(CLAIM.run),
    log: SILENT,
    signal: new AbortController().signal,
  });
  try {
    await applier.start();
    await Promise.race([applier.passed(String(ROWS) as Position), applier.failed]);
  } finally {
    await applier.close();
  }
}

const double = fork(new URL('../test/fleet/oracle-double-process.ts', import.meta.url), {
  execArgv: ['--import', 'tsx'],
});
const [url] = (await once(double, 'message')) as [string];
const server = new OracleServer('target', url, CLAIM.run);
const rows: string[][] = [];
try {
  for (const [name, work] of [
    ['executeMany, rows ready', bare],
    ['copy', copy],
    ['apply', apply],
  ] as const) {
    const took: Took[] = [];
    // The first round warms the compiler and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      const one = await measure(() => work(server));
      if (round > 0) took.push(one);
    }
    const of = (what: keyof Took): number => median(took.map((each) => each[what]));
    rows.push([
      ...[name, `${thousands(ROWS / of('clock'))} rows/s`, `${thousands(ROWS / of('cpu'))} rows`],
      ...[`${((1e6 * of('cpu')) / ROWS).toFixed(1)} µs`, `${Math.round(of('memory') / 2 ** 20)} MB`],
    ]);
  }
} finally {
  await server.close();
  double.disconnect();
}
await report({
  title: `Writing ${thousands(ROWS)} rows of some 180 bytes to a double of Oracle, median of ${ROUNDS}`,
  header: ['path', 'by the clock', 'in a second of CPU', 'CPU for a row', 'memory'],
  rows,
});
