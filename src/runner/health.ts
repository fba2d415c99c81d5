// The health of both servers, watched while a process works on them.

import type { Monitor } from '../health/monitor.ts';
import { probesOf } from '../health/probe.ts';
import type { Plan } from '../plan/plan.ts';
import type { Endpoints } from './endpoints.ts';

export interface HealthParts {
  readonly monitor: Monitor;
  readonly plan: Pick<Plan, 'health'>;
  readonly endpoints: Pick<Endpoints, 'health'>;
}

/** Settles as `work` does, which begins when it is known of each whether it is well: nothing is begun on a server known to be unwell. */
export async function whileWatched<T>({ monitor, plan, endpoints }: HealthParts, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  try {
    await monitor.watch(probesOf(plan.health, endpoints.health), over.signal);
    return await work();
  } finally {
    over.abort();
  }
}
