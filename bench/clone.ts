// A whole database copied by the command, checks and indexes included, against `pgcopydb clone` on the same pair of servers:
// PostgreSQL 15 as Debian has it, the version its pgcopydb can serve. This pgcopydb does not compare what it copied; the
// command always does, and what that takes is shown by itself.
// Run: npx tsx bench/clone.ts [rows per table] [rounds]. Needs: apt-get install postgresql-15 pgcopydb

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PostgresServer } from '../src/databases/postgres/connection.ts';
import { median, report, seconds, thousands } from './lib/results.ts';
import { type ServerPair, withServers } from './lib/servers.ts';

const run = promisify(execFile);
const ROWS = Number(process.argv[2] ?? 500_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const JOBS = 2;
const ROOT = '/usr/lib/postgresql/15';
const PGCOPYDB = '/usr/bin/pgcopydb';
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

const TABLES = ['one', 'two', 'three', 'four'];
const FILL = TABLES.map(
  (name) => `CREATE TABLE public.${name} (id bigint PRIMARY KEY, customer int NOT NULL, status text NOT NULL,
    amount numeric(12,2) NOT NULL, placed_at timestamptz NOT NULL, note text);
  INSERT INTO public.${name} SELECT n, n % 50000, 'status ' || n % 7, n / 100.0,
    '2024-01-01'::timestamptz + n * interval '1 second', repeat(md5(n::text), 4) FROM generate_series(1, ${ROWS}) AS n;
  CREATE INDEX ON public.${name} (customer)`,
).join(';');
const CONTENTS = TABLES.map((name) => `SELECT count(*) AS rows FROM public.${name}`).join(' UNION ALL ');

async function compareTools(pair: ServerPair): Promise<void> {
  const source = new PostgresServer('source', pair.source.url(), 'bench');
  await source.with('fill', (session) => session.run(FILL, [], { timeoutMs: 0 }));
  await source.with('fill', (session) => session.run('VACUUM ANALYZE', [], { timeoutMs: 0 }));
  const tools = { pgcopydb: clonePgcopydb, migrate: cloneMigrate };
  const times: { pgcopydb: Took[]; migrate: Took[] } = { pgcopydb: [], migrate: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const tool of ['pgcopydb', 'migrate'] as const) {
      const took = await cloneInto(pair, `${tool}_${round}`, tools[tool]);
      if (round > 0) times[tool].push(took);
    }
  }
  const shown = (took: readonly Took[], what: keyof Took): string =>
    `${median(took.map((each) => each[what])).toFixed(1)} s`;
  const ratio = median(times.pgcopydb.map(({ copied }, round) => copied / (times.migrate[round]?.copied ?? 0)));
  await report({
    title: `A database of ${TABLES.length} × ${thousands(ROWS)} rows, PostgreSQL 15, ${JOBS} tables at once, median of ${ROUNDS}`,
    header: ['from the start until it is', 'pgcopydb clone', 'migrate run --only snapshot', 'ratio'],
    rows: [
      ['copied, with indexes', shown(times.pgcopydb, 'copied'), shown(times.migrate, 'copied'), ratio.toFixed(2)],
      ['compared as well', '', shown(times.migrate, 'whole'), ''],
    ],
  });
  await source.close();
}

/** Seconds since the start. */
interface Took {
  readonly copied: number;
  readonly whole: number;
}

/** Resolves with the moment at which everything was copied and indexed, if it is not the end. */
type Clone = (source: string, target: string, folder: string) => Promise<number | undefined>;

async function cloneInto(pair: ServerPair, database: string, clone: Clone): Promise<Took> {
  const maintenance = new PostgresServer('target', pair.target.url(), 'bench');
  await maintenance.with('create', (session) => session.run(`CREATE DATABASE ${database}`, []));
  await maintenance.with('settle', (session) => session.run('CHECKPOINT', [], { timeoutMs: 0 }));
  const folder = await mkdtemp(join(tmpdir(), 'migrate-bench-'));
  const target = new PostgresServer('target', pair.target.url(database), 'bench');
  try {
    const began = Date.now();
    let copiedAt: number | undefined;
    const whole = await seconds(async () => {
      copiedAt = await clone(pair.source.url(), pair.target.url(database), folder);
    });
    const counts = await target.with('count', (session) => session.query(CONTENTS, [], { timeoutMs: 0 }));
    if (counts.length !== TABLES.length || counts.some(({ rows }) => Number(rows) !== ROWS))
      throw new Error('rows are missing');
    return { copied: copiedAt === undefined ? whole : (copiedAt - began) / 1_000, whole };
  } finally {
    await target.close();
    await maintenance.with('drop', (session) => session.run(`DROP DATABASE ${database} WITH (FORCE)`, []));
    await maintenance.close();
    await rm(folder, { recursive: true });
  }
}

const clonePgcopydb: Clone = async (source, target, folder) => {
  await run(PGCOPYDB, [
    ...['clone', '--source', source, '--target', target, '--dir', join(folder, 'work')],
    ...['--table-jobs', String(JOBS), '--index-jobs', String(JOBS), '--no-owner', '--skip-extensions'],
  ]);
  return undefined;
};

const cloneMigrate: Clone = async (source, target, folder) => {
  const plan = join(folder, 'clone.yaml');
  await writeFile(
    plan,
    JSON.stringify({
      version: 1,
      name: 'clone',
      source: { kind: 'postgres', url: source },
      target: { kind: 'postgres', url: target },
      tables: { include: ['public.*'] },
      snapshot: { readers: JOBS },
      cutover: { reverse: 'off' },
      control: { directory: folder },
    }),
  );
  const { stderr } = await run(process.execPath, [MAIN, 'run', '--only', 'snapshot', '--json', '--plan', plan]);
  const verify = stderr.split('\n').find((line) => line.includes('"stage":"verify"') && line.includes('stage begins'));
  if (verify === undefined) throw new Error('the run did not say when it began to compare');
  return Date.parse((JSON.parse(verify) as { time: string }).time);
};

if (!existsSync(join(ROOT, 'bin/postgres')) || !existsSync(PGCOPYDB)) {
  process.stdout.write('not run: apt-get install postgresql-15 pgcopydb\n');
} else await withServers(compareTools, { root: ROOT });
