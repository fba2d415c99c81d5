// One migration with a network of its own: writers that talk to the source directly, and a run whose two links can be
// hurt one by one.

import { writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect, inject, vi } from 'vitest';
import { type Acknowledgement, checkAcknowledged, compareDatabases } from '../../fleet/compare.ts';
import { openPair, withClient } from '../../fleet/databases.ts';
import type { TestServer } from '../../fleet/postgres.ts';
import { type FaultProxy, openProxy } from '../../fleet/proxy.ts';
import {
  type MigrateOptions,
  type MigrateProcess,
  type MigrateResult,
  openWorkspace,
  runMigrate,
  startMigrate,
} from '../../fleet/runner.ts';
import { seedWorkload, startWriters, unexpectedCodes, type Writers } from '../../fleet/writers.ts';

export const SIDES = ['source', 'target'] as const;
export type LinkSide = (typeof SIDES)[number];

/** What a test reads of `migrate status --json`. */
export interface LiveStatus {
  readonly stage: string;
  readonly writable: string;
  readonly waiting: string | null;
  readonly stream: { readonly changes: number; readonly lagSeconds: number | null };
  readonly restarts: number;
  readonly lastError: { readonly code: string; readonly message: string } | null;
}

export interface SceneOptions {
  /** Rows of the shop's largest tables. Default 600. */
  readonly rows?: number;
  /** Transactions per second. Default 30. */
  readonly rate?: number;
  /** Sections of the plan. */
  readonly plan?: Readonly<Record<string, unknown>>;
  /** Servers of the test's own instead of the shared ones, by their database `postgres`. */
  readonly servers?: { readonly source: TestServer; readonly target: TestServer };
}

const SMALL = { readers: 2, chunkRows: 40 };
const READY = /ready: waiting/;

export class Scene {
  readonly source: FaultProxy;
  readonly target: FaultProxy;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly plan: string;
  readonly writers: Writers;
  readonly #directory: string;
  readonly #close: readonly (() => Promise<void>)[];
  readonly #processes: MigrateProcess[] = [];

  constructor(parts: {
    readonly proxies: readonly [FaultProxy, FaultProxy];
    readonly urls: readonly [string, string];
    readonly plan: string;
    readonly directory: string;
    readonly writers: Writers;
    readonly close: readonly (() => Promise<void>)[];
  }) {
    [this.source, this.target] = parts.proxies;
    [this.sourceUrl, this.targetUrl] = parts.urls;
    this.plan = parts.plan;
    this.writers = parts.writers;
    this.#directory = parts.directory;
    this.#close = parts.close;
  }

  link(side: LinkSide): FaultProxy {
    return side === 'source' ? this.source : this.target;
  }

  /** Starts `migrate run`; failpoints report each hit on stderr. */
  run(options: MigrateOptions = {}): MigrateProcess {
    const run = startMigrate(['run', this.plan, '--json'], { failpoints: '', ...options });
    this.#processes.push(run);
    return run;
  }

  command(...args: readonly string[]): Promise<MigrateResult> {
    return runMigrate([...args, this.plan, '--json']);
  }

  /** As the command tells it. */
  async status(): Promise<LiveStatus> {
    const { json, stderr } = await this.command('status');
    if (json === undefined) throw new Error(`no status: ${stderr}`);
    return json as unknown as LiveStatus;
  }

