// Transactions that were open when the source was closed may still write: the drain begins when the last of them ended.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Writer, writerText } from '../databases/fence.ts';
import { MigrateError } from '../lib/errors.ts';
import { writtenTables } from '../model/catalog.ts';
import type { Freeze } from './freeze.ts';
import type { CutoverOptions } from './options.ts';

// The rest of the budget is for drain, comparison and switch.
const WAIT_PART = 0.6;
const END_PART = 0.5;

export async function waitForWriters(options: CutoverOptions, freeze: Freeze): Promise<void> {
  const { fence } = options.source;
  const mayEnd = options.plan.openTransactions === 'end';
  let limit = WAIT_PART;
  let ended = false;
  let left = await freeze.race(fence.openWriters());
  for (let pauseMs = 5; left.length > 0; pauseMs = Math.min(20, pauseMs + 1)) {
    if (freeze.used > limit && (ended || !mayEnd)) throw stillOpen(left, freeze);
    if (mayEnd && !ended && freeze.used > END_PART) {
      ended = true;
      // However late it is noticed: what was ended gets its time to be gone.
      limit = Math.max(limit, freeze.used + WAIT_PART - END_PART);
      options.log.warn(`ending open transactions: ${names(left)}`);
      await freeze.race(fence.end(left));
    }
    showWaiting(options, left);
    await freeze.race(sleep(pauseMs, undefined, { signal: freeze.signal }));
    left = await freeze.race(fence.openWriters(left));
  }
  showWaiting(options, left);
}

/** Puts the fence on. Where the plan lets transactions be ended, old ones cannot keep it off either. */
export async function armFence(options: CutoverOptions, freeze: Freeze): Promise<void> {
  const { fence } = options.source;
  const tables = writtenTables(options.catalog);
  try {
    await freeze.race(fence.arm(tables, freeze.signal));
  } catch (error) {
    const blocked = error instanceof MigrateError && error.code === 'FENCE.ARM';
    if (!blocked || options.plan.openTransactions !== 'end') throw error;
    const old = (await fence.openWriters()).filter((writer) => writer.ageSeconds * 1_000 > freeze.budgetMs);
    options.log.warn(`ending transactions that hold the tables: ${names(old)}`);
    await fence.end(old);
    await freeze.race(fence.arm(tables, freeze.signal));
  }
}

function stillOpen(left: readonly Writer[], freeze: Freeze): MigrateError {
  const waited = Math.round(freeze.used * freeze.budgetMs);
  return new MigrateError('CUTOVER.BUDGET', `still open after ${waited} ms: ${names(left)}`, {
    fix: 'End these transactions or wait for them, then run `migrate cutover` again.',
  });
}

function names(writers: readonly Writer[]): string {
  const more = writers.length > 5 ? ` and ${writers.length - 5} more` : '';
  return writers.slice(0, 5).map(writerText).join(', ') + more;
}

function showWaiting(options: CutoverOptions, left: readonly Writer[]): void {
  options.status.waitsFor(left.length === 0 ? null : `waiting for ${left.length} open transactions: ${names(left)}`);
}
