// As much of a source as a snapshot and a comparison of its tables need, for MySQL.

import { Readable } from 'node:stream';
import type { Digests, RangeDigest, RowDigest } from '../../src/databases/digests.ts';
import type {
  ChunkBytes,
  ChunkReader,
  Source,
  SourceChunks,
  SourceLog,
  Start,
  TableSelection,
} from '../../src/databases/source.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { type Key, keyText, type Row } from '../../src/model/change.ts';
import type { KeyRange } from '../../src/model/chunk.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { readCatalog } from './mysql-catalog.ts';
import { keyColumns, literals, orderOf, printed, rangeCondition, reading } from './mysql-rows.ts';
import { MysqlSession } from './mysql-session.ts';
import { quoteTable } from './mysql-types.ts';
import { copyLine, RangeSum, rowDigest } from './row-text.ts';

const BLOCK_CHARACTERS = 1 << 16;

export class MysqlSource implements Pick<Source, 'describe' | 'chunks' | 'digests'> {
  readonly chunks: SourceChunks;
  readonly digests: Digests;
  readonly log: Pick<SourceLog, 'pin'>;
  readonly #session: MysqlSession;

  private constructor(port: number, readers: number, session: MysqlSession) {
    this.#session = session;
    this.chunks = new MysqlChunks(session);
    this.digests = new MysqlDigests(session);
    this.log = { pin: (tables) => MysqlStart.make(port, readers, tables) };
  }

  /** `readers`: how many may share a snapshot. MySQL cannot export one, so they begin it together. */
  static async open(port: number, readers: number): Promise<MysqlSource> {
    return new MysqlSource(port, readers, await MysqlSession.open(port));
  }

  describe(selection: TableSelection): Promise<Catalog> {
    return readCatalog(this.#session, selection);
  }

  close(): void {
    this.#session.close();
  }
}

/** Tables are locked for the moment in which the readers begin, so that all see the state after the same transactions. */
class MysqlStart implements Start {
  readonly at: Position;
  readonly lost: Promise<never>;
  readonly #sessions: readonly MysqlSession[];
  readonly #free: MysqlSession[];

  private constructor(at: Position, sessions: readonly MysqlSession[]) {
    this.at = at;
    this.#sessions = sessions;
    this.#free = [...sessions];
    this.lost = Promise.race(sessions.map(({ lost }) => lost));
    this.lost.catch(() => undefined);
  }

  static async make(port: number, readers: number, tables: readonly Table[]): Promise<MysqlStart> {
    const holder = await MysqlSession.open(port);
    const sessions: MysqlSession[] = [];
    try {
      for (let count = 0; count < readers; count++) sessions.push(await MysqlSession.open(port));
      await holder.query(`LOCK TABLES ${tables.map((table) => `${quoteTable(table)} READ`).join(', ')}`);
      await Promise.all(
        sessions.map((session) => session.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY')),
      );
      const [row] = await holder.query('SELECT @@global.gtid_executed');
      await holder.query('UNLOCK TABLES');
      return new MysqlStart(String(row?.[0]).replaceAll('\n', '') as Position, sessions);
    } catch (error) {
      for (const session of sessions) session.close();
      throw error;
    } finally {
      holder.close();
    }
  }

  async reader(): Promise<ChunkReader> {
    const session = this.#free.pop();
    if (session === undefined) throw new MigrateError('INTERNAL.BUG', 'every reader of the snapshot is in use');
    return new MysqlReader(session);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.close();
  }
}

class MysqlReader implements ChunkReader {
  readonly #session: MysqlSession;

  constructor(session: MysqlSession) {
    this.#session = session;
  }

  read(table: Table, range: KeyRange, progress?: (bytes: number) => void): ChunkBytes {
    let rows = 0;
    const blocks = async function* (session: MysqlSession): AsyncGenerator<Buffer> {
      let block = '';
      const take = (): Buffer => {
        const bytes = Buffer.from(block, 'utf8');
        block = '';
        progress?.(bytes.length);
        return bytes;
      };
      for await (const values of session.stream(select(table, rangeCondition(table, range)))) {
        rows++;
        block += copyLine(printed(table.columns, values));
        if (block.length >= BLOCK_CHARACTERS) yield take();
      }
      if (block !== '') yield take();
    };
    const bytes = Readable.from(this.#unlocked(blocks(this.#session)), { objectMode: false });
    return { format: 'text', bytes, rows: () => rows };
  }

  async readRow(table: Table, key: Key): Promise<Row | undefined> {
    let row: Row | undefined;
    for await (const values of this.#unlocked(this.#session.stream(select(table, isKey(table, key))))) {
      row = printed(table.columns, values);
    }
    return row;
  }

  async close(): Promise<void> {
    this.#session.close();
  }

  /** Gives back the lock on the table, which would make ALTER TABLE wait for the end of the copy; the snapshot stays. */
  async *#unlocked<T>(work: AsyncGenerator<T>): AsyncGenerator<T> {
    await this.#session.query('SAVEPOINT chunk');
    yield* work;
    await this.#session.query('ROLLBACK TO SAVEPOINT chunk');
  }
}

class MysqlChunks implements SourceChunks {
  readonly #session: MysqlSession;

