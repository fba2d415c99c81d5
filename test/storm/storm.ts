// One storm: a schema, writers, a plan and faults out of one seed, carried out until the run is complete.

import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from '../fleet/databases.ts';
import type { TestServer } from '../fleet/postgres.ts';
import { type FaultProxy, openProxy } from '../fleet/proxy.ts';
import {
  type MigrateProcess,
  type MigrateResult,
  openWorkspace,
  runMigrate,
  startMigrate,
  type Workspace,
} from '../fleet/runner.ts';
import { type Act, type Life, type Moment, makeFaults, type Side, type Trouble } from './faults.ts';
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

// A run that gave way to a runner whose sessions the server still takes for alive is started with --takeover.
const STARTS = 8;
const LIMIT_MS = 100_000;
const FREEZE_MS = 4_000;

class Storm {
  readonly log: string[] = [];
  sourceCrashed = false;
  readonly writers: StormWriters;
  readonly #servers: Servers;
  readonly #proxies: Readonly<Record<Side, FaultProxy>>;
  readonly #workspace: Workspace;
  readonly #urls: Readonly<Record<Side, string>>;
  readonly #schema: StormSchema;
  readonly #processes: MigrateProcess[] = [];
  #plan = '';
  #takeover = false;
  readonly #began = performance.now();

  constructor(parts: {
    readonly servers: Servers;
    readonly proxies: Readonly<Record<Side, FaultProxy>>;
    readonly workspace: Workspace;
    readonly urls: Readonly<Record<Side, string>>;
    readonly schema: StormSchema;
    readonly random: Random;
  }) {
    this.#servers = parts.servers;
    this.#proxies = parts.proxies;
    this.#workspace = parts.workspace;
    this.#urls = parts.urls;
    this.#schema = parts.schema;
    this.writers = new StormWriters(parts.random.fork('writers'), {
      sourceUrl: parts.urls.source,
      targetUrl: parts.urls.target,
      tables: parts.schema.tables,
      ledgers: [LEDGER, parts.schema.onTarget('storm', 'ledger')],
      clients: 3,
    });
  }

  /** Resolves with the result of the process that completed the run, or found that nobody can. */
  async run(lives: readonly Life[]): Promise<MigrateResult> {
    for (const life of lives) {
      await this.#writePlan(life.plan);
      const result = await this.#live(life);
      if (result !== undefined) return result;
    }
    throw new Error('the last life did not complete');
  }

