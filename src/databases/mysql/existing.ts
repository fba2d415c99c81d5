// Tables of the target that were made by hand: nothing is created or dropped, and the catalog is cut to what is there.

import { MigrateError } from '../../lib/errors.ts';
import type { Catalog, TableDefinition } from '../../model/catalog.ts';
import { grouped } from './catalog-tables.ts';
import type { MysqlSession } from './connection.ts';
import { closeNew, type NewFence } from './fence/new.ts';
import { filledTables } from './filled.ts';
import type { SchemaChanges } from './schema-session.ts';
import { Additions, type NameOf, readNaming, schemasOf } from './schema-state.ts';

/** Closes the tables. What was written to one of them before that is refused: the copy would be mixed with it. Idempotent. */
export async function closeExisting({ session }: SchemaChanges, catalog: Catalog, fence: NewFence): Promise<void> {
  await closeNew(
    session,
    fence,
    catalog.tables.map(({ table }) => table),
  );
  // After the fence: nobody can have written since.
  const [filled] = await filledTables(session, catalog);
  if (filled === undefined) return;
  throw new MigrateError('PREFLIGHT.FAILED', `${filled.id} has rows on the target; it was empty when it was checked`);
}

/** Without the number generators that the target does not have; a table that must keep more unique than its key has one lane. */
export async function fitCatalog(session: MysqlSession, catalog: Catalog): Promise<Catalog> {
  const nameOf = await readNaming(session);
  const unique = await readUnique(session, catalog, nameOf);
  const there = await Additions.read(session, catalog, nameOf);
  const definitions = new Map(catalog.tables.map((definition) => [definition.table.id, definition.table]));
  return {
    ...catalog,
    tables: catalog.tables.map((definition) => ({
      ...definition,
      table: {
        ...definition.table,
        spread: definition.table.spread && !isOtherwiseUnique(definition, unique.get(nameOf(definition.table)) ?? []),
      },
    })),
    sequences: catalog.sequences.filter(({ owner }) => {
      const table = owner === null ? undefined : definitions.get(owner.table);
      return table !== undefined && there.has(table, { kind: 'auto increment', name: owner?.column ?? '' });
    }),
  };
}

type UniqueIndex = readonly (string | null)[];

function isOtherwiseUnique({ table }: TableDefinition, indexes: readonly UniqueIndex[]): boolean {
  const key = new Set(table.key.map((index) => table.columns[index]?.name.toLowerCase() ?? ''));
  return indexes.some(
    (columns) => columns.length !== key.size || columns.some((name) => name === null || !key.has(name)),
  );
}

/** The columns of each unique index, in lower case, by table; null for an expression or the beginning of a value. */
async function readUnique(
  session: MysqlSession,
  catalog: Catalog,
  nameOf: NameOf,
): Promise<ReadonlyMap<string, readonly UniqueIndex[]>> {
  const rows = await session.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, IF(SUB_PART IS NULL, LOWER(COLUMN_NAME), NULL)
     FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA IN (${schemasOf(catalog)})`,
  );
  const tables = grouped(
    rows.map((row) => [...row, nameOf({ schema: row[0] ?? '', name: row[1] ?? '' })]),
    4,
  );
  return new Map(
    [...tables].map(([table, indexes]) => [
      table,
      [...grouped(indexes, 2).values()].map((parts) => parts.map(([, , , column]) => column ?? null)),
    ]),
  );
}
