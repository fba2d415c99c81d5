// A stand-in for Oracle: seerdb's Mirror over PostgreSQL, each on a free loopback port. What runs on it is not proved to
// run on Oracle: only the driver, the protocol, Oracle's error numbers and the data are.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type oracledb from 'oracledb';
import pg from 'pg';
import { freePort } from '../../src/demo/embedded.ts';
import { postgresWithOrafce, pythonWithMirror } from './oracle-files.ts';
import { startServer } from './postgres.ts';
import { launch, type RunningProgram } from './program.ts';

const PROGRAM = fileURLToPath(new URL('oracle/mirror.py', import.meta.url));
const DICTIONARY = fileURLToPath(new URL('oracle/dictionary.sql', import.meta.url));
/** The account that a run logs in with; its password is its name. */
export const ACCOUNT = 'MIGRATE';
const PASSWORD = 'migrate';

export interface Fault {
  /** A regular expression that the statement must match; a commit is `COMMIT`, a rollback `ROLLBACK`. */
  readonly pattern: string;
  /** Before it takes effect, or after. Default `before`. */
  readonly moment?: 'before' | 'after';
  /** Lose the connection, answer Oracle's error of this number, or wait that long and go on. */
  readonly action: 'drop' | { readonly oraCode: number; readonly message?: string } | { readonly seconds: number };
  /** How many that match go by first. Default 0. */
  readonly skip?: number;
  /** How often it happens. Default once. */
  readonly times?: number;
}

export interface OracleServer {
  /** `oracle://MIGRATE:migrate@127.0.0.1:port/FREEPDB1`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number | undefined;
  /** The log of the Mirror. */
  readonly logFile: string;
  /** PostgreSQL below, which is read without Oracle's driver: names there are in small letters. */
  readonly below: string;
  fault(fault: Fault): Promise<void>;
  /** SIGKILL; what was not committed is gone. `restart` starts it again on the same port. */
  crash(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** PostgreSQL with orafce, and a database in which the Mirror has made its dictionary: the template of all others. */
export interface OracleGround {
  readonly port: number;
  close(): Promise<void>;
}

const TEMPLATE = 'standin';
const FAULTS = `CREATE SCHEMA standin; CREATE TABLE standin.faults (id serial PRIMARY KEY, pattern text NOT NULL,
  moment text NOT NULL, action text NOT NULL, ora_code int, message text, seconds numeric, skip int NOT NULL,
  remaining int NOT NULL)`;

export async function startGround(): Promise<OracleGround> {
  const root = await postgresWithOrafce();
  const server = await startServer({ root, settings: { jit: 'off', wal_level: 'replica', max_wal_senders: '0' } });
  try {
    await below(server.url(), [`CREATE DATABASE ${TEMPLATE} TEMPLATE template0`]);
    await below(server.url(TEMPLATE), [FAULTS]);
    const mirror = await startMirror(server.port, TEMPLATE, [ACCOUNT]);
    try {
      // The Mirror makes its dictionary when the first session begins.
      await withOracle(mirror.url, async () => undefined);
    } finally {
      await mirror.close();
    }
    await below(server.url(TEMPLATE), [await readFile(DICTIONARY, 'utf8')]);
    return { port: server.port, close: () => server.close() };
  } catch (error) {
    await server.close();
    throw error;
  }
}

export interface OracleOptions {
  /** Users whose schemas a test writes to, besides the account's own. Default `SHOP`. */
  readonly schemas?: readonly string[];
  /** As which release it presents itself. Default `23ai`. */
  readonly presents?: Release;
}

export type Release = '12.1' | '23ai';

let made = 0;

/** A database of its own on `ground`, and a Mirror before it. */
export async function startOracle(
  ground: Pick<OracleGround, 'port'>,
  options: OracleOptions = {},
): Promise<OracleServer> {
  const users = [ACCOUNT, ...(options.schemas ?? ['SHOP'])];
  const database = `o_${process.pid}_${made++}`;
  const maintenance = urlOf(ground.port, 'postgres');
  await below(maintenance, [`CREATE DATABASE ${database} TEMPLATE ${TEMPLATE}`]);
  const mirror = await startMirror(ground.port, database, users, options.presents);
  try {
    await below(
      mirror.below,
      users.map((user) => `CREATE SCHEMA IF NOT EXISTS "${user.toLowerCase()}"`),
    );
  } catch (error) {
    await mirror.close();
    throw error;
  }
  return {
    ...mirror,
    get pid() {
      return mirror.pid;
    },
    close: async () => {
      await mirror.close();
      await below(maintenance, [`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`]);
    },
  };
}

async function startMirror(
  port: number,
  database: string,
  users: readonly string[],
  presents: Release = '23ai',
): Promise<OracleServer> {
  const python = await pythonWithMirror();
  const folder = await mkdtemp(join(tmpdir(), 'migrate-oracle-'));
  const listen = await freePort();
  const logFile = join(folder, 'mirror.log');
  const settings = join(folder, 'mirror.ini');
  await writeFile(settings, `${configuration(listen, port, database, users)}presents = ${presents}\n`);
  const start = () =>
    launch({
      label: "Oracle's stand-in",
      command: [python, PROGRAM, '-c', settings],
      logFile,
      startTimeoutMs: 60_000,
      ready: () => answers(listen),
    });
  let running: RunningProgram;
  try {
    running = await start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const url = urlOf(port, database);
  return {
    url: `oracle://${ACCOUNT}:${PASSWORD}@127.0.0.1:${listen}/FREEPDB1`,
    port: listen,
    get pid() {
      return running.pid;
    },
    logFile,
    below: url,
    fault: async (fault) => {
      await setFault(url, fault);
      await writeFile(join(folder, 'faults'), '');
    },
    crash: () => running.kill(),
    restart: async () => {
      await running.kill();
      running = await start();
    },
    close: async () => {
      await running.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function configuration(listen: number, port: number, database: string, users: readonly string[]): string {
  return [
    '[server]',
    'host = 127.0.0.1',
    `port = ${listen}`,
    'log_level = WARNING',
    '[clients]',
    ...users.map((user) => `${user} = ${user === ACCOUNT ? PASSWORD : user.toLowerCase()}`),
    '[backend]',
    'type = postgres',
    `conninfo = host=127.0.0.1 port=${port} dbname=${database} user=postgres`,
    '',
  ].join('\n');
}

async function setFault(
  url: string,
  { pattern, moment = 'before', action, skip = 0, times = 1 }: Fault,
): Promise<void> {
  const kind = action === 'drop' ? 'drop' : 'oraCode' in action ? 'error' : 'wait';
  const code = action !== 'drop' && 'oraCode' in action ? action.oraCode : null;
  const message = action !== 'drop' && 'oraCode' in action ? (action.message ?? null) : null;
  const seconds = action !== 'drop' && 'seconds' in action ? action.seconds : null;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO standin.faults (pattern, moment, action, ora_code, message, seconds, skip, remaining)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [pattern, moment, kind, code, message, seconds, skip, times],
    );
  } finally {
    await client.end();
  }
}

/** Oracle's own driver, without ours: for what a test does on the side. */
export async function withOracle<T>(url: string, work: (session: oracledb.Connection) => Promise<T>): Promise<T> {
  const { default: driver } = await import('oracledb');
  const { host, pathname, username, password } = new URL(url);
  const session = await driver.getConnection({
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    connectString: `${host}${pathname}`,
  });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

function urlOf(port: number, database: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${database}`;
}

async function below(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** True when somebody takes connections there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', done(true)).once('error', done(false));
  });
}
