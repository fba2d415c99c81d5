// A whole database copied by the command, checks, indexes and all, against the tools that others use for it: pgloader from
// MariaDB to PostgreSQL (it cannot log in to MySQL 9), mydumper and myloader from MySQL to MySQL. They do not compare what they
// copied; the command always does, and what that takes is shown by itself.
// Run: npx tsx bench/mysql-clone.ts [rows per table] [rounds] [source]. Needs what the tests of MySQL need, and Debian 12.

import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PostgresServer } from '../src/databases/postgres/connection.ts';
import { startServer, type TestServer } from '../test/fleet/postgres.ts';
import { cpuSeconds } from './lib/cpu.ts';
import { type BenchServer, debianTool, startMysqlServer } from './lib/mysql-servers.ts';
import { median, report, seconds, thousands } from './lib/results.ts';
import { SETTINGS } from './lib/servers.ts';

const run = promisify(execFile);
const ROWS = Number(process.argv[2] ?? 500_000);
const ROUNDS = Number(process.argv[3] ?? 3);
/** Of `mariadb` and `mysql` the only source. */
const WANTED = process.argv[4];
/** Tables, or parts of one, at once; as many for everyone. */
const JOBS = 2;
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

const OURS = 'migrate run --only snapshot';
const TABLES = ['one', 'two', 'three', 'four'];
const FILL = `CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;
  CREATE TABLE n (i int PRIMARY KEY);
  INSERT INTO n WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i < 999) SELECT i FROM r;
  ${TABLES.map(
    (name) => `CREATE TABLE ${name} (id bigint PRIMARY KEY, customer int NOT NULL, status varchar(20) NOT NULL,
      amount decimal(12,2) NOT NULL, placed_at datetime NOT NULL, note varchar(200), KEY (customer));
    INSERT INTO ${name} SELECT id, id % 50000, CONCAT('status ', id % 7), id / 100,
      '2024-01-01' + INTERVAL id SECOND, REPEAT(SHA2(id, 256), 2)
    FROM (SELECT 1 + a.i + 1000 * b.i AS id FROM n AS a, n AS b) AS ids WHERE id <= ${ROWS} ORDER BY id`,
  ).join(';')};
  DROP TABLE n; ANALYZE TABLE ${TABLES.join(', ')}`;
const COUNTS = TABLES.map((name) => `SELECT count(*) AS n FROM shop.${name}`).join(' UNION ALL ');

interface Target {
  readonly kind: 'postgres' | 'mysql';
  readonly url: string;
  readonly port: number;
  /** Nothing of the run before is there any more. */
  empty(): Promise<void>;
  counts(): Promise<readonly number[]>;
}

/** In seconds since the start. */
interface Took {
  /** Every row and index is there. */
  readonly copied: number;
  readonly whole: number;
  /** Seconds of CPU until `copied`, of everyone: both servers and the tool. */
  readonly cpu: number;
  readonly peakMegabytes: number;
}

type Clone = (source: BenchServer, target: Target, folder: string) => Promise<Took>;

interface Peer {
  readonly name: string;
  readonly clone: Clone;
}

async function compare(source: BenchServer, target: Target, peers: readonly Peer[]): Promise<void> {
  const tools = [...peers, { name: OURS, clone: cloneMigrate }];
  const took = new Map<string, Took[]>(tools.map(({ name }) => [name, []]));
  // The first round warms the servers and is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, clone } of tools) {
      const one = await cloneOnce(source, target, clone);
      if (round > 0) took.get(name)?.push(one);
    }
  }
  const ours = took.get(OURS) ?? [];
  const middle = (of: readonly Took[], what: keyof Took): string =>
    `${median(of.map((each) => each[what])).toFixed(1)} s`;
  const ratio = (theirs: readonly Took[], what: keyof Took): string =>
    median(theirs.map((each, round) => each[what] / (ours[round]?.[what] ?? 0))).toFixed(2);
  const memory = Math.max(...ours.map(({ peakMegabytes }) => peakMegabytes)).toFixed(0);
  await report({
    title: `A database of ${TABLES.length} × ${thousands(ROWS)} rows, ${source.kind} to ${target.kind}, median of ${ROUNDS}`,
    header: ['', 'copied, with indexes', 'CPU', 'compared as well', 'memory at most', 'ratio', 'CPU ratio'],
    rows: [...took].map(([name, each]) => [
      name,
      middle(each, 'copied'),
      middle(each, 'cpu'),
      ...(each === ours
        ? [middle(each, 'whole'), `${memory} MB`, '', '']
        : ['', '', ratio(each, 'copied'), ratio(each, 'cpu')]),
    ]),
  });
}