  constructor(session: MysqlSession) {
    this.#session = session;
  }

  async plan(table: Table, rows: number): Promise<readonly Key[]> {
    if (table.identity === 'row') return [];
    const [row] = await this.#session.query(`SELECT COUNT(*) FROM ${quoteTable(table)}`);
    return cut(this.#session, table, { lower: null, upper: null }, Math.ceil(Number(row?.[0]) / rows));
  }

  /** Bounds and keys in one sorted list; the first arm has no rows, but lends its collations to the values. */
  async locate(table: Table, bounds: readonly Key[], keys: readonly Key[]): Promise<readonly number[]> {
    const aliases = table.key.map((_, index) => `k${index}`).join(', ');
    const arm = (key: Key, place: number | null): string => `SELECT ${literals(table, key).join(', ')}, ${place}`;
    const rows = await this.#session.query(
      `SELECT ordinal FROM (
         SELECT place, SUM(place IS NULL) OVER (ORDER BY ${aliases}) AS ordinal FROM (
           ${[`SELECT ${orderOf(table)}, 0 FROM ${quoteTable(table)} WHERE FALSE`, ...bounds.map((key) => arm(key, null)), ...keys.map(arm)].join(' UNION ALL ')}
         ) AS both_kinds (${aliases}, place)) AS counted
       WHERE place IS NOT NULL ORDER BY place`,
    );
    return rows.map(([ordinal]) => Number(ordinal));
  }
}

class MysqlDigests implements Digests {
  readonly #session: MysqlSession;

  constructor(session: MysqlSession) {
    this.#session = session;
  }

  async range(table: Table, range: KeyRange): Promise<RangeDigest> {
    const sum = new RangeSum();
    for await (const values of this.#session.stream(select(table, rangeCondition(table, range)))) {
      sum.add(rowDigest(printed(table.columns, values)));
    }
    return sum.total;
  }

  async rows(table: Table, range: KeyRange, limit: number): Promise<readonly RowDigest[]> {
    const found = await this.#session.query(
      `${select(table, rangeCondition(table, range))} ORDER BY ${orderOf(table)} LIMIT ${limit}`,
    );
    return found.map((values) => rowOf(table, values));
  }

  async keys(table: Table, keys: readonly Key[]): Promise<ReadonlyMap<string, string>> {
    if (keys.length === 0) return new Map();
    const wanted = new Set(keys.map(keyText));
    const rows = await this.#session.query(select(table, keys.map((key) => isKey(table, key)).join(' OR ')));
    // What a collation holds to be equal is another key to the target.
    const found = rows.map((values) => rowOf(table, values)).filter(({ key }) => wanted.has(keyText(key)));
    return new Map(found.map(({ key, digest }) => [keyText(key), digest]));
  }

  split(table: Table, range: KeyRange, parts: number): Promise<readonly Key[]> {
    return cut(this.#session, table, range, parts);
  }
}

function rowOf(table: Table, values: Parameters<typeof printed>[1]): RowDigest {
  const row = printed(table.columns, values);
  return { key: table.key.map((index) => row[index] ?? null), digest: rowDigest(row) };
}

function select(table: Table, condition: string): string {
  return `SELECT ${reading(table.columns)} FROM ${quoteTable(table)} WHERE ${condition}`;
}

function isKey(table: Table, key: Key): string {
  const values = literals(table, key);
  return `(${orderOf(table)}) = (${values.join(', ')})`;
}

async function cut(session: MysqlSession, table: Table, range: KeyRange, parts: number): Promise<readonly Key[]> {
  if (parts < 2 || table.identity === 'row') return [];
  const key = keyColumns(table);
  const rows = await session.query(
    `SELECT ${key.map((_, index) => `k${index}`).join(', ')} FROM (
       SELECT ${reading(key)}, ROW_NUMBER() OVER (ORDER BY ${orderOf(table)}), COUNT(*) OVER ()
       FROM ${quoteTable(table)} WHERE ${rangeCondition(table, range)}
     ) AS numbered (${key.map((_, index) => `k${index}`).join(', ')}, n, total)
     WHERE n > 1 AND (n - 1) % GREATEST(CEIL(total / ${parts}), 1) = 0 ORDER BY n`,
  );
  return rows.map((values) => printed(key, values));
}
