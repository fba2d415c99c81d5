// A MySQL or MariaDB server and the sessions that are opened on it: set up alike, every value as text or bytes, errors
// translated.

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import {
  type Connection,
  createConnection,
  type Query,
  type QueryOptions,
  type ResultSetHeader,
  type RowDataPacket,
} from 'mysql2';
import type { MigrateError } from '../../lib/errors.ts';
import type { Side } from '../../model/side.ts';
import { translateError } from './errors.ts';
import { joinRun } from './run-sessions.ts';
import { connectionOptions } from './url.ts';

export type TextRow = readonly (string | null)[];
/** Bytes in the columns that were asked for as bytes. */
export type ValueRow = readonly (string | Buffer | null)[];

export interface Selection {
  readonly sql: string;
  /** By the name of the column in the result. */
  readonly bytes: ReadonlySet<string>;
}

export interface WritingStatement {
  readonly sql: string;
  /** In place of its question marks: what would take twice its size within the text. */
  readonly parameters?: readonly (string | Buffer)[];
  /** What LOAD DATA LOCAL reads; paused while the socket is full. */
  readonly file?: () => Readable;
}

export interface Written {
  /** Of an UPDATE those that it found, whether or not they changed. */
  readonly rows: number;
  /** Warnings and notes. */
  readonly warnings: number;
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
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE',
  // No limit is DEFAULT: that is what the server is set to. MySQL and MariaDB each read the comments that are for them.
  `SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES', autocommit = 1, sql_safe_updates = 0,
     sql_select_limit = 18446744073709551615, sql_big_selects = 1, sql_auto_is_null = 0, sql_quote_show_create = 1,
     completion_type = 'NO_CHAIN',
     lock_wait_timeout = 10, innodb_lock_wait_timeout = 10, wait_timeout = 2147483 /*!50800 , max_execution_time = 0 */
     /*M! , max_statement_time = 0, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0,
       idle_write_transaction_timeout = 0 */`,
];
// Of a peer that takes or sends rows slowly.
const PATIENCE = 'SET SESSION net_read_timeout = 600, net_write_timeout = 3600';

export class MysqlServer {
  readonly side: Side;
  readonly #url: string;
  readonly #run: string | undefined;
  readonly #idle: MysqlSession[] = [];
  readonly #open = new Set<MysqlSession>();
  #closed = false;

  /** `run`: whose sessions these are, so that whoever takes over from this process can end them. */
  constructor(side: Side, url: string, run?: string) {
    this.side = side;
    this.#url = url;
    this.#run = run;
  }

