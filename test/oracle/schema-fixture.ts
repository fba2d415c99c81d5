// What the tests of the schema of an Oracle target share: a server with a lease, the run that changes it, and catalogs made by hand.

import type { LeaseClaim } from '../../src/databases/lease-store.ts';
import { OracleServer, type OracleSession } from '../../src/databases/oracle/connection.ts';
import type { NewFence } from '../../src/databases/oracle/fence/new.ts';
import { LEASE_SCHEMA, proveLease } from '../../src/databases/oracle/lease-proof.ts';
import { altering, type SchemaChanges } from '../../src/databases/oracle/schema-session.ts';
import type { Catalog, ColumnDefinition, SequenceDefinition, TableDefinition } from '../../src/model/catalog.ts';
import { tableId } from '../../src/model/table.ts';
import type { Fault, OracleOptions, OracleServer as StandIn } from '../fleet/oracle.ts';
import { openOracle } from '../fleet/oracle-shared.ts';

export const RUN = 'target-test';
export const ID = 'a1b2c3d4';
export const CLAIM = { run: RUN, epoch: 7 };
export const FENCE: NewFence = { id: ID, claim: CLAIM };

export class SchemaFixture {
  readonly server: OracleServer;
  readonly session: OracleSession;
  readonly #standIn: StandIn;

  private constructor(standIn: StandIn, server: OracleServer, session: OracleSession) {
    this.#standIn = standIn;
    this.server = server;
    this.session = session;
  }

  static open(...schemas: readonly string[]): Promise<SchemaFixture> {
    return SchemaFixture.openWith({ schemas });
  }

  static async openWith(options: OracleOptions): Promise<SchemaFixture> {
    const standIn = await openOracle(options);
    const server = new OracleServer('target', standIn.url, RUN);
    const fixture = new SchemaFixture(standIn, server, await server.session());
    await fixture.run(
      LEASE_SCHEMA,
      `INSERT INTO "MIGRATE$LEASE" ("RUN", "EPOCH", "HOLDER", "TAKEN_AT", "TARGET")
       VALUES ('${RUN}', ${CLAIM.epoch}, 'test', SYS_EXTRACT_UTC(SYSTIMESTAMP), 'here')`,
    );
    await fixture.session.commit();
    return fixture;
  }

  /** PostgreSQL below the stand-in. */
  get below(): string {
    return this.#standIn.below;
  }

  /** Of the stand-in alone. */
  fault(fault: Fault): Promise<void> {
    return this.#standIn.fault(fault);
  }

  /** A server in whose sessions another user of the stand-in works. */
  serverOf(user: string): OracleServer {
    const url = new URL(this.#standIn.url);
    [url.username, url.password] = [user, user.toLowerCase()];
    return new OracleServer('target', url.href);
  }

  readonly change = <T>(work: (changes: SchemaChanges) => Promise<T>): Promise<T> => this.#changing(() => CLAIM, work);

  /** As `change`, of a runner that is gone when it is about to run statement number `n` that changes the schema. */
  crashingAt(n: number): <T>(work: (changes: SchemaChanges) => Promise<T>) => Promise<T> {
    let left = n;
    const claim = () => {
      left -= 1;
      if (left <= 0) throw new Error('gone');
      return CLAIM;
    };
    return (work) => this.#changing(claim, work);
  }

  /** In a session that is kept for the next one: to log in takes the stand-in long. */
  #changing<T>(claim: () => LeaseClaim, work: (changes: SchemaChanges) => Promise<T>): Promise<T> {
    return this.server.use((session) => {
      const run = async (statement: string): Promise<void> => {
        await session.transaction(() => proveLease(session, claim()));
        await altering(session, statement, { lockAttempts: 1 });
      };
      return work({ session, run });
    });
  }

  async run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.session.execute(statement);
  }

  /** Of any kind, in order: `TABLE ORDERS`. */
  async objects(schema: string): Promise<readonly string[]> {
    const rows = await this.session.query(
      `SELECT OBJECT_TYPE, OBJECT_NAME FROM ALL_OBJECTS WHERE OWNER = '${schema}' AND OBJECT_NAME NOT LIKE '%ISEQ%' ORDER BY 1, 2`,
    );
    return rows.map((row) => row.join(' '));
  }

  async constraints(schema: string): Promise<readonly string[]> {
    const rows = await this.session.query(
      `SELECT TABLE_NAME, CONSTRAINT_TYPE, CONSTRAINT_NAME, STATUS, VALIDATED FROM ALL_CONSTRAINTS WHERE OWNER = '${schema}'
       AND CONSTRAINT_NAME NOT LIKE '%NOT_NULL' AND CONSTRAINT_NAME NOT LIKE 'SYS_C%' ORDER BY 1, 2, 3`,
    );
    return rows.map((row) => row.join(' '));
  }

  /** Nothing is left in the schemas, and nothing known of it. */
  async clear(...schemas: readonly string[]): Promise<void> {
    await this.session.rollback();
    this.session.show('');
    for (const schema of schemas) {
      // Tables first: their defaults may need a sequence.
      for (const object of (await this.objects(schema)).toReversed()) {
        const [, kind = '', name = ''] = /^(TABLE|VIEW|SEQUENCE) (.*)$/.exec(object) ?? [];
        const how = kind === 'TABLE' ? ' CASCADE CONSTRAINTS PURGE' : '';
        if (kind !== '') await this.run(`DROP ${kind} "${schema}"."${name}"${how}`);
      }
    }
    for (const name of ['MADE', 'FENCE', 'PASS']) {
      if ((await this.objects('MIGRATE')).includes(`TABLE MIGRATE$${name}`))
        await this.run(`DROP TABLE "MIGRATE$${name}" PURGE`);
    }
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.#standIn.close();
  }
}

