// How fast contents are compared, against a bare aggregate of the md5 of every row run on both sides at once.
// Run: npx tsx bench/verify.ts [rows] [rounds]

import { PostgresChunks } from '../src/databases/postgres/chunks.ts';
import { PostgresServer, type Session } from '../src/databases/postgres/connection.ts';
import { PostgresDigests } from '../src/databases/postgres/digest.ts';
import { Gate } from '../src/health/gate.ts';
import type { TableProgress } from '../src/journal/journal.ts';
import type { Table } from '../src/model/table.ts';
import { RunStatus } from '../src/observe/status.ts';
import { planSchema } from '../src/plan/plan.ts';
import { compareTables } from '../src/verify/compare.ts';
import { EmptyCounts } from '../src/verify/empty-counts.ts';
import { PendingKeys } from '../src/verify/pending.ts';
import { follow, openPipeline } from './lib/pipeline.ts';
import { median, report, seconds, thousands } from './lib/results.ts';
import { withServers } from './lib/servers.ts';

const ROWS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = Number(process.argv[3] ?? 5);

const DDL = `
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id bigint PRIMARY KEY, customer int NOT NULL, status text NOT NULL,
  amount numeric(12,2) NOT NULL, placed_at timestamptz NOT NULL, note text);
INSERT INTO sales.orders
  SELECT n, n % 50000, 'status ' || n % 7, n / 100.0, '2024-01-01'::timestamptz + n * interval '1 second', repeat(md5(n::text), 4)
  FROM generate_series(1, ${ROWS}) AS n;
VACUUM ANALYZE`;
const BARE = `SELECT count(*) AS rows, sum(('x' || substr(md5(t::text), 1, 16))::bit(64)::int8) AS digest FROM sales.orders AS t`;

await withServers(async (pair) => {
  const servers = [
    new PostgresServer('source', pair.source.url(), 'bench'),
    new PostgresServer('target', pair.target.url(), 'bench'),
  ] as const;
  const open = async (server: PostgresServer): Promise<Session> => {
    const session = await server.session({ purpose: 'bench', settings: { max_parallel_workers_per_gather: '0' } });
    for (const statement of DDL.split(';')) await session.run(statement, [], { timeoutMs: 0 });
    return session;
  };
  const sessions = await Promise.all(servers.map(open));
  const pipeline = await openPipeline(...servers, { schema: 'sales', lanes: 2 });
  const following = await follow(pipeline);
  const limits = planSchema.shape.verify.parse({});
  const progress = await Promise.all(pipeline.progress.map((table) => copied(servers[0], pipeline.tables, table)));
  const digests = servers.map(
    (server) => new PostgresDigests({ server, concurrency: limits.concurrency, portable: async () => false }),
  );
  const [source, target] = digests;
  if (source === undefined || target === undefined) throw new Error('a side is missing');

  const ours = async (): Promise<void> => {
    const { log, tables } = pipeline;
    const pending = new PendingKeys();
    following.applier.observe(pending);
    const result = await compareTables({
      ...{ source, target, tables, progress, limits, pending, emptyCounts: new EmptyCounts(), log },
      replication: following.applier,
      gate: new Gate(),
      status: new RunStatus('bench'),
      signal: new AbortController().signal,
    });
    if (result.rowsCompared !== ROWS || result.differences.length > 0) throw new Error('the sides differ');
  };
  const bare = async (): Promise<void> => {
    const [one, other] = await Promise.all(sessions.map((session) => session.one(BARE, [], { timeoutMs: 0 })));
    if (one?.digest !== other?.digest) throw new Error('the sides differ');
  };
  const times: { bare: number[]; ours: number[]; ratio: number[] } = { bare: [], ours: [], ratio: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const took = { bare: await seconds(bare), ours: await seconds(ours) };
    if (round === 0) continue;
    times.bare.push(took.bare);
    times.ours.push(took.ours);
    times.ratio.push(took.bare / took.ours);
  }
  const rate = (values: readonly number[]): string => `${thousands(ROWS / median(values))} rows/s`;
  await report({
    title: `Comparing ${thousands(ROWS)} rows of some 200 bytes, median of ${ROUNDS}`,
    header: ['', 'md5 of every row, both sides at once', 'migrate', 'ratio'],
    rows: [['one table', rate(times.bare), rate(times.ours), median(times.ratio).toFixed(2)]],
  });
  await following.close();
  await pipeline.log.release();
  await Promise.all([...digests.map((side) => side.close()), ...servers.map((server) => server.close())]);
});

/** The chunks a copy would have left. */
async function copied(
  source: PostgresServer,
  tables: readonly Table[],
  progress: TableProgress,
): Promise<TableProgress> {
  const table = tables.find(({ id }) => id === progress.id);
  if (table === undefined) throw new Error(`there is no table ${progress.id}`);
  const { chunkRows } = planSchema.shape.snapshot.parse({});
  const bounds = await new PostgresChunks(source).plan(table, chunkRows);
  const edges = [null, ...bounds, null];
  const rows = Math.round(ROWS / (bounds.length + 1));
  const chunks = edges.slice(1).map((upper, ordinal) => ({
    ...{ ordinal, at: null, rows },
    range: { lower: edges[ordinal] ?? null, upper },
  }));
  return { ...progress, bounds, chunks };
}
