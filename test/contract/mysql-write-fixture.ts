// A MySQL target with a journal and a run in it, and what writes rows there.

import type { ConversionOf } from '../../src/databases/conversion.ts';
import { MysqlServer } from '../../src/databases/mysql/connection.ts';
import { closeNew } from '../../src/databases/mysql/fence/new.ts';
import { MysqlJournal } from '../../src/databases/mysql/journal/journal.ts';
import { readCheckpoints } from '../../src/databases/mysql/journal/moves.ts';
import { LEASE_SCHEMA } from '../../src/databases/mysql/lease-proof.ts';
import { MysqlLoader } from '../../src/databases/mysql/load.ts';
import { preparePass } from '../../src/databases/mysql/pass.ts';
import { readingOf } from '../../src/databases/mysql/values.ts';
import { MysqlLane } from '../../src/databases/mysql/write/lane.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { SourceFixture } from './mysql-source-fixture.ts';

export const CLAIM = { run: 'writing', epoch: 7 };
export const position = (text: string): Position => text as Position;

/** As between two servers of this kind. */
export const hexOf: ConversionOf = (column) =>
  readingOf(column).isBytes
    ? { print: (own) => own.toString('hex'), read: (hex) => Buffer.from(String(hex), 'hex'), hex: '' }
    : { print: (own) => own, read: (text) => text, isSame: true };

export class WriteFixture {
  readonly db: SourceFixture;
  readonly server: MysqlServer;

  private constructor(db: SourceFixture, url: string) {
    this.db = db;
    this.server = new MysqlServer('target', url);
  }

  /** With a journal of a run. */
  static async open(port: number): Promise<WriteFixture> {
    const db = await SourceFixture.open(port);
    await db.run(
      'DROP DATABASE IF EXISTS migrate',
      ...LEASE_SCHEMA,
      `INSERT INTO migrate.lease VALUES ('${CLAIM.run}', ${CLAIM.epoch}, 'test', UTC_TIMESTAMP(6), '')`,
    );
    const fixture = new WriteFixture(db, `mysql://root@127.0.0.1:${port}/`);
    const journal = new MysqlJournal(fixture.server, CLAIM.run, () => CLAIM);
    await journal.create({
      name: CLAIM.run,
      id: '01234567',
      planHash: '',
      planFields: {},
      sourceIdentity: '',
      targetIdentity: '',
      catalog: { tables: [], parents: [], types: [], extensions: [], sequences: [], schemas: [], notCarried: [] },
      fingerprint: '',
      lanes: 2,
    });
    await preparePass(db.session, CLAIM.run);
    await journal.tables.openLanes(position('1'));
    return fixture;
  }

  /** As it was, with an empty database and two lanes at `1`. */
  async reset(): Promise<void> {
    await this.db.run(
      'DROP DATABASE shop',
      'CREATE DATABASE shop',
      'USE shop',
      "SET sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES'",
      ...['tables', 'chunk', 'key_chunk', 'dead_letter'].map((table) => `DELETE FROM migrate.${table}`),
      "UPDATE migrate.checkpoint SET position = '1', changes = 0",
      `UPDATE migrate.lease SET epoch = ${CLAIM.epoch}`,
    );
  }

  lane(conversionOf = hexOf): MysqlLane {
    return new MysqlLane({ server: this.server, claim: CLAIM, direction: 'forward', conversionOf });
  }

  loader(conversionOf = hexOf, networkTimeoutMs = 30_000): MysqlLoader {
    return new MysqlLoader({ server: this.server, claim: CLAIM, conversionOf, networkTimeoutMs });
  }

  async make(name: string, ...statements: readonly string[]): Promise<Table> {
    await this.db.make(...statements);
    return this.db.table(name);
  }

  /** The rows of a query, each as one text. */
  async rows(query: string): Promise<readonly string[]> {
    return (await this.db.session.query(query)).map((row) => row.map((value) => value ?? 'NULL').join('|'));
  }

  /** The value of the first row's first column. */
  async one(query: string): Promise<string> {
    return (await this.rows(query))[0] ?? '';
  }

  async checkpoints(): Promise<readonly string[]> {
    const read = await this.server.use((session) => readCheckpoints(session, CLAIM, 'forward'));
    return read.map(({ lane, position: at }) => `${lane} ${at}`);
  }

  /** Closes tables to everyone but the run, as a target's are from the start. */
  closeFence(...tables: readonly Table[]): Promise<void> {
    return closeNew(this.db.session, { id: 'f0', claim: CLAIM }, tables);
  }

  /** Journals one chunk, which is not done yet. */
  async planChunk(table: Table): Promise<void> {
    await this.db.run(
      `INSERT INTO migrate.tables (run, table_id, lane, spread) VALUES ('${CLAIM.run}', '${table.id}', 0, false)`,
      `INSERT INTO migrate.chunk (run, table_id, ordinal) VALUES ('${CLAIM.run}', '${table.id}', 0)`,
    );
  }

  /** Resolves with the session of the server that is at a statement like this, once there is one. */
  async idOf(statement: string): Promise<string> {
    const own = await this.one('SELECT CONNECTION_ID()');
    for (;;) {
      const id = await this.one(
        `SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '${statement}' AND ID <> ${own}`,
      );
      if (id !== '') return id;
    }
  }

  /** Resolves when a session waits for the lock of a row. */
  async rowLockWait(): Promise<void> {
    while ((await this.one("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")).endsWith('|0'));
  }

  /** The sessions of the server. */
  ids(): Promise<readonly string[]> {
    return this.rows('SELECT ID FROM information_schema.PROCESSLIST');
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.db.close();
  }
}
