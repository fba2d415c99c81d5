// One migration for a scenario: a database pair with live writers on it, a plan, and what must hold when it is over.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Acknowledgement, checkAcknowledged, compareDatabases } from '../fleet/compare.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';
import { type MigrateProcess, type MigrateResult, openWorkspace, runMigrate, startMigrate } from '../fleet/runner.ts';
import { seedWorkload, startWriters, unexpectedCodes, type WorkloadName, type Writers } from '../fleet/writers.ts';

export interface MigrationOptions {
  readonly workload: WorkloadName;
  readonly rows: number;
  readonly seed?: number;
  /** Sections of the plan that replace the small ones. */
  readonly plan?: Readonly<Record<string, unknown>>;
}

// Small, so that every table has several chunks and every lane several batches.
const SMALL = {
  snapshot: { chunkRows: 60 },
  apply: { batchRows: 20, batchWait: '5ms' },
  verify: { chunkRows: 100 },
};

export class Migration {
  readonly pair: Pair;
  readonly writers: Writers;
  readonly plan: string;
  readonly #directory: string;
  readonly #close: () => Promise<void>;
  readonly #processes: MigrateProcess[] = [];
  #compared = false;
  #runs = 0;

  private constructor(
    parts: Pick<Migration, 'pair' | 'writers' | 'plan'>,
    directory: string,
    close: () => Promise<void>,
  ) {
    this.pair = parts.pair;
    this.writers = parts.writers;
    this.plan = parts.plan;
    this.#directory = directory;
    this.#close = close;
  }

  /** Resolves when the writers write. */
  static async open({ workload, rows, seed = 1, plan = {} }: MigrationOptions): Promise<Migration> {
    const pair = await openPair();
    const workspace = await openWorkspace();
    const { sourceUrl, targetUrl } = pair;
    await seedWorkload(sourceUrl, workload, rows);
    const writers = await startWriters({ sourceUrl, targetUrl, workload, rows, clients: 3, rate: 60, seed });
    const close = async (): Promise<void> => {
      await writers.close();
      await workspace.close();
      await pair.close();
    };
    const sections = { ...SMALL, cutover: { when: 'auto', reverse: 'off', budget: '10s' }, ...plan };
    // A name of its own: two runs on one pair of servers must not be taken for one another.
    const name = `run-${new URL(sourceUrl).pathname.slice(3, 11)}`;
    const path = await workspace.writePlan({ name, sourceUrl, targetUrl, ...sections });
    await writers.more('source', 10);
    return new Migration({ pair, writers, plan: path }, workspace.directory, close);
  }

  /** Starts the run, for the first time or again: the command is always the same. */
  start(failpoints?: string): MigrateProcess {
    const process = startMigrate(['run', this.plan, '--json'], failpoints === undefined ? {} : { failpoints });
    this.#processes.push(process);
    return process;
  }

  /**
   * Runs until the process ends. If it comes to where both sides are closed and the target is about to open, it is held
   * there until both sides were compared.
   */
  async run(failpoints?: string): Promise<MigrateResult> {
    if (failpoints?.includes('cutover.switched')) return this.start(failpoints).exited;
    const file = join(this.#directory, `compared-${this.#runs++}`);
    const hold = `cutover.switched=pause(${file})`;
    const process = this.start(failpoints === undefined ? hold : `${failpoints};${hold}`);
    const held = process.waitFor(/^failpoint cutover\.switched 1$/).then(
      () => true,
      () => false,
    );
    if (await held) await this.compareAtRest();
    await writeFile(file, '');
    return process.exited;
  }

  /** Both sides row by row. Only while both are closed: then they must not differ in anything. */
  async compareAtRest(): Promise<void> {
    const { sourceUrl, targetUrl } = this.pair;
    const comparison = await compareDatabases(sourceUrl, targetUrl);
    expect(comparison.differences).toEqual([]);
    expect(comparison.rows).toBeGreaterThan(0);
    this.#compared = true;
  }

  /** `migrate status` while no process works on the run. */
  async status(): Promise<Readonly<Record<string, unknown>>> {
    const { code, json, stderr } = await runMigrate(['status', this.plan, '--json']);
    expect(code, stderr).toBe(0);
    expect(json).toMatchObject({ process: 'none' });
    return json ?? {};
  }

  /** The run is complete: the writers have followed, and what they were told is there, once. */
  async expectComplete(result: MigrateResult): Promise<Acknowledgement> {
    expect(result.code, said(result)).toBe(0);
    expect(result.json).toMatchObject({ result: 'complete', verify: { differences: 0 } });
    await this.writers.more('target', 30);
    const log = await this.writers.stop();
    const found = await checkAcknowledged(log, this.pair.targetUrl);
    expect(found).toMatchObject({ lost: 0, duplicated: 0, phantom: 0, examples: [] });
    expect(found.acknowledged).toBeGreaterThan(0);
    expect(unexpectedCodes(log)).toEqual({});
    expect(this.#compared, 'both sides were never compared at rest').toBe(true);
    return found;
  }

  /** Slots that the run has on the source, and publications. */
  async leftOnSource(): Promise<readonly string[]> {
    return withClient(this.pair.sourceUrl, async (client) => {
      const { rows } = await client.query(`SELECT slot_name::text AS name FROM pg_replication_slots
        WHERE database = current_database() UNION ALL SELECT pubname::text FROM pg_publication`);
      return (rows as { name: string }[]).map(({ name }) => name);
    });
  }

  async close(): Promise<void> {
    for (const process of this.#processes) process.kill();
    await this.#close();
  }
}

/** What a process said, for the message of a failed test: not its thousands of failpoints. */
export function said({ stderr }: MigrateResult): string {
  const lines = stderr.split('\n').filter((line) => !line.startsWith('failpoint '));
  return lines.slice(-20).join('\n');
}

/** Runs `work` on a migration of its own and closes everything it used. */
export async function withMigration(
  options: MigrationOptions,
  work: (migration: Migration) => Promise<void>,
): Promise<void> {
  const migration = await Migration.open(options);
  try {
    await work(migration);
  } finally {
    await migration.close();
  }
}
