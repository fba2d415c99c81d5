// What the roles of a plan must be given, read from the databases.

import { nameCatalog } from '../convert/named-catalog.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import type { RoleGrants } from '../model/grant.ts';
import type { Side } from '../model/side.ts';
import type { Plan } from '../plan/plan.ts';
import type { OpenEndpoints } from './endpoints.ts';

export interface GrantsRequest {
  /** Default: both. */
  readonly side?: Side | undefined;
  /** Default: the role of each url. */
  readonly role?: string | undefined;
}

export interface SideGrants extends RoleGrants {
  readonly side: Side;
  /** How many tables of the plan the source's role can see: where they are none, there is more to be given later. */
  readonly tables: number;
}

/** Reads only. The target's need the source's schema: both must be reachable. */
export async function readGrants(
  plan: Plan,
  { side, role }: GrantsRequest,
  open: OpenEndpoints,
): Promise<readonly SideGrants[]> {
  const endpoints = await open(plan, { lock: false, takeover: false, onWaiting: () => undefined });
  try {
    const described = await endpoints.source.describe({ ...plan.tables, names: endpoints.record?.added ?? [] });
    const { catalog } = await nameCatalog(endpoints.target, described, plan.tables.map, true);
    const asked = { source: endpoints.source, target: renamedTarget(endpoints.target, catalog) };
    const sides = side === undefined ? (['source', 'target'] as const) : [side];
    const tables = catalog.tables.length;
    return await Promise.all(
      sides.map(async (each) => ({ side: each, tables, ...(await asked[each].grants(catalog, role)) })),
    );
  } finally {
    await endpoints.close();
  }
}
