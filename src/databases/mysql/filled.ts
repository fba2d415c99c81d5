// Which tables have rows.

import type { Catalog } from '../../model/catalog.ts';
import type { Table } from '../../model/table.ts';
import type { MysqlSession } from './connection.ts';
import { quoteTable } from './sql.ts';

const BATCH = 50;

export async function filledTables(session: MysqlSession, catalog: Pick<Catalog, 'tables'>): Promise<readonly Table[]> {
  const tables = catalog.tables.map(({ table }) => table);
  const filled: Table[] = [];
  for (let from = 0; from < tables.length; from += BATCH) {
    const batch = tables.slice(from, from + BATCH);
    const questions = batch.map((table, index) => `(SELECT ${index} FROM ${quoteTable(table)} LIMIT 1)`);
    for (const [index] of await session.query(questions.join(' UNION ALL '))) {
      filled.push(...batch.slice(Number(index), Number(index) + 1));
    }
  }
  return filled;
}
