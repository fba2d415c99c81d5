// Makes the target's tables, closed from the start, and drops them. Oracle commits each such statement by itself: what is to be made is
// recorded first, then made, then closed. Between the two only the owner of the schema and who may write to any table could write
// to it; whether anybody did is looked at after the fence stands. Tables for the direct path stay open until they are copied.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog, TableDefinition } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import { commentsOf, createSequence, createTable, Identities, keyIndexOf } from './ddl.ts';
import { oraCode } from './errors.ts';
import { closeNew, fencedTables, type NewFence, prepareFence } from './fence/new.ts';
import { filledTables } from './filled.ts';
import { Made, type MadeKind } from './made.ts';
import type { SchemaChanges } from './schema-session.ts';
import { Additions, type Named, nameOf, readConstraints, readRelations, schemasOf } from './schema-state.ts';
import { quoteName, quoteTable } from './sql.ts';

const NAME_TAKEN = 955;
const NO_SUCH_USER = 1918;

/**
 * Creates what is missing, with keys and checks. Rejects with TARGET.REFUSED when something is there that the run did not make.
 * `open`: without the fence, which `OpenTables` puts on later.
 */
export async function createTables(
  changes: SchemaChanges,
  catalog: Catalog,
  fence: NewFence,
  open = false,
): Promise<void> {
  const { session, run } = changes;
  const made = await Made.read(session, fence.claim, true);
  const there = await readRelations(session, schemasOf(catalog));
  refuseForeign(catalog, made, there);
  await failpoint('schema.creating');
  await prepareFence(session, fence);
  for (const sequence of catalog.sequences.filter(({ owner }) => owner?.identity !== true)) {
    if (there.has(nameOf(sequence))) continue;
    await failpoint('schema.creating');
    await make(changes, made, { kind: 'SEQUENCE', thing: sequence, statement: createSequence(sequence) });
  }
  const identities = new Identities(catalog);
  const additions = await Additions.read(session, catalog);
  const standing = catalog.tables.map(({ table }) => table).filter((table) => there.has(nameOf(table)));
  // The fence comes last: who has it has everything.
  const closed = new Set<TableName>(await fencedTables(session, fence.id, standing));
  for (const definition of catalog.tables) {
    const { table } = definition;
    if (closed.has(table)) continue;
    if (!there.has(nameOf(table))) {
      await failpoint('schema.creating');
      const statement = createTable(definition, identities);
      // What takes the direct path could not be recovered where the tablespace says NOLOGGING.
      await make(changes, made, { kind: 'TABLE', thing: table, statement: open ? `${statement} LOGGING` : statement });
    }
    const index = keyIndexOf(definition);
    if (index !== undefined && !additions.has(table, index)) await run(index.statement);
    for (const comment of commentsOf(definition)) await run(comment);
    await failpoint('schema.creating');
    if (open) await made.record('OPEN', table);
    else await close(changes, definition, fence);
  }
}

/** The tables that the run made, with all that is on them, then its sequences. One after another: it can be done again. */
export async function dropTables(changes: SchemaChanges, { claim }: NewFence): Promise<void> {
  const { session, run } = changes;
  const made = await Made.read(session, claim, false);
  // Those that were to join as well, which no catalog has yet.
  const [tables, sequences] = [made.all('TABLE'), made.all('SEQUENCE')];
  const schemas = [...new Set([...tables, ...sequences].map(({ schema }) => schema))].sort();
  const there = await readRelations(session, schemas);
  const own = new Set(tables.map(nameOf));
  // Only the run's own: a foreign key of a table that is not ours stands in the way, and should.
  for (const { kind, table, name } of (await readConstraints(session, schemas)).values()) {
    if (kind !== 'R' || !own.has(nameOf(table))) continue;
    await run(`ALTER TABLE ${quoteTable(table)} DROP CONSTRAINT ${quoteName(name)}`);
  }
  for (const table of tables) {
    if (there.get(nameOf(table)) === 'TABLE') await run(`DROP TABLE ${quoteTable(table)} PURGE`);
    await made.forget('OPEN', table);
    await made.forget('TABLE', table);
  }
  for (const sequence of sequences) {
    if (there.get(nameOf(sequence)) === 'SEQUENCE') await run(`DROP SEQUENCE ${quoteTable(sequence)}`);
    await made.forget('SEQUENCE', sequence);
  }
}

interface Making {
  readonly kind: MadeKind;
  readonly thing: Named;
  readonly statement: string;
}

async function make({ run }: SchemaChanges, made: Made, { kind, thing, statement }: Making): Promise<void> {
  await made.record(kind, thing);
  try {
    await run(statement);
  } catch (error) {
    // It was not made: what comes there later is somebody else's.
    if (error instanceof MigrateError && error.code === 'TARGET.REFUSED') await made.forget(kind, thing);
    const code = oraCode(error);
    if (code === NO_SUCH_USER) throw noSchema(thing, error);
    // Somebody was faster. It may also be the name of an index that is taken, of which the server tells the same.
    throw code === NAME_TAKEN ? foreign([thing]) : error;
  }
}

async function close({ session }: SchemaChanges, { table }: TableDefinition, fence: NewFence): Promise<void> {
  await closeNew(session, fence, [table]);
  const [filled] = await filledTables(session, [table]);
  if (filled === undefined) return;
  throw new MigrateError('TARGET.REFUSED', `target: somebody wrote to ${table.id} before it was closed`, {
    fix: 'Find out who, then migrate abort --drop, and start again.',
  });
}

function refuseForeign(catalog: Catalog, made: Made, there: ReadonlyMap<string, string>): void {
  const tables = catalog.tables.map(({ table }) => table);
  const sequences = catalog.sequences.filter(({ owner }) => owner?.identity !== true);
  const others = [
    ...tables.filter((table) => there.has(nameOf(table)) && !made.has('TABLE', table)),
    ...sequences.filter((sequence) => there.has(nameOf(sequence)) && !made.has('SEQUENCE', sequence)),
  ];
  if (others.length > 0) throw foreign(others);
}

function foreign(others: readonly Named[]): MigrateError {
  const [first] = others;
  const more = others.length === 1 ? '' : ` (and ${others.length - 1} others)`;
  const name = first === undefined ? '' : quoteTable(first);
  return new MigrateError('TARGET.REFUSED', `target: ${name} exists, and the run did not make it${more}`, {
    fix: 'Rename it or drop it, then start again: what is copied stays. For tables that were made by hand set schema.target: existing.',
  });
}

function noSchema({ schema }: Named, cause: unknown): MigrateError {
  return new MigrateError('TARGET.REFUSED', `target: there is no schema ${quoteName(schema)}`, {
    cause,
    fix: `CREATE USER ${quoteName(schema)} NO AUTHENTICATION; then start again. migrate check prints all of it.`,
  });
}
