// Live writers for scenario tests: clients in a process of their own, on a given workload, whose log tells what the
// database confirmed.

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withClient } from './databases.ts';
import { shop } from './workloads/shop.ts';
import { torture } from './workloads/torture.ts';
import type { Write } from './workloads/workload.ts';

export type WorkloadName = 'shop' | 'torture';

export type Outcome = 'ok' | 'fail' | 'unknown';

/** One transaction as its client saw it. Records of one client are in order. */
export interface WriteRecord {
  readonly client: number;
  /** Unique; in the ledger and in every row written. */
  readonly token: string;
  readonly side: 'source' | 'target';
  readonly outcome: Outcome;
  /** The SQLSTATE of a refusal; 08000 without one, XGONE when a row of the client was gone, XROLL for a COMMIT that rolled back. */
  readonly code: string;
  readonly writes: readonly Write[];
}

export interface WritersOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly workload: WorkloadName;
  /** The same as for `seedWorkload`. */
  readonly rows: number;
  readonly clients: number;
  /** Transactions per second, all clients together. */
  readonly rate: number;
  readonly seed: number;
}

export interface WritersProgress {
  /** Confirmed transactions on each side, refused ones on both. */
  readonly source: number;
  readonly target: number;
  readonly refused: number;
  readonly done?: true;
}

const WORKLOADS = { shop, torture };

/** Creates the schema of a workload with its first rows. */
export async function seedWorkload(url: string, workload: WorkloadName, rows: number): Promise<void> {
  await withClient(url, async (client) => {
    for (const statement of [WORKLOADS[workload].schema, ...WORKLOADS[workload].seed(rows)])
      await client.query(statement);
  });
}

export class Writers {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #looks = new Set<(progress: WritersProgress) => void>();
  readonly #ended: Promise<never>;
  #progress: WritersProgress = { source: 0, target: 0, refused: 0 };

  constructor(child: ChildProcess, directory: string) {
    this.#child = child;
    this.#directory = directory;
    this.#ended = new Promise((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`the writers ended: ${signal ?? code}`)));
    });
    this.#ended.catch(() => undefined);
    child.on('message', (progress: WritersProgress) => {
      this.#progress = progress;
      for (const look of [...this.#looks]) look(progress);
    });
  }

  /** So far. */
  get progress(): WritersProgress {
    return this.#progress;
  }

  /** Resolves when `count` more transactions than now were confirmed on that side; rejects when the writers end. */
  async more(side: 'source' | 'target', count: number): Promise<void> {
    const goal = this.#progress[side] + count;
    await this.#until((progress) => progress[side] >= goal);
  }

  /** Ends the clients after the transaction they are in; resolves with what each was told. */
  async stop(): Promise<readonly WriteRecord[]> {
    const done = this.#until((progress) => progress.done === true);
    this.#child.send('stop');
    await done;
    const text = await readFile(join(this.#directory, 'log'), 'utf8');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as WriteRecord);
  }

  /** Ends the process at once. Safe to call twice. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended.catch(() => undefined);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #until(reached: (progress: WritersProgress) => boolean): Promise<void> {
    let look = (_progress: WritersProgress): void => undefined;
    const seen = new Promise<void>((resolve) => {
      look = (progress) => {
        if (reached(progress)) resolve();
      };
    });
    this.#looks.add(look);
    look(this.#progress);
    try {
      await Promise.race([seen, this.#ended]);
    } finally {
      this.#looks.delete(look);
    }
  }
}

/** Starts writing on the source. Defaults: shop, 4 clients, 100 transactions per second, seed 1. */
export async function startWriters(
  options: Pick<WritersOptions, 'sourceUrl' | 'targetUrl' | 'rows'> & Partial<WritersOptions>,
): Promise<Writers> {
  const directory = await mkdtemp(join(tmpdir(), 'migrate-writers-'));
  const child = fork(fileURLToPath(new URL('./writers-process.ts', import.meta.url)), [], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const writers = new Writers(child, directory);
  const complete: WritersOptions = { workload: 'shop', clients: 4, rate: 100, seed: 1, ...options };
  child.send({ options: complete, log: join(directory, 'log') });
  return writers;
}

/** Codes of refusals that a healthy migration does not cause: everything but read only, moved and reconnected. */
export function unexpectedCodes(log: readonly WriteRecord[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { outcome, code } of log) {
    if (outcome === 'ok' || /^(25006|42P01|3F000|3D000|08|57P)/.test(code)) continue;
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}
