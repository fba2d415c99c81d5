// How the journal is read and written: statements one after another, each write a transaction that first proves the lease.

import { expectFormat } from '../../../journal/records.ts';
import { Kept } from '../../kept.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { MysqlServer, MysqlSession } from '../connection.ts';
import { serverErrno } from '../errors.ts';
import { proveLease } from '../lease-proof.ts';
import { quoteName } from '../sql.ts';
import { sql } from '../statement.ts';
import { expectFits } from './packet.ts';

/** Every value as text, by the name of its column. */
export type TextRecord = Readonly<Record<string, string | null>>;

/** By the name that the value gets: the expression it is read by. */
export type Selected = Readonly<Record<string, string>>;

/** A transaction that cannot get its locks takes three times as long as the session waits for one: 30 s. */
const TRIES = 3;
/** Lock wait and deadlock: nothing of the transaction is left, and it can be repeated as it was. */
const REPEATABLE = new Set([1205, 1213]);
/** A network that fails while the server works is noticed no later than this. */
const ANSWER_MS = 60_000;

/** Transactions of one connection must not interleave. */
export class JournalSession {
  readonly #kept: Kept<MysqlSession>;
  readonly #claim: () => LeaseClaim;
  readonly run: string;

  constructor(server: MysqlServer, run: string, claim: () => LeaseClaim) {
    this.#kept = new Kept(() => openSession(server));
    this.run = run;
    this.#claim = claim;
  }

  /** The rows of `SELECT … FROM …`; `from` is all that follows FROM. */
  read(columns: Selected, from: string): Promise<readonly TextRecord[]> {
    return this.#use((session) => select(session, columns, from));
  }

  /** One transaction. Resolves with the rows found. */
  write(...statements: readonly string[]): Promise<number> {
    return this.transaction(async (session) => {
      let rows = 0;
      for (const statement of statements) rows += await session.execute(await expectFits(session, statement));
      return rows;
    });
  }

  /** One transaction that proves the lease before anything else; begun again when it met a deadlock. */
  transaction<T>(work: (session: MysqlSession, claim: LeaseClaim) => Promise<T>): Promise<T> {
    return this.#use(async (session) => {
      for (let tries = 1; ; tries++) {
        try {
          return await session.transaction(async () => {
            const claim = this.#claim();
            await proveLease(session, claim);
            return work(session, claim);
          });
        } catch (error) {
          if (session.broken || tries === TRIES || !REPEATABLE.has(serverErrno(error) ?? 0)) throw error;
        }
      }
    });
  }

  /** What a process without a lease does: it proves none. */
  unproven<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    return this.#use(work);
  }

  /** Whether there is a record of the run. Rejects with RUN.FORMAT when another version wrote it. */
  async hasRun(): Promise<boolean> {
    const found = await this.read(
      columns('TABLE_NAME'),
      "information_schema.TABLES WHERE TABLE_SCHEMA = 'migrate' AND TABLE_NAME = 'run'",
    );
    if (found.length === 0) return false;
    const [row] = await this.read(columns('format'), sql`migrate.run WHERE name = ${this.run}`);
    if (row !== undefined) expectFormat(row.format);
    return row !== undefined;
  }

  /** Each commits by itself. */
  ddl(statements: readonly string[]): Promise<void> {
    return this.#use(async (session) => {
      for (const statement of statements) await session.query(statement);
    });
  }

  async close(): Promise<void> {
    await this.#kept.close();
  }

  #use<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    return this.#kept.use(async (session) => {
      const timer = setTimeout(() => session.close(), ANSWER_MS);
      try {
        return await work(session);
      } finally {
        clearTimeout(timer);
      }
    });
  }
}

async function openSession(server: MysqlServer): Promise<MysqlSession> {
  const session = await server.session();
  try {
    // Reads that lock a range must not lock the gaps in it: lanes write beside.
    await session.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

/** The rows of `SELECT … FROM …`, by the names of their columns. */
export async function select(session: MysqlSession, columns: Selected, from: string): Promise<readonly TextRecord[]> {
  const names = Object.keys(columns);
  const rows = await session.query(`SELECT ${Object.values(columns).join(', ')} FROM ${from}`);
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? null])));
}

/** Columns under their own names. */
export function columns(...names: readonly string[]): Selected {
  return Object.fromEntries(names.map((name) => [name, quoteName(name)]));
}

/** A boolean as `t` or `f`. */
export function truth(column: string): string {
  return `IF(${quoteName(column)}, 't', 'f')`;
}

/** A moment in UTC as ISO 8601. */
export function isoText(column: string): string {
  return `CONCAT(LEFT(DATE_FORMAT(${quoteName(column)}, '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z')`;
}