  /** The connection ids of the open sessions. */
  get ids(): readonly number[] {
    return [...this.#open].map(({ id }) => id);
  }

  /** A connection that nobody else uses, as the log is read with. */
  async connect(): Promise<Connection> {
    const connection = createConnection({ ...connectionOptions(this.side, this.#url), charset: 'utf8mb4' });
    // Whoever waits for an answer is told as well.
    connection.on('error', () => undefined);
    try {
      await connection.promise().connect();
      for (const setting of SETTINGS) await connection.promise().query(setting);
      return connection;
    } catch (error) {
      connection.destroy();
      throw translateError(this.side, error, true);
    }
  }

  /** A session that the caller closes. One that waits for the lease is not the run's yet: `ofRun`. */
  async session({ ofRun = true }: { readonly ofRun?: boolean } = {}): Promise<MysqlSession> {
    const session = new MysqlSession(this.side, await this.connect(), () => this.#open.delete(session));
    this.#open.add(session);
    try {
      await session.query(PATIENCE);
      if (ofRun && this.#run !== undefined) await joinRun(session, { run: this.#run, side: this.side });
      if (this.#closed) session.close();
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Lends a session that is kept for the next one who asks. After an error it is not: nobody knows its state. */
  async use<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    let session = this.#idle.pop();
    // Ended by the server meanwhile.
    while (session?.broken) session = this.#idle.pop();
    session ??= await this.session();
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
  #broken = false;

  constructor(side: Side, connection: Connection, onClose: () => void) {
    this.#side = side;
    this.connection = connection;
    this.#onClose = onClose;
    this.lost = new Promise((_, reject) => {
      this.#fail = (error) => {
        this.#broken = true;
        reject(error);
        this.#failStatement(error);
      };
    });
    this.lost.catch(() => undefined);
    connection.on('error', (error) => this.#fail(translateError(side, error)));
  }

  /** True when no further statement can succeed. */
  get broken(): boolean {
    return this.#broken;
  }

  /** By which the server calls it. */
  get id(): number {
    return this.connection.threadId ?? 0;
  }

  get socket(): Socket {
    return (this.connection as unknown as { readonly stream: Socket }).stream;
  }

  /** The rows of a statement, every value as text; none for a statement that returns none. */
  async query(sql: string): Promise<readonly TextRow[]> {
    const rows = await this.rows({ sql, bytes: NO_BYTES });
    return rows as readonly TextRow[];
  }

  async rows(selection: Selection): Promise<readonly ValueRow[]> {
    const answer = await this.#ask(asked(selection));
    return Array.isArray(answer) ? (answer as unknown as readonly ValueRow[]) : [];
  }

  /** How many rows a statement wrote; of an UPDATE, how many it found, whether or not they changed. */
  async execute(sql: string): Promise<number> {
    return (await this.write({ sql })).rows;
  }

  async write({ sql, parameters, file }: WritingStatement): Promise<Written> {
    const plain = asked({ sql, bytes: NO_BYTES });
    const answer = await this.#ask(file === undefined ? plain : { ...plain, infileStreamFactory: file }, parameters);
    return 'affectedRows' in answer
      ? { rows: Number(answer.affectedRows), warnings: Number(answer.warningStatus) }
      : { rows: 0, warnings: 0 };
  }

  /** Commits what `work` did. When it throws, rolls back; a session that cannot even do that is broken. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.query('START TRANSACTION');
    try {
      const result = await work();
      await this.query('COMMIT');
      return result;
    } catch (error) {
      await this.query('ROLLBACK').catch(() => this.close());
      throw error;
    }
  }

  #ask(
    options: QueryOptions,
    parameters: readonly (string | Buffer)[] = [],
  ): Promise<RowDataPacket[][] | ResultSetHeader> {
    return new Promise((resolve, reject) => {
      this.#failStatement = reject;
      const done = (thrown: unknown, answer: RowDataPacket[][] | ResultSetHeader): void => {
        // Prepared statements are too many for the server to keep.
        if (parameters.length > 0) this.connection.unprepare(options.sql);
        if (thrown === null || thrown === undefined) {
          resolve(answer);
          return;
        }
        const error = translateError(this.#side, thrown);
        reject(error);
        if (isFatal(thrown)) this.#fail(error);
      };
      if (parameters.length === 0) this.connection.query<RowDataPacket[][] | ResultSetHeader>(options, done);
      else this.connection.execute<RowDataPacket[][] | ResultSetHeader>(options.sql, [...parameters], done);
    });
  }

  /** Hands over the rows as they come, until paused. When `take` throws, the session is closed: nothing else ends a statement. */
  each(selection: Selection, take: (row: ValueRow) => void): Flow {
    const query = this.connection.query(asked(selection));
    const { flow, guarded } = this.#flow(query);
    query.on(
      'result',
      guarded((row: unknown) => take(row as ValueRow)),
    );
    return flow;
  }

  /**
   * As `each`, for rows as the server sends them, which cost a fraction: a row lies in `bytes` from `offset` on, and is valid
   * during the call only.
   */
  eachPacket(sql: string, take: (bytes: Buffer, offset: number) => void): Flow {
    const query = this.connection.query({ sql, rowsAsArray: true });
    const { flow, guarded } = this.#flow(query);
    // In place of the parser that the driver makes for each statement, which would make every value a text first.
    const parser = { next: guarded(({ buffer, offset }: RowPacket) => take(buffer, offset)) };
    Object.defineProperty(query, '_rowParser', { get: () => parser, set: () => undefined });
    return flow;
  }

  #flow(query: Query): { readonly flow: Flow; guarded<T>(take: (row: T) => void): (row: T) => void } {
    let fail: (error: unknown) => void = () => undefined;
    let failed = false;
    const done = new Promise<void>((resolve, reject) => {
      fail = reject;
      this.#failStatement = reject;
      query.on('error', (error) => reject(translateError(this.#side, error)));
      query.on('end', () => resolve());
    });
    const guarded =
      <T>(take: (row: T) => void) =>
      (row: T): void => {
        if (failed) return;
        try {
          take(row);
        } catch (error) {
          failed = true;
          fail(error);
          this.close();
        }
      };
    return { flow: { done, pause: () => this.connection.pause(), resume: () => this.connection.resume() }, guarded };
  }

  /** Cuts the connection, with whatever is under way on it. Safe to call twice. */
  close(): void {
    this.#broken = true;
    this.#onClose();
    this.connection.destroy();
    this.#failStatement(translateError(this.#side, CLOSED));
  }
}

/** The driver uses it again for the next one. */
interface RowPacket {
  readonly buffer: Buffer;
  readonly offset: number;
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
