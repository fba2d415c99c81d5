// Sequences and identity columns of one PostgreSQL database.

import { MigrateError } from '../../lib/errors.ts';
import { type Catalog, type SequenceDefinition, writtenTables } from '../../model/catalog.ts';
import { advancedValue, type Sequences, type SequenceValue } from '../sequences.ts';
import type { PostgresServer, Session } from './connection.ts';
import { field, isTrue } from './row.ts';
import { quoteName, quoteTable } from './sql.ts';

/** A sequence of the catalog, by the name it has in this database. */
interface Resolved {
  readonly definition: SequenceDefinition;
  /** Quoted. */
  readonly name: string;
}

const BATCH = 200;

export class PostgresSequences implements Sequences {
  readonly #server: PostgresServer;

  constructor(server: PostgresServer) {
    this.#server = server;
  }

  read(catalog: Catalog): Promise<readonly SequenceValue[]> {
    return this.#server.with('sequences', (session) => readValues(session, catalog));
  }

  advance(catalog: Catalog, values: readonly SequenceValue[], margin: number): Promise<void> {
    return this.#server.with('sequences', async (session) => {
      const sources = new Map(values.map((value) => [quoteTable(value), value]));
      const names: string[] = [];
      const goals: string[] = [];
      for (const { definition, name, value } of await readResolved(session, catalog)) {
        const source = sources.get(quoteTable(definition));
        if (source === undefined) continue;
        const goal = advancedValue(definition, source, value, margin);
        if (goal === null) continue;
        names.push(name);
        goals.push(goal);
      }
      await session.run(
        'SELECT setval(s.name::regclass, s.goal) FROM unnest($1::text[], $2::bigint[]) AS s(name, goal)',
        [names, goals],
      );
      await setIdentity(session, catalog, 'ALWAYS');
    });
  }

  async prepare(): Promise<void> {
    // All of them are set in one statement.
  }

  relax(catalog: Catalog): Promise<void> {
    return this.#server.with('sequences', (session) => setIdentity(session, catalog, 'BY DEFAULT'));
  }
}

async function readValues(session: Session, catalog: Catalog): Promise<readonly SequenceValue[]> {
  return (await readResolved(session, catalog)).map(({ definition, value }) => ({
    schema: definition.schema,
    name: definition.name,
    last: value,
    increment: definition.increment,
    cache: definition.cache,
  }));
}

async function readResolved(
  session: Session,
  catalog: Catalog,
): Promise<readonly (Resolved & { readonly value: string | null })[]> {
  const resolved = await resolve(session, catalog.sequences, catalog);
  // The function does not tell a value that was set but not yet drawn: those are read from the sequences themselves.
  const drawn = await session.query(
    `SELECT pg_sequence_last_value(s.name::regclass) AS value
     FROM unnest($1::text[]) WITH ORDINALITY AS s(name, ordinal) ORDER BY s.ordinal`,
    [resolved.map(({ name }) => name)],
  );
  const values = new Map(resolved.map((item, index) => [item, drawn[index]?.value ?? null]));
  const quiet = resolved.filter((item) => values.get(item) === null);
  for (let from = 0; from < quiet.length; from += BATCH) {
    const batch = quiet.slice(from, from + BATCH);
    const rows = await session.query(
      batch
        .map(({ name }, index) => `SELECT ${index} AS ordinal, last_value, is_called FROM ${name}`)
        .join(' UNION ALL '),
    );
    for (const row of rows) {
      const item = batch[Number(field(row, 'ordinal'))];
      if (item === undefined) throw new MigrateError('INTERNAL.BUG', 'a sequence was read that was not asked for');
      values.set(item, lastDrawn(item.definition, field(row, 'last_value'), isTrue(row, 'is_called')));
    }
  }
  return resolved.map((item) => ({ ...item, value: values.get(item) ?? null }));
}

/** `last_value` that was not called yet is the next value to draw. */
function lastDrawn(definition: SequenceDefinition, lastValue: string, called: boolean): string | null {
  if (called) return lastValue;
  return lastValue === definition.start ? null : String(BigInt(lastValue) - BigInt(definition.increment));
}

/** A column's sequence is found by its column: it may have been named differently when it was made. */
async function resolve(
  session: Session,
  definitions: readonly SequenceDefinition[],
  catalog: Catalog,
): Promise<readonly Resolved[]> {
  const tables = new Map(writtenTables(catalog).map((table) => [table.id, table]));
  const owners = definitions.map(({ owner }) => {
    const table = owner === null ? undefined : tables.get(owner.table);
    return table === undefined ? null : quoteTable(table);
  });
  const rows = await session.query(
    `SELECT pg_get_serial_sequence(o.owner, o.attribute) AS name
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS o(owner, attribute, ordinal) ORDER BY o.ordinal`,
    [owners, definitions.map(({ owner }) => owner?.column ?? null)],
  );
  return definitions.map((definition, index) => ({
    definition,
    name: rows[index]?.name ?? quoteTable(definition),
  }));
}

/** Sets the columns that are GENERATED ALWAYS on the source. Short lock attempts: a reader must not hold a cutover up. */
async function setIdentity(session: Session, catalog: Catalog, kind: 'ALWAYS' | 'BY DEFAULT'): Promise<void> {
  // A partition follows its table, which is the one that has the identity.
  const columns = [...catalog.parents, ...catalog.tables].flatMap(({ table, columns: definitions }) =>
    definitions.filter(({ identity }) => identity === 'always').map(({ name }) => ({ table: quoteTable(table), name })),
  );
  if (columns.length === 0) return;
  const rows = await session.query(
    `SELECT w.relation, w.attribute FROM unnest($1::text[], $2::text[]) AS w(relation, attribute)
     JOIN pg_attribute a ON a.attrelid = to_regclass(w.relation) AND a.attname = w.attribute
     WHERE a.attidentity = $3`,
    [columns.map(({ table }) => table), columns.map(({ name }) => name), kind === 'ALWAYS' ? 'd' : 'a'],
  );
  const statements = rows.map(
    (row) =>
      `ALTER TABLE ${field(row, 'relation')} ALTER COLUMN ${quoteName(field(row, 'attribute'))} SET GENERATED ${kind}`,
  );
  for (let from = 0; from < statements.length; from += BATCH) {
    await session.transaction(async () => {
      await session.run("SET LOCAL lock_timeout = '2s'", []);
      await session.run(statements.slice(from, from + BATCH).join(';'), []);
    });
  }
}
