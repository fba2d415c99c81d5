// Cuts tables into key ranges and tells which range a key is in. Both are questions of the source's own order of keys.

import type { Key } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { Table } from '../../model/table.ts';
import type { SourceChunks } from '../source.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import type { RowsOf, TableRows } from './rows.ts';
import { quoteTable } from './sql.ts';

const MAX_CHUNKS = 10_000;
/** The statement has every key in it, and the server may take no longer ones than 1 MB. */
const LOCATE_BATCH = 500;

export class MysqlChunks implements SourceChunks {
  readonly #server: MysqlServer;
  readonly #rows: RowsOf;

  constructor(server: MysqlServer, rows: RowsOf) {
    this.#server = server;
    this.#rows = rows;
  }

  async plan(table: Table, rows: number): Promise<readonly Key[]> {
    const step = Math.max(rows, Math.ceil(table.rowEstimate / MAX_CHUNKS));
    return this.#server.use((session) => bounds(session, this.#rows.of(table), EVERYTHING, step));
  }

  async locate(table: Table, inner: readonly Key[], keys: readonly Key[]): Promise<readonly number[]> {
    if (inner.length === 0) return keys.map(() => 0);
    const rows = this.#rows.of(table);
    const ordinals: number[] = [];
    await this.#server.use(async (session) => {
      for (let start = 0; start < keys.length; start += LOCATE_BATCH) {
        const found = await session.query(locateStatement(rows, inner, keys.slice(start, start + LOCATE_BATCH)));
        for (const [ordinal] of found) ordinals.push(Number(ordinal));
      }
    });
    return ordinals;
  }
}

const EVERYTHING: KeyRange = { lower: null, upper: null };

/** Every `step`-th key of the range, by walking along the index: no sort, and nothing that grows with the table. */
async function bounds(
  session: MysqlSession,
  rows: TableRows,
  { lower, upper }: KeyRange,
  step: number,
): Promise<readonly Key[]> {
  const found: Key[] = [];
  if (!rows.canBeCut) return found;
  const order = `ORDER BY ${rows.keyColumns.map((column) => `t.${column}`).join(', ')} LIMIT 1 OFFSET ${step}`;
  for (let from = lower; ; ) {
    const [row] = await session.rows(rows.selectKey(rows.within({ lower: from, upper }), order));
    if (row === undefined) return found;
    from = rows.keyValues(row);
    found.push(from);
  }
}

/** Inner bounds that cut the range into about so many parts. */
export async function cut(
  session: MysqlSession,
  rows: TableRows,
  range: KeyRange,
  parts: number,
): Promise<readonly Key[]> {
  if (parts < 2 || !rows.canBeCut) return [];
  const [row] = await session.query(`SELECT COUNT(*) FROM ${quoteTable(rows.table)} WHERE ${rows.within(range)}`);
  return bounds(session, rows, range, Math.max(1, Math.ceil(Number(row?.[0]) / parts)));
}

/** Bounds and keys in one sorted list; the first arm has no rows, but lends its collations to the values. */
function locateStatement(rows: TableRows, inner: readonly Key[], keys: readonly Key[]): string {
  const aliases = rows.keyColumns.map((_, index) => `k${index}`);
  const arm = (key: Key, place: number | null): string => `SELECT ${rows.literals(key).join(', ')}, ${place}`;
  const lender = `SELECT ${rows.keyColumns.map((column, index) => `${column} AS ${aliases[index]}`).join(', ')}, 0 AS place
    FROM ${quoteTable(rows.table)} WHERE FALSE`;
  const arms = [lender, ...inner.map((key) => arm(key, null)), ...keys.map(arm)];
  return `SELECT ordinal FROM (
      SELECT place, SUM(place IS NULL) OVER (ORDER BY ${aliases.join(', ')}) AS ordinal
      FROM (${arms.join(' UNION ALL ')}) AS both_kinds) AS counted
    WHERE place IS NOT NULL ORDER BY place`;
}
