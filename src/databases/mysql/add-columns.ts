// Columns that the source was given during the run, added to the target. Each is committed by itself; the record that the run
// has them comes after all of them, and one that is there already is left.

import { failpoint } from '../../lib/failpoint.ts';
import type { SchemaRecord } from '../source.ts';
import type { NewColumn } from '../target.ts';
import { columnClause } from './ddl.ts';
import type { NewFence } from './fence/new.ts';
import { readHidden } from './hidden.ts';
import { recordSchema } from './journal/changes.ts';
import { proveLease } from './lease-proof.ts';
import type { SchemaChanges } from './schema-session.ts';
import { quoteLiteral, quoteTable } from './sql.ts';

export async function addColumns(
  { session, run }: SchemaChanges,
  { id, claim }: NewFence,
  columns: readonly NewColumn[],
  record: SchemaRecord,
): Promise<void> {
  const hidden = await readHidden(session, id);
  for (const { table: called, column } of columns) {
    const table = hidden.standing(called);
    const names = await session.query(
      `SELECT LOWER(COLUMN_NAME) FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = ${quoteLiteral(table.schema)} AND TABLE_NAME = ${quoteLiteral(table.name)}`,
    );
    // A table that is not made yet is made with its columns.
    if (names.length === 0 || names.some(([name]) => name === column.name.toLowerCase())) continue;
    await run(`ALTER TABLE ${quoteTable(table)} ADD COLUMN ${columnClause(column, { automatic: true })}`);
  }
  await failpoint('schema.adding_columns');
  await session.transaction(async () => {
    await proveLease(session, claim);
    await recordSchema(session, claim.run, record);
  });
  await failpoint('schema.columns_added');
}
