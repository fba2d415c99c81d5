// Two databases, a journal and a runner in memory, for cutover tests: any call can fail, or be the last one the runner makes.

import { Cutover } from '../../src/cutover/cutover.ts';
import type { CutoverDecision, CutoverOptions } from '../../src/cutover/options.ts';
import type { SwitchDriver } from '../../src/cutover/switch/switch.ts';
import { writableSide } from '../../src/cutover/writable.ts';
import type { Fence, FenceState, Writer } from '../../src/databases/fence.ts';
import type { ForeignKeys } from '../../src/databases/foreign-keys.ts';
import type { Sequences } from '../../src/databases/sequences.ts';
import type { CutoverRecord } from '../../src/journal/journal.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Position } from '../../src/model/position.ts';
import type { Log } from '../../src/observe/log.ts';
import { RunStatus } from '../../src/observe/status.ts';

/** What outlives a runner. */
export class World {
  source: FenceState = { kind: 'absent' };
  target: FenceState = { kind: 'permanent' };
  records: CutoverRecord[] = [];
  identityAlways = false;
  /** Foreign keys refuse what the apply would write. */
  foreignKeys = false;
  /** Where the applications were pointed, by each switch. */
  applications: ('source' | 'target')[] = [];
  violations: string[] = [];

  get phase(): string | undefined {
    return this.records.at(-1)?.phase;
  }

  get writable(): string {
    return writableSide(this.source, this.target);
  }

  check(call: string): void {
    const sourceWrites = this.source.kind !== 'permanent' && !(this.source.kind === 'closed' && !this.source.expired);
    const targetWrites = this.target.kind === 'open' || this.target.kind === 'absent';
    if (sourceWrites && targetWrites) this.violations.push(`both sides take writes after ${call}`);
    if (targetWrites && this.applications.includes('source')) this.violations.push(`open before all switched: ${call}`);
  }
}

export interface Fault {
  /** The n-th call, from 1. */
  readonly call: number;
  readonly when: 'before' | 'after';
  /** `kill`: nothing the runner does from then on has any effect. */
  readonly kind: 'error' | 'kill';
}

export interface RunnerSettings {
  readonly fault?: Fault;
  readonly switches?: readonly { readonly idempotent: boolean; readonly undo: boolean }[];
  readonly decision?: CutoverDecision;
  readonly retriesLeft?: number;
  readonly override?: Partial<CutoverOptions>;
  readonly plan?: Partial<CutoverOptions['plan']>;
  /** What `openWriters` answers, call by call; then nobody. */
  readonly writers?: (readonly Writer[])[];
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** One life of the runner's process. */
export class Runner {
  readonly calls: string[] = [];
  readonly status = new RunStatus('orders');
  readonly #world: World;
  readonly #settings: RunnerSettings;
  #dead = false;

  constructor(world: World, settings: RunnerSettings = {}) {
    this.#world = world;
    this.#settings = settings;
    this.status.update((value) => {
      value.stream.lagSeconds = 0.1;
    });
  }

  get cutover(): Cutover {
    return new Cutover(this.options());
  }

