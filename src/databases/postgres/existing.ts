// Tables of the target that were made by hand: the fence is put on them instead of being born with them, nothing is
// created or dropped, and the catalog is cut to what is there.

import { MigrateError } from '../../lib/errors.ts';
import { type Catalog, writtenTables } from '../../model/catalog.ts';
import type { Table, TableName } from '../../model/table.ts';
import type { LeaseClaim } from '../lease-store.ts';
import { BATCH, type Closing } from './build.ts';
import type { Session } from './connection.ts';
import { sqlState } from './errors.ts';
import { fencedTables, functionStatement, hasFence, triggerStatement } from './fence/function.ts';
import { proveLease } from './lease-proof.ts';
import { passFence } from './pass.ts';
import { field, isTrue } from './row.ts';
import { quoteTable } from './sql.ts';

/**
 * Closes the tables, some hundred at once. What was written to one of them before that is refused: the copy would be
 * mixed with it. Idempotent.
 */
export async function closeExisting(session: Session, catalog: Catalog, { id, prove, pass }: Closing): Promise<void> {
  await session.transaction(async () => {
    await prove(session);
    if (!(await hasFence(session, id))) await session.run(functionStatement(id, 'permanent', await pass(session)), []);
  });
  const fenced = await fencedTables(session, id);
  const present = await presentTables(session, catalog);
  const open = present.filter((table) => !fenced.has(quoteTable(table)));
  for (let from = 0; from < open.length; from += BATCH) {
    const tables = open.slice(from, from + BATCH);
    await session.transaction(async () => {
      await prove(session);
      await session.query("SET LOCAL lock_timeout = '2s'");
      await closeBatch(session, id, tables);
    });
  }
}

/** In the caller's transaction. */
export async function closeBatch(session: Session, id: string, tables: readonly TableName[]): Promise<void> {
  for (const table of tables) await session.run(triggerStatement(id, table), []);
  // After the lock of the trigger: nobody can have written since.
  const [filled] = await filledTables(session, tables);
  if (filled === undefined) return;
  throw new MigrateError('PREFLIGHT.FAILED', `${filled.id} has rows on the target; it was empty when it was checked`);
}

/** Every table that takes rows of the run, and the partitioned ones above them that were made, too. */
export async function presentTables(session: Session, catalog: Catalog): Promise<readonly TableName[]> {
  const rows = await session.query('SELECT t.name FROM unnest($1::text[]) t(name) WHERE to_regclass(t.name) IS NULL', [
    catalog.parents.map(({ table }) => quoteTable(table)),
  ]);
  const missing = new Set(rows.map((row) => field(row, 'name')));
  return writtenTables(catalog).filter((table) => !missing.has(quoteTable(table)));
}

/** Those that have rows. */
export async function filledTables<T extends TableName>(session: Session, tables: readonly T[]): Promise<readonly T[]> {
  const filled: T[] = [];
  for (let from = 0; from < tables.length; from += BATCH) {
    const batch = tables.slice(from, from + BATCH);
    const rows = await session.query(
      batch
        .map((table, index) => `SELECT ${index} AS n WHERE EXISTS (SELECT FROM ONLY ${quoteTable(table)})`)
        .join(' UNION ALL '),
    );
    for (const row of rows) filled.push(...batch.slice(Number(row.n), Number(row.n) + 1));
  }
  return filled;
}

/** Without the sequences that the target does not have; a table that must keep more unique than its key has one lane. */
export async function fitCatalog(session: Session, catalog: Catalog): Promise<Catalog> {
  const constrained = await otherwiseUnique(session, catalog);
  const missing = new Set(await missingSequences(session, catalog));
  return {
    ...catalog,
    tables: catalog.tables.map((definition) => ({
      ...definition,
      table: { ...definition.table, spread: definition.table.spread && !constrained.has(quoteTable(definition.table)) },
    })),
    sequences: catalog.sequences.filter((sequence) => !missing.has(quoteTable(sequence))),
  };
}

/** Quoted names of sequences that have no counterpart: neither one of that name nor one that belongs to their column. */
export async function missingSequences(session: Session, catalog: Catalog): Promise<readonly string[]> {
  const tables = new Map(catalog.tables.map(({ table }) => [table.id, quoteTable(table)]));
  const rows = await session.query(
    `SELECT w.name FROM unnest($1::text[], $2::text[], $3::text[]) AS w(name, owner, attribute)
     WHERE to_regclass(w.name) IS NULL AND NOT EXISTS (
       SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(w.owner) AND a.attname = w.attribute
         AND pg_get_serial_sequence(w.owner, w.attribute) IS NOT NULL)`,
    [
      catalog.sequences.map(quoteTable),
      catalog.sequences.map(({ owner }) => (owner === null ? null : (tables.get(owner.table) ?? null))),
      catalog.sequences.map(({ owner }) => owner?.column ?? null),
    ],
  );
  return rows.map((row) => field(row, 'name'));
}

/** Quoted names of tables where something besides the key is unique or exclusive. */
async function otherwiseUnique(session: Session, catalog: Catalog): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const { table } of catalog.tables) {
    const key = table.key.flatMap((index) => table.columns[index]?.name ?? []);
    const row = await session.one(
      `SELECT count(*) FILTER (WHERE ${uniqueOn('$2')}) <> count(*) AS it FROM pg_index i
       WHERE i.indrelid = to_regclass($1) AND (i.indisunique OR i.indisexclusion)`,
      [quoteTable(table), key],
    );
    if (row !== undefined && isTrue(row, 'it')) found.add(quoteTable(table));
  }
  return found;
}

/** A condition on pg_index `i`: it makes exactly the columns named in the parameter unique, at every moment. */
export function uniqueOn(parameter: string): string {
  return `i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
    AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM pg_attribute a
         WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
      = (SELECT array_agg(k ORDER BY k) FROM unnest(${parameter}::text[]) k)`;
}

/**
 * Takes back what was copied of these tables, and the record of it, in one transaction. Rows of one table read at two
 * moments may violate what is unique there.
 */
export async function emptyTables(session: Session, claim: LeaseClaim, tables: readonly Table[]): Promise<void> {
  await passFence(session, claim.run);
  await session.transaction(async () => {
    await proveLease(session, claim);
    await session.query("SET LOCAL lock_timeout = '30s'");
    for (const table of tables) await emptyTable(session, quoteTable(table));
    await session.query(
      `UPDATE migrate.chunk SET at = NULL, rows = 0, done_at = NULL, claim_epoch = NULL, claimed_by = NULL
       WHERE run = $1 AND table_id = ANY ($2::text[])`,
      [claim.run, tables.map(({ id }) => id)],
    );
  });
}

/** In the caller's transaction; at once where no foreign key points at the table. */
export async function emptyTable(session: Session, table: string): Promise<void> {
  await session.query('SAVEPOINT emptying');
  try {
    await session.run(`TRUNCATE ONLY ${table}`, [], { timeoutMs: 0 });
  } catch (error) {
    // A foreign key of another table points at it.
    if (sqlState(error) !== '0A000') throw error;
    await session.query('ROLLBACK TO SAVEPOINT emptying');
    await session.run(`DELETE FROM ONLY ${table}`, [], { timeoutMs: 0 });
  }
  await session.query('RELEASE SAVEPOINT emptying');
}
