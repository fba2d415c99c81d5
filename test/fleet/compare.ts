// Compares two databases row by row and looks for acknowledged writes. Shares no code with the product: a fault
// there must not be repeated here.

import pg from 'pg';
import type { WriteRecord } from './writers.ts';

export interface Difference {
  readonly table: string;
  readonly key: string;
  readonly kind: 'missing' | 'extra' | 'different';
  /** Names of the columns that differ. */
  readonly columns: readonly string[];
}

export interface Comparison {
  readonly tables: number;
  /** Rows read on the source. */
  readonly rows: number;
  /** At most 20 of each table. */
  readonly differences: readonly Difference[];
}

interface TableShape {
  readonly name: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

type TextRow = readonly (string | null)[];

const FETCH = 2_000;
const MOST_PER_TABLE = 20;
const SETTINGS = `SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';
  SET extra_float_digits = 3; SET bytea_output = 'hex'; SET search_path = pg_catalog`;

/** Every table outside the system schemas and the schema `migrate`, every column as text, both sides in key order. */
export async function compareDatabases(sourceUrl: string, targetUrl: string): Promise<Comparison> {
  const [source, target] = await Promise.all([connect(sourceUrl), connect(targetUrl)]);
  try {
    const [tables, others] = await Promise.all([shapes(source), shapes(target)]);
    const differences: Difference[] = [];
    let rows = 0;
    for (const table of tables) {
      const other = others.find(({ name }) => name === table.name);
      if (other === undefined || JSON.stringify(other) !== JSON.stringify(table)) {
        differences.push({
          table: table.name,
          key: '',
          kind: other === undefined ? 'missing' : 'different',
          columns: [],
        });
        continue;
      }
      rows += await compareTable({ table, source, target, differences });
    }
    return { tables: tables.length, rows, differences };
  } finally {
    await Promise.all([source.end(), target.end()]);
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(SETTINGS);
  return client;
}

async function shapes(client: pg.Client): Promise<readonly TableShape[]> {
  const { rows } = await client.query(`
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
      array(SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns,
      array(SELECT a.attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(attnum, place)
        JOIN pg_attribute a USING (attnum)
        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid ORDER BY k.place) AS key
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate')
      AND n.nspname NOT LIKE 'pg\\_%'
    ORDER BY 1`);
  return rows as TableShape[];
}

interface TablePair {
  readonly table: TableShape;
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly differences: Difference[];
}

async function compareTable({ table, source, target, differences }: TablePair): Promise<number> {
  const [left, right] = [readRows(source, table), readRows(target, table)];
  let [mine, theirs] = [await left.next(), await right.next()];
  let rows = 0;
  let noted = 0;
  while (mine.value !== undefined || theirs.value !== undefined) {
    const order = compareKeys(mine.value?.key, theirs.value?.key);
    const key = (order <= 0 ? mine.value?.key : theirs.value?.key)?.map((part) => part.slice(1)).join(' | ') ?? '';
    if (order !== 0) note({ table: table.name, key, kind: order < 0 ? 'missing' : 'extra', columns: [] });
    else {
      const columns = table.columns.filter((_, index) => mine.value?.row[index] !== theirs.value?.row[index]);
      if (columns.length > 0) note({ table: table.name, key, kind: 'different', columns });
    }
    if (order <= 0) rows++;
    // The one that is behind moves on, or both.
    [mine, theirs] = [order <= 0 ? await left.next() : mine, order >= 0 ? await right.next() : theirs];
  }
  return rows;

  function note(difference: Difference): void {
    if (noted++ < MOST_PER_TABLE) differences.push(difference);
  }
}

interface KeyedRow {
  readonly key: readonly string[];
  readonly row: TextRow;
}

/**
 * Rows in the byte order of their key's text; a table without a key in the order of all its columns, where equal rows are
 * neighbours: so each copy meets its counterpart, and one too many stands alone.
 */
async function* readRows(client: pg.Client, table: TableShape): AsyncGenerator<KeyedRow, undefined> {
  const quoted = (name: string): string => client.escapeIdentifier(name);
  const columns = table.columns.map((name) => `${quoted(name)}::text`).join(', ');
  const key = table.key.length > 0 ? table.key : table.columns;
  // NULL is not the empty text.
  const order = key.map((name) => `coalesce('=' || ${quoted(name)}::text, '') COLLATE "C"`).join(', ');
  const places = key.map((name) => table.columns.indexOf(name));
  const keyText = (value: string | null | undefined): string => (typeof value === 'string' ? `=${value}` : '');
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await client.query(`DECLARE reading CURSOR FOR SELECT ${columns} FROM ${table.name} ORDER BY ${order}`);
  for (;;) {
    const { rows } = await client.query({ text: `FETCH ${FETCH} FROM reading`, rowMode: 'array' });
    for (const row of rows as TextRow[]) yield { key: places.map((place) => keyText(row[place])), row };
    if (rows.length < FETCH) break;
  }
  await client.query('COMMIT');
  return undefined;
}

/** As the servers order: by bytes. The end of a side comes after every key. */
function compareKeys(left: readonly string[] | undefined, right: readonly string[] | undefined): number {
  if (left === undefined || right === undefined) return left === undefined ? 1 : -1;
  for (let index = 0; index < left.length; index++) {
    const order = Buffer.compare(Buffer.from(left[index] ?? ''), Buffer.from(right[index] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}

export interface Acknowledgement {
  /** Row writes in transactions whose COMMIT was answered. */
  readonly acknowledged: number;
  /** Rows that are not as the last acknowledged write left them. */
  readonly lost: number;
  /** Rows that exist more often than they were written. */
  readonly duplicated: number;
  /** Rows left by a transaction that was refused, or half of one whose outcome is unknown. */
  readonly phantom: number;
  /** Commits without an answer; the ledger decided about them. */
  readonly unknown: number;
  /** `table key: expected token, found token`. At most 20. */
  readonly examples: readonly string[];
}

/**
 * Looks on one database for what the writers were told is there. Each transaction leaves its token in the ledger
 * and in every row it touched, and no row belongs to two writers, so the last write of each row is known.
 */
export async function checkAcknowledged(log: readonly WriteRecord[], url: string): Promise<Acknowledgement> {
  const client = await connect(url);
  try {
    const ledger = await tokens(client);
    const expected = replay(log, ledger);
    const acknowledged = log
      .filter(({ outcome }) => outcome === 'ok')
      .reduce((sum, { writes }) => sum + writes.length, 0);
    const result = { lost: 0, duplicated: 0, phantom: 0, examples: [] as string[] };
    for (const { outcome, token } of log) {
      const copies = ledger.get(token) ?? 0;
      if (outcome === 'ok' && copies === 0) result.lost++;
      if (outcome === 'fail' && copies > 0) result.phantom++;
      if (copies > 1) result.duplicated += copies - 1;
    }
    const refused = new Set(log.filter(({ outcome }) => outcome === 'fail').map(({ token }) => token));
    for (const [table, rows] of expected) {
      const found = await currentTokens(client, table);
      for (const [key, token] of rows) {
        const there = found.get(key) ?? [];
        if (there.length > 1) result.duplicated += there.length - 1;
        if ((there[0] ?? null) === token) continue;
        result.lost++;
        if (result.examples.length < 20) result.examples.push(`${table} ${key}: ${token}, found ${there[0] ?? null}`);
      }
      for (const there of found.values()) result.phantom += there.filter((token) => refused.has(token ?? '')).length;
    }
    const unknown = log.filter(({ outcome }) => outcome === 'unknown').length;
    return { acknowledged, unknown, ...result };
  } finally {
    await client.end();
  }
}

async function tokens(client: pg.Client): Promise<Map<string, number>> {
  const { rows } = await client.query('SELECT token, count(*)::int AS copies FROM work.ledger GROUP BY token');
  return new Map((rows as { token: string; copies: number }[]).map(({ token, copies }) => [token, copies]));
}

/** For each table and key the token of the last write that counts; null when that write removed the row. */
function replay(
  log: readonly WriteRecord[],
  ledger: ReadonlyMap<string, number>,
): ReadonlyMap<string, ReadonlyMap<string, string | null>> {
  const expected = new Map<string, Map<string, string | null>>();
  for (const { outcome, token, writes } of log) {
    if (outcome === 'fail' || (outcome === 'unknown' && !ledger.has(token))) continue;
    for (const write of writes) {
      const rows = expected.get(write.table) ?? new Map<string, string | null>();
      expected.set(write.table, rows.set(write.key, write.removes ? null : token));
    }
  }
  return expected;
}

/** Keys as the writers name them: the text of the key columns, joined by a bar. */
async function currentTokens(client: pg.Client, table: string): Promise<Map<string, (string | null)[]>> {
  const shape = (await shapes(client)).find(({ name }) => name === table);
  if (shape === undefined) throw new Error(`there is no table ${table}`);
  const key = shape.key.map((name) => `${client.escapeIdentifier(name)}::text`).join(` || '|' || `);
  const { rows } = await client.query(`SELECT ${key} AS key, token FROM ${table} WHERE token IS NOT NULL`);
  const found = new Map<string, (string | null)[]>();
  for (const { key: name, token } of rows as { key: string; token: string | null }[]) {
    found.set(name, [...(found.get(name) ?? []), token]);
  }
  return found;
}
