// The cutover's machine against databases in memory: a failure or a kill at every single call.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Cutover } from '../../src/cutover/cutover.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import { type Fault, Runner, type RunnerSettings, World } from './cutover-world.ts';

const TWO = [
  { idempotent: true, undo: true },
  { idempotent: true, undo: true },
];
const ONCE = [{ idempotent: false, undo: true }];

const writer = (id: string, ageSeconds: number) => ({
  id,
  kind: 'session' as const,
  transaction: `3/${id}`,
  user: 'app',
  application: 'till',
  ageSeconds,
  tables: ['shop.item'],
});

async function callsOf(settings: RunnerSettings): Promise<number> {
  const runner = new Runner(new World(), settings);
  await runner.cutover.run();
  return runner.calls.length;
}

async function everyFault(settings: RunnerSettings, visit: (fault: Fault) => Promise<void>): Promise<void> {
  const calls = await callsOf(settings);
  for (const kind of ['error', 'kill'] as const) {
    for (const when of ['before', 'after'] as const) {
      for (let call = 1; call <= calls; call++) await visit({ call, when, kind });
    }
  }
}

/** Runs once; tells what it rejected with, if it did. */
async function outcome(runner: Runner): Promise<MigrateError | undefined> {
  try {
    await runner.cutover.run();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(MigrateError);
    return error as MigrateError;
  }
}

describe('a cutover', () => {
  it('closes the source, drains, compares, makes the fence permanent, switches and opens the target, in this order', async () => {
    const world = new World();
    const runner = new Runner(world, { switches: TWO });
    const result = await runner.cutover.run();
    expect(runner.calls).toEqual([
      'journal.latest',
      'journal.latest',
      'target.state',
      'source.openWriters',
      'source.arm',
      'source.sequences.read',
      'target.sequences.prepare',
      'journal.freezing',
      'source.close',
      'source.openWriters',
      'met',
      'mark',
      'settle',
      'fingerprint',
      'source.sequences.read',
      'target.sequences.advance',
      'foreignKeys.add',
      'journal.switching',
      'source.permanent',
      'journal.switching',
      'do 0',
      'journal.switching',
      'journal.switching',
      'do 1',
      'journal.switching',
      'source.state',
      'target.open',
      'journal.committed',
      'target.disarm',
    ]);
    expect(world).toMatchObject({
      source: { kind: 'permanent' },
      writable: 'target',
      phase: 'committed',
      violations: [],
    });
    expect(result).toMatchObject({ attempt: 1, rowsCompared: 3, writePauseMs: expect.any(Number) });
    expect(result.steps.map(({ name }) => name)).toEqual([
      ...['forecast', 'arm', 'close', 'wait', 'drain', 'settle', 'sequences', 'foreign-keys', 'permanent'],
      ...['switch switch 0', 'switch switch 1', 'open'],
    ]);
    expect(runner.status.snapshot()).toMatchObject({ writable: 'target', cutover: { attempt: 1 } });
  });

  it('is whole again after an error or a kill at any call: the same command ends with the target open', async () => {
    await everyFault({ switches: TWO }, async (fault) => {
      const world = new World();
      const first = new Runner(world, { switches: TWO, fault });
      const error = await outcome(first);
      const label = `${fault.kind} ${fault.when} ${first.calls[fault.call - 1]}`;
      if (fault.kind === 'error' && error !== undefined) {
        const forward = world.source.kind === 'permanent';
        // Either the source takes writes again, with nothing switched, or the rest of the way is forward.
        if (!forward) {
          expect(world, label).toMatchObject({ writable: 'source', target: { kind: 'permanent' } });
          expect([world.identityAlways, world.foreignKeys], label).toEqual([false, false]);
        }
        expect(error.disposition, label).toBe('retry');
      }
      const second = new Runner(world, { switches: TWO });
      expect(await outcome(second), label).toBeUndefined();
      expect(world, label).toMatchObject({
        source: { kind: 'permanent' },
        writable: 'target',
        phase: 'committed',
        applications: ['target', 'target'],
        violations: [],
      });
    });
  });

  it('does not say how long the write pause was when the runner died before it noted that the target was open', async () => {
    const world = new World();
    const calls = new Runner(new World());
    await calls.cutover.run();
    const call = calls.calls.indexOf('target.open') + 1;
    await outcome(new Runner(world, { fault: { call, when: 'after', kind: 'kill' } }));
    expect(world).toMatchObject({ phase: 'switching', writable: 'target' });
    expect(await new Runner(world).cutover.run()).toMatchObject({ writePauseMs: null });
    expect(world.phase).toBe('committed');
  });

  it('leaves an interrupted freeze undone when the next runner only recovers', async () => {
    await everyFault({ switches: TWO }, async (fault) => {
      const world = new World();
      await outcome(new Runner(world, { switches: TWO, fault: { ...fault, kind: 'kill' } }));
      const permanent = world.source.kind === 'permanent';
      await new Runner(world, { switches: TWO }).cutover.recover();
      expect(world.writable).toBe(permanent ? 'target' : 'source');
      expect(permanent ? 'committed' : [undefined, 'undone']).toContain(world.phase);
      if (!permanent) expect([world.identityAlways, world.foreignKeys]).toEqual([false, false]);
      expect(world.violations).toEqual([]);
    });
  });

  it('leaves both sides closed when a switch that must not be repeated has an unknown outcome, until someone says', async () => {
    let ambiguous = 0;
    await everyFault({ switches: ONCE }, async (fault) => {
      for (const decision of ['switched', 'undo'] as const) {
        const world = new World();
        const first = new Runner(world, { switches: ONCE, fault });
        await outcome(first);
        const error = await outcome(new Runner(world, { switches: ONCE }));
        expect(world.violations).toEqual([]);
        if (error === undefined) {
          expect(world).toMatchObject({ phase: 'committed', writable: 'target' });
          continue;
        }
        ambiguous++;
        expect(error).toMatchObject({ code: 'CUTOVER.AMBIGUOUS', disposition: 'ambiguous' });
        expect(world).toMatchObject({ writable: 'none', phase: 'switching' });
        // The operator looks and tells the truth.
        if (decision === 'switched') world.applications = ['target'];
        await new Runner(world, { switches: ONCE, decision }).cutover.recover();
        expect(world).toMatchObject({
          writable: decision === 'undo' ? 'source' : 'target',
          applications: [decision === 'undo' ? 'source' : 'target'],
          violations: [],
        });
      }
    });
    expect(ambiguous).toBeGreaterThan(0);
  });
});