async function cloneOnce(source: BenchServer, target: Target, clone: Clone): Promise<Took> {
  await target.empty();
  const folder = await mkdtemp(join(tmpdir(), 'migrate-bench-'));
  try {
    const took = await clone(source, target, folder);
    const counts = await target.counts();
    if (counts.length !== TABLES.length || counts.some((count) => count !== ROWS)) throw new Error('rows are missing');
    return took;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const timed = async (work: () => Promise<unknown>): Promise<Took> => {
  const before = cpuSeconds();
  const whole = await seconds(work);
  return { copied: whole, whole, cpu: cpuSeconds() - before, peakMegabytes: 0 };
};

/** With the 100,000 that it holds by default it runs out of memory, and hangs. */
const PREFETCH = 'prefetch rows = 10000';

async function pgloader(options: string): Promise<Clone> {
  const { program, env } = await debianTool('pgloader', 'pgloader');
  return async (source, target, folder) => {
    const command = join(folder, 'clone.load');
    await writeFile(
      command,
      `LOAD DATABASE FROM mysql://root@127.0.0.1:${source.port}/shop INTO ${target.url.replace(/\?.*/, '')} WITH ${options};\n`,
    );
    return timed(async () => {
      const { stdout } = await run(program, ['--no-ssl-cert-verification', '--root-dir', folder, command], {
        env,
        timeout: 600_000,
      });
      if (/\bERROR\b|\bFATAL\b/.test(stdout)) throw new Error(stdout);
    });
  };
}

async function mydumper(...options: readonly string[]): Promise<Clone> {
  const dump = await debianTool('mydumper', 'mydumper');
  const load = await debianTool('mydumper', 'myloader');
  return (source, target, folder) => {
    const flags = (port: number): readonly string[] => [
      ...['--host', '127.0.0.1', '--port', String(port), '--user', 'root', '--threads', String(JOBS)],
      ...['--database', 'shop'],
    ];
    const files = join(folder, 'dump');
    return timed(async () => {
      await run(dump.program, [...flags(source.port), '--outputdir', files, '--rows', '100000'], { env: dump.env });
      await run(load.program, [...flags(target.port), '--directory', files, '--overwrite-tables', ...options], {
        env: load.env,
      });
    });
  };
}

const cloneMigrate: Clone = async (source, target, folder) => {
  const plan = join(folder, 'clone.yaml');
  await writeFile(
    plan,
    JSON.stringify({
      version: 1,
      name: 'clone',
      source: { kind: source.kind, url: source.url },
      target: { kind: target.kind, url: target.url },
      tables: { include: ['shop.*'] },
      snapshot: { readers: JOBS },
      cutover: { reverse: 'off' },
      control: { directory: folder },
    }),
  );
  const began = { at: Date.now(), cpu: cpuSeconds() };
  const child = spawn(process.execPath, [MAIN, 'run', '--only', 'snapshot', '--json', '--plan', plan], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  let copied: typeof began | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
    if (copied === undefined && COMPARING.test(log)) copied = { at: Date.now(), cpu: cpuSeconds() };
  });
  let peakMegabytes = 0;
  const timer = setInterval(() => {
    peakMegabytes = Math.max(peakMegabytes, highWater(child.pid));
  }, 50);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(timer);
  if (code !== 0 || copied === undefined) throw new Error(`the run ended with ${code}\n${log}`);
  return {
    copied: (copied.at - began.at) / 1_000,
    whole: (Date.now() - began.at) / 1_000,
    cpu: copied.cpu - began.cpu,
    peakMegabytes,
  };
};
/** The log says so when all else is done. */
const COMPARING = /"stage":"verify"[^\n]*stage begins/;

/** The kernel's own mark; 0 where there is none to read. */
function highWater(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

function postgresTarget(server: TestServer): Target {
  const maintenance = new PostgresServer('target', server.url(), 'bench');
  const target = (): PostgresServer => new PostgresServer('target', server.url('clone'), 'bench');
  return {
    kind: 'postgres',
    url: server.url('clone'),
    port: 0,
    empty: async () => {
      await maintenance.with('empty', async (session) => {
        await session.run('DROP DATABASE IF EXISTS clone WITH (FORCE)', []);
        await session.run('CREATE DATABASE clone', []);
        await session.run('CHECKPOINT', [], { timeoutMs: 0 });
      });
      await maintenance.close();
    },
    counts: async () => {
      const opened = target();
      const rows = await opened.with('count', (session) => session.query(COUNTS, [], { timeoutMs: 0 }));
      await opened.close();
      return rows.map(({ n }) => Number(n));
    },
  };
}

function mysqlTarget(server: BenchServer): Target {
  return {
    kind: 'mysql',
    url: server.url,
    port: server.port,
    empty: async () => {
      await server.run('DROP DATABASE IF EXISTS shop; DROP DATABASE IF EXISTS migrate');
    },
    counts: async () => (await server.run(COUNTS)).map(({ n }) => Number(n)),
  };
}

if (WANTED !== 'mysql') {
  const source = await startMysqlServer('mariadb');
  const target = await startServer({ settings: { ...SETTINGS, fsync: 'on' } });
  try {
    await source.run(FILL);
    await compare(source, postgresTarget(target), [
      { name: 'pgloader', clone: await pgloader(PREFETCH) },
      {
        name: `pgloader, ${JOBS} tables at once`,
        clone: await pgloader(`workers = ${2 * JOBS}, concurrency = ${JOBS}, ${PREFETCH}`),
      },
    ]);
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}
if (WANTED !== 'mariadb') {
  const source = await startMysqlServer('mysql');
  const target = await startMysqlServer('mysql');
  try {
    await source.run(FILL);
    await compare(source, mysqlTarget(target), [
      // Where the target writes no log, nothing can follow it.
      { name: 'mydumper, myloader, without the log', clone: await mydumper() },
      { name: 'mydumper, myloader --enable-binlog', clone: await mydumper('--enable-binlog') },
    ]);
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}
