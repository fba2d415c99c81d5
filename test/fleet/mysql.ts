// MySQL servers for tests: each on a free loopback port with data of its own, copied from a template because making the
// first data takes five seconds. `root` logs in without a password.

import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../src/demo/embedded.ts';
import { mysqlCache, mysqldCommand } from './mysql-binaries.ts';

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;

// As small as it goes: the machine is shared with two PostgreSQL servers.
const SMALL = [
  '--innodb-buffer-pool-size=32M',
  '--innodb-redo-log-capacity=8M',
  '--performance-schema=OFF',
  '--mysqlx=OFF',
];
// What a log that can be followed needs.
const LOGGED = [
  '--server-id=1',
  '--log-bin=binlog',
  '--binlog-row-metadata=FULL',
  '--gtid-mode=ON',
  '--enforce-gtid-consistency=ON',
];
// Tests may lose everything with the machine.
const CARELESS = ['--innodb-flush-log-at-trx-commit=2', '--sync-binlog=0', '--skip-innodb-doublewrite'];

export interface MysqlServer {
  readonly port: number;
  readonly pid: number | undefined;
  /** Stops the server and removes the data. Safe to call twice. */
  close(): Promise<void>;
}

/** Resolves when the server accepts connections. The first on a machine downloads it, which takes half a minute. */
export async function startMysql(): Promise<MysqlServer> {
  const command = await mysqldCommand();
  const template = await makeTemplate(command);
  const folder = await mkdtemp(join(tmpdir(), 'migrate-mysql-'));
  const data = join(folder, 'data');
  try {
    await run('cp', ['-a', '--reflink=auto', template, data]);
    // The server makes itself a new identity.
    await rm(join(data, 'auto.cnf'), { force: true });
    return await startOn(command, folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startOn(command: readonly string[], folder: string): Promise<MysqlServer> {
  const port = await freePort();
  const logFile = join(folder, 'server.log');
  const log = openSync(logFile, 'w');
  const files = [
    `--datadir=${join(folder, 'data')}`,
    `--socket=${join(folder, 's')}`,
    `--pid-file=${join(folder, 'pid')}`,
  ];
  const flags = [...files, '--bind-address=127.0.0.1', `--port=${port}`, ...SMALL, ...LOGGED, ...CARELESS];
  // Should this process be killed, the server goes with it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command, ...flags], { stdio: ['ignore', log, log] });
  closeSync(log);
  let ended: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = `it ended with ${signal ?? code}`;
      resolve();
    });
    child.once('error', (error) => {
      ended = error.message;
      resolve();
    });
  });
  const close = async (): Promise<void> => {
    if (ended === undefined) child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (ended === undefined && Date.now() < deadline) {
      await sleep(50);
      continue;
    }
    const output = (await readFile(logFile, 'utf8').catch(() => '')).trim().slice(-1_000);
    await close();
    throw new Error(`MySQL did not start: ${ended ?? 'no answer in time'}\n${output}`);
  }
  return { port, pid: child.pid, close };
}

async function makeTemplate(command: readonly string[]): Promise<string> {
  const template = join(mysqlCache(), 'data');
  if ((await stat(template).catch(() => undefined)) !== undefined) return template;
  const draft = await mkdtemp(join(mysqlCache(), 'draft-'));
  try {
    const [program = '', ...flags] = [
      ...command,
      ...SMALL,
      `--datadir=${join(draft, 'data')}`,
      '--initialize-insecure',
    ];
    await run(program, flags, { maxBuffer: 1 << 24 });
    // Another process may have been quicker.
    await rename(join(draft, 'data'), template).catch(() => undefined);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return template;
}

/** True when somebody greets there: MySQL speaks first. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', done(true)).once('error', done(false)).once('close', done(false));
  });
}
