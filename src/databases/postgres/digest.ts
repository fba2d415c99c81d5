// Digests of rows and key ranges, computed inside PostgreSQL. The text of a row is ROW(columns)::text under settings that
// are the same on both sides; sums of two 64-bit hashes make a range's digest independent of row order, and duplicates
// count.

import pLimit from 'p-limit';
import { MigrateError } from '../../lib/errors.ts';
import { type Key, keyText } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { EmptyCount } from '../../model/empty-values.ts';
import type { Table } from '../../model/table.ts';
import { changedEmpties } from '../conversion.ts';
import type { Digests, RangeDigest, RowDigest } from '../digests.ts';
import { RangeSum } from '../row-text.ts';
import { type CanonicalOf, CanonicalRows, comparedValue, isEmpty } from './canonical-rows.ts';
import type { PostgresServer, Session, TextRow } from './connection.ts';
import { keyCastTypes, keyColumns, rangeCondition } from './range.ts';
import { arrayLiteral, quoteTable } from './sql.ts';

const SETTINGS: Readonly<Record<string, string>> = {
  // A row policy must fail the statement: rows hidden on both sides would compare equal.
  row_security: 'off',
  default_transaction_read_only: 'on',
  // `concurrency` is a promise about load: no workers beyond it.
  max_parallel_workers_per_gather: '0',
};

export interface PostgresDigestsOptions {
  readonly server: PostgresServer;
  /** Statements at one time, each on a session of its own. Default 2. */
  readonly concurrency?: number;
  /** Whether ranges need hashes that are the same on every server, at twice the cost: see `readHashForm`. Default: yes. */
  readonly portable?: () => Promise<boolean>;
  /**
   * For columns whose texts differ where the values are equal to the other side. Rows of a table that has one pass through
   * this process. Default: none. No key has such a column.
   */
  readonly canonicalOf?: CanonicalOf;
}

/** A digest of a large range takes what it takes, and close() cuts it. */
const NO_LIMIT = { timeoutMs: 0 };
/** Rows that are fetched at once. */
const FETCHED = 1_000;

/**
 * Equal on two servers whose own hash of a text is the same for the same text: it is taken over the bytes of the server's
 * encoding, in the order of its processor.
 */
export async function readHashForm(session: Session): Promise<string> {
  const row = await session.one(
    `SELECT current_setting('server_encoding') || ' ' || hashtextextended('one text of some length' COLLATE "C", 0) AS form`,
  );
  return row?.form ?? '';
}

export class PostgresDigests implements Digests {
  readonly #server: PostgresServer;
  readonly #slot: ReturnType<typeof pLimit>;
  readonly #portable: () => Promise<boolean>;
  readonly #canonicalOf: CanonicalOf;
  readonly #idle: Session[] = [];
  readonly #busy = new Set<Session>();
  #closed = false;

  constructor(options: PostgresDigestsOptions) {
    this.#server = options.server;
    this.#slot = pLimit(options.concurrency ?? 2);
    this.#portable = options.portable ?? (async () => true);
    this.#canonicalOf = options.canonicalOf ?? (() => undefined);
  }

  async range(table: Table, range: KeyRange): Promise<RangeDigest> {
    const canonical = CanonicalRows.of(table, this.#canonicalOf);
    if (canonical !== undefined) return this.#canonicalRange(canonical, table, range);
    const portable = await this.#portable();
    const text = portable ? rowDigest(table) : rowText(table);
    const [first, second] = portable ? [md5Half(1), md5Half(17)] : [ownHash(0), ownHash(1)];
    const [row] = await this.#query(
      `SELECT count(*) AS rows, sum(${first}) AS a, sum(${second}) AS b FROM (
         SELECT ${text} AS h FROM ONLY ${quoteTable(table)} AS t WHERE ${rangeCondition(table, range)}
         OFFSET 0) AS hashed`,
    );
    return { rows: Number(row?.rows ?? 0), digest: `${row?.a ?? ''}:${row?.b ?? ''}` };
  }

  async rows(table: Table, range: KeyRange, limit: number): Promise<readonly RowDigest[]> {
    const canonical = CanonicalRows.of(table, this.#canonicalOf);
    const rows = await this.#query(
      `SELECT ${selectKey(table)}, ${canonical?.columns ?? `${rowDigest(table)} AS h`} FROM ONLY ${quoteTable(table)} AS t
       WHERE ${rangeCondition(table, range)} ORDER BY ${keyColumns(table).join(', ')} LIMIT ${limit}`,
    );
    return rows.map((row) => ({ key: keyFrom(table, row), digest: canonical?.digest(row) ?? String(row.h) }));
  }

  async keys(table: Table, keys: readonly Key[]): Promise<ReadonlyMap<string, string>> {
    if (keys.length === 0) return new Map();
    // Every key column travels as text: arrays cannot be unnested, and one form serves all types. The ordinal maps a row
    // back to the key as the caller wrote it: 1.0 finds the row 1.00.
    const arrays = table.key.map((_, part) => arrayLiteral(keys.map((key) => key[part])));
    const types = keyCastTypes(table);
    const match = keyColumns(table).map((column, part) => {
      const found = `t.${column} = s.k${part}::${types[part]}`;
      // What a collation holds to be equal is another key.
      return isText(types[part]) ? `${found} AND t.${column}::text COLLATE "C" = s.k${part} COLLATE "C"` : found;
    });
    const canonical = CanonicalRows.of(table, this.#canonicalOf);
    const rows = await this.#query(
      `SELECT s.n, ${canonical?.columns ?? `${rowDigest(table)} AS h`}
       FROM unnest(${arrays.map((_, part) => `$${part + 1}::text[]`).join(', ')})
         WITH ORDINALITY AS s(${arrays.map((_, part) => `k${part}`).join(', ')}, n)
       JOIN ONLY ${quoteTable(table)} AS t ON ${match.join(' AND ')}`,
      arrays,
    );
    const found = new Map<string, string>();
    for (const row of rows) {
      const key = keys[Number(row.n) - 1];
      if (key !== undefined) found.set(keyText(key), canonical?.digest(row) ?? String(row.h));
    }
    return found;
  }

