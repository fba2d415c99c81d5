// Runs MySQL's and MariaDB's server programs for tests: each on a free loopback port with data of its own, copied from a
// template because making the first data takes seconds. `root` logs in without a password.

import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../src/demo/embedded.ts';
import { launch, type RunningProgram } from './program.ts';

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;

export interface MysqlServer {
  readonly port: number;
  readonly pid: number | undefined;
  /** Ends it with SIGKILL, and starts it again with the same data on the same port. */
  crash(): Promise<void>;
  /** Ends it as an operator would, and starts it again. */
  restart(): Promise<void>;
  /** Stops the server and removes the data. Safe to call twice. */
  close(): Promise<void>;
}

export interface Program {
  /** For messages: `MySQL`. */
  readonly label: string;
  /** The server program with what it needs to find its files. */
  readonly command: readonly string[];
  readonly settings: readonly string[];
  /** The folder of the first data. */
  readonly template: string;
}

/** Resolves when the server accepts connections. */
export async function startProgram(program: Program): Promise<MysqlServer> {
  const folder = await mkdtemp(join(tmpdir(), `migrate-${program.label.toLowerCase()}-`));
  try {
    await run('cp', ['-a', '--reflink=auto', program.template, join(folder, 'data')]);
    // The server makes itself a new identity.
    await rm(join(folder, 'data', 'auto.cnf'), { force: true });
    const port = await freePort();
    let running = await startOn(program, folder, port);
    return {
      port,
      get pid() {
        return running.pid;
      },
      crash: async () => {
        await running.kill();
        running = await startOn(program, folder, port);
      },
      restart: async () => {
        await running.kill('SIGTERM');
        running = await startOn(program, folder, port);
      },
      close: async () => {
        await running.kill();
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startOn({ label, command, settings }: Program, folder: string, port: number): Promise<RunningProgram> {
  const files = [
    `--datadir=${join(folder, 'data')}`,
    `--socket=${join(folder, 's')}`,
    `--pid-file=${join(folder, 'pid')}`,
    // One that starts removes the temporary tables of every other that shares the folder.
    `--tmpdir=${folder}`,
  ];
  const flags = [...files, '--bind-address=127.0.0.1', `--port=${port}`, ...settings];
  return launch({
    label,
    command: [...command, ...flags],
    logFile: join(folder, 'server.log'),
    startTimeoutMs: START_TIMEOUT_MS,
    ready: () => answers(port),
  });
}

/** The folder `data` in `cache`, filled by `make` the first time. */
export async function templateIn(cache: string, make: (data: string) => Promise<void>): Promise<string> {
  const template = join(cache, 'data');
  if ((await stat(template).catch(() => undefined)) !== undefined) return template;
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    await make(join(draft, 'data'));
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
