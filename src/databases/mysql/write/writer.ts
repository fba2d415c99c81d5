// A session of the run that writes rows, and transactions on it: past the fence, past foreign keys, with every value as it comes
// or not at all.

import { MigrateError } from '../../../lib/errors.ts';
import type { MysqlServer, MysqlSession } from '../connection.ts';
import { passFence } from '../pass.ts';

const SETTINGS = [
  // What others insert next to the rows of a transaction need not wait for it.
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  // No value is changed, none refused that a source can have. Without autocommit nothing is ever written outside a transaction:
  // a deadlock ends the one that is open, and what follows would else commit statement by statement.
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', autocommit = 0, sql_notes = 1,
     foreign_key_checks = 0, unique_checks = 1, innodb_lock_wait_timeout = 30, lock_wait_timeout = 30,
     lc_messages = 'en_US'`,
  // Rows are found by their key's index, whatever the server believes about the size of the table.
  `SET SESSION max_seeks_for_key = 1, optimizer_switch = 'block_nested_loop=off'`,
];
// Of a statement's warnings at least one has to be told. MySQL lets only some accounts set how many are.
const TOLD = 64;

/** One session, opened when it is needed, and again when it broke between two transactions. One caller at a time. */
export class Writer {
  readonly #server: MysqlServer;
  readonly #run: string;
  #opening: Promise<Opened> | undefined;
  #closed = false;

  constructor(server: MysqlServer, run: string) {
    this.#server = server;
    this.#run = run;
  }

  /** The session, with no transaction under way on it if the last one was ended. */
  async open(): Promise<Opened> {
    if (this.#closed) throw new MigrateError('TARGET.CONNECTION', 'the session that writes is closed');
    this.#opening ??= this.#connect();
    try {
      return await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  /** Leaves no open transaction behind; a session that cannot promise that within this time is given up. */
  async rollback(timeoutMs: number): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined);
    if (opened === undefined) return;
    try {
      await answered(opened.session, timeoutMs, () => opened.session.query('ROLLBACK'));
    } catch {
      this.#forget(opened);
    }
  }

  /** Rolls back what is under way. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    const opened = await this.#opening?.catch(() => undefined);
    opened?.session.close();
  }

  async #connect(): Promise<Opened> {
    const session = await this.#server.session();
    try {
      await passFence(session, this.#run);
      const [row] = await session.query('SELECT @@max_allowed_packet, @@local_infile, @@max_error_count');
      for (const setting of SETTINGS) await session.query(setting);
      if (Number(row?.[2]) < TOLD) await session.query(`SET SESSION max_error_count = ${TOLD}`);
      const opened = { session, maxPacket: Number(row?.[0]), localInfile: row?.[1] === '1' };
      session.lost.catch(() => this.#forget(opened));
      return opened;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  #forget({ session }: Opened): void {
    session.close();
    this.#opening = undefined;
  }
}

export interface Opened {
  readonly session: MysqlSession;
  /** In bytes: what the server takes in one statement. */
  readonly maxPacket: number;
  /** Whether the server reads files of its clients. */
  readonly localInfile: boolean;
}

/** Does what needs an answer of the server; the session is cut when there is none in time. 0: any time. */
export async function answered<T>(session: MysqlSession, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  if (timeoutMs === 0) return work();
  const timer = setTimeout(() => session.close(), timeoutMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Commits. Rejects with TARGET.COMMIT_UNKNOWN when there was no answer, or one that leaves it open: a session that is killed while
 * it commits may have committed.
 */
export async function commit({ session }: Opened, timeoutMs: number, what: string): Promise<void> {
  try {
    await answered(session, timeoutMs, () => session.query('COMMIT'));
  } catch (error) {
    const isOpen =
      error instanceof MigrateError && ['TARGET.CONNECTION', 'TARGET.FULL', 'TARGET.TRANSIENT'].includes(error.code);
    if (!isOpen) throw error;
    throw new MigrateError('TARGET.COMMIT_UNKNOWN', `the connection broke while ${what} was being committed`, {
      cause: error,
    });
  }
}
