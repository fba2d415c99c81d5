// A catalog of which some tables are not carried: what needs their rows cannot be there.

import type { Catalog, ForeignKeyDefinition, RelationDefinition } from './catalog.ts';
import type { TableId, TableName } from './table.ts';

export interface NeedingForeignKey {
  readonly table: TableName;
  readonly name: string;
}

/** The foreign keys that point at one of these tables, or at a partitioned table that one of them is a part of. */
export function neededBy(catalog: Catalog, tables: ReadonlySet<TableId>): readonly NeedingForeignKey[] {
  const needs = needing(catalog, tables);
  return [...catalog.parents, ...catalog.tables].flatMap(({ table, foreignKeys }) =>
    tables.has(table.id) ? [] : foreignKeys.filter(needs).map(({ name }) => ({ table, name })),
  );
}

/** The same tables without these foreign keys; the target's description likewise. */
export function withoutNeeding(catalog: Catalog, tables: ReadonlySet<TableId>): Catalog {
  if (tables.size === 0) return catalog;
  const needs = needing(catalog, tables);
  const strip = <T extends RelationDefinition>(definition: T): T => ({
    ...definition,
    foreignKeys: definition.foreignKeys.filter((key) => !needs(key)),
  });
  return {
    ...catalog,
    tables: catalog.tables.map(strip),
    parents: catalog.parents.map(strip),
    ...(catalog.onTarget === undefined ? {} : { onTarget: withoutNeeding(catalog.onTarget, tables) }),
  };
}

function needing(catalog: Catalog, tables: ReadonlySet<TableId>): (key: ForeignKeyDefinition) => boolean {
  const needed = new Set(tables);
  // A part comes after what it is a part of: upwards, from the last.
  for (const { table, partitionOf } of [...catalog.parents, ...catalog.tables].toReversed()) {
    if (partitionOf !== null && needed.has(table.id)) needed.add(partitionOf.parent.id);
  }
  return ({ references }) => references !== null && needed.has(references);
}
