// A run's catalog with the columns that its source was given since: each at the end of its table, on both sides.

import type { NewColumn } from '../databases/target.ts';
import type { Catalog, ParentDefinition, RelationDefinition, TableDefinition } from '../model/catalog.ts';
import type { AddedColumn, SchemaDrift } from '../model/drift.ts';
import type { Column, TableId } from '../model/table.ts';

export interface FollowedColumns {
  readonly catalog: Catalog;
  /** What the target lacks, in the source's words. Partitions get theirs with the table they are a part of. */
  readonly columns: readonly NewColumn[];
}

/** Why the target cannot be told of the columns, or null. Only what has one name on both sides can be added. */
export function whyNotNamed({ onTarget }: Catalog, drift: SchemaDrift): string | null {
  if (onTarget === undefined || drift.catalog.onTarget !== undefined) return null;
  const added = addedIn(drift);
  for (const { table, columns } of drift.catalog.tables) {
    for (const { name, type } of columns) {
      // A qualified type is somebody's own, and may have another name there.
      if (added.get(table.id)?.has(name) && type.includes('.'))
        return `tables.map renames tables, and column ${name} of ${table.id} is of type ${type}`;
    }
  }
  return null;
}

export function followColumns(catalog: Catalog, drift: SchemaDrift): FollowedColumns {
  const added = addedIn(drift);
  const followed = extended(catalog, relationsOf(drift.catalog));
  // In another engine's terms, where it is converted.
  const onTarget = catalog.onTarget && extended(catalog.onTarget, relationsOf(drift.catalog.onTarget ?? drift.catalog));
  return {
    catalog: onTarget === undefined ? followed : { ...followed, onTarget },
    columns: [...followed.parents, ...followed.tables]
      .filter(({ partitionOf }) => partitionOf === null)
      .flatMap(({ table, columns }) =>
        columns.filter(({ name }) => added.get(table.id)?.has(name)).map((column) => ({ table, column })),
      ),
  };
}

function addedIn({ changes }: SchemaDrift): ReadonlyMap<TableId, ReadonlySet<string>> {
  const added = new Map<TableId, Set<string>>();
  for (const { table, column } of changes.flatMap((change): readonly AddedColumn[] =>
    change.added ? [change.added] : [],
  )) {
    const names = added.get(table.id);
    if (names === undefined) added.set(table.id, new Set([column]));
    else names.add(column);
  }
  return added;
}

type Relations = ReadonlyMap<TableId, TableDefinition | ParentDefinition>;

function relationsOf({ parents, tables }: Catalog): Relations {
  return new Map([...parents, ...tables].map((each) => [each.table.id, each]));
}

/** What came since stands at the end: everything before it keeps its place. */
function extended(catalog: Catalog, now: Relations): Catalog {
  return {
    ...catalog,
    parents: catalog.parents.map((parent) => ({ ...parent, ...longer(parent, now.get(parent.table.id)) })),
    tables: catalog.tables.map((definition) => {
      const found = now.get(definition.table.id);
      const columns = found !== undefined && 'columns' in found.table ? found.table.columns : [];
      return { ...definition, ...longer(definition, found), table: longerTable(definition.table, columns) };
    }),
  };
}

function longer(
  { columns }: RelationDefinition,
  now: RelationDefinition | undefined,
): Pick<RelationDefinition, 'columns' | 'columnsMade'> {
  return {
    columns: [...columns, ...(now?.columns.slice(columns.length) ?? [])],
    ...(now?.columnsMade === undefined ? {} : { columnsMade: now.columnsMade }),
  };
}

function longerTable(table: TableDefinition['table'], now: readonly Column[]): TableDefinition['table'] {
  const more = now.slice(table.columns.length);
  if (more.length === 0) return table;
  return { ...table, columns: [...table.columns, ...more], followed: (table.followed ?? 0) + more.length };
}
