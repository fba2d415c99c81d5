// Drives the real command line, built into dist/: plans in a folder of their own, processes that can be waited on
// and killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const LIMIT_MS = 150_000;

export interface MigrateOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A command that starts the command given after it, in place of itself. */
  readonly prefix?: readonly string[];
  /** `name[@n]=action[;…]`; the command then gets --enable-failpoints too. */
  readonly failpoints?: string;
  /** A process that has not ended by then is killed and its output is in the error. Default 150 s. */
  readonly limitMs?: number;
}

export interface MigrateResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout, if it is JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** A folder for one test: its plan, its control sockets. */
export interface Workspace {
  readonly directory: string;
  /** Writes a plan (YAML takes JSON) and tells its path. Sections given replace the defaults. */
  writePlan(plan: PlanSections): Promise<string>;
  close(): Promise<void>;
}

export interface PlanSections {
  readonly name?: string;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly [section: string]: unknown;
}

export async function openWorkspace(): Promise<Workspace> {
  const directory = await mkdtemp(join(tmpdir(), 'migrate-test-'));
  return {
    directory,
    writePlan: async ({ name = 'test', sourceUrl, targetUrl, ...sections }) => {
      const path = join(directory, `${name}.yaml`);
      const plan = {
        version: 1,
        name,
        source: { kind: 'postgres', url: sourceUrl },
        target: { kind: 'postgres', url: targetUrl },
        cutover: { when: 'auto', reverse: 'off' },
        control: { directory },
        ...sections,
      };
      await writeFile(path, JSON.stringify(plan, null, 2));
      return path;
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

/** One stream of a process, line by line. */
class Lines {
  readonly lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #partial = '';
  #ended = false;

  constructor(stream: NodeJS.ReadableStream) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      const parts = (this.#partial + text).split('\n');
      this.#partial = parts.pop() ?? '';
      this.lines.push(...parts);
      this.#wake();
    });
    stream.on('close', () => {
      if (this.#partial !== '') this.lines.push(this.#partial);
      this.#ended = true;
      this.#wake();
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** The first line at or after `start` that matches; rejects when the stream ends without one. */
  find(pattern: RegExp, start: number): Promise<RegExpExecArray> {
    let next = start;
    return new Promise((resolve, reject) => {
      const look = (): void => {
        for (; next < this.lines.length; next++) {
          const match = pattern.exec(this.lines[next] ?? '');
          if (match === null) continue;
          this.#waiting.delete(look);
          resolve(match);
          return;
        }
        if (!this.#ended) return;
        this.#waiting.delete(look);
        reject(new Error(`the process ended without ${pattern}; its last lines:\n${this.lines.slice(-30).join('\n')}`));
      };
      this.#waiting.add(look);
      look();
    });
  }
}

export class MigrateProcess {
  readonly #child: ChildProcess;
  readonly #stdout: Lines;
  readonly #stderr: Lines;
  /** Rejects only when the process could not be started or went over its limit. */
  readonly exited: Promise<MigrateResult>;

  constructor(child: ChildProcess, limitMs: number) {
    if (child.stdout === null || child.stderr === null) throw new Error('the process has no pipes');
    this.#child = child;
    this.#stdout = new Lines(child.stdout);
    this.#stderr = new Lines(child.stderr);
    this.exited = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`still running after ${limitMs} ms; its last lines:\n${this.stderr.slice(-40).join('\n')}`));
      }, limitMs);
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        resolve(this.#result(code, signal));
      });
    });
    // A test that waits for a line sees the reason there; this one may be looked at later.
    this.exited.catch(() => undefined);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process was not started');
    return this.#child.pid;
  }

  get stdout(): readonly string[] {
    return this.#stdout.lines;
  }

  get stderr(): readonly string[] {
    return this.#stderr.lines;
  }

  /** Resolves with the first line that matches; `now` looks only at lines that come after this call. */
  waitFor(
    pattern: RegExp,
    options: { from?: 'start' | 'now'; stream?: 'stdout' | 'stderr' } = {},
  ): Promise<RegExpExecArray> {
    const lines = options.stream === 'stdout' ? this.#stdout : this.#stderr;
    return lines.find(pattern, options.from === 'now' ? lines.lines.length : 0);
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  #result(code: number | null, signal: NodeJS.Signals | null): MigrateResult {
    const stdout = this.stdout.join('\n');
    return { code, signal, stdout, stderr: this.stderr.join('\n'), json: lastJson(this.stdout) };
  }
}

function lastJson(lines: readonly string[]): MigrateResult['json'] {
  try {
    const value: unknown = JSON.parse(lines.filter((line) => line.trim() !== '').at(-1) ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Starts `migrate ARGS`. The environment is ours without MIGRATE_* and PG*, plus what is given. */
export function startMigrate(args: readonly string[], options: MigrateOptions = {}): MigrateProcess {
  if (!existsSync(MAIN)) throw new Error('dist/main.js is missing: npm run build');
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MIGRATE_|PG|NODE_OPTIONS|VITEST)/.test(name));
  const armed = options.failpoints === undefined ? {} : { MIGRATE_FAILPOINTS: options.failpoints };
  const flags = options.failpoints === undefined ? [] : ['--enable-failpoints'];
  const [program = process.execPath, ...rest] = [...(options.prefix ?? []), process.execPath, MAIN, ...args, ...flags];
  const child = spawn(program, rest, {
    cwd: options.cwd ?? tmpdir(),
    env: { ...Object.fromEntries(inherited), ...armed, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new MigrateProcess(child, options.limitMs ?? LIMIT_MS);
}

/** Runs `migrate ARGS` to its end. */
export function runMigrate(args: readonly string[], options: MigrateOptions = {}): Promise<MigrateResult> {
  return startMigrate(args, options).exited;
}
