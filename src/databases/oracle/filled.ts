// Which tables have rows.

import type { TableName } from '../../model/table.ts';
import type { OracleSession } from './connection.ts';
import { quoteTable } from './sql.ts';

export async function filledTables<T extends TableName>(
  session: OracleSession,
  tables: readonly T[],
): Promise<readonly T[]> {
  const filled: T[] = [];
  for (const table of tables) {
    // One that was emptied row by row is read to its end.
    const rows = await session.within(0, () => session.query(`SELECT 1 FROM ${quoteTable(table)} WHERE ROWNUM <= 1`));
    if (rows.length > 0) filled.push(table);
  }
  return filled;
}
