// One storm: a schema, writers, a plan and faults out of one seed, carried out until the run is complete.

import { withClient } from '../fleet/databases.ts';
import type { TestServer } from '../fleet/postgres.ts';
import { openProxy } from '../fleet/proxy.ts';
import { type MigrateResult, openWorkspace } from '../fleet/runner.ts';
import { Course } from './course.ts';
import { makeFaults, type Side } from './faults.ts';
import { blamed, borrowed, compare, isUndecodable, misses } from './judge.ts';
import { Random } from './random.ts';
import { LEDGER, makeSchema, type StormSchema } from './schema.ts';
import { StormWriters } from './writers.ts';

export type Servers = Readonly<Record<Side, TestServer>>;

export interface Outcome {
  /** What was done, line by line, with the runner's errors. */
  readonly log: readonly string[];
  /** Empty when nothing was lost, doubled or left behind. */
  readonly faults: readonly string[];
  readonly rows: number;
  /** `undecodable`: the source wrote a log that it cannot decode, and the run stopped there aloud, as it must. */
  readonly end: 'complete' | 'undecodable';
}

/** Carries out the storm of a seed on two servers, in databases of its own, which are dropped at the end. */
export async function carryOut(seed: number, servers: Servers): Promise<Outcome> {
  const random = new Random(seed);
  const schema = makeSchema(random.fork('schema'));
  const { lives } = makeFaults(random.fork('faults'));
  const name = `storm_${seed}`;
  const urls = { source: servers.source.url(name), target: servers.target.url(name) };
  for (const side of ['source', 'target'] as const) {
    const create = `CREATE DATABASE ${name} TEMPLATE template0`;
    await withClient(servers[side].url(), (client) => client.query(create));
  }
  await withClient(urls.source, async (client) => {
    for (const statement of schema.statements) await client.query(statement);
  });
  const before = await borrowed(urls.source);
  const [source, target] = await Promise.all([servers.source, servers.target].map(({ port }) => openProxy(port)));
  if (source === undefined || target === undefined) throw new Error('no proxies');
  const workspace = await openWorkspace();
  const writers = new StormWriters(random.fork('writers'), {
    sourceUrl: urls.source,
    targetUrl: urls.target,
    tables: schema.tables,
    ledgers: [LEDGER, schema.onTarget('storm', 'ledger')],
    clients: 3,
  });
  let sourceCrashed = false;
  const course = new Course({
    proxies: { source, target },
    workspace,
    writers,
    plan: {
      name: 'storm',
      sourceUrl: source.url(urls.source),
      targetUrl: target.url(urls.target),
      tables: { map: schema.map },
    },
    restart: async (side, mode) => {
      if (side === 'source' && mode === 'immediate') sourceCrashed = true;
      await servers[side].stop(mode);
      await servers[side].start();
    },
  });
  try {
    await writers.more(5);
    const result = await course.run(lives);
    if (isUndecodable(result)) {
      const faults = await blamed(writers, urls);
      return { rows: 0, faults, end: 'undecodable', log: [...course.log, ...course.complaints().slice(-40)] };
    }
    const faults = await judge(writers, { result, before, urls, schema, sourceCrashed });
    return {
      ...faults,
      end: 'complete',
      log: [...course.log, JSON.stringify(writers.refusals), ...course.complaints()],
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { rows: 0, faults: [message], end: 'complete', log: [...course.log, ...course.complaints().slice(-40)] };
  } finally {
    await course.close();
    await workspace.close();
    await Promise.all(['source' as const, 'target' as const].map((side) => drop(servers[side], name)));
  }
}

interface Ended {
  readonly result: MigrateResult;
  readonly before: readonly string[];
  readonly urls: Readonly<Record<Side, string>>;
  readonly schema: StormSchema;
  readonly sourceCrashed: boolean;
}

async function judge(
  writers: StormWriters,
  { result, before, urls, schema, sourceCrashed }: Ended,
): Promise<Pick<Outcome, 'rows' | 'faults'>> {
  await writers.knocked();
  await writers.stop();
  const { rows, differences } = await compare(
    { sourceUrl: urls.source, targetUrl: urls.target, sourceCrashed },
    schema,
  );
  const faults = [...differences];
  for (const miss of await misses(writers.told, urls.source, LEDGER)) faults.push(`told and not so: ${miss}`);
  const { letInAt = 0 } = writers;
  for (const { token, outcome, beganAt } of writers.told) {
    if (outcome === 'ok' && beganAt > letInAt)
      faults.push(`${token} was taken by the source after the target had opened`);
  }
  const after = await borrowed(urls.source);
  if (JSON.stringify(after) !== JSON.stringify(before))
    faults.push(`left on the source: ${after.join(', ')}; before: ${before.join(', ')}`);
  const verified = (result.json?.verify as { differences?: number } | undefined)?.differences;
  if (verified !== 0) faults.push(`the result says ${JSON.stringify(result.json?.verify)}`);
  return { rows, faults };
}

async function drop(server: TestServer, name: string): Promise<void> {
  await withClient(server.url(), async (client) => {
    await client.query('SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1', [name]);
    await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1', [
      name,
    ]);
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });
}
