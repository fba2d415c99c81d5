// The rows of one table, and what a run does with them on their way to Oracle: copied, or applied as changes. Against it the least
// that the driver can do: executeMany with rows that are ready, in batches of the same size.

import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Applier } from '../../src/apply/applier.ts';
import { oracleConversion, oracleHandling } from '../../src/convert/oracle-forms.ts';
import { copyTables } from '../../src/copy/copier.ts';
import type { OracleServer } from '../../src/databases/oracle/connection.ts';
import { columnsOf } from '../../src/databases/oracle/driver.ts';
import { OracleLoader } from '../../src/databases/oracle/load.ts';
import { OracleLane } from '../../src/databases/oracle/write/lane.ts';
import { Gate } from '../../src/health/gate.ts';
import type { Row, RowChange, Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { planSchema } from '../../src/plan/plan.ts';
import type { ChangeStream } from '../../src/stream/change-stream.ts';
import { SILENT } from '../../test/unit/apply-fixture.ts';

export const CLAIM = { run: 'bench', epoch: 1 };
/** Rows of one statement, as the program sends them. */
const BATCH = 1_000;
const START = '0' as Position;

const COLUMNS = [
  ['ID', 'NUMBER(19)', 'plain'],
  ['CUSTOMER', 'NUMBER(10)', 'plain'],
  ['STATUS', 'VARCHAR2(20 CHAR)', 'plain'],
  ['AMOUNT', 'NUMBER(12,2)', 'decimal(2)'],
  ['PLACED_AT', 'TIMESTAMP(6)', 'moment'],
  ['NOTE', 'VARCHAR2(200 CHAR)', 'plain'],
] as const;
export const TABLE: Table = {
  id: tableId('shop', 'orders'),
  schema: 'SHOP',
  name: 'ORDERS',
  columns: COLUMNS.map(([name, type, form]) => ({ name, type, castType: type, handling: oracleHandling(form) })),
  key: [0],
  identity: 'key',
  spread: true,
  rowEstimate: 0,
  byteEstimate: 0,
};
const NOTE = 'b1946ac92492d2347c6235b4d2611184'.repeat(4);

export function row(id: number): Row {
  return [String(id), String(id % 50_000), `status ${id % 7}`, `${id % 9_999}.5`, '2024-01-01 00:00:07', NOTE];
}

/** As a source sends these rows. */
export function blocks(from: number, rows: number): readonly Buffer[] {
  return Array.from({ length: rows / BATCH }, (_, block) =>
    Buffer.from(Array.from({ length: BATCH }, (_, id) => `${row(from + block * BATCH + id).join('\t')}\n`).join('')),
  );
}

/** Bound as texts, which is how values travel exactly. */
const PLACES: Readonly<Record<string, (place: number) => string>> = {
  AMOUNT: (place) => `TO_NUMBER(:${place})`,
  CUSTOMER: (place) => `TO_NUMBER(:${place})`,
  ID: (place) => `TO_NUMBER(:${place})`,
  PLACED_AT: (place) => `TO_TIMESTAMP(:${place}, 'YYYY-MM-DD HH24:MI:SS.FF6')`,
};
const place = (name: string, index: number): string => PLACES[name]?.(index + 1) ?? `:${index + 1}`;
const NAMES = COLUMNS.map(([name]) => name);
const INSERT = `INSERT INTO "SHOP"."ORDERS" (${NAMES.map((name) => `"${name}"`).join(', ')}) VALUES (${NAMES.map(place).join(', ')})`;
const CARRIED = NAMES.slice(1);
const UPDATE = `UPDATE "SHOP"."ORDERS" SET ${CARRIED.map((name, index) => `"${name}" = ${place(name, index)}`).join(', ')}
  WHERE "ID" = ${place('ID', CARRIED.length)}`;

/** The least that the driver can do: batches that are ready, one after another over one session. */
export async function bareInserts(server: OracleServer, rows: number): Promise<void> {
  await bare(server, { statement: INSERT, batches: ready(rows, (id) => row(id)) });
}

export async function bareUpdates(server: OracleServer, rows: number): Promise<void> {
  await bare(server, { statement: UPDATE, batches: ready(rows, (id) => [...updated(id).slice(1), String(id)]) });
}

function ready(rows: number, of: (id: number) => Row): readonly string[][][] {
  return Array.from({ length: rows / BATCH }, (_, batch) =>
    Array.from({ length: BATCH }, (_, id) => of(batch * BATCH + id).map(String)),
  );
}

interface Bare {
  readonly statement: string;
  readonly batches: readonly string[][][];
}

async function bare(server: OracleServer, { statement, batches }: Bare): Promise<void> {
  const session = await server.session();
  for (const batch of batches) await session.executeMany(statement, batch, columnsOf(batch));
  await session.commit();
  await session.close();
}

export interface CopyOptions {
  readonly rows: number;
  readonly chunkRows: number;
  readonly readers: number;
  /** What the source sends for a chunk. */
  readonly chunk: (ordinal: number) => readonly Buffer[];
}

/** What a run does with chunks, from a source that has them ready. */
export async function copy(server: OracleServer, { rows, chunkRows, readers, chunk }: CopyOptions): Promise<void> {
  const count = Math.ceil(rows / chunkRows);
  const bounds = Array.from({ length: count - 1 }, (_, index) => [String((index + 1) * chunkRows)]);
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
        read: (_, { lower }) => ({
          format: 'text',
          bytes: Readable.from(chunk(Number(lower?.[0] ?? 0) / chunkRows)),
          rows: () => chunkRows,
        }),
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
    readers,
    gate: new Gate(),
    status: new RunStatus(CLAIM.run),
    signal: new AbortController().signal,
  });
}

