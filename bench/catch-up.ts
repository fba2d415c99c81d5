// How fast the apply catches up with a backlog, against PostgreSQL's own logical replication between the same two servers.
// Run: npx tsx bench/catch-up.ts [rounds] [lanes] [scale]

import { PostgresServer, type Session } from '../src/databases/postgres/connection.ts';
import { quoteLiteral } from '../src/databases/postgres/sql.ts';
import { follow, openPipeline, type Pipeline, PUBLICATION } from './lib/pipeline.ts';
import { median, report, seconds, thousands } from './lib/results.ts';
import { withServers } from './lib/servers.ts';

const ROUNDS = Number(process.argv[2] ?? 3);
const LANES = Number(process.argv[3] ?? 2);
const SCALE = Number(process.argv[4] ?? 5);
const ACCOUNTS = SCALE * 100_000;

// The tables of pgbench; its history gets a key.
const TABLES = ['accounts', 'tellers', 'branches', 'history'];
const DDL = `
CREATE SCHEMA bank;
CREATE TABLE bank.branches (bid int PRIMARY KEY, bbalance int, filler char(88));
CREATE TABLE bank.tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
CREATE TABLE bank.accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
CREATE TABLE bank.history (hid bigint PRIMARY KEY, tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
INSERT INTO bank.branches SELECT g, 0, '' FROM generate_series(1, ${SCALE}) AS g;
INSERT INTO bank.tellers SELECT g, 1 + (g - 1) / 10, 0, '' FROM generate_series(1, ${SCALE} * 10) AS g;
INSERT INTO bank.accounts SELECT g, 1 + (g - 1) / 100000, 0, '' FROM generate_series(1, ${ACCOUNTS}) AS g;
VACUUM ANALYZE`;

interface Workload {
  readonly name: string;
  readonly unit: string;
  readonly count: number;
  readonly sql: string;
}

const LARGE = Math.min(400_000, ACCOUNTS);
const WORKLOADS: readonly Workload[] = [
  {
    name: 'transactions of one update',
    unit: 'transactions/s',
    count: 200_000,
    sql: `DO $$
    DECLARE a int;
    BEGIN
      FOR n IN 1..200000 LOOP
        a := 1 + floor(random() * ${ACCOUNTS});
        UPDATE bank.accounts SET abalance = abalance + n WHERE aid = a;
        COMMIT;
      END LOOP;
    END $$`,
  },
  {
    name: 'transactions of pgbench',
    unit: 'transactions/s',
    count: 60_000,
    sql: `DO $$
    DECLARE a int; t int; b int; h bigint := coalesce((SELECT max(hid) FROM bank.history), 0);
    BEGIN
      FOR n IN 1..60000 LOOP
        a := 1 + floor(random() * ${ACCOUNTS});
        t := 1 + floor(random() * ${SCALE * 10});
        b := 1 + floor(random() * ${SCALE});
        UPDATE bank.accounts SET abalance = abalance + n WHERE aid = a;
        UPDATE bank.tellers SET tbalance = tbalance + n WHERE tid = t;
        UPDATE bank.branches SET bbalance = bbalance + n WHERE bid = b;
        INSERT INTO bank.history VALUES (h + n, t, b, a, n, clock_timestamp(), '');
        COMMIT;
      END LOOP;
    END $$`,
  },
  {
    name: `one transaction of ${thousands(LARGE)} updates`,
    unit: 'rows/s',
    count: LARGE,
    sql: `UPDATE bank.accounts SET abalance = abalance + 1 WHERE aid <= ${LARGE}`,
  },
];
const CONTENTS = TABLES.map(
  (name) => `SELECT coalesce(sum(hashtextextended(t::text, 0)), 0) AS digest FROM bank.${name} AS t`,
).join(' UNION ALL ');

interface Bench {
  readonly from: Session;
  /** The database that PostgreSQL's own replication writes to, and ours. */
  readonly native: Session;
  readonly own: Session;
  readonly pipeline: Pipeline;
}

await withServers(async (pair) => {
  const bench = await prepare(pair.source.url(), (database) => pair.target.url(database));
  const lines: string[][] = [];
  for (const workload of WORKLOADS) lines.push(await measure(bench, workload));
  await report({
    title: `Catching up with a backlog, ${LANES} lanes, median of ${ROUNDS} after one to warm up`,
    header: ['backlog of', 'logical replication', 'migrate', 'ratio'],
    rows: lines,
  });
  await bench.native.run('DROP SUBSCRIPTION native', [], { timeoutMs: 0 });
  await bench.pipeline.log.release();
  await Promise.all([bench.native.close(), bench.pipeline.source.close(), bench.pipeline.target.close()]);
});

