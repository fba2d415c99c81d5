// Columns that the source was given during the run, added to the target. Each is committed by itself; the record that the run
// has them comes after all of them, and one that is there already is left.

import { failpoint } from '../../lib/failpoint.ts';
import type { SchemaRecord } from '../source.ts';
import type { NewColumn } from '../target.ts';
import { columnClause } from './ddl.ts';
import type { NewFence } from './fence/new.ts';
import { recordSchema } from './journal/changes.ts';
import { proveLease } from './lease-proof.ts';
import type { SchemaChanges } from './schema-session.ts';
import { columnNames } from './schema-state.ts';
import { quoteTable } from './sql.ts';

export async function addColumns(
  { session, run }: SchemaChanges,
  { claim }: Pick<NewFence, 'claim'>,
  columns: readonly NewColumn[],
  record: SchemaRecord,
): Promise<void> {
  for (const { table, column } of columns) {
    const names = await columnNames(session, table);
    // A table that is not made yet is made with its columns.
    if (names.length === 0 || names.includes(column.name)) continue;
    await run(`ALTER TABLE ${quoteTable(table)} ADD (${columnClause(column)})`);
  }
  await failpoint('schema.adding_columns');
  await session.transaction(async () => {
    await proveLease(session, claim);
    await recordSchema(session, claim.run, record);
  });
  await failpoint('schema.columns_added');
}