  options(): CutoverOptions {
    const { plan, override, decision, retriesLeft } = this.#settings;
    const world = this.#world;
    return {
      run: { name: 'orders', id: 'a1b2c3d4', epoch: 7 },
      source: {
        fence: this.#fence('source'),
        log: {
          mark: () => this.call('mark', () => undefined),
          pin: unused,
          pair: unused,
          publish: unused,
          release: unused,
          head: () => Promise.resolve('0/1' as Position),
        },
        sequences: this.#sequences('source'),
      },
      target: { fence: this.#fence('target'), sequences: this.#sequences('target'), foreignKeys: this.#foreignKeys() },
      journal: {
        cutovers: {
          latest: () => this.call('journal.latest', () => world.records.at(-1)),
          write: (record) =>
            this.call(`journal.${record.phase}`, () => {
              world.records = [...world.records.filter((one) => one.attempt !== record.attempt), record];
            }),
        },
      },
      replication: {
        passed: unused,
        met: () => this.call('met', () => undefined),
        atBarrier: unused,
        observe: () => {},
        failed: new Promise<never>(() => {}),
      },
      settle: () => this.call('settle', () => ({ rowsCompared: 3, differences: [], unstable: 0 })),
      fingerprint: () => this.call('fingerprint', () => true),
      catalog: { tables: [], parents: [], types: [], extensions: [], sequences: [], schemas: [], notCarried: [] },
      plan: { maxLag: 1_000, budget: 5_000, openTransactions: 'wait', sequenceMargin: 10, ...plan },
      switches: (this.#settings.switches ?? []).map((one, index) => this.#driver(one, index)),
      status: this.status,
      log: silent,
      signal: new AbortController().signal,
      decision,
      retriesLeft: retriesLeft ?? 3,
      patienceMs: 0,
      ...override,
    };
  }

  async call<T>(name: string, effect: () => T): Promise<T> {
    await Promise.resolve();
    this.#requireAlive();
    this.calls.push(name);
    const { fault } = this.#settings;
    const hit = fault?.call === this.calls.length;
    if (hit && fault?.when === 'before') this.#fail(fault, name);
    const result = effect();
    this.#world.check(name);
    if (hit && fault?.when === 'after') this.#fail(fault, name);
    return result;
  }

  #fail(fault: Fault, name: string): never {
    if (fault.kind === 'kill') this.#dead = true;
    throw new MigrateError('SOURCE.CONNECTION', `${name} failed`);
  }

  #requireAlive(): void {
    if (this.#dead) throw new MigrateError('SOURCE.CONNECTION', 'killed');
  }

  #fence(side: 'source' | 'target'): Fence {
    const world = this.#world;
    const set = (state: FenceState) => () => {
      world[side] = state;
    };
    const writers = [...(this.#settings.writers ?? [])];
    return {
      arm: () => this.call(`${side}.arm`, () => (world[side].kind === 'absent' ? set({ kind: 'open' })() : undefined)),
      close: (remainingMs) => this.call(`${side}.close`, set({ kind: 'closed', expired: false, remainingMs })),
      openWriters: () => this.call(`${side}.openWriters`, () => writers.shift() ?? []),
      end: () => this.call(`${side}.end`, () => undefined),
      permanent: () =>
        this.call(`${side}.permanent`, () => {
          const now = world[side];
          if (now.kind !== 'closed' || now.expired) throw new MigrateError('FENCE.EXPIRED', 'too late');
          world[side] = { kind: 'permanent' };
        }),
      open: () => this.call(`${side}.open`, set({ kind: 'open' })),
      disarm: () => this.call(`${side}.disarm`, set({ kind: 'absent' })),
      state: () => this.call(`${side}.state`, () => world[side]),
    };
  }

  #sequences(side: string): Sequences {
    const identity = (always: boolean) => () => {
      this.#world.identityAlways = always;
    };
    return {
      read: () => this.call(`${side}.sequences.read`, () => []),
      prepare: () => this.call(`${side}.sequences.prepare`, () => undefined),
      advance: () => this.call(`${side}.sequences.advance`, identity(true)),
      relax: () => this.call(`${side}.sequences.relax`, identity(false)),
    };
  }

  #foreignKeys(): Pick<ForeignKeys, 'add' | 'remove'> {
    const present = (there: boolean) => () => {
      this.#world.foreignKeys = there;
    };
    return {
      add: () => this.call('foreignKeys.add', present(true)),
      remove: () => this.call('foreignKeys.remove', present(false)),
    };
  }

  #driver({ idempotent, undo }: { idempotent: boolean; undo: boolean }, index: number): SwitchDriver {
    const point = (name: string, side: 'source' | 'target') => () =>
      this.call(name, () => {
        this.#world.applications[index] = side;
      });
    this.#world.applications[index] ??= 'source';
    return {
      name: `switch ${index}`,
      idempotent,
      do: point(`do ${index}`, 'target'),
      ...(undo ? { undo: point(`undo ${index}`, 'source') } : {}),
    };
  }
}

function unused(): Promise<never> {
  return Promise.reject(new Error('not part of a cutover'));
}