async function measure(bench: Bench, { name, unit, count, sql }: Workload): Promise<string[]> {
  const times: { native: number[]; own: number[]; ratio: number[] } = { native: [], own: [], ratio: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    await bench.from.run(sql, [], { timeoutMs: 0 });
    for (const session of [bench.from, bench.native]) await session.run('CHECKPOINT', [], { timeoutMs: 0 });
    const order = round % 2 === 0 ? (['native', 'own'] as const) : (['own', 'native'] as const);
    const took = { native: 0, own: 0 };
    for (const one of order)
      took[one] = await seconds(() => (one === 'native' ? catchUpNative(bench) : catchUpOwn(bench)));
    await compare(bench);
    if (round === 0) continue;
    times.native.push(took.native);
    times.own.push(took.own);
    times.ratio.push(took.native / took.own);
  }
  const rate = (values: readonly number[]): string => `${thousands(count / median(values))} ${unit}`;
  return [name, rate(times.native), rate(times.own), median(times.ratio).toFixed(2)];
}

async function prepare(sourceUrl: string, targetUrl: (database: string) => string): Promise<Bench> {
  const source = new PostgresServer('source', sourceUrl, 'bench');
  const from = await source.session({ purpose: 'bench', settings: { synchronous_commit: 'off' } });
  await statements(from);
  const open = async (database: string): Promise<[PostgresServer, Session]> => {
    const maintenance = new PostgresServer('target', targetUrl('postgres'), 'bench');
    await maintenance.with('create', (session) => session.run(`CREATE DATABASE ${database}`, []));
    const server = new PostgresServer('target', targetUrl(database), 'bench');
    const session = await server.session({ purpose: 'bench' });
    await statements(session);
    return [server, session];
  };
  const [, native] = await open('native');
  const [target, own] = await open('own');
  const pipeline = await openPipeline(source, target, { schema: 'bank', lanes: LANES });
  await native.run(
    `CREATE SUBSCRIPTION native CONNECTION ${quoteLiteral(sourceUrl)} PUBLICATION ${PUBLICATION}
     WITH (copy_data = false, enabled = false, create_slot = false, slot_name = 'native', connect = false)`,
    [],
  );
  await from.query(`SELECT pg_create_logical_replication_slot('native', 'pgoutput')`);
  await native.query('ALTER SUBSCRIPTION native ENABLE');
  await native.query('ALTER SUBSCRIPTION native REFRESH PUBLICATION WITH (copy_data = false)');
  await native.query('ALTER SUBSCRIPTION native DISABLE');
  return { from, native, own, pipeline };
}

/** One after another: VACUUM takes no part in a transaction. */
async function statements(session: Session): Promise<void> {
  for (const statement of DDL.split(';')) await session.run(statement, [], { timeoutMs: 0 });
}

/** From enabling the subscription until everything before this moment is applied and confirmed. */
async function catchUpNative({ from, native }: Bench): Promise<void> {
  const head = (await from.one('SELECT pg_current_wal_insert_lsn()::text AS head'))?.head;
  await native.query('ALTER SUBSCRIPTION native ENABLE');
  const passed = `SELECT FROM pg_stat_replication WHERE application_name = 'native' AND replay_lsn >= $1::pg_lsn`;
  while ((await from.query(passed, [head])).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await native.query('ALTER SUBSCRIPTION native DISABLE');
}

/** From opening the apply until everything before this moment is applied and durable. */
async function catchUpOwn({ pipeline }: Bench): Promise<void> {
  const head = await pipeline.log.head();
  const following = await follow(pipeline, { lanes: LANES });
  await Promise.race([following.applier.passed(head), following.applier.failed]);
  await following.close();
}

async function compare({ from, native, own }: Bench): Promise<void> {
  const read = async (session: Session): Promise<string> =>
    (await session.query(CONTENTS, [], { timeoutMs: 0 })).map(({ digest }) => digest).join(' ');
  const [first, ...others] = await Promise.all([from, native, own].map(read));
  for (const other of others) if (other !== first) throw new Error('the contents differ');
}