/** All but the key is another. */
function updated(id: number): Row {
  const [, ...others] = row(id + 1);
  return [String(id), ...others];
}

export function update(id: number): RowChange {
  return { op: 'update', table: TABLE, key: [String(id)], row: updated(id) };
}

const PER_TRANSACTION = 10;
const PER_RUN = 50;

async function* log(
  from: number,
  count: number,
  change: (number: number) => RowChange,
  signal: AbortSignal,
): AsyncGenerator<readonly Transaction[]> {
  for (let done = 0; done < count; ) {
    yield Array.from({ length: PER_RUN }, () => {
      const changes = Array.from({ length: PER_TRANSACTION }, () => change(done++));
      return { position: String(from + done) as Position, changes, bytes: 200 * PER_TRANSACTION, last: true };
    });
    // As from a socket.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!signal.aborted) await once(signal, 'abort');
}

export interface ApplyOptions {
  readonly changes: number;
  readonly change: (number: number) => RowChange;
  readonly lanes: number;
  /** Where the checkpoints stand. Default 0. */
  readonly from?: number;
}

/** What a run does with changes of chunks that are copied, from a log that has them ready. */
export async function apply(server: OracleServer, { changes, change, lanes, from = 0 }: ApplyOptions): Promise<void> {
  const stream: ChangeStream = {
    isShareable: true,
    check: async () => [],
    open: async function* (resume, signal) {
      await resume('log');
      yield { id: 'log', changes: log(from, changes, change, signal), ack: () => undefined };
    },
    covers: (checkpoint, position) => Number(checkpoint) >= Number(position),
    isWhole: () => true,
    distance: (one, other) => Math.max(0, Number(other) - Number(one)),
    retainedBytes: async () => undefined,
    close: async () => undefined,
  };
  const at = String(from) as Position;
  const chunk = { ordinal: 0, range: { lower: null, upper: null }, at, rows: 0 };
  const applier = new Applier({
    stream,
    target: {
      lane: async () => new OracleLane({ server, claim: CLAIM, direction: 'forward', conversionOf: oracleConversion }),
      checkpoints: async () => Array.from({ length: lanes }, (_, lane) => ({ lane, position: at })),
    },
    source: {
      log: { pair: () => Promise.reject(new Error('nothing is read again')) },
      chunks: { locate: async (_, __, keys) => keys.map(() => 0) },
    },
    journal: { sendHome: async () => undefined },
    tables: [{ id: TABLE.id, lane: 0, spread: true, bounds: [], chunks: [chunk], keyChunks: [] }],
    homeward: new Set(),
    limits: { ...planSchema.shape.apply.parse({}), lanes },
    gate: new Gate(),
    status: new RunStatus(CLAIM.run),
    log: SILENT,
    signal: new AbortController().signal,
  });
  try {
    await applier.start();
    await Promise.race([applier.passed(String(from + changes) as Position), applier.failed]);
  } finally {
    await applier.close();
  }
}