describe('a target that is open', () => {
  it('stays so, whatever the journal last said and the operator asks for', async () => {
    const { calls } = await finished();
    const fault = { call: calls.indexOf('target.open') + 1, when: 'after', kind: 'kill' } as const;
    const world = new World();
    await outcome(new Runner(world, { switches: TWO, fault }));
    expect(world).toMatchObject({ target: { kind: 'open' }, phase: 'switching' });
    await new Runner(world, { switches: TWO, decision: 'undo' }).cutover.recover();
    expect(world).toMatchObject({ writable: 'target', phase: 'committed', source: { kind: 'permanent' } });
  });

  async function finished(): Promise<Runner> {
    const runner = new Runner(new World(), { switches: TWO });
    await runner.cutover.run();
    return runner;
  }
});

describe('a freeze that cannot succeed', () => {
  const undone = async (settings: RunnerSettings): Promise<{ world: World; error: MigrateError | undefined }> => {
    const world = new World();
    const error = await outcome(new Runner(world, settings));
    expect(world).toMatchObject({ writable: 'source', target: { kind: 'permanent' }, identityAlways: false });
    expect(world.phase).toBe('undone');
    return { world, error };
  };
  const table = { table: 'shop.item', count: 2, more: false, keys: ['1', '2'] };

  it('ends with its budget, whatever it waits for', async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const plan = { budget: 20 };
    for (const override of [{ settle: never }, { fingerprint: never }]) {
      const { error } = await undone({ plan, override });
      expect(error).toMatchObject({ code: 'CUTOVER.BUDGET', disposition: 'retry' });
    }
    const base = new Runner(new World()).options();
    const { error } = await undone({ plan, override: { replication: { ...base.replication, met: never } } });
    expect(error?.message).toContain('undone at drain');
  });

  it('is not tried again by itself when the retries are used up', async () => {
    const override = { settle: () => Promise.resolve({ rowsCompared: 0, differences: [], unstable: 2 }) };
    const { error } = await undone({ override, retriesLeft: 0 });
    expect(error).toMatchObject({ code: 'CUTOVER.BUDGET', disposition: 'operator' });
  });

  it('is undone on differences and on a changed schema, for an operator to look at', async () => {
    const differences = { rowsCompared: 1, differences: [table as never], unstable: 0 };
    const first = await undone({ override: { settle: () => Promise.resolve(differences) } });
    expect(first.error).toMatchObject({ code: 'VERIFY.DIFFERENCES', disposition: 'operator' });
    const second = await undone({ override: { fingerprint: () => Promise.resolve(false) } });
    expect(second.error).toMatchObject({ code: 'SCHEMA.CHANGED' });
    expect(second.world.records.at(-1)?.reason).toContain('settle');
  });

  it('is undone when the run is interrupted or the replication ends', async () => {
    const stop = new AbortController();
    const override = {
      signal: stop.signal,
      settle: () => {
        stop.abort(new MigrateError('INTERRUPTED', 'Ctrl-C'));
        return new Promise<never>(() => {});
      },
    };
    expect((await undone({ override })).error).toMatchObject({ code: 'INTERRUPTED' });
    const failed = Promise.reject(new MigrateError('APPLY.ROW_MISSING', 'gone'));
    const base = new Runner(new World()).options();
    const gone = await undone({ override: { replication: { ...base.replication, failed } } });
    expect(gone.error).toMatchObject({ code: 'APPLY.ROW_MISSING' });
  });

  it('names the transactions that do not end, and ends sessions only where the plan says so', async () => {
    const stuck = Array.from({ length: 200 }, () => [writer('4711', 0)]);
    const { error } = await undone({ plan: { budget: 100 }, writers: stuck });
    expect(error).toMatchObject({
      code: 'CUTOVER.BUDGET',
      message: expect.stringContaining('session 4711 (user app, till)'),
    });
    const world = new World();
    const ending = new Runner(world, { plan: { budget: 100, openTransactions: 'end' }, writers: stuck });
    await outcome(ending);
    expect(ending.calls.filter((call) => call === 'source.end')).toHaveLength(1);
  });

  it('ends a transaction also when the time to do so is noticed late', async () => {
    const base = new Runner(new World(), { writers: Array.from({ length: 9 }, () => [writer('4711', 0)]) });
    const { source, plan } = base.options();
    // A look at the open transactions that takes longer than there is between ending them and giving up.
    const openWriters = async (): ReturnType<typeof source.fence.openWriters> => {
      await sleep(250);
      return source.fence.openWriters();
    };
    const ended: string[] = [];
    const end = async (): Promise<void> => {
      ended.push('4711');
    };
    const override = {
      source: { ...source, fence: { ...source.fence, openWriters, end } },
      plan: { ...plan, budget: 400, openTransactions: 'end' as const },
    };
    await undone({ override });
    expect(ended).toEqual(['4711']);
  });

  it('does not begin with an unknown or large lag, an old transaction, or a target that was open', async () => {
    const lagging = new Runner(new World());
    lagging.status.update((value) => {
      value.stream.lagSeconds = null;
    });
    expect(await outcome(lagging)).toMatchObject({ code: 'CUTOVER.REFUSED', disposition: 'retry' });
    lagging.status.update((value) => {
      value.stream.lagSeconds = 1.2;
    });
    expect((await outcome(lagging))?.message).toContain('1.2 s behind');
    const old = new Runner(new World(), { writers: [[writer('9', 60)]] });
    expect((await outcome(old))?.message).toContain('session 9');
    expect([...lagging.calls, ...old.calls]).not.toContain('source.close');
    const world = new World();
    world.target = { kind: 'open' };
    world.source = { kind: 'permanent' };
    expect(await outcome(new Runner(world))).toMatchObject({ code: 'CUTOVER.REFUSED', disposition: 'operator' });
  });

  it('does not begin while something on the target acts on the rows of the run, and ends the process', async () => {
    const runner = new Runner(new World(), { override: { firing: async () => ['trigger audit on app.orders'] } });
    const failure = await outcome(runner);
    expect(failure).toMatchObject({ code: 'CUTOVER.REFUSED', disposition: 'operator' });
    expect(failure?.message).toContain('trigger audit on app.orders');
    expect(runner.calls).not.toContain('source.close');
  });

  it('is undone when the fence opened by itself before it could become permanent', async () => {
    const world = new World();
    const runner = new Runner(world, {
      override: {
        fingerprint: () => {
          world.source = { kind: 'closed', expired: true, remainingMs: 0 };
          return Promise.resolve(true);
        },
      },
    });
    expect(await outcome(runner)).toMatchObject({ code: 'CUTOVER.BUDGET', disposition: 'retry' });
    expect(world).toMatchObject({ writable: 'source', phase: 'undone' });
  });
});

