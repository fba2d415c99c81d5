// What the tests of MySQL's and MariaDB's log share: a server, a database of its own, and a reader that takes what arrives.

import { setImmediate as nextTurn } from 'node:timers/promises';
import mysql from 'mysql2';
import { logEnd, positionOf } from '../../src/databases/mysql/log/head.ts';
import { CREATE_MARKER_TABLE, WRITE_MARKER } from '../../src/databases/mysql/log/marker.ts';
import { askTexts } from '../../src/databases/mysql/log/source-facts.ts';
import { MysqlStream, type MysqlStreamOptions } from '../../src/databases/mysql/log/stream.ts';
import type { Position } from '../../src/model/position.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { LogReader } from './log-fixture.ts';

export const RUN = 'test-run';

export class MysqlLogFixture {
  readonly server: MysqlServer;
  readonly schema: string;
  readonly #opened: mysql.Connection[] = [];
  readonly #readers: LogReader[] = [];

  private constructor(server: MysqlServer, schema: string) {
    this.server = server;
    this.schema = schema;
  }

  /** With a database of that name, made anew. */
  static async open(server: MysqlServer, schema = 'shop'): Promise<MysqlLogFixture> {
    const fixture = new MysqlLogFixture(server, schema);
    const db = await fixture.connect({ database: '' });
    await db.promise().query('CREATE DATABASE IF NOT EXISTS migrate');
    await db.promise().query(CREATE_MARKER_TABLE);
    await db.promise().query(`DROP DATABASE IF EXISTS ${schema}`);
    await db.promise().query(`CREATE DATABASE ${schema}`);
    return fixture;
  }

  /** Of a server that gets everything from another one. */
  static async follower(server: MysqlServer): Promise<MysqlLogFixture> {
    return new MysqlLogFixture(server, 'mysql');
  }

  async connect(options: mysql.ConnectionOptions = {}): Promise<mysql.Connection> {
    const connection = mysql.createConnection({
      host: '127.0.0.1',
      port: this.server.port,
      user: 'root',
      database: this.schema,
      charset: 'utf8mb4',
      ...options,
    });
    connection.on('error', () => undefined);
    this.#opened.push(connection);
    await connection.promise().connect();
    return connection;
  }

  /** Runs statements one after another, in one session. */
  async run(...statements: readonly string[]): Promise<void> {
    const db = await this.connect();
    for (const statement of statements) await db.promise().query(statement);
    db.destroy();
  }

  /** Ends a session, and comes back when the server has ended it too. */
  async leave(session: mysql.Connection): Promise<void> {
    const { threadId } = session;
    session.destroy();
    const db = await this.connect();
    const gone = async (): Promise<boolean> =>
      (await askTexts(db, 'SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ?', [String(threadId)])).length ===
      0;
    while (!(await gone())) await nextTurn();
    db.destroy();
  }

  async mark(content: string): Promise<void> {
    const db = await this.connect();
    await db.promise().query(WRITE_MARKER, [RUN, content]);
    db.destroy();
  }

  async head(): Promise<Position> {
    const db = await this.connect();
    const end = await logEnd(db);
    db.destroy();
    return positionOf(end, () => this.connect());
  }

  /** The table as the catalog would describe it. */
  async table(name: string, more: Partial<Table> = {}): Promise<Table> {
    const db = await this.connect();
    const rows = await askTexts(
      db,
      `SELECT COLUMN_NAME, COLUMN_TYPE, COLUMN_KEY FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY ORDINAL_POSITION`,
      [this.schema, name],
    );
    db.destroy();
    return {
      id: tableId(this.schema, name),
      schema: this.schema,
      name,
      columns: rows.map(([column, type]) => ({
        name: column ?? '',
        type: type ?? '',
        castType: '',
      })),
      key: rows.flatMap(([, , key], index) => (key === 'PRI' ? [index] : [])),
      rowEstimate: 0,
      identity: 'key',
      spread: true,
      byteEstimate: 0,
      ...more,
    };
  }

  stream(tables: readonly Table[], options: Partial<MysqlStreamOptions> = {}): MysqlStream {
    return new MysqlStream({ connect: () => this.connect({ database: '' }), run: RUN, tables, ...options });
  }

  /** Reads the log from a position; closed with the fixture. */
  async read(from: Position, tables: readonly Table[], options: Partial<MysqlStreamOptions> = {}): Promise<LogReader> {
    const reader = await LogReader.open(this.stream(tables, options), from);
    this.#readers.push(reader);
    return reader;
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()));
    for (const connection of this.#opened) connection.destroy();
  }
}
