// Deletes rows of tables without a key: a given number of copies of each row, found by the text of all its values.

import type { Key } from '../../../model/change.ts';
import type { Table } from '../../../model/table.ts';
import { copiesMissing } from '../../missing-rows.ts';
import type { Session } from '../connection.ts';
import { arrayLiteral, quoteName, quoteTable } from '../sql.ts';
import { sizeOfValues, slices } from './slices.ts';
import { unnested, unnestedValue } from './statements.ts';

/**
 * Deletes one copy for each entry of `rows`, which may repeat, reading the table once for many of them. `timeout`: the
 * lane's statement timeout, which does not hold meanwhile. Rejects with APPLY.ROW_MISSING when copies are missing.
 */
export async function deleteWholeRows(
  session: Session,
  table: Table,
  rows: readonly Key[],
  timeout: string,
): Promise<void> {
  if (rows.length === 0) return;
  // The lane's own settings would compare every row of the table with every row to delete. A scan takes as long as it
  // takes; the server ends it itself when this client is gone.
  await session.query(
    "SET LOCAL enable_hashjoin = on; SET LOCAL enable_seqscan = on; SET LOCAL statement_timeout = '0'",
  );
  for (const [from, to] of slices(rows.length, (index) => sizeOfValues(rows[index] ?? []))) {
    const batch = rows.slice(from, to);
    const arrays = table.key.map((_, column) => arrayLiteral(batch.map((row) => row[column])));
    // Not prepared: the plan must fit the size that the table has now.
    const deleted = await session.execute(statementOf(table), arrays, { timeoutMs: 0 });
    if (deleted !== batch.length) throw copiesMissing(table, batch.length, deleted);
  }
  await session.query(
    `SET LOCAL enable_hashjoin = off; SET LOCAL enable_seqscan = off; SET LOCAL statement_timeout = '${timeout}'`,
  );
}

/**
 * Parameters: an array per column. Both sides are compared as texts of the same casts: that works for types that have no
 * equality, tells apart what is equal but not the same, and NULL is a value like any other.
 */
function statementOf(table: Table): string {
  const name = quoteTable(table);
  const all = table.columns.map((_, index) => index);
  const wanted = table.columns.map(unnestedValue).join(',');
  const stored = table.columns.map((column) => `t.${quoteName(column.name)}`).join(',');
  return `
    WITH gone AS (
      SELECT ROW(${wanted})::text AS image, count(*) AS copies FROM ${unnested(table, all)} GROUP BY 1
    )
    DELETE FROM ONLY ${name} WHERE ctid = ANY (ARRAY(
      SELECT place FROM (
        SELECT t.ctid AS place, gone.copies, row_number() OVER (PARTITION BY gone.image) AS copy
        FROM ONLY ${name} AS t JOIN gone ON gone.image = ROW(${stored})::text
      ) AS found WHERE copy <= copies))`;
}
