// Columns that the source was given during the run, added to the target together with the record that it has them: after
// a crash the journal and the tables say the same.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { SchemaRecord } from '../source.ts';
import type { NewColumn } from '../target.ts';
import type { Session } from './connection.ts';
import { columnClause } from './ddl-table.ts';
import { proveLease } from './lease-proof.ts';
import { field } from './row.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

/** One transaction. Whoever reads a table meanwhile makes it give up after some seconds: TARGET.TRANSIENT. */
export async function addColumns(
  session: Session,
  claim: LeaseClaim,
  columns: readonly NewColumn[],
  { catalog, fingerprint }: SchemaRecord,
): Promise<void> {
  await session.transaction(async () => {
    await proveLease(session, claim);
    await session.query("SET LOCAL lock_timeout = '5s'");
    const made = await madeTables(session, columns);
    for (const statement of made.flatMap(statements)) await session.run(statement, []);
    const rows = await session.execute('UPDATE migrate.run SET catalog = $2, fingerprint = $3 WHERE name = $1', [
      claim.run,
      JSON.stringify(catalog),
      fingerprint,
    ]);
    if (rows !== 1) throw new MigrateError('INTERNAL.BUG', 'the journal has lost the run');
    await failpoint('schema.adding_columns');
  });
  await failpoint('schema.columns_added');
}

/** A table that is not made yet is made with its columns. */
async function madeTables(session: Session, columns: readonly NewColumn[]): Promise<readonly NewColumn[]> {
  const names = columns.map(({ table }) => quoteTable(table));
  const rows = await session.query(
    'SELECT t.name FROM unnest($1::text[]) t(name) WHERE to_regclass(t.name) IS NOT NULL',
    [names],
  );
  const made = new Set(rows.map((row) => field(row, 'name')));
  return columns.filter((_, index) => made.has(names[index] ?? ''));
}

function statements({ table, column }: NewColumn): readonly string[] {
  const [target, name] = [quoteTable(table), quoteName(column.name)];
  return [
    // An heir has it already where it inherits; until that is built it gets its own.
    `ALTER TABLE ${target} ADD COLUMN IF NOT EXISTS ${columnClause(column, [])}`,
    ...column.settings.map((setting) => `ALTER TABLE ${target} ALTER COLUMN ${name} ${setting}`),
    ...(column.comment === null ? [] : [`COMMENT ON COLUMN ${target}.${name} IS ${quoteLiteral(column.comment)}`]),
  ];
}
