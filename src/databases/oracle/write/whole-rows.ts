// Rows of tables without a key, each found by all its values, and taken as often as it must go.

import { type Key, keyText } from '../../../model/change.ts';
import { copiesMissing } from '../../missing-rows.ts';
import type { OracleSession, Value } from '../connection.ts';
import { LARGE_ROWS } from '../rows.ts';
import { quoteTable } from '../sql.ts';
import { raw, type Statement, sql, textOf } from '../statement.ts';
import { bound } from '../values.ts';
import type { WrittenColumn, WrittenTable } from './columns.ts';

/** Rejects with APPLY.ROW_MISSING when there are fewer copies. Each row that differs from the others reads the table. */
export async function deleteCopies(session: OracleSession, written: WrittenTable, rows: readonly Key[]): Promise<void> {
  const copies = new Map<string, { readonly row: Key; count: number }>();
  for (const row of rows) {
    const text = keyText(row);
    const known = copies.get(text);
    if (known === undefined) copies.set(text, { row, count: 1 });
    else known.count++;
  }
  const name = quoteTable(written.table);
  for (const { row, count } of copies.values()) {
    const found = await findCopies(session, written, row, count);
    if (found.length < count) throw copiesMissing(written.table, count, found.length);
    const gone = await session.executeMany(
      `DELETE FROM ${name} WHERE ROWID = :1`,
      found.map((id) => [id]),
      [{ type: 'text', maxBytes: 128 }],
    );
    if (gone !== count) throw copiesMissing(written.table, count, gone);
  }
}

/** Where copies of the row stand: not more than so many. */
async function findCopies(
  session: OracleSession,
  { table, key }: WrittenTable,
  row: Key,
  count: number,
): Promise<readonly string[]> {
  const wanted = key.map((column, index) => ({ column, own: column.own(row[index]) }));
  // Large values have no comparison: they are compared here.
  const large = wanted.filter(({ column, own }) => own !== null && column.kind.isLarge);
  const where = wanted.reduce<Statement>((before, { column: { name, kind }, own }) => {
    if (own === null) return sql`${before} AND t.${raw(name)} IS NULL`;
    return kind.isLarge ? before : sql`${before} AND t.${raw(name)} = ${bound(kind, own)}`;
  }, raw('1 = 1'));
  const selected = large.map(({ column }) => `, ${column.kind.select(`t.${column.name}`)}`).join('');
  const statement = sql`SELECT ROWIDTOCHAR(t.ROWID)${raw(selected)} FROM ${raw(quoteTable(table))} t WHERE ${where}`;
  const found: string[] = [];
  // The server looks no further than for what is taken.
  const sizes = large.length === 0 ? [count] : LARGE_ROWS;
  for await (const batch of session.stream(textOf(statement), statement.binds, ...sizes)) {
    for (const [id, ...values] of batch) {
      if (typeof id !== 'string') continue;
      if (large.every(({ column, own }, index) => isSame(column, own, values[index] ?? null))) found.push(id);
      if (found.length === count) return found;
    }
  }
  return found;
}

/** The server may write a document in another way than it was given it. */
function isSame({ conversion }: WrittenColumn, own: Value, found: Value): boolean {
  if (own === null || found === null) return own === found;
  if (Buffer.isBuffer(own) || Buffer.isBuffer(found)) return Buffer.compare(Buffer.from(own), Buffer.from(found)) === 0;
  return own === found || conversion.print(own) === conversion.print(found);
}
