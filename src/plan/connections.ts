// How many connections a run opens at most on either side.

import type { Side } from '../model/side.ts';
import type { Plan } from './plan.ts';

/** The handful that asks, marks, pings and journals. */
const OTHERS = 8;

export function connectionsOf({
  snapshot: { readers },
  apply: { lanes },
  verify: { concurrency },
}: Pick<Plan, 'snapshot' | 'apply' | 'verify'>): Readonly<Record<Side, number>> {
  const others = concurrency + OTHERS;
  // A reader has two loaders, who take turns; while indexes are built, as many builders as readers stand beside the lanes.
  return { source: readers + others, target: readers + Math.max(readers, lanes) + others };
}
