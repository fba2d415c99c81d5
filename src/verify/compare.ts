// Compares the contents of all tables while writes go on.
//
// Why the result holds until the cutover: pending keys are observed before the first range is read. A range that
// compares equal shows a state of the source that the target has reached; whatever the source changes after that comes
// to the target through the apply, which tells the observer of the key before it writes. So every row is equal, or its
// key is pending, and comparing the pending keys behind the fence completes the proof.

import type { Replication } from '../apply/replication.ts';
import type { Digests } from '../databases/digests.ts';
import type { SourceLog } from '../databases/source.ts';
import type { Passage } from '../health/gate.ts';
import type { TableProgress } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Key } from '../model/change.ts';
import type { EmptyCount } from '../model/empty-values.ts';
import type { Table } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';
import { Comparer, type Comparison, cutRange } from './comparer.ts';
import { type Difference, Differences } from './differences.ts';
import type { EmptyCounts } from './empty-counts.ts';
import { LivePace } from './pace.ts';
import type { PendingKeys } from './pending.ts';
import { type PlannedRange, planRanges } from './ranges.ts';
import { eachOf } from './work.ts';

export interface VerifyLimits {
  readonly chunkRows: number;
  /** Digests at one time, per side. The digests themselves keep to it; see `IN_FLIGHT`. */
  readonly concurrency: number;
  readonly rounds: number;
}

/** What every part of the verification works with. */
export interface VerifyContext {
  readonly source: Digests;
  readonly target: Digests;
  readonly tables: readonly Table[];
  /** As journalled by the copy, for the ranges. */
  readonly progress: readonly TableProgress[];
  readonly limits: VerifyLimits;
  /** Must be observing the apply already. */
  readonly pending: PendingKeys;
  /** Of every range that is compared while writes go on. */
  readonly emptyCounts: EmptyCounts;
  /** True for a key of a dead letter. */
  readonly excluded?: ((table: Table, key: Key) => boolean) | undefined;
  readonly status: RunStatus;
  readonly signal: AbortSignal;
}

export interface LiveVerifyContext extends VerifyContext {
  readonly log: Pick<SourceLog, 'mark'>;
  readonly replication: Replication;
  readonly gate: Passage;
}

export interface VerifyResult {
  /** Rows of the source that were found equal on the target. */
  readonly rowsCompared: number;
  readonly differences: readonly Difference[];
  /** Keys left for the comparison behind the fence. */
  readonly unstable: number;
}

// Most of a comparison is waiting for the apply; this many are under way for each digest that may run.
const IN_FLIGHT = 4;

/** Compares every table. Resolves also when there are differences; rejects with VERIFY.EMPTY when nothing was compared. */
export async function compareTables(context: LiveVerifyContext): Promise<VerifyResult> {
  const { tables, pending, status, limits } = context;
  const plan = planAll(tables, context);
  const differences = new Differences();
  const comparer = liveComparer(context, differences);
  status.update((value) => {
    Object.assign(value.verify, { chunks: plan.length, chunksDone: 0, rowsCompared: 0, differences: 0 });
  });
  let rowsCompared = 0;
  let unstable = 0;
  await eachOf(plan, limits.concurrency * IN_FLIGHT, async (planned) => {
    if (differences.enough(planned.table)) return;
    const result = await compareRange(context, comparer, planned);
    rowsCompared += result.matched;
    unstable += result.unstable.length;
    status.update((value) => {
      value.verify.chunksDone++;
      value.verify.rowsCompared += result.matched;
      value.verify.differences = differences.count;
      value.verify.pendingKeys = pending.size;
    });
  });
  tellOfEmpties(context);
  if (rowsCompared === 0 && unstable === 0 && differences.count === 0) refuseEmpty(tables);
  await failpoint('verify.done');
  return { rowsCompared, differences: differences.list(), unstable };
}

export function tellOfEmpties({ emptyCounts, status }: Pick<VerifyContext, 'emptyCounts' | 'status'>): void {
  status.update((value) => {
    value.verify.emptyValues = emptyCounts.list();
  });
}

export function planAll(tables: readonly Table[], context: VerifyContext): readonly PlannedRange[] {
  const progress = new Map(context.progress.map((table) => [table.id, table]));
  return tables.flatMap((table) => planRanges(table, progress.get(table.id), context.limits.chunkRows));
}

export function liveComparer(context: LiveVerifyContext, differences: Differences): Comparer {
  const { source, target, limits, pending, excluded } = context;
  return new Comparer({
    source,
    target,
    differences,
    rounds: limits.rounds,
    pace: new LivePace(context),
    touched: (table, key) => pending.has(table, key),
    excluded,
    tookToRead: (table, ms) => pending.tookToRead(table, ms),
  });
}

/** Compares one planned range under live writes, cut to size first; what did not come out equal is pending afterwards. */
export async function compareRange(
  context: LiveVerifyContext,
  comparer: Comparer,
  { table, range, rows }: PlannedRange,
): Promise<Comparison> {
  const { source, limits, pending, emptyCounts, gate, signal } = context;
  const parts = rows > 1.5 * limits.chunkRows ? Math.ceil(rows / limits.chunkRows) : 1;
  const bounds = parts > 1 ? await source.split(table, range, parts) : [];
  let matched = 0;
  const unstable: Comparison['unstable'][] = [];
  const different: Comparison['different'][] = [];
  const empties: EmptyCount[] = [];
  for (const piece of cutRange(range, bounds)) {
    await gate.pass(signal);
    signal.throwIfAborted();
    const result = await comparer.range(table, piece);
    // Also the different ones: no later comparison may pass without having looked at them.
    pending.putBack([{ table, keys: [...result.unstable, ...result.different] }]);
    matched += result.matched;
    unstable.push(result.unstable);
    different.push(result.different);
    empties.push(...((await source.empties?.(table, piece)) ?? []));
    await failpoint('verify.chunk');
  }
  emptyCounts.put(table, range, empties);
  return { matched, unstable: unstable.flat(), different: different.flat() };
}

// The source had rows when its catalog was read, or nothing was selected: comparing nothing proves nothing.
export function refuseEmpty(tables: readonly Table[]): void {
  const filled = tables.filter((table) => table.rowEstimate > 0);
  if (tables.length > 0 && filled.length === 0) return;
  const what = filled[0] === undefined ? 'no table is selected' : `${filled[0].id} had rows when the run began`;
  throw new MigrateError('VERIFY.EMPTY', `no row was compared, but ${what}`);
}
