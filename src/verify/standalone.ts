// Compares two databases that no run connects: reads only, and assumes nothing about how rows get to the target.

import type { Digests } from '../databases/digests.ts';
import { MigrateError } from '../lib/errors.ts';
import type { EmptyValues } from '../model/empty-values.ts';
import type { Table, TableId } from '../model/table.ts';
import { refuseEmpty, type VerifyLimits } from './compare.ts';
import { Comparer, type Comparison, cutRange } from './comparer.ts';
import { Differences } from './differences.ts';
import { EmptyCounts } from './empty-counts.ts';
import { paceOfStrangers } from './pace.ts';
import { planRanges } from './ranges.ts';
import { eachOf } from './work.ts';

export interface StandaloneOptions {
  readonly source: Digests;
  readonly target: Digests;
  readonly tables: readonly Table[];
  readonly limits: VerifyLimits;
  readonly signal: AbortSignal;
  /** Told when a table is done. */
  readonly progress: (table: ComparedTable) => void;
}

export interface ComparedTable {
  readonly table: TableId;
  /** Rows of the source found equal on the target. */
  readonly rows: number;
  /** Rows that differ, or exist on one side only. A lower bound when `more`. */
  readonly differences: number;
  readonly more: boolean;
  /** Rows that kept changing while they were compared: neither equal nor different. A table without a key counts as one. */
  readonly unstable: number;
  /** The first keys that differ, as text. */
  readonly keys: readonly string[];
  /** Of its columns that have any, when it was compared. */
  readonly emptyValues: readonly EmptyValues[];
  /** Why it could not be compared at all, or null. */
  readonly refused: string | null;
}

/** Resolves also when there are differences; rejects with VERIFY.EMPTY when nothing was compared. */
export async function compareStrangers(options: StandaloneOptions): Promise<readonly ComparedTable[]> {
  const found: ComparedTable[] = [];
  await eachOf(options.tables, options.limits.concurrency, async (table) => {
    const compared = await compareTable(options, table);
    options.progress(compared);
    found.push(compared);
  });
  const looked = found.some((table) => table.rows + table.differences + table.unstable > 0 || table.refused !== null);
  if (!looked) refuseEmpty(options.tables);
  return found.toSorted((one, other) => (one.table < other.table ? -1 : 1));
}

async function compareTable(options: StandaloneOptions, table: Table): Promise<ComparedTable> {
  const { source, target, limits, signal } = options;
  const differences = new Differences();
  const emptyCounts = new EmptyCounts();
  const comparer = new Comparer({
    source,
    target,
    differences,
    pace: paceOfStrangers(signal),
    rounds: limits.rounds,
    touched: () => false,
  });
  let rows = 0;
  let unstable = 0;
  let refused: string | null = null;
  try {
    for await (const result of pieces(options, table, { comparer, emptyCounts })) {
      rows += result.matched;
      unstable += result.unstable.length;
      if (differences.enough(table)) break;
    }
  } catch (error) {
    // A table or column that is not there, a right that is missing: the other tables can be compared nevertheless.
    if (!(error instanceof MigrateError) || !/\.REFUSED$/.test(error.code)) throw error;
    refused = error.message;
  }
  const [difference] = differences.list();
  return {
    table: table.id,
    rows,
    differences: difference?.count ?? 0,
    more: difference?.more ?? false,
    unstable,
    keys: difference?.keys ?? [],
    emptyValues: emptyCounts.list(),
    refused,
  };
}

async function* pieces(
  { source, limits, signal }: StandaloneOptions,
  table: Table,
  { comparer, emptyCounts }: { readonly comparer: Comparer; readonly emptyCounts: EmptyCounts },
): AsyncGenerator<Comparison> {
  for (const { range, rows } of planRanges(table, undefined, limits.chunkRows)) {
    const parts = table.identity === 'key' && rows > 1.5 * limits.chunkRows ? Math.ceil(rows / limits.chunkRows) : 1;
    const bounds = parts > 1 ? await source.split(table, range, parts) : [];
    for (const piece of cutRange(range, bounds)) {
      signal.throwIfAborted();
      const compared = await comparer.range(table, piece);
      emptyCounts.put(table, piece, (await source.empties?.(table, piece)) ?? []);
      yield compared;
    }
  }
}
