// Puts the names of a plan's `tables.map` into a catalog.

import type { Target } from '../databases/target.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { NameMap } from '../plan/tables.ts';
import { resolveNames } from './names.ts';

export interface NamedCatalog {
  /** With `onTarget` where something gets another name and nothing was found. */
  readonly catalog: Catalog;
  readonly findings: readonly Finding[];
}

/** Leaves nothing behind. `made`: the tables are on the target already, under their new names. */
export async function nameCatalog(target: Target, catalog: Catalog, map: NameMap, made = false): Promise<NamedCatalog> {
  const { renames, findings } = resolveNames(catalog, map);
  const unchanged = renames.tables.length === 0 && renames.schemas.length === 0;
  if (unchanged || findings.length > 0) return { catalog, findings };
  // In another engine's terms, where it was converted.
  const renamed = await target.rename(catalog.onTarget ?? catalog, renames, made);
  return {
    catalog: renamed.catalog === undefined ? catalog : { ...catalog, onTarget: renamed.catalog },
    findings: renamed.findings,
  };
}
