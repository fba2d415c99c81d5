// Makes and drops the target's tables. MySQL commits each statement by itself, so a table is made with a mark in its comment,
// closed by the fence, and only then gets its own comment: whatever a crash leaves can be told from what somebody else made.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog, TableDefinition } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import type { MysqlSession } from './connection.ts';
import { createTable } from './ddl.ts';
import { closeNew, fencedTables, type NewFence } from './fence/new.ts';
import { filledTables } from './filled.ts';
import type { SchemaChanges } from './schema-session.ts';
import { type NameOf, readNaming, readRelations } from './schema-state.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

interface Standing {
  /** There, in whatever state. */
  readonly made: ReadonlySet<TableDefinition>;
  /** Not ready yet: they carry the mark. */
  readonly marked: ReadonlySet<TableDefinition>;
  readonly closed: ReadonlySet<TableDefinition>;
}

/**
 * Creates what is missing, with keys and checks. Rejects with TARGET.REFUSED when a table is there that the run did not make,
 * or one has rows although nothing was copied yet.
 */
export async function createClosed(changes: SchemaChanges, catalog: Catalog, fence: NewFence): Promise<void> {
  const { session, run } = changes;
  const nameOf = await readNaming(session);
  refuseShared(catalog, nameOf);
  const { made, marked, closed } = await readStanding(session, catalog, fence.id, nameOf);
  const foreign = catalog.tables.filter((each) => made.has(each) && !marked.has(each) && !closed.has(each));
  if (foreign.length > 0) throw refused(foreign, 'exists, and the run did not make it');
  const mark = markOf(fence.id);
  for (const schema of await missingSchemas(session, catalog)) {
    await failpoint('schema.creating');
    await run(`CREATE DATABASE IF NOT EXISTS ${quoteName(schema)} CHARACTER SET utf8mb4`);
  }
  for (const definition of catalog.tables) {
    if (made.has(definition)) continue;
    await failpoint('schema.creating');
    await run(createTable(definition, mark));
  }
  await failpoint('schema.creating');
  await closeNew(
    session,
    fence,
    catalog.tables.map(({ table }) => table),
  );
  // After the fence: nobody can have written since.
  const filled = new Set(await filledTables(session, catalog));
  const written = catalog.tables.filter(({ table }) => filled.has(table));
  if (written.length > 0) throw refused(written, 'has rows, and the run did not write them');
  for (const definition of catalog.tables) {
    if (made.has(definition) && !marked.has(definition)) continue;
    await failpoint('schema.creating');
    await run(`ALTER TABLE ${quoteTable(definition.table)} COMMENT = ${quoteLiteral(definition.comment ?? '')}`);
  }
}

/** In one statement: all of them or none. Without their databases, which may have been there before, with rights of their own. */
export async function dropTables(changes: SchemaChanges, catalog: Catalog, id: string): Promise<void> {
  const { session } = changes;
  const { marked, closed } = await readStanding(session, catalog, id, await readNaming(session));
  const own = catalog.tables.filter((each) => marked.has(each) || closed.has(each));
  if (own.length === 0) return;
  // A foreign key of a table that is not ours stands in the way, and should.
  await session.query('SET SESSION foreign_key_checks = 1');
  await session.query(`DROP TABLE ${own.map(({ table }) => quoteTable(table)).join(', ')}`);
}

async function readStanding(session: MysqlSession, catalog: Catalog, id: string, nameOf: NameOf): Promise<Standing> {
  const comments = await readRelations(session, catalog, nameOf);
  const made = catalog.tables.filter(({ table }) => comments.has(nameOf(table)));
  const fenced = new Set(
    await fencedTables(
      session,
      id,
      made.map(({ table }) => table),
    ),
  );
  return {
    made: new Set(made),
    marked: new Set(made.filter(({ table }) => comments.get(nameOf(table)) === markOf(id))),
    closed: new Set(made.filter(({ table }) => fenced.has(table))),
  };
}

function markOf(id: string): string {
  return `migrate ${id} is making this table`;
}

async function missingSchemas(session: MysqlSession, { tables }: Catalog): Promise<readonly string[]> {
  const rows = await session.query('SELECT LOWER(SCHEMA_NAME) FROM information_schema.SCHEMATA');
  const there = new Set(rows.map(([schema]) => schema ?? ''));
  // One that differs in case only is tried: the server knows whether it is the same.
  const wanted = new Set(tables.map(({ table }) => table.schema));
  return [...wanted].filter((schema) => schema !== schema.toLowerCase() || !there.has(schema));
}

/** On such a server the second of two tables would be taken for the first. */
function refuseShared({ tables }: Catalog, nameOf: NameOf): void {
  const seen = new Map<string, TableName>();
  for (const { table } of tables) {
    const other = seen.get(nameOf(table));
    if (other !== undefined) {
      throw new MigrateError('TARGET.REFUSED', `${other.id} and ${table.id} have one name on the target`, {
        fix: 'Give one of them another name in tables.map: the target has lower_case_table_names on.',
      });
    }
    seen.set(nameOf(table), table);
  }
}

function refused(definitions: readonly TableDefinition[], what: string): MigrateError {
  const [first] = definitions;
  const more = definitions.length === 1 ? '' : ` (and ${definitions.length - 1} others)`;
  return new MigrateError('TARGET.REFUSED', `target: table ${first?.table.id} ${what}${more}`, {
    fix: 'Drop it, rename it or choose another target; for tables that were made by hand set schema.target: existing.',
  });
}
