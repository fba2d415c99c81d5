// How fast the apply catches up with a backlog of single-row transactions, against PostgreSQL's own logical replication
// between the same two servers. Run: npx tsx bench/catch-up.ts [transactions] [rounds] [lanes]

import { Applier } from '../src/apply/applier.ts';
import { readCatalog } from '../src/databases/postgres/catalog.ts';
import { PostgresChunks } from '../src/databases/postgres/chunks.ts';
import { PostgresServer, type Session } from '../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../src/databases/postgres/journal.ts';
import { LEASE_SCHEMA } from '../src/databases/postgres/journal-schema.ts';
import { PostgresLog } from '../src/databases/postgres/log/log.ts';
import { PostgresStream } from '../src/databases/postgres/log/stream.ts';
import { quoteLiteral } from '../src/databases/postgres/sql.ts';
import { readCheckpoints } from '../src/databases/postgres/write/journal-moves.ts';
import { PostgresLane } from '../src/databases/postgres/write/lane.ts';
import { Gate } from '../src/health/gate.ts';
import type { TableProgress } from '../src/journal/journal.ts';
import type { Table } from '../src/model/table.ts';
import { RunStatus } from '../src/observe/status.ts';
import { SILENT } from '../test/unit/apply-fixture.ts';
import { median, printTable, seconds, thousands } from './lib/results.ts';
import { withServers } from './lib/servers.ts';

