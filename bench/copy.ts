// How fast the copier is against the limit of the servers: the same table, with the same index, through a pipe of
// `psql COPY TO | psql COPY FROM` in binary form. Run: npx tsx bench/copy.ts [rows] [rounds] [chunk rows]

import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { copyTables } from '../src/copy/copier.ts';
import { PostgresChunks } from '../src/databases/postgres/chunks.ts';
import { PostgresServer, type Session } from '../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../src/databases/postgres/journal/journal.ts';
import { JOURNAL_SCHEMA } from '../src/databases/postgres/journal/schema.ts';
import { LEASE_SCHEMA } from '../src/databases/postgres/lease-proof.ts';
import { PostgresLoader } from '../src/databases/postgres/load.ts';
import { openChunkReader } from '../src/databases/postgres/snapshot.ts';
import { Gate } from '../src/health/gate.ts';
import type { TableProgress } from '../src/journal/journal.ts';
import type { Position } from '../src/model/position.ts';
import { type Table, tableId } from '../src/model/table.ts';
import { RunStatus } from '../src/observe/status.ts';
import { median, report, seconds, thousands } from './lib/results.ts';
import { type ServerPair, withServers } from './lib/servers.ts';

const ROWS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = Number(process.argv[3] ?? 5);
const CHUNK_ROWS = Number(process.argv[4] ?? 100_000);
const RUN = 'bench';

const column = (name: string, type: string) => ({
  name,
  type,
  castType: type,
});
const TABLE: Table = {
  id: tableId('public', 'orders'),
  schema: 'public',
  name: 'orders',
  columns: [
    column('id', 'int8'),
    column('customer', 'int4'),
    column('status', 'text'),
    column('amount', 'numeric'),
    column('placed_at', 'timestamptz'),
    column('note', 'text'),
  ],
  key: [0],
  rowEstimate: ROWS,
  identity: 'key',
  spread: true,
  byteEstimate: ROWS * 200,
};
const DDL = `CREATE TABLE public.orders (id bigint PRIMARY KEY, customer int NOT NULL, status text NOT NULL,
  amount numeric(12,2) NOT NULL, placed_at timestamptz NOT NULL, note text)`;
const FILL = `INSERT INTO public.orders
  SELECT n, n % 50000, 'status ' || n % 7, n / 100.0, '2024-01-01'::timestamptz + n * interval '1 second',
         repeat(md5(n::text), 4)
  FROM generate_series(1, ${ROWS}) AS n`;

interface Side {
  readonly server: PostgresServer;
  readonly session: Session;
  readonly url: string;
}

await withServers(async (pair) => {
  const source = await openSide('source', pair);
  const target = await openSide('target', pair);
  await source.session.run(DDL, []);
  await source.session.run(FILL, [], { timeoutMs: 0 });
  await source.session.run('VACUUM (ANALYZE) public.orders', [], { timeoutMs: 0 });
  await target.session.run(`${DDL};${LEASE_SCHEMA};${JOURNAL_SCHEMA}`, []);
  await target.session.run(
    `INSERT INTO migrate.lease (run, epoch, holder) VALUES ('${RUN}', 1, 'bench');
     INSERT INTO migrate.run (name, id, format, plan_hash, plan_fields, source_identity, target_identity, catalog, fingerprint, lanes)
     VALUES ('${RUN}', '00000000', 1, '', '{}', '', '', '{}', '', 1)`,
    [],
  );
  const raw = (await hasPsql()) ? rawPsql : rawStreams;
  const lines: string[][] = [];
  for (const connections of [1, 2, 4]) {
    const times: { raw: number[]; ours: number[]; ratio: number[] } = { raw: [], ours: [], ratio: [] };
    // The first round warms both servers and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      const rawSeconds = await measure(target, () => raw(source, target, connections));
      const ourSeconds = await measure(target, () => ours(source, target, connections));
      if (round === 0) continue;
      times.raw.push(rawSeconds);
      times.ours.push(ourSeconds);
      times.ratio.push(rawSeconds / ourSeconds);
    }
    const rate = (values: readonly number[]) => `${thousands(ROWS / median(values))} rows/s`;
    lines.push([String(connections), rate(times.raw), rate(times.ours), median(times.ratio).toFixed(2)]);
  }
  await report({
    title: `Copying ${thousands(ROWS)} rows of some 200 bytes, median of ${ROUNDS}`,
    header: ['connections', raw.name, 'migrate', 'ratio'],
    rows: lines,
  });
  await Promise.all([source.server.close(), target.server.close()]);
});

