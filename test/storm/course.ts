// Carries a run through what a seed has made up: life after life of the command, each with its faults, until it is complete.

import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '../fleet/proxy.ts';
import { type MigrateProcess, type MigrateResult, runMigrate, startMigrate, type Workspace } from '../fleet/runner.ts';
import type { Act, Hold, Life, Moment, Side, Trouble } from './faults.ts';
import { isUndecodable } from './judge.ts';

/** Where a run takes place. */
export interface World {
  readonly proxies: Readonly<Record<Side, FaultProxy>>;
  readonly workspace: Workspace;
  /** The plan, but for what a life changes. */
  readonly plan: Parameters<Workspace['writePlan']>[0];
  readonly writers: { more(count: number): Promise<void>; stop(): Promise<void> };
  restart(side: Side, mode: 'fast' | 'immediate'): Promise<void>;
  /** Takes something that others need; resolves with what gives it back. */
  hold?(side: Side, what: Hold): Promise<() => Promise<void>>;
}

// A run that gave way to a runner whose sessions the server still takes for alive is started with --takeover.
const STARTS = 8;
const LIMIT_MS = 100_000;
const FREEZE_MS = 4_000;

export class Course {
  readonly log: string[] = [];
  readonly #world: World;
  readonly #processes: MigrateProcess[] = [];
  #plan = '';
  #takeover = false;
  readonly #began = performance.now();

  constructor(world: World) {
    this.#world = world;
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
    const { writers, proxies } = this.#world;
    await writers.stop().catch(() => undefined);
    await Promise.all([proxies.source.close(), proxies.target.close()]);
  }

  async #writePlan(sections: Life['plan']): Promise<void> {
    this.#plan = await this.#world.workspace.writePlan({ ...this.#world.plan, ...sections });
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
      void this.#world.writers.more(40).then(() => process.kill('SIGCONT'));
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
      Promise.race([this.#world.writers.more(count), process.exited, sleep(FREEZE_MS)]);
    if (trouble.kind === 'pause') {
      await runMigrate(['pause', this.#plan, '--json']);
      await written(trouble.transactions);
      const { code, stderr } = await runMigrate(['resume', this.#plan, '--json']);
      if (code !== 0) this.#note(`resume: ${code} ${stderr.slice(-300)}`);
      return;
    }
    const proxy = this.#world.proxies[trouble.side];
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
        return this.#world.restart(trouble.side, trouble.mode);
      case 'hold': {
        const release = await this.#world.hold?.(trouble.side, trouble.what);
        await written(trouble.transactions);
        await release?.();
      }
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