  #note(line: string): void {
    this.log.push(`${((performance.now() - this.#began) / 1_000).toFixed(1)} ${line}`);
  }

  /** What the processes had to say about errors. */
  complaints(): readonly string[] {
    const lines = this.#processes.flatMap(({ stderr }) => stderr);
    return lines.filter((line) => /"level":"(warn|error)"/.test(line)).map((line) => line.slice(0, 400));
  }

  async close(): Promise<void> {
    for (const process of this.#processes) {
      process.kill('SIGKILL');
      await process.exited.catch(() => undefined);
    }
    await this.writers.stop().catch(() => undefined);
    await Promise.all([this.#proxies.source.close(), this.#proxies.target.close()]);
  }

  async #writePlan(sections: Readonly<Record<string, unknown>>): Promise<void> {
    this.#plan = await this.#workspace.writePlan({
      name: 'storm',
      sourceUrl: this.#proxies.source.url(this.#urls.source),
      targetUrl: this.#proxies.target.url(this.#urls.target),
      tables: { map: this.#schema.map },
      ...sections,
    });
  }

  /** The result, once a process ended by itself with what no further start would change. */
  async #live(life: Life): Promise<MigrateResult | undefined> {
    for (let start = 1; start <= STARTS; start++) {
      const process = this.#start(life);
      const acting = this.#act(process, life.acts);
      acting.catch(() => undefined);
      if (life.end.kind === 'kill at' || life.end.kind === 'complete') {
        const result = await process.exited;
        await acting;
        if (result.signal === 'SIGKILL') return undefined;
        if (this.#isOver(result)) return result;
        continue;
      }
      await acting;
      if (await passed(process, { hits: life.end.hits })) await this.#end(process, life.end.kind);
      // The next life begins beside this one.
      if (this.#takeover) return undefined;
      const result = await process.exited;
      if (result.signal !== null) return undefined;
      if (this.#isOver(result)) return result;
      if (life.end.kind === 'terminate') return undefined;
    }
    throw new Error(`not complete after ${STARTS} starts`);
  }

  #start({ throws, end }: Life): MigrateProcess {
    const armed = throws.map(({ point, hit }) => `${point}@${hit}=throw`);
    if (end.kind === 'kill at') armed.push(`${end.point}@${end.hit}=kill9`);
    const flags = this.#takeover ? ['--takeover'] : [];
    this.#takeover = false;
    this.#note(`start ${[...flags, ...armed].join(' ')} (${end.kind})`);
    const failpoints = armed.join(';');
    const process = startMigrate(['run', this.#plan, '--json', ...flags], { failpoints, limitMs: LIMIT_MS });
    this.#processes.push(process);
    return process;
  }

  /** False when the same command has to be started again; throws when it would not help. */
  #isOver(result: MigrateResult): boolean {
    const code = String(result.json?.code ?? '');
    this.#note(`ended ${result.code} ${result.signal ?? ''} ${code}`);
    if (result.code === 0 && result.json?.result === 'complete') return true;
    if (isUndecodable(result)) return true;
    if (code === 'INTERRUPTED' || result.code === 5) return false;
    if (/^LEASE\./.test(code)) {
      this.#note(said(result));
      this.#takeover = true;
      return false;
    }
    throw new Error(`the run ended with ${result.code} ${code}:\n${said(result)}`);
  }

  async #end(process: MigrateProcess, kind: string): Promise<void> {
    this.#note(kind);
    if (kind === 'kill') process.kill('SIGKILL');
    else if (kind === 'terminate') process.kill('SIGTERM');
    else {
      this.#takeover = true;
      if (kind === 'freeze and takeover') process.kill('SIGSTOP');
      // A frozen one wakes up in the middle of the next life.
      void this.writers.more(40).then(() => process.kill('SIGCONT'));
    }
  }

  async #act(process: MigrateProcess, acts: readonly Act[]): Promise<void> {
    for (const { moment, trouble } of acts) {
      if (!(await passed(process, moment))) return;
      this.#note(`${JSON.stringify(moment)}: ${JSON.stringify(trouble)}`);
      await this.#make(process, trouble);
    }
  }

  async #make(process: MigrateProcess, trouble: Trouble): Promise<void> {
    // In a freeze nobody can write.
    const written = (count: number): Promise<unknown> =>
      Promise.race([this.writers.more(count), process.exited, sleep(FREEZE_MS)]);
    if (trouble.kind === 'pause') {
      await runMigrate(['pause', this.#plan, '--json']);
      await written(trouble.transactions);
      const { code, stderr } = await runMigrate(['resume', this.#plan, '--json']);
      if (code !== 0) this.#note(`resume: ${code} ${stderr.slice(-300)}`);
      return;
    }
    const proxy = this.#proxies[trouble.side];
    switch (trouble.kind) {
      case 'cut':
        return proxy.cut();
      case 'strand':
        return proxy.strand();
      case 'blackhole':
        proxy.blackhole(true);
        await sleep(trouble.ms);
        return proxy.blackhole(false);
      case 'latency':
        proxy.latency(trouble.ms);
        await written(trouble.transactions);
        return proxy.latency(0);
      case 'lost commit':
        void proxy.cutOn('COMMIT', 'after');
        return;
      case 'lost answer':
        void proxy.cutOn('SELECT', 'after');
        return;
      case 'restart':
        if (trouble.side === 'source' && trouble.mode === 'immediate') this.sourceCrashed = true;
        await this.#servers[trouble.side].stop(trouble.mode);
        await this.#servers[trouble.side].start();
    }
  }
}

/** True when the moment came; false when the process ended before. */
async function passed(process: MigrateProcess, moment: Moment): Promise<boolean> {
  if ('at' in moment) {
    const name = moment.at.replace('.', '\\.');
    return process.waitFor(new RegExp(`^failpoint ${name} `)).then(yes, no);
  }
  for (let hit = 0; hit < moment.hits; hit++) {
    if (!(await process.waitFor(/^failpoint /, { from: 'now' }).then(yes, no))) return false;
  }
  return true;
}
const yes = (): boolean => true;
const no = (): boolean => false;

function said({ stderr, stdout }: MigrateResult): string {
  const lines = stderr.split('\n').filter((line) => !line.startsWith('failpoint '));
  return `${lines.slice(-12).join('\n')}\n${stdout.slice(-600)}`;
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
  const storm = new Storm({ servers, proxies: { source, target }, workspace, urls, schema, random });
  try {
    await storm.writers.more(5);
    const result = await storm.run(lives);
    if (isUndecodable(result)) {
      const faults = await blamed(storm.writers, urls);
      return { rows: 0, faults, end: 'undecodable', log: [...storm.log, ...storm.complaints().slice(-40)] };
    }
    const faults = await judge(storm.writers, { result, before, urls, schema, sourceCrashed: storm.sourceCrashed });
    return {
      ...faults,
      end: 'complete',
      log: [...storm.log, JSON.stringify(storm.writers.refusals), ...storm.complaints()],
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { rows: 0, faults: [message], end: 'complete', log: [...storm.log, ...storm.complaints().slice(-40)] };
  } finally {
    await storm.close();
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
