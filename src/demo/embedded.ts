// Starts and stops PostgreSQL servers in temporary folders, for the demo and for the tests. Installs no signal
// handlers: whoever opens a server closes it, and what a killed process left is removed by the next one.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../lib/errors.ts';
import { type Binaries, binary, findBinaries, type RunAs } from './embedded-binaries.ts';

export const FOLDER_PREFIX = 'migrate-demo-';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;

export type StopMode = 'fast' | 'immediate';

export interface EmbeddedOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Another PostgreSQL than that of npm: the folder that holds its `bin`. */
  readonly root?: string;
  /** The password of `postgres`; without one every local connection is let in, which only tests may want. */
  readonly password?: string;
  /** Fills the data folder; by default initdb does. Must leave it in the hands of `runAs`, if given. */
  readonly fill?: (dataDirectory: string, runAs: RunAs | undefined) => Promise<void>;
}

export class EmbeddedServer {
  readonly #binaries: Binaries;
  readonly #directory: string;
  readonly #options: EmbeddedOptions;
  #port = 0;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(binaries: Binaries, directory: string, options: EmbeddedOptions) {
    this.#binaries = binaries;
    this.#directory = directory;
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  get dataDirectory(): string {
    return join(this.#directory, 'data');
  }

  /** The server's output. */
  get logFile(): string {
    return join(this.#directory, 'server.log');
  }

  /** The process id of the running server. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** A connection url; carries the password for the user postgres only. */
  url(database = 'postgres', user = 'postgres'): string {
    const { password } = this.#options;
    const login = password === undefined || user !== 'postgres' ? user : `${user}:${encodeURIComponent(password)}`;
    return `postgres://${login}@127.0.0.1:${this.#port}/${encodeURIComponent(database)}`;
  }

  /** Starts on the port it had before, if any. Resolves when connections are accepted. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const fixed = this.#port;
    // Between the look for a free port and the start another process may have taken it.
    for (let attempt = 1; ; attempt++) {
      this.#port = fixed === 0 ? await freePort() : fixed;
      try {
        return await this.#startOnce();
      } catch (error) {
        const taken = error instanceof Error && error.message.includes('Address already in use');
        if (!taken || attempt === 20) throw error;
        await sleep(50);
      }
    }
  }

  async #startOnce(): Promise<void> {
    await rm(this.logFile, { force: true });
    const log = openSync(this.logFile, 'w', 0o600);
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      port: String(this.#port),
      ...this.#options.settings,
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(binary(this.#binaries, 'postgres'), ['-D', this.dataDirectory, ...flags], {
      // A process group of its own: Ctrl-C in the terminal is for us, and we stop the server in our own order.
      detached: process.platform !== 'win32',
      stdio: ['ignore', log, log],
      cwd: this.#directory,
      env: environment(),
      ...this.#binaries.runAs,
    });
    closeSync(log);
    let failure: Error | undefined;
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (error) => {
        failure = error;
        resolve();
      });
    });
    let running = true;
    this.#child = child;
    this.#exited = exited.then(() => {
      running = false;
      this.#child = undefined;
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.#isReady(child))) {
      if (!running || Date.now() > deadline) {
        await this.stop('immediate');
        const output = (await readFile(this.logFile, 'utf8').catch(() => '')).trim().slice(-1_000);
        throw new MigrateError('DEMO.START', `PostgreSQL did not start: ${failure?.message ?? output}`);
      }
      await sleep(20);
    }
  }

  /** The server keeps its state in its lock file; the process id tells it from one that an earlier server left. */
  async #isReady(child: ChildProcess): Promise<boolean> {
    const lines = (await readFile(join(this.dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    return lines[0] === String(child.pid) && lines[7]?.trim() === 'ready';
  }

  /** Resolves when the server has ended. The data stays. Does nothing when it is not running. */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (process.platform === 'win32') {
      // No signals there; the control program asks over a pipe.
      const stop = ['stop', '-D', this.dataDirectory, '-m', mode];
      await runProgram(binary(this.#binaries, 'pg_ctl'), stop, undefined).catch(() => child.kill('SIGKILL'));
    } else child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    const timer = setTimeout(() => child.kill('SIGQUIT'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Stops the server and removes its data. Safe to call twice. */
  async close(): Promise<void> {
    await this.stop('immediate');
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** A new server with an empty database, running. */
export async function openEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedServer> {
  const found = await findBinaries();
  const binaries = options.root === undefined ? found : { ...found, root: options.root };
  const directory = await mkdtemp(join(tmpdir(), FOLDER_PREFIX));
  const server = new EmbeddedServer(binaries, directory, options);
  try {
    await writeFile(join(directory, 'owner'), String(process.pid));
    await own(directory, binaries.runAs);
    if (options.fill === undefined) await initialise(binaries, server.dataDirectory, options.password);
    else await options.fill(server.dataDirectory, binaries.runAs);
    await server.start();
    return server;
  } catch (error) {
    await server.close().catch(() => undefined);
    throw error;
  }
}

/** Runs initdb. The parent folder must belong to the user that the server runs as. */
export async function initialise(binaries: Binaries, dataDirectory: string, password?: string): Promise<void> {
  const flags = ['-D', dataDirectory, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  if (password === undefined) {
    await runProgram(binary(binaries, 'initdb'), [...flags, '-A', 'trust'], binaries.runAs);
    return;
  }
  const file = `${dataDirectory}.password`;
  try {
    await writeFile(file, password, { mode: 0o600, flag: 'wx' });
    await own(file, binaries.runAs);
    await runProgram(binary(binaries, 'initdb'), [...flags, '-A', 'scram-sha-256', `--pwfile=${file}`], binaries.runAs);
  } finally {
    await rm(file, { force: true });
  }
}

export async function own(path: string, user: RunAs | undefined): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** Rejects with DEMO.START and the program's last words. */
async function runProgram(program: string, flags: readonly string[], user: RunAs | undefined): Promise<void> {
  const child = spawn(program, flags, {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: tmpdir(),
    env: environment(),
    ...user,
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-2_000);
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string) => reject(new MigrateError('DEMO.START', `${program} failed: ${reason}`));
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => (code === 0 ? resolve() : fail(`${code ?? signal}: ${output.trim()}`)));
  });
}

/** Nothing of the caller's PG* variables or language may reach a server. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, TMPDIR, TEMP, TMP, SYSTEMROOT } = process.env;
  const kept = Object.entries({ PATH, TMPDIR, TEMP, TMP, SYSTEMROOT }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

/** A port of the loopback that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new MigrateError('INTERNAL.BUG', 'no port was bound');
  return address.port;
}
