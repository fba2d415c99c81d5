// One migration from one kind of server to another: a bank with live clients on it, a plan, and what must hold when it is over.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { compareBanks, openBank } from '../../fleet/bank.ts';
import { BankClients } from '../../fleet/bank-clients.ts';
import { openPair } from '../../fleet/databases.ts';
import {
  type MigrateProcess,
  type MigrateResult,
  openWorkspace,
  runMigrate,
  startMigrate,
} from '../../fleet/runner.ts';
import { execute } from '../../fleet/text-client.ts';
import { said } from '../migration.ts';

export type EngineKind = 'mysql' | 'mariadb' | 'postgres';

export interface Endpoint {
  readonly kind: EngineKind | 'oracle';
  readonly url: string;
  /** Where the rows of a target are read, if elsewhere. */
  readonly readAt?: string;
}

export interface CrossingOptions {
  readonly source: Endpoint;
  /** Default: an empty database on the shared PostgreSQL server. */
  readonly target?: Endpoint;
  readonly accounts?: number;
  /** Default 3; with 0 nobody writes. */
  readonly clients?: number;
  readonly plan?: Readonly<Record<string, unknown>>;
}

// Small, so that every table has several chunks and every lane several batches.
const SMALL = {
  snapshot: { chunkRows: 60 },
  apply: { batchRows: 20, batchWait: '5ms' },
  verify: { chunkRows: 100 },
  tables: { include: ['work.*'] },
};

export function rootUrl(port: number): string {
  return `mysql://root@127.0.0.1:${port}`;
}

export class Crossing {
  readonly source: string;
  readonly target: string;
  /** Where the target's rows are read. */
  readonly readAt: string;
  readonly plan: string;
  readonly writers: BankClients;
  readonly #directory: string;
  readonly #processes: MigrateProcess[] = [];
  #compared = false;
  #runs = 0;

  private constructor(parts: Pick<Crossing, 'source' | 'target' | 'readAt' | 'plan' | 'writers'>, directory: string) {
    this.source = parts.source;
    this.target = parts.target;
    this.readAt = parts.readAt;
    this.plan = parts.plan;
    this.writers = parts.writers;
    this.#directory = directory;
  }

  /** Resolves when the clients write. Everything is closed when the test is over. */
  static async open({ source, target, accounts = 200, clients = 3, plan = {} }: CrossingOptions): Promise<Crossing> {
    const pair = await openPair();
    onTestFinished(() => pair.close());
    const workspace = await openWorkspace();
    onTestFinished(() => workspace.close());
    const other = source.kind === 'postgres' ? pair.sourceUrl : source.url;
    const { readAt, ...to }: Endpoint = target ?? { kind: 'postgres', url: pair.targetUrl };
    await openBank(other, accounts);
    // Left by the test before.
    const left = ['work', 'migrate'].map((name) => `DROP DATABASE IF EXISTS ${name}`);
    if (to.kind === 'mysql') await execute(to.url, left);
    const path = await workspace.writePlan({
      sourceUrl: other,
      targetUrl: to.url,
      source: { kind: source.kind, url: other },
      target: to,
      ...SMALL,
      cutover: { when: 'auto', reverse: 'off', budget: '10s' },
      ...plan,
    });
    const sides = { source: other, target: to.url, readAt: readAt ?? to.url };
    const writers = new BankClients({ ...sides, accounts, clients });
    const crossing = new Crossing({ ...sides, plan: path, writers }, workspace.directory);
    onTestFinished(() => crossing.#close());
    if (clients > 0) await writers.more('source', 10);
    return crossing;
  }

  start(failpoints?: string, ...flags: readonly string[]): MigrateProcess {
    const args = ['run', this.plan, '--json', ...flags];
    const process = startMigrate(args, failpoints === undefined ? {} : { failpoints });
    this.#processes.push(process);
    return process;
  }

  /** A further process of the run. */
  work(): MigrateProcess {
    const process = startMigrate(['worker', this.plan, '--json']);
    this.#processes.push(process);
    return process;
  }

  /** Lets a failpoint go on that is held by this file. */
  release(held: string): Promise<void> {
    return writeFile(held, '');
  }

  /** Runs until the process ends; where both sides are closed and the target is about to open it is held until they are compared. */
  async run(
    failpoints?: string,
    meanwhile: (process: MigrateProcess) => Promise<void> = async () => undefined,
    ...flags: readonly string[]
  ): Promise<MigrateResult> {
    if (failpoints?.includes('cutover.switched')) return this.start(failpoints).exited;
    const file = this.path(`compared-${this.#runs++}`);
    const hold = `cutover.switched=pause(${file})`;
    const process = this.start(failpoints === undefined ? hold : `${failpoints};${hold}`, ...flags);
    const done = meanwhile(process);
    done.catch(() => process.kill());
    const held = process.waitFor(/^failpoint cutover\.switched 1$/).then(
      () => true,
      () => false,
    );
    if (await held) await this.compareAtRest();
    await writeFile(file, '');
    const result = await process.exited;
    await done;
    return result;
  }

  /** Dies at each of the points in turn. */
  async dieAt(...points: readonly string[]): Promise<void> {
    for (const point of points) {
      const result = await this.run(`${point}=kill9`);
      expect(result.signal, `${point} was not reached\n${said(result)}`).toBe('SIGKILL');
    }
  }

  async compareAtRest(): Promise<void> {
    const { rows, differences } = await compareBanks(this.source, this.readAt);
    expect(differences).toEqual([]);
    expect(rows).toBeGreaterThan(0);
    this.#compared = true;
  }

  async status(): Promise<Readonly<Record<string, unknown>>> {
    const { code, json, stderr } = await runMigrate(['status', this.plan, '--json']);
    expect(code, stderr).toBe(0);
    return json ?? {};
  }

  /** The run is complete: the clients have followed, and what they were told is there, once. */
  async expectComplete(result: MigrateResult): Promise<void> {
    expect(result.code, said(result)).toBe(0);
    expect(result.json).toMatchObject({ result: 'complete', verify: { differences: 0 } });
    await this.writers.more('target', 15);
    const { confirmed, faults } = await this.writers.unkept();
    expect(faults).toEqual([]);
    expect(confirmed).toBeGreaterThan(0);
    expect(this.#compared, 'both sides were never compared at rest').toBe(true);
  }

  /** What each process said, in the order in which they were started. */
  logs(): readonly string[] {
    return this.#processes.map(({ stdout, stderr }) => [...stderr, ...stdout, ''].join('\n'));
  }

  /** In the folder of this migration. */
  path(name: string): string {
    return join(this.#directory, name);
  }

  async #close(): Promise<void> {
    for (const process of this.#processes) {
      process.kill('SIGKILL');
      await process.exited.catch(() => undefined);
    }
    await this.writers.stop().catch(() => undefined);
  }
}