  /** Asks the running process for the status until it is as wanted; a command each time would starve it. */
  async until(wanted: (status: LiveStatus) => boolean): Promise<LiveStatus> {
    let found: LiveStatus | undefined;
    const looking = vi.waitUntil(
      async () => {
        found = await this.#live();
        return found !== undefined && wanted(found);
      },
      { interval: 50, timeout: 100_000 },
    );
    looking.catch(() => undefined);
    const ended = this.#processes.at(-1)?.exited.then(({ code, stderr }) => {
      throw new Error(`the run ended with ${code}: ${stderr.slice(-2_000)}`);
    });
    await Promise.race([looking, ended ?? looking]).catch((error: unknown) => {
      throw new Error(`not as wanted; last seen: ${JSON.stringify({ ...found, tables: undefined })}`, { cause: error });
    });
    if (found === undefined) throw new Error('nothing was found');
    return found;
  }

  /** Undefined while no process listens. */
  async #live(): Promise<LiveStatus | undefined> {
    const name = (await readdir(this.#directory)).find((file) => file.endsWith('.sock'));
    if (name === undefined) return undefined;
    const socketPath = join(this.#directory, name);
    const text = await new Promise<string | undefined>((resolve) => {
      const asking = request({ socketPath, path: '/status', headers: { host: 'localhost' } }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          body += part;
        });
        answer.on('end', () => resolve(body)).on('close', () => resolve(undefined));
      });
      asking.on('error', () => resolve(undefined));
      asking.end();
    });
    return text === undefined ? undefined : (JSON.parse(text) as LiveStatus);
  }

  /** Waits until everything but the cutover is done. A lost connection before that counts as one still under way. */
  ready(): Promise<LiveStatus> {
    return this.until((status) => status.stage === 'cutover' && READY.test(status.waiting ?? ''));
  }

  /** Ready again in an attempt after the one that this status is of. */
  readyAgain(before: LiveStatus): Promise<LiveStatus> {
    return this.until(
      ({ restarts, stage, waiting }) => restarts > before.restarts && stage === 'cutover' && READY.test(waiting ?? ''),
    );
  }

  /** Resolves when so many more transactions were confirmed. A refused writer takes turns between two names of the source. */
  async confirmed(count: number): Promise<void> {
    await Promise.race([this.writers.more('source', count), this.writers.more('target', count)]);
  }

  /** Resolves once a writer was refused. */
  async refused(): Promise<void> {
    await vi.waitUntil(() => this.writers.progress.refused > 0, { interval: 5, timeout: 60_000 });
  }

  /** A failpoint's pause: holds until `release`. */
  pause(name: string): { readonly action: string; release(): void } {
    const file = join(this.#directory, `${name}.go`);
    return { action: `pause(${file})`, release: () => writeFileSync(file, '') };
  }

  /** Gives the permission, waits for the end, and looks for every row and every confirmed write on the target. */
  async complete(run: MigrateProcess): Promise<Acknowledgement> {
    const answer = await this.command('cutover');
    expect(answer.code, answer.stderr).toBe(0);
    return this.completed(run);
  }

  async completed(run: MigrateProcess): Promise<Acknowledgement> {
    const { code, json, stderr } = await run.exited;
    expect(code, stderr.slice(-4_000)).toBe(0);
    expect(json).toMatchObject({ result: 'complete' });
    const log = await this.writers.stop();
    expect(unexpectedCodes(log)).toEqual({});
    const found = await checkAcknowledged(log, this.targetUrl);
    expect(found).toMatchObject({ lost: 0, duplicated: 0, phantom: 0 });
    expect(found.acknowledged).toBeGreaterThan(50);
    expect((await compareDatabases(this.sourceUrl, this.targetUrl)).differences).toEqual([]);
    return found;
  }

  async slots(): Promise<readonly string[]> {
    return withClient(this.sourceUrl, async (client) => {
      const { rows } = await client.query(
        'SELECT slot_name FROM pg_replication_slots WHERE database = current_database() ORDER BY 1',
      );
      return (rows as { slot_name: string }[]).map(({ slot_name }) => slot_name);
    });
  }

  async close(): Promise<void> {
    for (const run of this.#processes) run.kill();
    await Promise.allSettled(this.#processes.map((run) => run.exited));
    await this.writers.close();
    for (const close of this.#close) await close();
  }
}

/** The writers know only the source: after the cutover they are refused, so both sides can be compared to the last row. */
export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const { rows = 600, rate = 30, servers } = options;
  const pair = servers === undefined ? await openPair() : undefined;
  const sourceUrl = pair?.sourceUrl ?? servers?.source.url() ?? '';
  const targetUrl = pair?.targetUrl ?? servers?.target.url() ?? '';
  const shared = inject('fleet');
  const proxies = await Promise.all([
    openProxy(servers?.source.port ?? shared.source),
    openProxy(servers?.target.port ?? shared.target),
  ]);
  const workspace = await openWorkspace();
  const plan = await workspace.writePlan({
    sourceUrl: proxies[0].url(sourceUrl),
    targetUrl: proxies[1].url(targetUrl),
    snapshot: SMALL,
    verify: { chunkRows: 200 },
    cutover: { when: 'manual', reverse: 'off' },
    ...options.plan,
  });
  await seedWorkload(sourceUrl, 'shop', rows);
  const writers = await startWriters({ sourceUrl, targetUrl: sourceUrl, rows, rate });
  const close = [
    ...proxies.map((proxy) => () => proxy.close()),
    () => workspace.close(),
    async () => pair?.close(),
    async () => {
      await servers?.source.close();
      await servers?.target.close();
    },
  ];
  return new Scene({ proxies, urls: [sourceUrl, targetUrl], plan, directory: workspace.directory, writers, close });
}

/** Runs `work` in a scene and closes it. */
export async function inScene(options: SceneOptions, work: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await openScene(options);
  try {
    await work(scene);
  } finally {
    await scene.close();
  }
}
