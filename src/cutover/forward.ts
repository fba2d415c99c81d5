// After the source is closed for good: the switches, then the target opens, which is the commit point. Every act is
// journalled before and after it, so that whoever comes next knows what is done and what is unknown.

import type { CutoverRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Attempt } from './attempt.ts';
import type { RecoveryOptions } from './options.ts';
import type { SwitchContext, SwitchDriver } from './switch/switch.ts';

type SwitchState = CutoverRecord['switches'][number]['state'];

// An idempotent switch with an unknown outcome is repeated so often.
const REPEATS = 3;

/** Runs what is left of the switches and opens the target. A failed switch is undone with all before it. */
export async function goForward(options: RecoveryOptions, attempt: Attempt): Promise<void> {
  try {
    for (const [index, driver] of options.switches.entries()) await runSwitch(options, attempt, driver, index);
  } catch (error) {
    if (!(error instanceof MigrateError && error.code === 'CUTOVER.SWITCH')) throw error;
    await goBack(options, attempt, error.message);
    throw error;
  }
  await failpoint('cutover.switched');
  await requirePermanent(options);
  await attempt.step('open', () => options.target.fence.open());
  const writePauseMs = attempt.pauseMs;
  await failpoint('cutover.target_open');
  await commit(options, attempt, writePauseMs);
}

/** Records that the target is open and cleans up after it. */
export async function commit(options: RecoveryOptions, attempt: Attempt, writePauseMs: number | null): Promise<void> {
  options.status.update((value) => {
    value.writable = 'target';
    value.cutover.writePauseMs = writePauseMs;
  });
  await attempt.write({ phase: 'committed', writePauseMs, reason: null });
  try {
    await options.target.fence.disarm();
  } catch (error) {
    // An open fence does no harm; the applications that already hold the tables must not make a finished run fail.
    options.log.warn('the open fence could not be taken off the target; drop its function later', { err: error });
  }
}

/**
 * While the switches ran, the source may have been replaced by a standby that never heard of the fence: then it takes
 * writes, and opening the target would let both sides take them.
 */
async function requirePermanent({ source }: RecoveryOptions): Promise<void> {
  const { kind } = await source.fence.state();
  if (kind !== 'permanent') throw ambiguous(`the fence of the source is ${kind}, it was made permanent before`);
}

/**
 * Undoes the switches, last first, and opens the source. It opens only if every switch that took effect was undone:
 * else the applications may be on either side, and CUTOVER.AMBIGUOUS leaves both closed. `told`: a person vouches for
 * the switches that have no undo.
 */
export async function goBack(options: RecoveryOptions, attempt: Attempt, reason: string, told = false): Promise<void> {
  await attempt.write({ reason });
  const states = attempt.record.switches;
  for (let index = states.length - 1; index >= 0; index--) {
    const state = states[index]?.state;
    if (state === undefined || state === 'undone') continue;
    const driver = switchAt(options, attempt, index);
    if (driver.undo === undefined && state === 'done' && !told) {
      throw ambiguous(`switch ${index + 1} (${driver.name}) took effect and has no undo; ${reason}`);
    }
    await attempt.step(`undo ${driver.name}`, () => undoSwitch(options, attempt, driver, index));
    await record(attempt, driver, index, 'undone');
  }
  await reopen(options, attempt, reason);
}

/** The source opens first of all; the record comes last, so that it is never ahead of the truth. */
export async function reopen(options: RecoveryOptions, attempt: Attempt, reason: string): Promise<void> {
  await options.source.fence.open();
  options.status.update((value) => {
    value.writable = 'source';
    value.cutover.step = null;
  });
  await options.target.sequences.relax(options.catalog);
  await options.target.foreignKeys.remove(options.catalog);
  await attempt.write({ phase: 'undone', reason });
}

async function runSwitch(
  options: RecoveryOptions,
  attempt: Attempt,
  driver: SwitchDriver,
  index: number,
): Promise<void> {
  const state = attempt.record.switches[index]?.state;
  if (state !== undefined) switchAt(options, attempt, index);
  if (state === 'done') return;
  if (state !== undefined && options.decision === 'switched') {
    await record(attempt, driver, index, 'done');
    return;
  }
  if (state === 'undone' || (state === 'started' && !driver.idempotent)) {
    throw ambiguous(`switch ${index + 1} (${driver.name}) was ${state} when the runner stopped`);
  }
  await record(attempt, driver, index, 'started');
  await attempt.step(`switch ${driver.name}`, () => repeated(driver, contextOf(options, attempt, index)));
  await record(attempt, driver, index, 'done');
}

async function repeated(driver: SwitchDriver, context: SwitchContext): Promise<void> {
  for (let left = driver.idempotent ? REPEATS : 1; ; left--) {
    try {
      await driver.do(context);
      return;
    } catch (error) {
      const unknown = error instanceof MigrateError && error.code === 'CUTOVER.AMBIGUOUS';
      if (!unknown || left <= 1) throw error;
    }
  }
}

async function undoSwitch(
  options: RecoveryOptions,
  attempt: Attempt,
  driver: SwitchDriver,
  index: number,
): Promise<void> {
  const context = contextOf(options, attempt, index);
  try {
    await driver.undo?.({ ...context, idempotencyKey: `${context.idempotencyKey}-undo` });
  } catch (error) {
    if (options.signal.aborted) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw ambiguous(`switch ${index + 1} (${driver.name}) could not be undone: ${why}`, error);
  }
}

function contextOf(options: RecoveryOptions, attempt: Attempt, index: number): SwitchContext {
  const { name, id, epoch } = options.run;
  return {
    run: name,
    epoch,
    idempotencyKey: `${name}-${id}-${attempt.record.attempt}-${index + 1}`,
    signal: options.signal,
  };
}

/** The plan may have been edited since: what the journal calls by a name must still be that. */
function switchAt(options: RecoveryOptions, attempt: Attempt, index: number): SwitchDriver {
  const journalled = attempt.record.switches[index]?.name;
  const driver = options.switches[index];
  if (driver !== undefined && driver.name === journalled) return driver;
  throw ambiguous(
    `switch ${index + 1} was "${journalled}" when the attempt began; the plan's cutover.switch has changed`,
  );
}

async function record(attempt: Attempt, driver: SwitchDriver, index: number, state: SwitchState): Promise<void> {
  const switches = [...attempt.record.switches];
  switches[index] = { name: driver.name, state };
  await attempt.write({ switches });
}

function ambiguous(message: string, cause?: unknown): MigrateError {
  return new MigrateError('CUTOVER.AMBIGUOUS', `${message}. The target stays closed.`, { cause });
}
