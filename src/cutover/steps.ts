// The steps of the freeze, in order. Until the last of them everything can be undone, because the target is still closed.

import { randomUUID } from 'node:crypto';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import { differencesError } from '../verify/differences.ts';
import type { Attempt } from './attempt.ts';
import { forecast } from './forecast.ts';
import type { Freeze } from './freeze.ts';
import type { CutoverOptions } from './options.ts';
import { armFence, waitForWriters } from './writers.ts';

export interface StepContext {
  readonly options: CutoverOptions;
  readonly attempt: Attempt;
  readonly freeze: Freeze;
  rowsCompared: number;
  advanced?: Promise<void>;
  linked?: Promise<void>;
}

export interface Step {
  readonly name: string;
  do(context: StepContext): Promise<void>;
  /** Runs for a step that was begun, whether or not it succeeded; in the order of the steps: the source opens first. */
  undo?(context: StepContext): Promise<void>;
}

// What must be left of the budget when the fence becomes permanent.
const RESERVE_MS = 500;

const arm: Step = {
  name: 'arm',
  async do({ options, freeze }) {
    await failpoint('cutover.before_arm');
    await armFence(options, freeze);
    const { source, target, catalog, plan } = options;
    const values = await freeze.race(source.sequences.read(catalog));
    await freeze.race(target.sequences.prepare(catalog, values, plan.sequenceMargin));
    await failpoint('cutover.armed');
  },
  // The open fence stays on for the next attempt: taking it off needs locks that applications would queue behind.
};

const close: Step = {
  name: 'close',
  async do({ options, attempt, freeze }) {
    // Throws when the permission was taken back meanwhile.
    options.freezing?.(true);
    await attempt.freeze();
    freeze.start();
    options.status.update((value) => {
      value.writable = 'none';
    });
    // Not raced: what is undone must have ended. The fence bounds each of its statements itself.
    await options.source.fence.close(options.plan.budget);
    await failpoint('cutover.closed');
  },
  async undo({ options }) {
    await options.source.fence.open();
    options.status.update((value) => {
      value.writable = 'source';
    });
  },
};

const wait: Step = {
  name: 'wait',
  async do({ options, freeze }) {
    await waitForWriters(options, freeze);
    await failpoint('cutover.waited');
  },
};

const drain: Step = {
  name: 'drain',
  async do({ options, attempt, freeze }) {
    const token = `cutover:${options.run.id}:${attempt.record.attempt}:${randomUUID()}`;
    // Before the marker is written: it may be met at once.
    const met = options.replication.met(token);
    met.catch(() => undefined);
    await freeze.race(options.source.log.mark(token));
    await failpoint('cutover.marked');
    await freeze.race(met);
    await failpoint('cutover.drained');
  },
};

const settle: Step = {
  name: 'settle',
  async do(context) {
    const { options, freeze } = context;
    const [compared, unchanged] = await freeze.race(
      Promise.all([options.settle(freeze.signal), options.fingerprint()]),
    );
    if (!unchanged)
      throw new MigrateError('SCHEMA.CHANGED', 'the schema of the source is not the one this run carries');
    if (compared.differences.length > 0) throw differencesError(compared.differences);
    if (compared.unstable > 0) {
      throw new MigrateError('CUTOVER.BUDGET', `${compared.unstable} keys could not be compared at rest`);
    }
    context.rowsCompared = compared.rowsCompared;
    await failpoint('cutover.settled');
  },
};

const sequences: Step = {
  name: 'sequences',
  async do(context) {
    const { options, freeze } = context;
    const { source, target, catalog, plan } = options;
    const values = await freeze.race(source.sequences.read(catalog));
    context.advanced = target.sequences.advance(catalog, values, plan.sequenceMargin);
    await freeze.race(context.advanced);
    await failpoint('cutover.sequences');
  },
  async undo({ options, advanced }) {
    // An advance that ran out of time may still be at work; what it restores must not come after what takes it back.
    await Promise.allSettled([advanced]);
    await options.target.sequences.relax(options.catalog);
  },
};

const foreignKeys: Step = {
  name: 'foreign-keys',
  async do(context) {
    const { options, freeze } = context;
    context.linked = options.target.foreignKeys.add(options.catalog);
    await freeze.race(context.linked);
  },
  async undo({ options, linked }) {
    // As with the sequences: nothing may be added after it was taken back.
    await Promise.allSettled([linked]);
    await options.target.foreignKeys.remove(options.catalog);
  },
};

const permanent: Step = {
  name: 'permanent',
  async do({ options, attempt, freeze }) {
    // First: a permanent fence without this record would be taken for a freeze to be undone.
    await freeze.race(attempt.write({ phase: 'switching' }));
    await failpoint('cutover.before_permanent');
    freeze.signal.throwIfAborted();
    // Not raced, like `close`: it keeps its own deadline, by the source's clock.
    await options.source.fence.permanent(Math.min(RESERVE_MS, freeze.budgetMs / 4));
  },
};

export const FREEZE_STEPS: readonly Step[] = [
  { name: 'forecast', do: ({ options, freeze }) => forecast(options, freeze) },
  arm,
  close,
  wait,
  drain,
  settle,
  sequences,
  foreignKeys,
  permanent,
];
