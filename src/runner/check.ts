// Every preflight check, with nothing written anywhere.

import { nameCatalog } from '../convert/named-catalog.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { Plan } from '../plan/plan.ts';
import { preflight } from '../stages/preflight.ts';
import type { OpenEndpoints } from './endpoints.ts';

export interface Preflight {
  /** What the plan selects and the program can describe. */
  readonly catalog: Catalog;
  readonly findings: readonly Finding[];
}

export async function checkPlan(plan: Plan, open: OpenEndpoints): Promise<Preflight> {
  const endpoints = await open(plan, { lock: false, takeover: false, onWaiting: () => undefined });
  try {
    const { source, target, record } = endpoints;
    const resuming = record !== undefined;
    const selection = { ...plan.tables, names: record?.added ?? [] };
    const named = await nameCatalog(target, await source.describe(selection), plan.tables.map, resuming);
    return { catalog: named.catalog, findings: await preflight({ source, target, named, selection, resuming }) };
  } finally {
    await endpoints.close();
  }
}
