// What the tests of MySQL as a target share: a server with the run's own tables, and the target that is tested on it.

import { unconverted } from '../../src/databases/conversion.ts';
import { readCatalog } from '../../src/databases/mysql/catalog.ts';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import { JOURNAL_SCHEMA } from '../../src/databases/mysql/journal/schema.ts';
import { LEASE_SCHEMA } from '../../src/databases/mysql/lease-proof.ts';
import { quoteName } from '../../src/databases/mysql/sql.ts';
import { MysqlTarget, type MysqlTargetOptions } from '../../src/databases/mysql/target.ts';
import type { Catalog } from '../../src/model/catalog.ts';

export const RUN = 'target-test';
export const ID = 'a1b2c3d4';
export const CLAIM = { run: RUN, epoch: 7 };

export class TargetFixture {
  readonly server: MysqlServer;
  readonly session: MysqlSession;
  readonly target: MysqlTarget;

  private constructor(server: MysqlServer, session: MysqlSession) {
    this.server = server;
    this.session = session;
    this.target = this.targetWith({});
  }

  /** Without any database but those of the server and the run. */
  static async open(port: number): Promise<TargetFixture> {
    const server = new MysqlServer('target', `mysql://root@127.0.0.1:${port}/`);
    const fixture = new TargetFixture(server, await server.session());
    await fixture.run("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0");
    const databases = await fixture.session.query('SHOW DATABASES');
    for (const [name] of databases) {
      if (!['information_schema', 'mysql', 'performance_schema', 'sys'].includes(name ?? ''))
        await fixture.run(`DROP DATABASE ${quoteName(name ?? '')}`);
    }
    await fixture.run(...LEASE_SCHEMA, ...JOURNAL_SCHEMA);
    await fixture.run(
      `INSERT INTO migrate.lease VALUES ('${CLAIM.run}', ${CLAIM.epoch}, 'test', UTC_TIMESTAMP(6), '')`,
    );
    return fixture;
  }

  targetWith(options: Partial<MysqlTargetOptions>): MysqlTarget {
    return new MysqlTarget({
      server: this.server,
      id: ID,
      claim: () => CLAIM,
      conversionOf: unconverted,
      networkTimeoutMs: 30_000,
      builders: 2,
      connections: 10,
      existing: false,
      ...options,
    });
  }

  /** One whose runner is gone when it is about to run statement number `n` that changes the schema. */
  crashingAt(n: number, options: Partial<MysqlTargetOptions> = {}): MysqlTarget {
    let left = n;
    return this.targetWith({
      ...options,
      claim: () => {
        left -= 1;
        if (left <= 0) throw new Error('gone');
        return CLAIM;
      },
    });
  }

  async run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.session.query(statement);
  }

  async rows(statement: string): Promise<readonly (readonly (string | null)[])[]> {
    return this.session.query(statement);
  }

  describe(...include: readonly string[]): Promise<Catalog> {
    return readCatalog(this.session, { include, exclude: [] });
  }

  /** Makes a schema by hand, describes it, and takes it away again. */
  async plan(schemas: readonly string[], ...statements: readonly string[]): Promise<Catalog> {
    for (const schema of schemas) await this.run(`CREATE DATABASE ${quoteName(schema)}`);
    await this.run(...statements);
    const catalog = await this.describe(...schemas.map((schema) => `${schema.replace(/[\\*?]/g, '\\$&')}.*`));
    for (const schema of schemas) await this.run(`DROP DATABASE ${quoteName(schema)}`);
    return catalog;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}

/** Without what the server guesses. */
export function settled(catalog: Catalog): Catalog {
  return {
    ...catalog,
    notCarried: [],
    tables: catalog.tables.map((definition) => ({
      ...definition,
      table: { ...definition.table, rowEstimate: 0, byteEstimate: 0 },
    })),
  };
}