  async split(table: Table, range: KeyRange, parts: number): Promise<readonly Key[]> {
    // Without a key there is no order to cut along.
    if (parts < 2 || table.identity === 'row') return [];
    const rows = await this.#query(
      `SELECT * FROM (
         SELECT ${selectKey(table)}, row_number() OVER (ORDER BY ${keyColumns(table).join(', ')}) AS n, count(*) OVER () AS total
         FROM ONLY ${quoteTable(table)} AS t WHERE ${rangeCondition(table, range)}) AS numbered
       WHERE n > 1 AND (n - 1) % greatest((total + ${parts} - 1) / ${parts}, 1) = 0 ORDER BY n`,
    );
    return rows.map((row) => keyFrom(table, row));
  }

  async empties(table: Table, range: KeyRange): Promise<readonly EmptyCount[]> {
    const columns = changedEmpties(table);
    if (columns.length === 0) return [];
    const counts = columns.map((column, index) => `count(*) FILTER (WHERE ${isEmpty(column)}) AS c${index}`);
    const [row] = await this.#query(
      `SELECT ${counts.join(', ')} FROM ONLY ${quoteTable(table)} AS t WHERE ${rangeCondition(table, range)}`,
    );
    return columns
      .map(({ name }, index) => ({ column: name, values: Number(row?.[`c${index}`] ?? 0) }))
      .filter(({ values }) => values > 0);
  }

  /** Cuts the statements that run and closes the rest. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    // The server notices the cut within client_connection_check_interval and ends the statement.
    for (const session of this.#busy) session.destroy(new Error('comparison stopped'));
    await Promise.all([...this.#busy, ...this.#idle.splice(0)].map((session) => session.close()));
  }

  #canonicalRange(canonical: CanonicalRows, table: Table, range: KeyRange): Promise<RangeDigest> {
    const select = `SELECT ${canonical.columns} FROM ONLY ${quoteTable(table)} AS t WHERE ${rangeCondition(table, range)}`;
    return this.#use((session) =>
      session.transaction(async () => {
        const sum = new RangeSum();
        await session.query(`DECLARE ranged NO SCROLL CURSOR FOR ${select}`);
        for (let fetched = FETCHED; fetched === FETCHED; ) {
          const rows = await session.query(`FETCH ${FETCHED} FROM ranged`, [], NO_LIMIT);
          for (const row of rows) sum.add(canonical.digest(row));
          fetched = rows.length;
        }
        return sum.total;
      }),
    );
  }

  #query(text: string, values: readonly string[] = []): Promise<readonly TextRow[]> {
    return this.#use((session) => session.query(text, values, NO_LIMIT));
  }

  #use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#slot(async () => {
      const session = await this.#acquire();
      try {
        const result = await work(session);
        if (!this.#closed) this.#idle.push(session);
        return result;
      } catch (error) {
        await session.close();
        throw error;
      } finally {
        this.#busy.delete(session);
        if (this.#closed) await session.close();
      }
    });
  }

  async #acquire(): Promise<Session> {
    this.#refuseClosed();
    const session = this.#idle.pop() ?? (await this.#server.session({ purpose: 'verify', settings: SETTINGS }));
    this.#busy.add(session);
    if (this.#closed) {
      this.#busy.delete(session);
      await session.close();
    }
    this.#refuseClosed();
    return session;
  }

  #refuseClosed(): void {
    if (!this.#closed) return;
    const code = this.#server.side === 'source' ? 'SOURCE.CONNECTION' : 'TARGET.CONNECTION';
    throw new MigrateError(code, 'the comparison was stopped');
  }
}

/** Of other types one value may be written in several ways. */
function isText(castType: string | undefined): boolean {
  return castType === 'text' || castType === 'varchar' || castType === 'character varying';
}

function rowText(table: Table): string {
  return `ROW(${table.columns.map(comparedValue).join(', ')})::text`;
}

// The hash is taken over UTF-8: two databases may store the same text in different encodings.
function rowDigest(table: Table): string {
  return `md5(convert_to(${rowText(table)}, 'UTF8'))`;
}

/** 64 of the 128 bits of an md5. */
function md5Half(from: number): string {
  return `('x' || substr(h, ${from}, 16))::bit(64)::int8`;
}

/** The server's hash of a text, the one that hash partitions rely on. */
function ownHash(seed: number): string {
  return `hashtextextended(h COLLATE "C", ${seed})`;
}

function selectKey(table: Table): string {
  return keyColumns(table)
    .map((column, part) => `${column} AS k${part}`)
    .join(', ');
}

function keyFrom(table: Table, row: TextRow): Key {
  return table.key.map((_, part) => row[`k${part}`] ?? null);
}
