// Connections to MySQL: every value as text, in one time zone, and errors as the core knows them.

import { once } from 'node:events';
import mysql from 'mysql2';
import { MigrateError } from '../../src/lib/errors.ts';

export type TextValues = readonly (string | null)[];

const SETTINGS = `SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES', lock_wait_timeout = 10,
  transaction_isolation = 'REPEATABLE-READ', net_write_timeout = 3600`;
/** The table was emptied or altered after the snapshot was made. */
const TABLE_DEF_CHANGED = 1412;

export class MysqlSession {
  readonly #connection: mysql.Connection;
  /** Rejects when the connection breaks. */
  readonly lost: Promise<never>;

  private constructor(connection: mysql.Connection) {
    this.#connection = connection;
    this.lost = once(connection, 'error').then(([error]) => {
      throw translated(error);
    });
    this.lost.catch(() => undefined);
  }

  static async open(port: number): Promise<MysqlSession> {
    const session = new MysqlSession(
      mysql.createConnection({
        host: '127.0.0.1',
        port,
        user: 'root',
        charset: 'utf8mb4',
        rowsAsArray: true,
        typeCast: (field) => field.string('utf8'),
      }),
    );
    await session.query(SETTINGS);
    return session;
  }

  async query(text: string): Promise<readonly TextValues[]> {
    try {
      const [rows] = await this.#connection.promise().query<mysql.RowDataPacket[]>(text);
      return Array.isArray(rows) ? (rows as unknown as readonly TextValues[]) : [];
    } catch (error) {
      throw translated(error);
    }
  }

  /** The rows as they come, no faster than they are taken. */
  async *stream(text: string): AsyncGenerator<TextValues> {
    try {
      for await (const row of this.#connection.query(text).stream({ highWaterMark: 1_000 })) yield row as TextValues;
    } catch (error) {
      throw translated(error);
    }
  }

  /** Cuts the connection, with whatever is under way on it. */
  close(): void {
    this.#connection.destroy();
  }
}

/** Without MySQL's own words: they may hold values. */
function translated(error: unknown): unknown {
  if (!(error instanceof Error) || !('errno' in error)) return error;
  const { code, errno, fatal } = error as mysql.QueryError & Error;
  if (errno === TABLE_DEF_CHANGED)
    return new MigrateError('SNAPSHOT.LOST', 'a table was emptied or altered', { cause: error });
  return new MigrateError(fatal === true ? 'SOURCE.CONNECTION' : 'SOURCE.REFUSED', `MySQL answered ${code}`, {
    cause: error,
  });
}