const TRANSACTIONS = Number(process.argv[2] ?? 100_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const LANES = Number(process.argv[4] ?? 2);
const ROWS = 100_000;
const RUN = 'bench';
const SLOT = 'migrate_bench';
const CLAIM = { run: RUN, epoch: 1 };

// Two tables of the shape of pgbench_accounts.
const TABLES = ['accounts_a', 'accounts_b'] as const;
const DDL = TABLES.map(
  (name) => `CREATE TABLE ${name} (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
    INSERT INTO ${name} SELECT g, g % 10, 0, 'filler' FROM generate_series(1, ${ROWS}) AS g`,
).join(';');
/** One transaction per update, as fast as the server makes them. */
const BACKLOG = `DO $$
DECLARE one int;
BEGIN
  FOR n IN 1..${TRANSACTIONS / 2} LOOP
    one := 1 + floor(random() * ${ROWS});
    UPDATE public.accounts_a SET abalance = abalance + n WHERE aid = one;
    COMMIT;
    UPDATE public.accounts_b SET abalance = abalance + n WHERE aid = one;
    COMMIT;
  END LOOP;
END $$`;
const CONTENTS = `SELECT sum(hashtextextended(t::text, 0)) AS digest FROM (${TABLES.map(
  (name) => `SELECT * FROM public.${name}`,
).join(' UNION ALL ')}) AS t`;

interface Bench {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  readonly from: Session;
  /** The database that PostgreSQL's own replication writes to, and ours. */
  readonly native: Session;
  readonly own: Session;
  readonly log: PostgresLog;
  readonly tables: readonly Table[];
  readonly progress: readonly TableProgress[];
}

await withServers(async (pair) => {
  const bench = await prepare(pair.source.url(), (database) => pair.target.url(database));
  const times: { native: number[]; own: number[]; ratio: number[] } = { native: [], own: [], ratio: [] };
  process.stdout.write(
    `${thousands(TRANSACTIONS)} transactions of one update, ${LANES} lanes, median of ${ROUNDS} after one to warm up\n`,
  );
  for (let round = 0; round <= ROUNDS; round++) {
    await bench.from.run(BACKLOG, [], { timeoutMs: 0 });
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
  const rate = (values: readonly number[]): string => thousands(TRANSACTIONS / median(values));
  printTable(
    ['', 'transactions/s'],
    [
      ['logical replication', rate(times.native)],
      ['migrate', rate(times.own)],
      ['ratio', median(times.ratio).toFixed(2)],
    ],
  );
  await bench.native.run('DROP SUBSCRIPTION native', [], { timeoutMs: 0 });
  await bench.log.release();
  await Promise.all([bench.native.close(), bench.source.close(), bench.target.close()]);
});

async function prepare(sourceUrl: string, targetUrl: (database: string) => string): Promise<Bench> {
  const source = new PostgresServer('source', sourceUrl, RUN);
  const from = await source.session({
    purpose: 'bench',
    settings: { synchronous_commit: 'off', search_path: 'public' },
  });
  await from.run(DDL, [], { timeoutMs: 0 });
  const open = async (database: string): Promise<[PostgresServer, Session]> => {
    await new PostgresServer('target', targetUrl('postgres'), RUN).with('create', (session) =>
      session.run(`CREATE DATABASE ${database}`, []),
    );
    const server = new PostgresServer('target', targetUrl(database), RUN);
    const session = await server.session({ purpose: 'bench', settings: { search_path: 'public' } });
    await session.run(DDL, [], { timeoutMs: 0 });
    return [server, session];
  };
  const [, native] = await open('native');
  const [target, own] = await open('own');
  const catalog = await source.with('catalog', (session) =>
    readCatalog(session, { include: TABLES.map((name) => `public.${name}`), exclude: [] }),
  );
  const tables = catalog.tables.map(({ table }) => table);
  const log = new PostgresLog({
    server: source,
    slot: SLOT,
    publication: SLOT,
    run: () => 'bench',
    prove: async () => undefined,
  });
  const start = await log.pin(tables);
  await start.close();
  await native.run(
    `CREATE SUBSCRIPTION native CONNECTION ${quoteLiteral(sourceUrl)} PUBLICATION ${SLOT}
     WITH (copy_data = false, enabled = false, create_slot = false, slot_name = 'native', connect = false)`,
    [],
  );
  await from.query(`SELECT pg_create_logical_replication_slot('native', 'pgoutput')`);
  await native.query('ALTER SUBSCRIPTION native ENABLE');
  await native.query('ALTER SUBSCRIPTION native REFRESH PUBLICATION WITH (copy_data = false)');
  await own.run(LEASE_SCHEMA, []);
  await own.query('INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, $2, $3)', [RUN, CLAIM.epoch, 'bench']);
  const journal = new PostgresJournal(target, RUN, () => CLAIM);
  await journal.create({
    name: RUN,
    id: '00000000',
    planHash: '',
    planFields: {},
    sourceIdentity: '',
    targetIdentity: '',
    catalog,
    fingerprint: '',
    lanes: LANES,
  });
  await journal.tables.openLanes(start.at);
  const progress = await journal.tables.list();
  await native.query('ALTER SUBSCRIPTION native DISABLE');
  return { source, target, from, native, own, log, tables, progress };
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
async function catchUpOwn({ source, target, log, tables, progress }: Bench): Promise<void> {
  const head = await log.head();
  const stream = new PostgresStream({ server: source, slot: SLOT, publication: SLOT, tables });
  const applier = new Applier({
    stream,
    target: {
      lane: async () => new PostgresLane({ server: target, claim: CLAIM, direction: 'forward' }),
      checkpoints: () => target.with('read', (session) => readCheckpoints(session, CLAIM, 'forward')),
    },
    source: { log, chunks: new PostgresChunks(source) },
    journal: { sendHome: async () => undefined },
    tables: progress,
    homeward: new Set(),
    limits: {
      batchRows: 5_000,
      batchBytes: 8 * 1024 * 1024,
      batchWait: 20,
      lanes: LANES,
      maxTransactionRows: 1_000_000,
    },
    gate: new Gate(),
    status: new RunStatus(RUN),
    log: SILENT,
    signal: new AbortController().signal,
  });
  await applier.start();
  await Promise.race([applier.passed(head), applier.failed]);
  await applier.close();
  await stream.close();
}

async function compare({ from, native, own }: Bench): Promise<void> {
  const [first, ...others] = await Promise.all([from, native, own].map((session) => session.one(CONTENTS)));
  for (const other of others) if (other?.digest !== first?.digest) throw new Error('the contents differ');
}
