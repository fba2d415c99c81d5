// A MySQL or MariaDB server and the sessions that are opened on it: set up alike, every value as text or bytes, errors
// translated.

import { type Connection, createConnection, type QueryOptions, type RowDataPacket } from 'mysql2';
import type { MigrateError } from '../../lib/errors.ts';
import type { Side } from '../../model/side.ts';
import { translateError } from './errors.ts';
import { connectionOptions } from './url.ts';

export type TextRow = readonly (string | null)[];
/** Bytes in the columns that were asked for as bytes. */
export type ValueRow = readonly (string | Buffer | null)[];

export interface Selection {
  readonly sql: string;
  /** By the name of the column in the result. */
  readonly bytes: ReadonlySet<string>;
}

/** Rows on their way. */
export interface Flow {
  /** Resolves when the server said that it sent every row. */
  readonly done: Promise<void>;
  pause(): void;
  resume(): void;
}

// Nothing here may depend on how the server or the user is set up. A snapshot is held for hours, idle most of the time.
const SETTINGS = [
  'SET NAMES utf8mb4',
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
  `SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES', autocommit = 1, sql_safe_updates = 0,
     sql_select_limit = DEFAULT, sql_auto_is_null = 0, lock_wait_timeout = 10, innodb_lock_wait_timeout = 10,
     net_read_timeout = 600, net_write_timeout = 3600, wait_timeout = 2147483`,
];

export class MysqlServer {
  readonly side: Side;
  readonly #url: string;
  readonly #idle: MysqlSession[] = [];
  readonly #open = new Set<MysqlSession>();
  #closed = false;

  constructor(side: Side, url: string) {
    this.side = side;
    this.#url = url;
  }

  /** A bare connection that nobody else uses, as the log is read with. */
  async connect(): Promise<Connection> {
    const connection = createConnection({ ...connectionOptions(this.side, this.#url), charset: 'utf8mb4' });
    // Whoever waits for an answer is told as well.
    connection.on('error', () => undefined);
    try {
      await connection.promise().connect();
      return connection;
    } catch (error) {
      connection.destroy();
      throw translateError(this.side, error, true);
    }
  }

  /** A session that the caller closes. */
  async session(): Promise<MysqlSession> {
    const session = new MysqlSession(this.side, await this.connect(), () => this.#open.delete(session));
    this.#open.add(session);
    try {
      for (const setting of SETTINGS) await session.query(setting);
      if (this.#closed) session.close();
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Lends a session that is kept for the next one who asks. After an error it is not: nobody knows its state. */
  async use<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    const session = this.#idle.pop() ?? (await this.session());
    try {
      const result = await work(session);
      if (this.#closed) session.close();
      else this.#idle.push(session);
      return result;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Cuts every session, with whatever is under way. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const session of [...this.#open]) session.close();
  }
}

export class MysqlSession {
  readonly connection: Connection;
  /** Rejects when the connection breaks; not when it is closed. */
  readonly lost: Promise<never>;
  readonly #side: Side;
  readonly #onClose: () => void;
  /** Ends `lost`, and what is under way: the driver tells a statement whose rows stream nothing. */
  #fail: (error: MigrateError) => void = () => undefined;
  #failStatement: (error: MigrateError) => void = () => undefined;

  constructor(side: Side, connection: Connection, onClose: () => void) {
    this.#side = side;
    this.connection = connection;
    this.#onClose = onClose;
    this.lost = new Promise((_, reject) => {
      this.#fail = (error) => {
        reject(error);
        this.#failStatement(error);
      };
    });
    this.lost.catch(() => undefined);
    connection.on('error', (error) => this.#fail(translateError(side, error)));
  }

  /** The rows of a statement, every value as text; none for a statement that returns none. */
  async query(sql: string): Promise<readonly TextRow[]> {
    const rows = await this.rows({ sql, bytes: NO_BYTES });
    return rows as readonly TextRow[];
  }

  rows(selection: Selection): Promise<readonly ValueRow[]> {
    return new Promise((resolve, reject) => {
      this.#failStatement = reject;
      this.connection.query<RowDataPacket[][]>(asked(selection), (thrown: unknown, rows) => {
        if (thrown === null || thrown === undefined) {
          resolve(Array.isArray(rows) ? (rows as unknown as readonly ValueRow[]) : []);
          return;
        }
        const error = translateError(this.#side, thrown);
        reject(error);
        if (isFatal(thrown)) this.#fail(error);
      });
    });
  }

  /** Hands over the rows as they come, until paused. When `take` throws, the session is closed: nothing else ends a statement. */
  each(selection: Selection, take: (row: ValueRow) => void): Flow {
    const query = this.connection.query(asked(selection));
    const done = new Promise<void>((resolve, reject) => {
      let failed = false;
      this.#failStatement = reject;
      query.on('error', (error) => reject(translateError(this.#side, error)));
      query.on('result', (row) => {
        if (failed) return;
        try {
          take(row as unknown as ValueRow);
        } catch (error) {
          failed = true;
          reject(error);
          this.close();
        }
      });
      query.on('end', () => resolve());
    });
    return { done, pause: () => this.connection.pause(), resume: () => this.connection.resume() };
  }

  /** Cuts the connection, with whatever is under way on it. Safe to call twice. */
  close(): void {
    this.#onClose();
    this.connection.destroy();
    this.#failStatement(translateError(this.#side, CLOSED));
  }
}

const CLOSED = Object.assign(new Error('the session was closed'), { code: 'ECONNABORTED' });

function isFatal(thrown: unknown): boolean {
  return thrown instanceof Error && 'fatal' in thrown && thrown.fatal === true;
}

const NO_BYTES: ReadonlySet<string> = new Set();

function asked({ sql, bytes }: Selection): QueryOptions {
  return {
    sql,
    rowsAsArray: true,
    typeCast: (field) => (bytes.has(field.name) ? field.buffer() : field.string('utf8')),
  };
}
