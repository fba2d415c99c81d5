// How fast the copier reads MySQL into PostgreSQL, against the least that Node can do: rows that the driver hands out as texts,
// encoded for COPY, and streamed with backpressure, over as many connections, into the same table with the same index.
// Run: npx tsx bench/mysql-copy.ts [rows] [rounds] [chunk rows]. Needs what the tests of MySQL need.

import { once } from 'node:events';
import { createConnection } from 'mysql2';
import { from as copyFrom } from 'pg-copy-streams';
import { conversionOfForm } from '../src/convert/forms.ts';
import { convertCatalog } from '../src/convert/mysql-catalog.ts';
import { copyTables } from '../src/copy/copier.ts';
import { readCatalog } from '../src/databases/mysql/catalog.ts';
import { MysqlChunks } from '../src/databases/mysql/chunks.ts';
import { MysqlServer } from '../src/databases/mysql/connection.ts';
import { RowsOf } from '../src/databases/mysql/rows.ts';
import { openStart } from '../src/databases/mysql/snapshot.ts';
import { PostgresServer } from '../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../src/databases/postgres/journal/journal.ts';
import { JOURNAL_SCHEMA } from '../src/databases/postgres/journal/schema.ts';
import { LEASE_SCHEMA } from '../src/databases/postgres/lease-proof.ts';
import { PostgresLoader } from '../src/databases/postgres/load.ts';
import { Gate } from '../src/health/gate.ts';
import type { TableProgress } from '../src/journal/journal.ts';
import type { Table } from '../src/model/table.ts';
import { RunStatus } from '../src/observe/status.ts';
import { planSchema } from '../src/plan/plan.ts';
import { startServer } from '../test/fleet/postgres.ts';
import { cpuSeconds } from './lib/cpu.ts';
import { type BenchServer, startMysqlServer } from './lib/mysql-servers.ts';
import { median, report, seconds, thousands } from './lib/results.ts';
import { SETTINGS } from './lib/servers.ts';

const ROWS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = Number(process.argv[3] ?? 5);
const CHUNK_ROWS = Number(process.argv[4] ?? 100_000);
const RUN = 'bench';
const CLAIM = { run: RUN, epoch: 1 };

const FILL = `CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;
  CREATE TABLE orders (id bigint PRIMARY KEY, customer int NOT NULL, status varchar(20) NOT NULL,
    amount decimal(12,2) NOT NULL, placed_at datetime NOT NULL, note varchar(200));
  CREATE TABLE n (i int PRIMARY KEY);
  INSERT INTO n WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i < 999) SELECT i FROM r;
  INSERT INTO orders SELECT id, id % 50000, CONCAT('status ', id % 7), id / 100,
    '2024-01-01' + INTERVAL id SECOND, REPEAT(SHA2(id, 256), 2)
  FROM (SELECT 1 + a.i + 1000 * b.i AS id FROM n AS a, n AS b) AS ids WHERE id <= ${ROWS} ORDER BY id;
  DROP TABLE n; ANALYZE TABLE orders`;
const DDL = `CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer int NOT NULL,
  status varchar(20) NOT NULL, amount numeric(12,2) NOT NULL, placed_at timestamp NOT NULL, note varchar(200))`;

interface Pair {
  readonly source: MysqlServer;
  readonly sourcePort: number;
  readonly target: PostgresServer;
  readonly table: Table;
  readonly rows: RowsOf;
}

async function compare(mysql: BenchServer, postgresUrl: string) {
  await mysql.run(FILL);
  const source = new MysqlServer('source', mysql.url);
  const target = new PostgresServer('target', postgresUrl, RUN);
  await target.with('prepare', (session) => session.run(`${DDL};${LEASE_SCHEMA};${JOURNAL_SCHEMA}`, []));
  await target.with('prepare', (session) =>
    session.run(
      `INSERT INTO migrate.lease (run, epoch, holder) VALUES ('${RUN}', 1, 'bench');
       INSERT INTO migrate.run (name, id, format, plan_hash, plan_fields, source_identity, target_identity, catalog, fingerprint, lanes)
       VALUES ('${RUN}', '00000000', 1, '', '{}', '', '', '{}', '', 1)`,
      [],
    ),
  );
  const catalog = await source.use((session) => readCatalog(session, { include: ['shop.*'], exclude: [] }));
  const [definition] = convertCatalog(catalog, planSchema.shape.convert.parse({})).catalog.tables;
  if (definition === undefined) throw new Error('the table is not there');
  const pair = { source, sourcePort: mysql.port, target, table: definition.table, rows: new RowsOf(conversionOfForm) };
  const lines: string[][] = [];
  for (const connections of [1, 2, 4]) {
    const took: { bare: Took[]; ours: Took[] } = { bare: [], ours: [] };
    // The first round warms both servers and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, copy] of [
        ['bare', bare],
        ['ours', ours],
      ] as const) {
        const one = await measure(pair, () => copy(pair, connections));
        if (round > 0) took[name].push(one);
      }
    }
    const rate = (of: readonly Took[]) => `${thousands(ROWS / median(of.map(({ clock }) => clock)))} rows/s`;
    const ratio = (what: keyof Took) =>
      median(took.bare.map((each, round) => each[what] / (took.ours[round]?.[what] ?? 0))).toFixed(2);
    lines.push([String(connections), rate(took.bare), rate(took.ours), ratio('clock'), ratio('cpu')]);
  }
  await report({
    title: `Copying ${thousands(ROWS)} rows of some 200 bytes from MySQL to PostgreSQL, median of ${ROUNDS}`,
    header: ['connections', 'bare pipe in Node', 'migrate', 'ratio', 'CPU ratio'],
    rows: lines,
  });
  await Promise.all([source.close(), target.close()]);
}

