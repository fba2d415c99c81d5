// One storm between two engines: a schema, writers, a plan and faults out of one seed, carried out until the run is complete.

import { openProxy } from '../../fleet/proxy.ts';
import { type MigrateResult, openWorkspace } from '../../fleet/runner.ts';
import { execute } from '../../fleet/text-client.ts';
import { Course } from '../course.ts';
import { type Act, type Faults, type Hold, makeFaults, moment, type Side } from '../faults.ts';
import { borrowed } from '../judge.ts';
import { Random } from '../random.ts';
import { compare, misses } from './judge.ts';
import { makeSchema, type Pair, type StormSchema } from './schema.ts';
import { type EngineServer, hold } from './servers.ts';
import { EngineWriters } from './writers.ts';

export type Servers = Readonly<Record<Side, EngineServer>>;

export const PAIRS: readonly Pair[] = [
  { from: 'mysql', to: 'postgres' },
  { from: 'mariadb', to: 'postgres' },
  { from: 'postgres', to: 'mysql' },
  { from: 'mysql', to: 'mysql' },
  { from: 'mariadb', to: 'mysql' },
];

/** What a storm of PostgreSQL has, and what others do to the tables meanwhile. */
function faultsOf(random: Random, { from }: Pair): Faults {
  const holding = (): Act => {
    const side = random.pick(['source', 'target'] as const);
    const what = random.pick(['rows', 'rows', 'table', 'reading', 'sessions'] as const);
    return { moment: moment(random), trouble: { kind: 'hold', side, what, transactions: random.between(5, 30) } };
  };
  const { lives } = makeFaults(random);
  const isMet = (point: string): boolean => from === 'postgres' || !point.startsWith('identity.');
  return {
    lives: lives
      .filter(({ end }) => end.kind !== 'kill at' || isMet(end.point))
      .map((life) => (random.chance(40) ? { ...life, acts: [...life.acts, holding()] } : life)),
  };
}

export interface Outcome {
  /** What was done, line by line, with the runner's errors. */
  readonly log: readonly string[];
  /** Empty when nothing was lost, doubled or left behind. */
  readonly faults: readonly string[];
  readonly rows: number;
}

/** Carries out the storm of a seed. */
export async function carryOut(seed: number, pair: Pair, servers: Servers): Promise<Outcome> {
  const random = new Random(seed).fork(`${pair.from} to ${pair.to}`);
  const schema = makeSchema(random.fork('schema'), pair);
  const { lives } = faultsOf(random.fork('faults'), pair);
  const urls = { source: await servers.source.fresh(seed), target: await servers.target.fresh(seed) };
  await execute(urls.source, schema.statements);
  const before = pair.from === 'postgres' ? await borrowed(urls.source) : [];
  const proxies = { source: await openProxy(servers.source.port), target: await openProxy(servers.target.port) };
  const workspace = await openWorkspace();
  const writers = new EngineWriters(random.fork('writers'), { ...urls, schema, clients: 3 });
  const endpoint = (side: Side): { readonly kind: string; readonly url: string } => ({
    kind: servers[side].kind,
    url: proxies[side].url(urls[side]),
  });
  const [source, target] = [endpoint('source'), endpoint('target')];
  const tables = { include: ['storm.*'], map: schema.map };
  const course = new Course({
    proxies,
    workspace,
    writers,
    plan: { name: 'storm', sourceUrl: source.url, targetUrl: target.url, source, target, tables },
    restart: (side, mode) => servers[side].restart(mode),
    hold: (side, what) => hold(urls[side], what, held(random.fork('held'), schema, side, what)),
  });
  try {
    await writers.more(5);
    const result = await course.run(lives);
    const verdict = await judge(writers, result, urls, schema);
    const after = pair.from === 'postgres' ? await borrowed(urls.source) : [];
    const left = JSON.stringify(after) === JSON.stringify(before) ? [] : [`left on the source: ${after.join(', ')}`];
    const log = [...course.log, JSON.stringify(writers.refusals), ...course.complaints()];
    return { rows: verdict.rows, faults: [...verdict.faults, ...left], log };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { rows: 0, faults: [message], log: [...course.log, ...course.complaints().slice(-40)] };
  } finally {
    await course.close();
    await workspace.close();
  }
}

/** Tables and a column to order them by. A session of MySQL has one LOCK TABLES at a time. */
function held(
  random: Random,
  schema: StormSchema,
  side: Side,
  what: Hold,
): readonly (readonly [sql: string, key: string])[] {
  const chosen = random.sample(schema.tables, what === 'table' ? 1 : 3);
  return chosen.map(({ name, sql, key }) => [side === 'source' ? sql : schema.onTarget(name), key[0]?.name ?? 'n']);
}

async function judge(
  writers: EngineWriters,
  result: MigrateResult,
  urls: Readonly<Record<Side, string>>,
  schema: StormSchema,
): Promise<{ readonly rows: number; readonly faults: readonly string[] }> {
  await writers.knocked();
  await writers.stop();
  const { rows, faults } = await compare(urls.source, urls.target, schema);
  const { letInAt = 0 } = writers;
  const late = writers.told
    .filter(({ outcome, beganAt }) => outcome === 'ok' && beganAt > letInAt)
    .map(({ token }) => `${token} was taken by the source after the target had opened`);
  const verified = (result.json?.verify as { differences?: number } | undefined)?.differences;
  const claims = verified === 0 ? [] : [`the result says ${JSON.stringify(result.json?.verify)}`];
  return { rows, faults: [...faults, ...(await misses(writers.told, urls.source)), ...late, ...claims] };
}
