// Compares what changed since it was last compared: live until little is left, then behind the fence until nothing is.

import type { Table } from '../model/table.ts';
import {
  compareRange,
  type LiveVerifyContext,
  liveComparer,
  planAll,
  tellOfEmpties,
  type VerifyContext,
  type VerifyResult,
} from './compare.ts';
import { Comparer, type Comparison, KEY_BATCH } from './comparer.ts';
import { Differences } from './differences.ts';
import { paceAtRest } from './pace.ts';
import type { PendingRows, PendingTable } from './pending.ts';
import type { PlannedRange } from './ranges.ts';
import { eachOf } from './work.ts';

/** So few keys are compared in a fraction of a second behind the fence. */
const FEW_KEYS = 1_000;
/** Rounds without progress before it is left to the fence: the applications write to these keys all the time. */
const PATIENCE = 3;
const MAX_ROUNDS = 20;

/** What the freeze will have to compare: its forecast. */
export interface LiveSettlement extends VerifyResult {
  readonly pendingKeys: number;
  /** Tables with a key of which all rows are left. */
  readonly pendingTables: number;
  /** Tables without a key, which are always left as a whole when they change, and what reading them will take. */
  readonly pendingRows: PendingRows;
}

type Job = { readonly table: Table; readonly keys: PendingTable['keys'] } | PlannedRange;

/**
 * Compares pending keys again and again until few are left or their number stops shrinking. Ends at once when it finds
 * a difference; the key stays pending.
 */
export async function settleLive(context: LiveVerifyContext): Promise<LiveSettlement> {
  const { pending, signal, gate } = context;
  const differences = new Differences();
  const comparer = liveComparer(context, differences);
  let rowsCompared = 0;
  let best = Number.POSITIVE_INFINITY;
  let idle = 0;
  const compare = async (job: Job): Promise<Comparison> =>
    'range' in job ? compareRange(context, comparer, job) : compareKeys(comparer, job);
  // Once: a table that changes all the time will not come out equal any sooner.
  rowsCompared += await settle(context, pending.take('row'), compare);
  for (let round = 0; round < MAX_ROUNDS && differences.count === 0; round++) {
    if (pending.size <= FEW_KEYS && pending.wholeTables === 0) break;
    await gate.pass(signal);
    signal.throwIfAborted();
    rowsCompared += await settle(context, pending.take('key'), compare);
    const left = pending.size + (pending.wholeTables > 0 ? Number.MAX_SAFE_INTEGER / 2 : 0);
    idle = left < 0.9 * best ? 0 : idle + 1;
    best = Math.min(best, left);
    if (idle >= PATIENCE) break;
  }
  report(context, rowsCompared, differences);
  tellOfEmpties(context);
  return {
    rowsCompared,
    differences: differences.list(),
    unstable: pending.size,
    pendingKeys: pending.size,
    pendingTables: pending.wholeTables,
    pendingRows: pending.rows,
  };
}

/**
 * The source is fenced and drained: one inequality is a difference. What was compared equal is no longer pending, also
 * when the cutover is undone later: what applications write then is observed again.
 */
export async function settleFrozen(context: VerifyContext): Promise<VerifyResult> {
  const { source, target, limits, pending, excluded } = context;
  const differences = new Differences();
  const comparer = new Comparer({
    source,
    target,
    differences,
    pace: paceAtRest(context.signal),
    rounds: limits.rounds,
    touched: () => false,
    excluded,
  });
  // Those without a key first: they take longest.
  const rowsCompared = await settle(context, [...pending.take('row'), ...pending.take('key')], async (job) => {
    return 'range' in job ? comparer.range(job.table, job.range) : compareKeys(comparer, job);
  });
  report(context, rowsCompared, differences);
  return { rowsCompared, differences: differences.list(), unstable: 0 };
}

/** Compares what was taken; what did not come out equal, or was not reached, is pending afterwards. */
async function settle(
  context: VerifyContext,
  taken: readonly PendingTable[],
  compare: (job: Job) => Promise<Comparison>,
): Promise<number> {
  const { pending, limits, signal } = context;
  let rows = 0;
  try {
    await eachOf(jobsOf(taken, context), limits.concurrency, async (job) => {
      signal.throwIfAborted();
      const result = await compare(job);
      rows += result.matched;
      pending.putBack([{ table: job.table, keys: [...result.unstable, ...result.different] }]);
    });
    // A freeze that ended meanwhile makes what was read at rest worthless.
    signal.throwIfAborted();
  } catch (error) {
    pending.putBack(taken);
    throw error;
  }
  return rows;
}

function jobsOf(taken: readonly PendingTable[], context: VerifyContext): readonly Job[] {
  return taken.flatMap(({ table, keys }): readonly Job[] => {
    if (keys === 'whole') return planAll([table], context);
    const batches: Job[] = [];
    for (let from = 0; from < keys.length; from += KEY_BATCH) {
      batches.push({ table, keys: keys.slice(from, from + KEY_BATCH) });
    }
    return batches;
  });
}

function compareKeys(
  comparer: Comparer,
  job: { readonly table: Table; readonly keys: PendingTable['keys'] },
): Promise<Comparison> {
  return comparer.keys(job.table, job.keys === 'whole' ? [] : job.keys);
}

function report(context: VerifyContext, rowsCompared: number, differences: Differences): void {
  context.status.update((value) => {
    value.verify.rowsCompared += rowsCompared;
    value.verify.differences += differences.count;
    value.verify.pendingKeys = context.pending.size;
  });
}
