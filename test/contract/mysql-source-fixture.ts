// What the tests of MySQL and MariaDB as sources share: a server with a database of its own, seen by the product.

import { unconverted } from '../../src/databases/conversion.ts';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import { MysqlSource } from '../../src/databases/mysql/source.ts';
import type { TableDefinition } from '../../src/model/catalog.ts';
import type { Table } from '../../src/model/table.ts';

export const SCHEMA = 'shop';
export const RUN = 'source-test';

export class SourceFixture {
  readonly server: MysqlServer;
  readonly source: MysqlSource;
  readonly session: MysqlSession;
  tables: readonly Table[] = [];
  definitions: readonly TableDefinition[] = [];

  private constructor(server: MysqlServer, session: MysqlSession, readers: number) {
    this.server = server;
    this.session = session;
    this.source = new MysqlSource({
      server,
      run: RUN,
      readers,
      conversionOf: unconverted,
      id: '00000000',
      selection: { include: [`${SCHEMA}.*`], exclude: [] },
      claim: () => ({ run: RUN, epoch: 1 }),
      tables: [],
      endsTransactions: false,
      connections: 10,
      onWaiting: () => undefined,
    });
  }

  /** With an empty database. */
  static async open(port: number, { user = 'root', readers = 2 } = {}): Promise<SourceFixture> {
    const server = new MysqlServer('source', `mysql://${user}@127.0.0.1:${port}/`);
    const fixture = new SourceFixture(server, await server.session(), readers);
    if (user === 'root') await fixture.run(`DROP DATABASE IF EXISTS ${SCHEMA}`, `CREATE DATABASE ${SCHEMA}`);
    await fixture.run(`USE ${SCHEMA}`);
    return fixture;
  }

  async run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.session.query(statement);
  }

  /** Runs the statements and describes what they made. */
  async make(...statements: readonly string[]): Promise<readonly Table[]> {
    await this.run(...statements);
    return this.describe();
  }

  async describe(): Promise<readonly Table[]> {
    const catalog = await this.source.describe({ include: [`${SCHEMA}.*`], exclude: [] });
    this.definitions = catalog.tables;
    this.tables = catalog.tables.map(({ table }) => table);
    return this.tables;
  }

  /** A table that was made. */
  table(name: string): Table {
    const found = this.tables.find((table) => table.name === name);
    if (found === undefined) throw new Error(`${name} was not described`);
    return found;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