type Column = Partial<ColumnDefinition> & Pick<ColumnDefinition, 'name' | 'type'>;

/** Its key is the first column. */
export function table(
  schema: string,
  name: string,
  columns: readonly Column[],
  rest: Partial<TableDefinition> = {},
): TableDefinition {
  const key = columns[0]?.name ?? '';
  return {
    table: {
      id: tableId(schema.toLowerCase(), name.toLowerCase()),
      schema,
      name,
      columns: columns
        .filter(({ generated }) => generated === undefined || generated === null)
        .map((column) => ({ name: column.name, type: column.type, castType: column.type.replace(/\(.*/, '') })),
      key: [0],
      identity: 'key',
      spread: true,
      rowEstimate: 0,
      byteEstimate: 0,
    },
    inherits: [],
    columns: columns.map((column) => ({
      collation: null,
      notNull: column.name === key,
      notNullName: null,
      defaultExpression: null,
      identity: null,
      generated: null,
      settings: [],
      comment: null,
      ...column,
    })),
    key: { kind: 'constraint', ...named(`${name}_PK`, `PRIMARY KEY ("${key}")`) },
    checks: [],
    uniqueConstraints: [],
    indexes: [],
    foreignKeys: [],
    partitionOf: null,
    settings: [],
    comment: null,
    ...rest,
  };
}

export function named(name: string, definition: string) {
  return { name, definition, comment: null, roles: [] };
}

export function sequence(schema: string, name: string, rest: Partial<SequenceDefinition> = {}): SequenceDefinition {
  return {
    schema,
    name,
    type: 'bigint',
    start: '1',
    increment: '1',
    minimum: '1',
    maximum: '9223372036854775807',
    cache: '1',
    cycle: false,
    owner: null,
    users: [],
    comment: null,
    ...rest,
  };
}

export function catalog(tables: readonly TableDefinition[], sequences: readonly SequenceDefinition[] = []): Catalog {
  const schemas = [...tables.map(({ table }) => table.schema), ...sequences.map(({ schema }) => schema)];
  return {
    tables,
    parents: [],
    types: [],
    extensions: [],
    sequences,
    schemas: [...new Set(schemas)].sort(),
    notCarried: [],
  };
}

/** A shop with most of what a table may have. */
export function shop(schema = 'SHOP'): Catalog {
  const customers = table(
    schema,
    'CUSTOMERS',
    [
      { name: 'ID', type: 'NUMBER(19)', notNull: true, identity: 'always' },
      { name: 'EMAIL', type: 'VARCHAR2(80 CHAR)', notNull: true, comment: "it's where they are written to" },
      { name: 'KIND', type: 'VARCHAR2(20 CHAR)', defaultExpression: `'it''s "new"'` },
      { name: 'DOUBLED', type: 'NUMBER', generated: { expression: '"ID" * 2', stored: false } },
    ],
    {
      comment: 'who buys',
      uniqueConstraints: [named('CUSTOMERS_EMAIL', 'UNIQUE ("EMAIL")')],
      indexes: [
        named(
          'CUSTOMERS_LOWER',
          `CREATE INDEX "${schema}"."CUSTOMERS_LOWER" ON "${schema}"."CUSTOMERS" (LOWER("EMAIL"), "ID" DESC)`,
        ),
      ],
      checks: [named('CUSTOMERS_KIND', `CHECK ("KIND" <> 'no "ID"')`)],
    },
  );
  const orders = table(
    schema,
    'ORDERS',
    [
      { name: 'ID', type: 'NUMBER(19)', notNull: true, defaultExpression: `"${schema}"."TICKETS".NEXTVAL` },
      { name: 'CUSTOMER', type: 'NUMBER(19)', notNull: true },
      {
        name: 'AT',
        type: 'TIMESTAMP(6) WITH TIME ZONE',
        notNull: true,
        defaultExpression: 'SYSTIMESTAMP',
      },
      { name: 'TOTAL', type: 'NUMBER(12,2)' },
    ],
    {
      indexes: [named('ORDERS_AT', `CREATE UNIQUE INDEX "ORDERS_AT" ON "${schema}"."ORDERS" ("AT", "ID")`)],
      foreignKeys: [
        {
          ...named(
            'ORDERS_CUSTOMER',
            `FOREIGN KEY ("CUSTOMER") REFERENCES "${schema}"."CUSTOMERS" ("ID") ON DELETE CASCADE`,
          ),
          references: customers.table.id,
        },
      ],
    },
  );
  return catalog(
    [customers, orders],
    [
      sequence(schema, 'CUSTOMERS_ID_SEQ', { owner: { table: customers.table.id, column: 'ID', identity: true } }),
      sequence(schema, 'TICKETS', { increment: '5', users: [orders.table.id] }),
    ],
  );
}