async function openSide(side: 'source' | 'target', pair: ServerPair): Promise<Side> {
  const url = pair[side].url();
  const server = new PostgresServer(side, url, RUN);
  return { server, session: await server.session({ purpose: 'bench' }), url };
}

/** Empties the target, copies, and checks that all rows are there. */
async function measure(target: Side, copy: () => Promise<void>): Promise<number> {
  await target.session.run('TRUNCATE public.orders; DELETE FROM migrate.tables', []);
  await target.session.run('CHECKPOINT', [], { timeoutMs: 0 });
  const took = await seconds(copy);
  const found = await target.session.one('SELECT count(*) AS rows FROM public.orders');
  if (Number(found?.rows) !== ROWS) throw new Error(`${found?.rows} of ${ROWS} rows arrived`);
  return took;
}

/** What our own run does between planning and the last chunk: bounds, snapshot, claims, chunks with their journal. */
async function ours(source: Side, target: Side, connections: number): Promise<void> {
  const bounds = await new PostgresChunks(source.server).plan(TABLE, CHUNK_ROWS);
  await target.session.query('INSERT INTO migrate.tables (run, table_id, lane, spread) VALUES ($1, $2, 0, false)', [
    RUN,
    TABLE.id,
  ]);
  await target.session.query(
    'INSERT INTO migrate.chunk (run, table_id, ordinal) SELECT $1, $2, n FROM generate_series(0, $3::int) AS n',
    [RUN, TABLE.id, bounds.length],
  );
  const chunks = Array.from({ length: bounds.length + 1 }, (_, ordinal) => ({
    ordinal,
    range: { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null },
    at: null,
    rows: 0,
  }));
  const progress: TableProgress[] = [{ id: TABLE.id, lane: 0, spread: TABLE.spread, bounds, chunks, keyChunks: [] }];
  const holder = await source.server.session({ purpose: 'pin' });
  await holder.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', []);
  const snapshot = (await holder.one('SELECT pg_export_snapshot() AS name'))?.name ?? '';
  const claim = { run: RUN, epoch: 1 };
  const journal = new PostgresJournal(target.server, RUN, () => claim);
  await copyTables({
    tables: [TABLE],
    progress,
    start: {
      at: '0/1' as Position,
      lost: new Promise<never>(() => undefined),
      reader: () => openChunkReader(source.server, snapshot),
      close: () => holder.close(),
    },
    target: { loader: async () => new PostgresLoader({ server: target.server, claim, networkTimeoutMs: 60_000 }) },
    claims: { claim: (wanted) => journal.workers.claim(wanted, null) },
    readers: connections,
    gate: new Gate(),
    status: new RunStatus(RUN),
    signal: new AbortController().signal,
  });
  await Promise.all([holder.close(), journal.close()]);
}

/** One statement per connection, each for an equal part of the table. */
function parts(connections: number): readonly string[] {
  if (connections === 1) return ['public.orders'];
  const size = Math.ceil(ROWS / connections);
  return Array.from(
    { length: connections },
    (_, part) => `(SELECT * FROM public.orders WHERE id > ${part * size} AND id <= ${(part + 1) * size})`,
  );
}

async function rawPsql(source: Side, target: Side, connections: number): Promise<void> {
  await Promise.all(
    parts(connections).map((part) => {
      const from = `psql -qX '${source.url}' -c '\\copy ${part} TO STDOUT (FORMAT binary)'`;
      const to = `psql -qX '${target.url}' -c '\\copy public.orders FROM STDIN (FORMAT binary)'`;
      return shell(`set -o pipefail; ${from} | ${to}`);
    }),
  );
}

async function rawStreams(source: Side, target: Side, connections: number): Promise<void> {
  const copies = parts(connections).map(async (part) => {
    const from = await source.server.session({ purpose: 'raw' });
    const to = await target.server.session({ purpose: 'raw' });
    const reading = from.client.query(copyTo(`COPY ${part} TO STDOUT (FORMAT binary)`));
    await pipeline(reading, to.client.query(copyFrom('COPY public.orders FROM STDIN (FORMAT binary)')));
    await Promise.all([from.close(), to.close()]);
  });
  await Promise.all(copies);
}

async function hasPsql(): Promise<boolean> {
  return shell('psql --version').then(
    () => true,
    () => false,
  );
}

function shell(command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))));
  });
}
