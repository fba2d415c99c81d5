// How the journal is read and written: statements one after another, each write a transaction that first proves the lease.

import { expectFormat } from '../../../journal/records.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { Bind, OracleServer, OracleSession } from '../connection.ts';
import { columnsOf } from '../driver.ts';
import { oraCode } from '../errors.ts';
import { proveLease } from '../lease-proof.ts';
import { ensureTable, ownTable, readOwnTables } from '../own-tables.ts';
import { quoteName } from '../sql.ts';
import { execute, query, raw, type Statement, sql } from '../statement.ts';

/** Every value as text, by the name of its column. */
export type TextRecord = Readonly<Record<string, string | null>>;

/** By the name that the value gets: the expression it is read by. */
export type Selected = Readonly<Record<string, string>>;

const TRIES = 3;
/** Lock wait and deadlock: nothing of the transaction is left, and it can be repeated as it was. */
const REPEATABLE = new Set([54, 60, 8177, 30006]);

/** One of the journal's tables, for a statement. */
export function own(name: string, prefix?: string): Statement {
  return raw(ownTable(name, prefix));
}

export class JournalSession {
  readonly #server: OracleServer;
  readonly #claim: () => LeaseClaim;
  readonly run: string;

  constructor(server: OracleServer, run: string, claim: () => LeaseClaim) {
    this.#server = server;
    this.run = run;
    this.#claim = claim;
  }

  /** The rows of `SELECT … FROM …`; `from` is all that follows FROM. */
  read(columns: Selected, from: Statement): Promise<readonly TextRecord[]> {
    return this.#server.use((session) => select(session, columns, from));
  }

  /** One transaction. Resolves with the rows found. */
  write(...statements: readonly Statement[]): Promise<number> {
    return this.transaction(async (session) => {
      let rows = 0;
      for (const statement of statements) rows += await execute(session, statement);
      return rows;
    });
  }

  /** One transaction that proves the lease before anything else; begun again when it met a deadlock. */
  transaction<T>(work: (session: OracleSession, claim: LeaseClaim) => Promise<T>): Promise<T> {
    return this.#server.use(async (session) => {
      for (let tries = 1; ; tries++) {
        try {
          return await session.transaction(async () => {
            const claim = this.#claim();
            await proveLease(session, claim);
            return work(session, claim);
          });
        } catch (error) {
          if (session.broken || tries === TRIES || !REPEATABLE.has(oraCode(error) ?? 0)) throw error;
        }
      }
    });
  }

  /** One transaction of a process without a lease: it proves none. */
  unproven<T>(work: (session: OracleSession) => Promise<T>): Promise<T> {
    return this.#server.use((session) => session.transaction(() => work(session)));
  }

  /** Whether there is a record of the run. Rejects with RUN.FORMAT when another version wrote it. */
  hasRun(): Promise<boolean> {
    return this.#server.use(async (session) => {
      if (!(await readOwnTables(session)).has('RUN')) return false;
      const [row] = await select(session, columns('format'), sql`${own('RUN')} WHERE "NAME" = ${this.run}`);
      if (row !== undefined) expectFormat(row.format);
      return row !== undefined;
    });
  }

  /** Makes the tables that are not there. Each commits by itself. */
  define(tables: ReadonlyMap<string, string>): Promise<void> {
    return this.#server.use(async (session) => {
      const there = await readOwnTables(session);
      for (const [name, definition] of tables) if (!there.has(name)) await ensureTable(session, definition);
    });
  }
}

/**
 * The rows of `SELECT … FROM …`, by the names of their columns. Asked for only where there are any: the driver executes a query with
 * large values once more to define them, without what is bound, and not every server that speaks Oracle's protocol has kept it
 * where there was no row.
 */
export async function select(
  session: OracleSession,
  columns: Selected,
  from: Statement,
): Promise<readonly TextRecord[]> {
  if ((await query(session, sql`SELECT 1 FROM ${from}`)).length === 0) return [];
  const names = Object.keys(columns);
  const rows = await query(session, sql`SELECT ${raw(Object.values(columns).join(', '))} FROM ${from}`);
  return rows.map((row) =>
    Object.fromEntries(names.map((name, index) => [name, row[index] === null ? null : String(row[index])])),
  );
}

/** Columns under their own names, in small letters. */
export function columns(...names: readonly string[]): Selected {
  return Object.fromEntries(names.map((name) => [name, quoteName(name.toUpperCase())]));
}

/** A number that is 1 or 0 as `t` or `f`. */
export function truth(column: string): string {
  return `CASE WHEN ${quoteName(column.toUpperCase())} = 1 THEN 't' ELSE 'f' END`;
}

/** A moment in UTC as ISO 8601. */
export function isoText(column: string): string {
  return `TO_CHAR(${quoteName(column.toUpperCase())}, 'YYYY-MM-DD"T"HH24:MI:SS.FF3"Z"')`;
}

/** Inserts rows into one of the journal's tables, columns in small letters. */
export async function insertRows(
  session: OracleSession,
  table: string,
  names: readonly string[],
  rows: readonly (readonly Bind[])[],
): Promise<void> {
  const into = names.map((name) => quoteName(name.toUpperCase())).join(', ');
  const places = names.map((_, index) => `:${index + 1}`).join(', ');
  const text = `INSERT INTO ${table} (${into}) VALUES (${places})`;
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const piece = rows.slice(from, from + ROWS_AT_ONCE);
    await session.executeMany(text, piece, columnsOf(piece));
  }
}

/** Runs a statement for each of the rows; how many it found in all. */
export async function executeRows(
  session: OracleSession,
  statement: string,
  rows: readonly (readonly Bind[])[],
): Promise<number> {
  return session.executeMany(statement, rows, columnsOf(rows));
}

const ROWS_AT_ONCE = 1_000;