/** In seconds. */
interface Took {
  readonly clock: number;
  /** Of both servers and of this process. */
  readonly cpu: number;
}

/** Empties the target, copies, and checks that all rows are there. */
async function measure({ target }: Pair, copy: () => Promise<void>): Promise<Took> {
  await target.with('empty', (session) => session.run('TRUNCATE shop.orders; DELETE FROM migrate.tables', []));
  await target.with('settle', (session) => session.run('CHECKPOINT', [], { timeoutMs: 0 }));
  const before = cpuSeconds();
  const clock = await seconds(copy);
  const spent = cpuSeconds() - before;
  const found = await target.with('count', (session) => session.one('SELECT count(*) AS rows FROM shop.orders'));
  if (Number(found?.rows) !== ROWS) throw new Error(`${found?.rows} of ${ROWS} rows arrived`);
  return { clock, cpu: spent };
}

/** What a run does between planning and the last chunk: bounds, snapshot, claims, chunks with their journal. */
async function ours({ source, target, table, rows }: Pair, connections: number): Promise<void> {
  const bounds = await new MysqlChunks(source, rows).plan(table, CHUNK_ROWS);
  await target.with('plan', async (session) => {
    await session.query('INSERT INTO migrate.tables (run, table_id, lane, spread) VALUES ($1, $2, 0, false)', [
      RUN,
      table.id,
    ]);
    await session.query(
      'INSERT INTO migrate.chunk (run, table_id, ordinal) SELECT $1, $2, n FROM generate_series(0, $3::int) AS n',
      [RUN, table.id, bounds.length],
    );
  });
  const chunks = Array.from({ length: bounds.length + 1 }, (_, ordinal) => ({
    ordinal,
    range: { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null },
    at: null,
    rows: 0,
  }));
  const progress: TableProgress[] = [{ id: table.id, lane: 0, spread: table.spread, bounds, chunks, keyChunks: [] }];
  const journal = new PostgresJournal(target, RUN, () => CLAIM);
  const start = await openStart({ server: source, rows, readers: connections, commit: () => Promise.resolve() }, [
    table,
  ]);
  try {
    await copyTables({
      tables: [table],
      progress,
      start,
      target: { loader: async () => new PostgresLoader({ server: target, claim: CLAIM, networkTimeoutMs: 60_000 }) },
      claims: { claim: (wanted) => journal.workers.claim(wanted, null) },
      readers: connections,
      gate: new Gate(),
      status: new RunStatus(RUN),
      signal: new AbortController().signal,
    });
  } finally {
    await Promise.all([start.close(), journal.close()]);
  }
}

/** One statement per connection, each for an equal part of the table. */
async function bare({ sourcePort, target }: Pair, connections: number): Promise<void> {
  const size = Math.ceil(ROWS / connections);
  await Promise.all(
    Array.from({ length: connections }, async (_, part) => {
      const connection = createConnection({ host: '127.0.0.1', port: sourcePort, user: 'root' });
      const session = await target.session({ purpose: 'bare' });
      await pipe(
        connection,
        `SELECT * FROM shop.orders WHERE id > ${part * size} AND id <= ${(part + 1) * size}`,
        session.client.query(copyFrom('COPY shop.orders FROM STDIN')),
      );
      connection.destroy();
      await session.close();
    }),
  );
}

const BLOCK_CHARACTERS = 1 << 16;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

async function pipe(
  connection: ReturnType<typeof createConnection>,
  sql: string,
  copy: ReturnType<typeof copyFrom>,
): Promise<void> {
  const query = connection.query({ sql, rowsAsArray: true, typeCast: (field) => field.string() });
  let block = '';
  query.on('result', (row: unknown) => {
    let line = '';
    for (const [index, value] of (row as (string | null)[]).entries()) {
      if (index > 0) line += '\t';
      line +=
        value === null
          ? '\\N'
          : /[\\\t\n\r]/.test(value)
            ? value.replace(/[\\\t\n\r]/g, (one) => ESCAPES[one] ?? one)
            : value;
    }
    block += `${line}\n`;
    if (block.length < BLOCK_CHARACTERS) return;
    if (!copy.write(block)) {
      connection.pause();
      copy.once('drain', () => connection.resume());
    }
    block = '';
  });
  await once(query, 'end');
  copy.end(block);
  await once(copy, 'finish');
}

const mysql = await startMysqlServer('mysql');
const postgres = await startServer({ settings: { ...SETTINGS, fsync: 'on' } });
try {
  await compare(mysql, postgres.url());
} finally {
  await Promise.all([mysql.close(), postgres.close()]);
}
