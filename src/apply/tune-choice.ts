// Which of several measured settings to take.

import type { Measured, Setting } from './tune-measure.ts';

/** Between such neighbours a measurement does not decide: the one that needs less is as good. */
const ALIKE = 0.05;

/**
 * The fastest among those whose transactions are durable within `goalMs` in 95 of 100 cases; of those about as fast the one with the
 * fewest lanes, then the smallest batches. Undefined when none keeps to the goal.
 */
export function bestOf(measured: readonly Measured[], goalMs: number): Measured | undefined {
  const quick = measured.filter((each) => each.changes > 0 && percentile(each.commitMs, 95) <= goalMs);
  const top = Math.max(...quick.map(({ rowsPerSecond }) => rowsPerSecond));
  return quick
    .filter(({ rowsPerSecond }) => rowsPerSecond >= top * (1 - ALIKE))
    .toSorted(bySize)
    .at(0);
}

function bySize(one: Setting, other: Setting): number {
  return one.lanes - other.lanes || one.batchRows - other.batchRows;
}

/** The value that so many of a hundred do not exceed; 0 of none. */
export function percentile(values: readonly number[], of: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((sorted.length * of) / 100) - 1)] ?? 0;
}
