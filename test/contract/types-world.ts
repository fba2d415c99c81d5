// Two databases with a table for each type, and the product's own parts between them: snapshot, load, log, lane, digests.

import pg from 'pg';
import { collapse } from '../../src/apply/collapse.ts';
import type { Digests } from '../../src/databases/digests.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresChunks } from '../../src/databases/postgres/chunks.ts';
import { PostgresDigests } from '../../src/databases/postgres/digest.ts';
import { PostgresLog } from '../../src/databases/postgres/log/log.ts';
import { PostgresStream } from '../../src/databases/postgres/log/stream.ts';
import { quoteLiteral, quoteName } from '../../src/databases/postgres/sql.ts';
import { PostgresLane } from '../../src/databases/postgres/write/lane.ts';
import type { ChunkReader } from '../../src/databases/source.ts';
import { Closer } from '../../src/lib/closer.ts';
import type { RowChange, Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';
import { createTables } from './catalog-fixture.ts';
import { AT, CLAIM, type CopyFixture, openCopyFixture } from './copy-fixture.ts';
import { LogReader } from './log-fixture.ts';
import { EXTENSIONS, TYPE_GROUPS, type TypeEntry, USER_TYPES } from './types-fixture.ts';

/** Defaults of the databases under which values print in many ways. The product's sessions have their own settings. */
const UNLIKE = {
  source: {
    DateStyle: 'SQL, DMY',
    IntervalStyle: 'sql_standard',
    TimeZone: 'America/St_Johns',
    extra_float_digits: '-3',
    bytea_output: 'escape',
    xmloption: 'document',
    standard_conforming_strings: 'off',
  },
  target: {
    DateStyle: 'German',
    IntervalStyle: 'iso_8601',
    TimeZone: 'Asia/Kathmandu',
    array_nulls: 'off',
    xmloption: 'document',
  },
} as const;

/** What another client sees: exact, and the same on both sides. */
const CLIENT = `SET search_path = public; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'UTC';
  SET extra_float_digits = 1; SET bytea_output = 'hex'; SET xmloption = 'content'; SET array_nulls = on;
  SET standard_conforming_strings = on`;

/** How a transaction of the source is written on the target. */
export type Way = 'sets' | 'row by row';

export interface TypesWorld {
  /** Those that both servers know. */
  readonly entries: readonly TypeEntry[];
  /** The table whose column v is of the type; id is its key. Undefined when the run would not carry it. */
  table(name: string): Table;
  /** Literals of a type, NULL included where it is allowed. */
  literals(entry: TypeEntry): readonly string[];
  readonly digests: { readonly source: Digests; readonly target: Digests };
  /** Runs statements on one side, in one transaction, under a user's settings. */
  onSource(sql: string): Promise<void>;
  onTarget(sql: string): Promise<void>;
  /** Copies every table as it was when the log was begun. */
  copy(): Promise<void>;
  /** Writes each transaction of the source since the last call on the target, in the ways given. */
  follow(ways: readonly Way[]): Promise<void>;
  /** The rows of a table as another client sees them, as texts. */
  rows(side: 'source' | 'target', table: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

export const nameOf = (prefix: 't' | 'k', index: number): string => `${prefix}${index}`;

export async function openTypesWorld(pair?: Pair): Promise<TypesWorld> {
  const closer = new Closer();
  try {
    return await open(closer, pair);
  } catch (error) {
    await closer.close();
    throw error;
  }
}

async function open(closer: Closer, given: Pair | undefined): Promise<TypesWorld> {
  const pair = given ?? (await openPair());
  closer.add(() => pair.close());
  await setDefaults(pair.sourceUrl, UNLIKE.source);
  await setDefaults(pair.targetUrl, UNLIKE.target);
  const fixture = await closer.open(openCopyFixture(pair));
  const client = {
    source: await openClient(fixture.sourceUrl, closer),
    target: await openClient(fixture.targetUrl, closer),
  };
  const entries = await knownEntries([client.source, client.target]);
  for (const extension of EXTENSIONS) {
    for (const side of [client.source, client.target]) await side.query(`CREATE EXTENSION ${extension} SCHEMA public`);
  }
  await client.source.query(USER_TYPES);
  await client.source.query(entries.map(makeTables).join(''));
  const catalog = await fixture.source.with('catalog', (session) =>
    readCatalog(session, { include: ['*'], exclude: [] }),
  );
  await fixture.target.with('schema', (session) => createTables(session, catalog));
  const tables = new Map(catalog.tables.map(({ table }) => [table.name, table]));
  const names = { server: fixture.source, slot: 'migrate_types', publication: 'migrate_types' };
  const slot = { ...names, slot: `${names.slot}_${new URL(fixture.sourceUrl).pathname.slice(1)}` };
  const log = new PostgresLog({ ...slot, run: () => 'types', prove: async () => undefined });
  const start = await log.pin([...tables.values()]);
  closer.add(() => start.close());
  const digests = {
    source: new PostgresDigests({ server: fixture.source }),
    target: new PostgresDigests({ server: fixture.target }),
  };
  closer.add(() => digests.source.close());
  closer.add(() => digests.target.close());
  const lane = new PostgresLane({ server: fixture.target, claim: CLAIM, direction: 'forward' });
  closer.add(() => lane.close());
  let reader: LogReader | undefined;
  let marks = 0;
  let taken = 0;
  const transaction = async (side: pg.Client, sql: string): Promise<void> => {
    await side.query(`BEGIN; ${sql}; COMMIT`);
  };
  return {
    entries,
    table: (name) => {
      const table = tables.get(name);
      if (table === undefined) throw new Error(`no table ${name}`);
      return table;
    },
    literals,
    digests,
    onSource: (sql) => transaction(client.source, sql),
    onTarget: (sql) => transaction(client.target, sql),
    copy: async () => {
      const chunkReader = await start.reader();
      for (const table of tables.values()) await copyTable(fixture, table, chunkReader);
      await chunkReader.close();
    },
    follow: async (ways) => {
      reader ??= await openReader(slot, [...tables.values()], start.at, closer);
      marks++;
      await log.mark(`mark ${marks}`);
      await reader.untilMarker(`mark ${marks}`);
      const fresh = reader.taken.slice(taken).filter(({ changes }) => changes.some(({ op }) => op !== 'marker'));
      taken = reader.taken.length;
      if (fresh.length !== ways.length) throw new Error(`${fresh.length} transactions were logged`);
      for (const [index, one] of fresh.entries()) await write(lane, one, ways[index] ?? 'sets');
    },
    rows: async (side, table) => {
      const { rows } = await client[side].query<{ row: string }>({
        text: `SELECT ${columnsAsText(tables.get(table))} AS row FROM ${table}`,
      });
      return rows.map(({ row }) => row).toSorted();
    },
    close: () => closer.close(),
  };
}

async function setDefaults(url: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const database = quoteName(new URL(url).pathname.slice(1));
  await withClient(url, async (client) => {
    for (const [name, value] of Object.entries(settings)) {
      await client.query(`ALTER DATABASE ${database} SET ${name} = ${quoteLiteral(value)}`);
    }
  });
}

async function openClient(url: string, closer: Closer): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  closer.add(() => client.end());
  await client.query(CLIENT);
  return client;
}

async function knownEntries(clients: readonly pg.Client[]): Promise<readonly TypeEntry[]> {
  const versions = await Promise.all(
    clients.map(async (client) => {
      const { rows } = await client.query<{ version: string }>(
        `SELECT current_setting('server_version_num') AS version`,
      );
      return Math.floor(Number(rows[0]?.version) / 10_000);
    }),
  );
  return TYPE_GROUPS.flatMap(({ entries }) => entries).filter(({ since = 0 }) => since <= Math.min(...versions));
}

function literals(entry: TypeEntry): readonly string[] {
  return [...entry.values.map((value) => quoteLiteral(value).trim()), ...(entry.notNull === true ? [] : ['NULL'])];
}

/** t: the values, in rows 1 to n. k: all values but the last as keys; some are equal as keys, though not as texts. */
function makeTables(entry: TypeEntry, index: number): string {
  const plain = nameOf('t', index);
  const rows = literals(entry).map((literal, row) => `(${row + 1}, ${literal})`);
  const made = `CREATE TABLE ${plain} (id integer PRIMARY KEY, v ${entry.type}); INSERT INTO ${plain} VALUES ${rows.join()};`;
  if (!entry.key) return made;
  const keyed = nameOf('k', index);
  const keys = entry.values.slice(0, -1).map((value) => `(${quoteLiteral(value)}, 0)`);
  return `${made} CREATE TABLE ${keyed} (k ${entry.type} PRIMARY KEY, n integer);
    INSERT INTO ${keyed} VALUES ${keys.join()} ON CONFLICT DO NOTHING;`;
}

/** Tables with a key of the type in chunks of two rows. */
async function copyTable(fixture: CopyFixture, table: Table, reader: ChunkReader): Promise<void> {
  const loader = fixture.loader();
  try {
    const bounds = table.name.startsWith('k') ? await new PostgresChunks(fixture.source).plan(table, 2) : [];
    const { chunks } = await fixture.plan(table, bounds);
    for (const chunk of chunks) await loader.load(table, chunk, AT, reader.read(table, chunk.range));
  } catch (error) {
    throw new Error(`the copy of ${table.id}`, { cause: error });
  } finally {
    await loader.close();
  }
}

async function openReader(
  slot: { readonly server: CopyFixture['source']; readonly slot: string; readonly publication: string },
  tables: readonly Table[],
  from: Position,
  closer: Closer,
): Promise<LogReader> {
  const reader = await LogReader.open(new PostgresStream({ ...slot, tables }), from);
  closer.add(() => reader.close());
  return reader;
}

async function write(lane: PostgresLane, { changes }: Transaction, way: Way): Promise<void> {
  await lane.begin();
  const rows = changes.filter((change): change is RowChange => 'table' in change);
  if (way === 'row by row') await lane.replay(rows, []);
  else {
    const sets = [...new Set(rows.map(({ table }) => table))].map((table) => {
      const collapsed = collapse(
        table,
        rows.filter((change) => change.table === table),
      );
      if (collapsed === undefined) throw new Error(`the changes of ${table.id} do not add up`);
      return collapsed;
    });
    // One at a time: which table objects is worth knowing.
    for (const set of sets) {
      const written = await lane.attempt([set]).catch((error: unknown) => {
        throw new Error(`the sets of ${set.table.id}`, { cause: error });
      });
      if (!written) throw new Error(`the sets of ${set.table.id} were not written`);
    }
  }
  await lane.commit([]);
}

/** Each column's own cast to text, not the text of the row. */
function columnsAsText(table: Table | undefined): string {
  return `concat_ws(' | ', ${(table?.columns ?? []).map(({ name }) => `coalesce("${name}"::text, 'NULL!')`).join(', ')})`;
}