describe('a switch that fails', () => {
  const failing = (runner: Runner, index: number, code: 'CUTOVER.SWITCH' | 'CUTOVER.AMBIGUOUS') => {
    const options = runner.options();
    return options.switches.map((driver, at) =>
      at !== index ? driver : { ...driver, do: () => Promise.reject(new MigrateError(code, 'no')) },
    );
  };

  it('is undone with those before it, last first, and the source opens', async () => {
    const world = new World();
    const runner = new Runner(world, { switches: TWO });
    const switches = failing(runner, 1, 'CUTOVER.SWITCH');
    await expect(new Cutover({ ...runner.options(), switches }).run()).rejects.toMatchObject({
      code: 'CUTOVER.SWITCH',
    });
    expect(runner.calls.filter((call) => call.includes('do '))).toEqual(['do 0', 'undo 1', 'undo 0']);
    expect(world).toMatchObject({ writable: 'source', phase: 'undone', identityAlways: false, violations: [] });
    expect(await outcome(new Runner(world, { switches: TWO }))).toBeUndefined();
  });

  it('goes on being undone after a kill in the middle of that', async () => {
    const fail = async (fault?: Fault): Promise<{ world: World; runner: Runner }> => {
      const world = new World();
      const runner = new Runner(world, fault === undefined ? { switches: TWO } : { switches: TWO, fault });
      const switches = failing(runner, 1, 'CUTOVER.SWITCH');
      await expect(new Cutover({ ...runner.options(), switches }).run()).rejects.toThrow();
      return { world, runner };
    };
    const { calls } = (await fail()).runner;
    for (let call = calls.indexOf('undo 1') + 1; call <= calls.length; call++) {
      for (const when of ['before', 'after'] as const) {
        const { world } = await fail({ call, when, kind: 'kill' });
        await new Runner(world, { switches: TWO }).cutover.recover();
        expect(world).toMatchObject({ writable: 'source', phase: 'undone', applications: ['source', 'source'] });
      }
    }
  });

  it('leaves both sides closed when one before it has no undo', async () => {
    const world = new World();
    const plan = [{ idempotent: true, undo: false }, ...ONCE];
    const runner = new Runner(world, { switches: plan });
    const cutover = new Cutover({ ...runner.options(), switches: failing(runner, 1, 'CUTOVER.SWITCH') });
    await expect(cutover.run()).rejects.toMatchObject({ code: 'CUTOVER.AMBIGUOUS' });
    expect(world.writable).toBe('none');
    // Running again without a word changes nothing.
    expect(await outcome(new Runner(world, { switches: plan }))).toMatchObject({ code: 'CUTOVER.AMBIGUOUS' });
    expect(world.writable).toBe('none');
    await new Runner(world, { switches: plan, decision: 'undo' }).cutover.recover();
    expect(world).toMatchObject({ writable: 'source', phase: 'undone' });
  });

  it('is repeated when its outcome is unknown and it may be, and then left to a person', async () => {
    const world = new World();
    const runner = new Runner(world, { switches: TWO });
    let tries = 0;
    const switches = runner.options().switches.map((driver) => ({
      ...driver,
      do: () => {
        tries++;
        return Promise.reject(new MigrateError('CUTOVER.AMBIGUOUS', 'killed'));
      },
    }));
    await expect(new Cutover({ ...runner.options(), switches }).run()).rejects.toMatchObject({
      code: 'CUTOVER.AMBIGUOUS',
    });
    expect(tries).toBe(3);
    expect(world).toMatchObject({ writable: 'none', phase: 'switching' });
  });

  it('is not taken for another one when the plan was edited meanwhile', async () => {
    const world = new World();
    const runner = new Runner(world, { switches: ONCE });
    const cutover = new Cutover({ ...runner.options(), switches: failing(runner, 0, 'CUTOVER.AMBIGUOUS') });
    await expect(cutover.run()).rejects.toMatchObject({ code: 'CUTOVER.AMBIGUOUS' });
    const next = new Runner(world, { switches: ONCE });
    const renamed = next.options().switches.map((driver) => ({ ...driver, name: 'another' }));
    await expect(new Cutover({ ...next.options(), switches: renamed }).run()).rejects.toMatchObject({
      message: expect.stringContaining('has changed'),
    });
  });
});
