// Tables of the target that were made by hand: nothing is created or dropped, and the catalog is cut to what is there.

import { MigrateError } from '../../lib/errors.ts';
import type { Catalog, TableDefinition } from '../../model/catalog.ts';
import type { OracleSession } from './connection.ts';
import { closeNew, type NewFence } from './fence/new.ts';
import { filledTables } from './filled.ts';
import type { SchemaChanges } from './schema-session.ts';
import { type Named, nameOf, schemasOf, text } from './schema-state.ts';
import { quoteLiteral } from './sql.ts';

/** Closes the tables. What was written to one of them before that is refused: the copy would be mixed with it. Idempotent. */
export async function closeExisting({ session }: SchemaChanges, catalog: Catalog, fence: NewFence): Promise<void> {
  const tables = catalog.tables.map(({ table }) => table);
  await closeNew(session, fence, tables);
  // After the fence: nobody can have written since.
  const [filled] = await filledTables(session, tables);
  if (filled === undefined) return;
  throw new MigrateError('PREFLIGHT.FAILED', `${filled.id} has rows on the target; it was empty when it was checked`);
}

/** Without the number generators that the target does not have; a table that must keep more unique than its key has one lane. */
export async function fitCatalog(session: OracleSession, catalog: Catalog): Promise<Catalog> {
  const unique = await readUnique(session, catalog);
  const counted = await readIdentityColumns(session, catalog);
  const tables = new Map(catalog.tables.map(({ table }) => [table.id, table]));
  const sequences = await readSequences(session, catalog);
  return {
    ...catalog,
    tables: catalog.tables.map((definition) => ({
      ...definition,
      table: {
        ...definition.table,
        spread: definition.table.spread && !isOtherwiseUnique(definition, unique.get(nameOf(definition.table)) ?? []),
      },
    })),
    sequences: catalog.sequences.filter((sequence) => {
      const { owner } = sequence;
      if (owner?.identity !== true) return sequences.has(nameOf(sequence));
      const table = tables.get(owner.table);
      return table !== undefined && counted.has(columnOf(table, owner.column));
    }),
  };
}

function columnOf(table: Named, column: string): string {
  return JSON.stringify([table.schema, table.name, column]);
}

function within(catalog: Catalog): string {
  const schemas = schemasOf(catalog);
  return schemas.length === 0 ? 'NULL' : schemas.map(quoteLiteral).join(', ');
}

async function readIdentityColumns(session: OracleSession, catalog: Catalog): Promise<ReadonlySet<string>> {
  const rows = await session.query(
    `SELECT OWNER, TABLE_NAME, COLUMN_NAME FROM ALL_TAB_IDENTITY_COLS WHERE OWNER IN (${within(catalog)})`,
  );
  return new Set(
    rows.map(([schema, name, column]) => columnOf({ schema: text(schema), name: text(name) }, text(column))),
  );
}

async function readSequences(session: OracleSession, catalog: Catalog): Promise<ReadonlySet<string>> {
  const rows = await session.query(
    `SELECT SEQUENCE_OWNER, SEQUENCE_NAME FROM ALL_SEQUENCES WHERE SEQUENCE_OWNER IN (${within(catalog)})`,
  );
  return new Set(rows.map(([schema, name]) => nameOf({ schema: text(schema), name: text(name) })));
}

function isOtherwiseUnique({ table }: TableDefinition, indexes: readonly (readonly string[])[]): boolean {
  const key = new Set(table.key.map((index) => table.columns[index]?.name ?? ''));
  return indexes.some((columns) => columns.length !== key.size || columns.some((name) => !key.has(name)));
}

/** The columns of each unique index and constraint, whose index need not be unique, by table; an expression has a name of the server's, which is no column of a key. */
export async function readUnique(
  session: OracleSession,
  catalog: Catalog,
): Promise<ReadonlyMap<string, readonly (readonly string[])[]>> {
  const rows = await session.query(
    `SELECT I.TABLE_OWNER, I.TABLE_NAME, I.OWNER, I.INDEX_NAME, C.COLUMN_NAME FROM ALL_INDEXES I
       JOIN ALL_IND_COLUMNS C ON C.INDEX_OWNER = I.OWNER AND C.INDEX_NAME = I.INDEX_NAME
     WHERE I.UNIQUENESS = 'UNIQUE' AND I.TABLE_OWNER IN (${within(catalog)})
     UNION ALL
     SELECT K.OWNER, K.TABLE_NAME, K.OWNER, K.CONSTRAINT_NAME || '.', L.COLUMN_NAME FROM ALL_CONSTRAINTS K
       JOIN ALL_CONS_COLUMNS L ON L.OWNER = K.OWNER AND L.CONSTRAINT_NAME = K.CONSTRAINT_NAME
     WHERE K.CONSTRAINT_TYPE IN ('P', 'U') AND K.STATUS = 'ENABLED' AND K.VALIDATED = 'VALIDATED'
       AND K.OWNER IN (${within(catalog)})`,
  );
  const tables = new Map<string, Map<string, string[]>>();
  for (const [schema, name, owner, index, column] of rows) {
    const table = nameOf({ schema: text(schema), name: text(name) });
    const indexes = tables.get(table) ?? new Map<string, string[]>();
    const place = nameOf({ schema: text(owner), name: text(index) });
    indexes.set(place, [...(indexes.get(place) ?? []), text(column)]);
    tables.set(table, indexes);
  }
  return new Map([...tables].map(([table, indexes]) => [table, [...indexes.values()]]));
}
