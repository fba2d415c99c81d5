// Cuts tables into key ranges and tells which range a key is in. Both are questions of the source's own order of keys.

import { type Key, keyText } from '../../model/change.ts';
import type { Table } from '../../model/table.ts';
import type { SourceChunks } from '../source.ts';
import type { PostgresServer, Session, TextRow } from './connection.ts';
import { KeptSession } from './kept-session.ts';
import { keyCastTypes, keyColumns } from './range.ts';
import { arrayLiteral, quoteTable, valueText } from './sql.ts';

const MAX_CHUNKS = 10_000;
// SYSTEM samples whole pages: 2,000 rows are 10 pages per chunk of narrow rows and 50 of wide ones, enough for even pieces.
const SAMPLES_PER_CHUNK = 2_000;
const MAX_SAMPLES = 1_000_000;
/** A table below this is read whole: its key index fits in memory, and a sample of it would be coarse. */
const FULL_SCAN_ROWS = 200_000;
const SAMPLE_TIMEOUT_MS = 600_000;
const LOCATE_BATCH = 10_000;

export class PostgresChunks implements SourceChunks {
  readonly #kept: KeptSession;

  constructor(server: PostgresServer) {
    this.#kept = new KeptSession(server, { purpose: 'chunks', settings: { row_security: 'off' } });
  }

  async plan(table: Table, rows: number): Promise<readonly Key[]> {
    // Without a key nothing orders the rows: one chunk, which is there as a whole or not at all.
    if (table.identity === 'row') return [];
    return this.#kept.use(async (session) => {
      const estimate = await estimateRows(session, table);
      const chunks = Math.min(Math.ceil(estimate / rows), MAX_CHUNKS);
      if (chunks <= 1) return [];
      const samples = Math.min(chunks * SAMPLES_PER_CHUNK, MAX_SAMPLES);
      const percent = estimate < FULL_SCAN_ROWS ? 100 : Math.min(100, (samples / estimate) * 100);
      const found = await session.query(planStatement(table, percent), [chunks], { timeoutMs: SAMPLE_TIMEOUT_MS });
      const bounds = new Map(found.map((row) => keyOfRow(table, row)).map((key) => [keyText(key), key]));
      return [...bounds.values()];
    });
  }

  async locate(table: Table, bounds: readonly Key[], keys: readonly Key[]): Promise<readonly number[]> {
    if (bounds.length === 0) return keys.map(() => 0);
    return this.#kept.use(async (session) => {
      const ordinals: number[] = [];
      for (let start = 0; start < keys.length; start += LOCATE_BATCH) {
        const batch = keys.slice(start, start + LOCATE_BATCH);
        const found = await session.query(locateStatement(table), [...columnArrays(bounds), ...columnArrays(batch)]);
        for (const row of found) ordinals.push(Number(row.ordinal));
      }
      return ordinals;
    });
  }
}

/** Rows by the density of the last ANALYZE and today's size, as the planner does; else by a sample of pages. */
async function estimateRows(session: Session, table: Table): Promise<number> {
  const size = await session.one(
    `SELECT c.reltuples, c.relpages,
            pg_relation_size(c.oid) / current_setting('block_size')::int AS pages
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [table.schema, table.name],
  );
  const pages = Number(size?.pages ?? 0);
  const analysed = Number(size?.relpages ?? 0);
  const tuples = Number(size?.reltuples ?? 0);
  if (analysed > 0 && tuples > 0) return (tuples / analysed) * pages;
  const percent = pages <= 1_000 ? 100 : (1_000 / pages) * 100;
  const sample = await session.one(
    `SELECT count(*) AS rows FROM ONLY ${quoteTable(table)} TABLESAMPLE SYSTEM (${percent.toFixed(9)})`,
    [],
    { timeoutMs: SAMPLE_TIMEOUT_MS },
  );
  return (Number(sample?.rows ?? 0) / percent) * 100;
}

/**
 * Sorts with the very operators that the conditions of the ranges use: `USING <` is looked up by name like those, while a
 * plain ORDER BY takes the type's own order, which can be another one (citext).
 */
function ascending(columns: readonly string[]): string {
  return columns.map((column) => `${column} USING <`).join(', ');
}

/** Every sampled key that begins a new n-th part of the sample; $1 = number of parts. */
function planStatement(table: Table, percent: number): string {
  const columns = keyColumns(table);
  const aliases = columns.map((_, index) => `k${index}`);
  return `
    SELECT ${aliases.join(', ')} FROM (
      SELECT ${columns.map((column, index) => `${column} AS k${index}`).join(', ')},
             row_number() OVER (ORDER BY ${ascending(columns)}) - 1 AS n, count(*) OVER () AS total
      FROM ONLY ${quoteTable(table)} TABLESAMPLE SYSTEM (${percent.toFixed(9)})
    ) AS sample
    WHERE n > 0 AND n * $1::bigint / total > (n - 1) * $1::bigint / total
    ORDER BY ${ascending(aliases)}`;
}

/**
 * Bounds and keys in one sorted list: the bounds up to a key, equal ones included, are its ordinal. One sort instead of
 * keys × bounds comparisons. The first arm returns nothing; it lends its collations to the values.
 */
function locateStatement(table: Table): string {
  const types = keyCastTypes(table);
  const aliases = types.map((_, index) => `k${index}`);
  const values = types.map((type, index) => `v${index}::${type}`).join(', ');
  const names = types.map((_, index) => `v${index}`).join(', ');
  const arrays = (first: number): string => types.map((_, index) => `$${first + index}::text[]`).join(', ');
  return `
    SELECT ordinal FROM (
      SELECT place, count(*) FILTER (WHERE place IS NULL) OVER (ORDER BY ${ascending(aliases)}) AS ordinal
      FROM (
        SELECT ${keyColumns(table)
          .map((column, index) => `${column} AS k${index}`)
          .join(', ')}, NULL::bigint AS place
        FROM ONLY ${quoteTable(table)} WHERE false
        UNION ALL SELECT ${values}, NULL FROM unnest(${arrays(1)}) AS bound(${names})
        UNION ALL SELECT ${values}, place FROM unnest(${arrays(1 + types.length)}) WITH ORDINALITY AS wanted(${names}, place)
      ) AS both_kinds
    ) AS counted
    WHERE place IS NOT NULL ORDER BY place`;
}

/** One array per key column. */
function columnArrays(keys: readonly Key[]): readonly string[] {
  const width = keys[0]?.length ?? 0;
  return Array.from({ length: width }, (_, index) => arrayLiteral(keys.map((key) => valueText(key[index] ?? null))));
}

function keyOfRow(table: Table, row: TextRow): Key {
  return table.key.map((_, index) => row[`k${index}`] ?? null);
}
