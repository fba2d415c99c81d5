// What the tests of the copy share: servers with the journal's tables, table values, an exported snapshot.

import type { LeaseClaim } from '../../src/databases/lease-store.ts';
import { PostgresServer, type Session } from '../../src/databases/postgres/connection.ts';
import { JOURNAL_SCHEMA } from '../../src/databases/postgres/journal/schema.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { PostgresLoader } from '../../src/databases/postgres/load.ts';
import { openChunkReader } from '../../src/databases/postgres/snapshot.ts';
import type { Start } from '../../src/databases/source.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import type { Key } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { type Column, type Table, tableId } from '../../src/model/table.ts';
import { openPair, type Pair } from '../fleet/databases.ts';

export const CLAIM: LeaseClaim = { run: 'copying', epoch: 1 };
const PUBLIC = { search_path: 'public' };
export const AT = '0/1' as Position;

export interface CopyFixture {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  readonly from: Session;
  readonly to: Session;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** Runs statements on both sides. */
  both(sql: string): Promise<void>;
  /** A pair as a source makes it; `lose` breaks it. */
  start(): Promise<Start & { lose(error: Error): void }>;
  loader(networkTimeoutMs?: number): PostgresLoader;
  /** Journals the chunks of a table. */
  plan(table: Table, bounds: readonly Key[]): Promise<TableProgress>;
  /** The rows of a table as one text per side, sorted. */
  rows(table: Table): Promise<{ source: readonly unknown[]; target: readonly unknown[] }>;
  /** The rows of migrate.chunk: ordinal, at, rows. */
  chunks(table: Table): Promise<readonly (readonly (string | null | undefined)[])[]>;
  close(): Promise<void>;
}

/** Two databases, fresh ones unless given, the target with the tables of the journal and a lease that `CLAIM` holds. */
export async function openCopyFixture(given?: Pair): Promise<CopyFixture> {
  const pair = given ?? (await openPair());
  const source = new PostgresServer('source', pair.sourceUrl, 'test');
  const target = new PostgresServer('target', pair.targetUrl, 'test');
  const from = await source.session({ purpose: 'test', settings: PUBLIC });
  const to = await target.session({ purpose: 'test', settings: PUBLIC });
  await to.run(`${LEASE_SCHEMA};${JOURNAL_SCHEMA}`, []);
  await to.run(
    `INSERT INTO migrate.lease (run, epoch, holder) VALUES ('${CLAIM.run}', ${CLAIM.epoch}, 'test');
     INSERT INTO migrate.run (name, id, format, plan_hash, plan_fields, source_identity, target_identity, catalog, fingerprint, lanes)
     VALUES ('${CLAIM.run}', '00000000', 1, '', '{}', '', '', '{}', '', 1)`,
    [],
  );
  return {
    source,
    target,
    from,
    to,
    sourceUrl: pair.sourceUrl,
    targetUrl: pair.targetUrl,
    both: async (sql) => {
      await Promise.all([from.run(sql, []), to.run(sql, [])]);
    },
    start: () => exportSnapshot(source),
    loader: (networkTimeoutMs = 30_000) => new PostgresLoader({ server: target, claim: CLAIM, networkTimeoutMs }),
    plan: (table, bounds) => plan(to, table, bounds),
    rows: async (table) => ({ source: await allRows(from, table), target: await allRows(to, table) }),
    chunks: async (table) =>
      (await to.query('SELECT ordinal, at, rows FROM migrate.chunk WHERE table_id = $1 ORDER BY 1', [table.id])).map(
        (row) => [row.ordinal, row.at, row.rows],
      ),
    close: async () => {
      await Promise.all([source.close(), target.close()]);
      await pair.close();
    },
  };
}

/** A table of schema public; columns as [name, type as PostgreSQL prints it, overrides]. */
export function tableOf(
  name: string,
  columns: readonly (readonly [string, string, Partial<Column>?])[],
  key: readonly number[] = [0],
): Table {
  return {
    id: tableId('public', name),
    schema: 'public',
    name,
    columns: columns.map(([column, type, overrides]) => ({
      name: column,
      type,
      castType: type.replace(/\(.*\)/, ''),
      ...overrides,
    })),
    key,
    rowEstimate: 0,
    identity: 'key',
    spread: true,
    byteEstimate: 0,
  };
}

async function exportSnapshot(source: PostgresServer): Promise<Start & { lose(error: Error): void }> {
  const holder = await source.session({ purpose: 'pin' });
  await holder.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', []);
  const name = (await holder.one('SELECT pg_export_snapshot() AS name'))?.name ?? '';
  let lose: (error: Error) => void = () => undefined;
  const lost = new Promise<never>((_, reject) => {
    lose = reject;
  });
  lost.catch(() => undefined);
  return { at: AT, lost, lose, reader: () => openChunkReader(source, name), close: () => holder.close() };
}

async function plan(to: Session, table: Table, bounds: readonly Key[]): Promise<TableProgress> {
  await to.query('INSERT INTO migrate.tables (run, table_id, lane, spread, bounds) VALUES ($1, $2, 0, false, $3)', [
    CLAIM.run,
    table.id,
    JSON.stringify(bounds),
  ]);
  await to.query(
    'INSERT INTO migrate.chunk (run, table_id, ordinal) SELECT $1, $2, n FROM generate_series(0, $3::int) AS n',
    [CLAIM.run, table.id, bounds.length],
  );
  const chunks = Array.from({ length: bounds.length + 1 }, (_, ordinal) => ({
    ordinal,
    range: { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null },
    at: null,
    rows: 0,
  }));
  return { id: table.id, lane: 0, spread: table.spread, bounds, chunks, keyChunks: [] };
}

async function allRows(session: Session, table: Table): Promise<readonly unknown[]> {
  const rows = await session.query(`SELECT t::text AS row FROM public."${table.name.replaceAll('"', '""')}" AS t`);
  return rows.map(({ row }) => row).sort();
}
