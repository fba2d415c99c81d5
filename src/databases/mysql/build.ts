// Makes the target's tables hidden, reveals them when they are copied, and drops them. MySQL commits each statement by itself, so
// a table gets its fence before its own name: it is never there for others to write to, and what has the run's fence or one of its
// hidden names is what the run made.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog, TableDefinition } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import type { MysqlSession } from './connection.ts';
import { createTable } from './ddl.ts';
import { serverErrno } from './errors.ts';
import { closeNew, fencedTables, type NewFence, prepareFence } from './fence/new.ts';
import { hiddenTable, readHidden } from './hidden.ts';
import { dropMadeDatabases, makeDatabase } from './made-databases.ts';
import type { SchemaChanges } from './schema-session.ts';
import { type NameOf, readNaming, readRelations } from './schema-state.ts';
import { quoteTable } from './sql.ts';

const NAME_TAKEN = 1050;

/** What of a catalog the run has on the target. */
interface Standing {
  readonly hidden: ReadonlySet<TableDefinition>;
  /** Under their own names, with the run's fence. */
  readonly revealed: ReadonlySet<TableDefinition>;
  /** Somebody else's, in the place of a table. */
  readonly foreign: readonly TableDefinition[];
}

/** Creates what is missing, with keys and checks. Rejects with TARGET.REFUSED when something is there that the run did not make. */
export async function createHidden(changes: SchemaChanges, catalog: Catalog, fence: NewFence): Promise<void> {
  const { session, run } = changes;
  const nameOf = await readNaming(session);
  refuseShared(catalog, nameOf);
  const { hidden, revealed, foreign } = await readStanding(session, catalog, fence.id, nameOf);
  refuseForeign(foreign);
  await failpoint('schema.creating');
  await prepareFence(session, fence);
  for (const schema of await missingSchemas(session, catalog)) {
    await failpoint('schema.creating');
    await makeDatabase(changes, fence.claim, schema);
  }
  for (const definition of catalog.tables) {
    if (hidden.has(definition) || revealed.has(definition)) continue;
    await failpoint('schema.creating');
    await run(createTable({ ...definition, table: hiddenTable(fence.id, definition.table) }));
  }
}

/** Puts the fence on what is hidden, and gives it its own name. */
export async function reveal(changes: SchemaChanges, catalog: Catalog, fence: NewFence): Promise<void> {
  const { session, run } = changes;
  const { hidden, foreign } = await readStanding(session, catalog, fence.id, await readNaming(session));
  refuseForeign(foreign);
  const placed = [...hidden].map((definition) => ({ definition, place: hiddenTable(fence.id, definition.table) }));
  await closeNew(
    session,
    fence,
    placed.map(({ place }) => place),
  );
  for (const { definition, place } of placed) {
    await failpoint('schema.revealing');
    await run(`RENAME TABLE ${quoteTable(place)} TO ${quoteTable(definition.table)}`).catch((error: unknown) => {
      if (serverErrno(error) !== NAME_TAKEN) throw error;
      refuseForeign([definition]);
    });
  }
}

/** The tables in one statement: all of them or none. Then the databases that the run made, where nothing else is in them. */
export async function dropTables(changes: SchemaChanges, catalog: Catalog, { id, claim }: NewFence): Promise<void> {
  const { session } = changes;
  const { revealed } = await readStanding(session, catalog, id, await readNaming(session));
  // Those that were to join as well, which no catalog has yet.
  const own = [...(await readHidden(session, id)).list, ...[...revealed].map(({ table }) => table)];
  if (own.length > 0) {
    // A foreign key of a table that is not ours stands in the way, and should.
    await session.query('SET SESSION foreign_key_checks = 1');
    await session.query(`DROP TABLE ${own.map(quoteTable).join(', ')}`);
  }
  await dropMadeDatabases(changes, claim);
}

async function readStanding(session: MysqlSession, catalog: Catalog, id: string, nameOf: NameOf): Promise<Standing> {
  const there = await readRelations(session, catalog, nameOf);
  const hidden = await readHidden(session, id);
  const made = catalog.tables.filter(({ table }) => there.has(nameOf(table)));
  const fenced = new Set<TableName>(
    await fencedTables(
      session,
      id,
      made.map(({ table }) => table),
    ),
  );
  // Of a table that is hidden the name is not ours, whatever stands there has.
  const revealed = made.filter(({ table }) => fenced.has(table) && !hidden.has(table));
  return {
    hidden: new Set(catalog.tables.filter(({ table }) => hidden.has(table))),
    revealed: new Set(revealed),
    foreign: made.filter((each) => !revealed.includes(each)),
  };
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

function refuseForeign(foreign: readonly TableDefinition[]): void {
  const [first] = foreign;
  if (first === undefined) return;
  const more = foreign.length === 1 ? '' : ` (and ${foreign.length - 1} others)`;
  throw new MigrateError(
    'TARGET.REFUSED',
    `target: table ${first.table.id} exists, and the run did not make it${more}`,
    {
      fix: 'Rename it or drop it, then start again: what is copied stays. For tables that were made by hand set schema.target: existing.',
    },
  );
}
