// Every preflight check, with nothing written anywhere.

import type { Finding } from '../model/finding.ts';
import type { Plan } from '../plan/plan.ts';
import { preflight } from '../stages/preflight.ts';
import type { OpenEndpoints } from './endpoints.ts';

export async function checkPlan(plan: Plan, open: OpenEndpoints): Promise<readonly Finding[]> {
  const endpoints = await open(plan, { lock: false, takeover: false, onWaiting: () => undefined });
  try {
    const { source, target, record } = endpoints;
    const catalog = await source.describe(plan.tables);
    return await preflight({ source, target, catalog, resuming: record !== undefined });
  } finally {
    await endpoints.close();
  }
}
