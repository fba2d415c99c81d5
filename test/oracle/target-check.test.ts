// The preflight of an Oracle target: what it finds, and what cures it.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { unconverted } from '../../src/databases/conversion.ts';
import { OracleTarget } from '../../src/databases/oracle/target.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { withClient } from '../fleet/databases.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { CLAIM, catalog, ID, named, SchemaFixture, shop, table } from './schema-fixture.ts';

describe('Oracle', () => {
  let db: SchemaFixture;
  beforeAll(async () => {
    db = await SchemaFixture.open('SHOP', 'SALES');
  });
  afterEach(() => db?.clear('SHOP', 'SALES'));
  afterAll(() => db?.close());

  const targetWith = (existing: boolean): OracleTarget =>
    new OracleTarget({
      server: db.server,
      id: ID,
      claim: () => CLAIM,
      conversionOf: unconverted,
      networkTimeoutMs: 30_000,
      builders: 2,
      connections: 10,
      existing,
    });
  /** But for those that are about rights to watch the server. */
  const found = async (wanted: Catalog, { resuming = false, existing = false } = {}): Promise<readonly string[]> => {
    const findings = await targetWith(existing).check(wanted, resuming);
    return findings
      .filter(
        ({ code, level }) => code !== 'PREFLIGHT.ORACLE_TESTED' && !(code === 'PREFLIGHT.RIGHT' && level === 'warning'),
      )
      .map(({ level, code, subject, cure }) => `${level} ${code.replace('PREFLIGHT.', '')} ${subject}: ${cure}`);
  };

  test('nothing stands in the way of a schema that the run can make, and none of what it has made', async () => {
    expect(await found(shop())).toEqual([]);
    const target = targetWith(false);
    await target.create(shop());
    await target.complete(shop(), () => undefined);
    expect(await found(shop(), { resuming: true })).toEqual([]);
    expect(await target.firing(shop())).toEqual([]);
    await db.run('DROP TABLE "SHOP"."ORDERS" PURGE');
    expect(await found(shop(), { resuming: true })).toEqual([
      "error TARGET_TABLE_GONE shop.orders: migrate table add 'shop.orders'  # if it is new; if it was dropped, migrate abort --drop, then start again",
    ]);
  });

  test('what is in the way is told, each with the statement that moves it', async () => {
    await db.run(
      'CREATE TABLE "SHOP"."CUSTOMERS" ("ID" NUMBER)',
      'CREATE VIEW "SHOP"."ORDERS" AS SELECT 1 AS "ID" FROM DUAL',
      'CREATE SEQUENCE "SHOP"."TICKETS"',
      'CREATE TABLE "SHOP"."OTHER" ("ID" NUMBER, CONSTRAINT "ORDERS_PK" PRIMARY KEY ("ID"))',
    );
    expect(await found(shop())).toEqual([
      'error TARGET_NOT_EMPTY shop.customers: ALTER TABLE "SHOP"."CUSTOMERS" RENAME TO "CUSTOMERS_BEFORE_MIGRATE"; -- on the target',
      'error TARGET_NOT_EMPTY shop.orders: DROP VIEW "SHOP"."ORDERS"; -- on the target, when nobody needs it; or another name in tables.map',
      'error TARGET_SEQUENCE SHOP.TICKETS: DROP SEQUENCE "SHOP"."TICKETS"; -- on the target, when nobody needs it',
      'error ORACLE_NAME constraint "ORDERS_PK" on shop.orders: ALTER TABLE "SHOP"."OTHER" RENAME CONSTRAINT "ORDERS_PK" TO …; -- on the target',
      'error ORACLE_NAME index "ORDERS_PK" on shop.orders: ALTER INDEX "SHOP"."ORDERS_PK" RENAME TO …; -- on the target',
    ]);
  });

  test('schemas that are not there or not for applications, and names and widths that no server takes, are told before', async () => {
    const wide = table('NOBODY', 'T', [
      { name: 'ID', type: 'NUMBER(19)' },
      { name: 'X'.repeat(129), type: 'VARCHAR2(4001 CHAR)' },
      { name: 'R', type: 'RAW(2001)' },
    ]);
    const twin = table('PUBLIC', 'U', [{ name: 'ID', type: 'NUMBER' }]);
    const twice = [
      table('SHOP', 'A', [{ name: 'ID', type: 'NUMBER' }], { checks: [named('SAME', 'CHECK (1 = 1)')] }),
      table('SHOP', 'B', [{ name: 'ID', type: 'NUMBER' }], { checks: [named('SAME', 'CHECK (1 = 1)')] }),
    ];
    expect(await found(catalog([wide, twin, ...twice]))).toEqual([
      'error ORACLE_SCHEMA NOBODY: CREATE USER "NOBODY" NO AUTHENTICATION; ALTER USER "NOBODY" QUOTA UNLIMITED ON USERS; -- or another tablespace',
      'error ORACLE_SCHEMA PUBLIC: tables: { map: { "public.*": "app.*" } }  # in the plan',
      `error ORACLE_NAME ${'X'.repeat(129)}: Give it a shorter name in tables.map of the plan, or on the source.`,
      'error ORACLE_NAME constraint "SAME" on shop.b: Give one of them another name on the source, or one of the tables another schema in tables.map.',
      `error ORACLE_TEXT_LIMIT nobody.t.${'X'.repeat(129)}: convert: { columns: { "nobody.t.${'X'.repeat(129)}": CLOB } }  # in the plan`,
      'error ORACLE_TEXT_LIMIT nobody.t.R: convert: { columns: { "nobody.t.R": BLOB } }  # in the plan',
    ]);
  });

  test.skipIf(REAL_ORACLE !== undefined)(
    'rights that are missing are told with the statement that gives them',
    async () => {
      await withClient(db.below, (client) =>
        client.query("DELETE FROM standin.privileges WHERE privilege IN ('CREATE ANY INDEX', 'UPDATE ANY TABLE')"),
      );
      const making =
        'CREATE ANY TABLE, ALTER ANY TABLE, DROP ANY TABLE, COMMENT ANY TABLE, CREATE ANY INDEX, CREATE ANY SEQUENCE, ALTER ANY SEQUENCE, DROP ANY SEQUENCE, SELECT ANY SEQUENCE';
      const writing = 'SELECT ANY TABLE, INSERT ANY TABLE, UPDATE ANY TABLE, DELETE ANY TABLE';
      expect(await found(shop())).toEqual([
        `error RIGHT ${making} on schema SHOP: GRANT ${making} ON SCHEMA "SHOP" TO "MIGRATE";`,
        `error RIGHT ${writing} on schema SHOP: GRANT ${writing} ON SCHEMA "SHOP" TO "MIGRATE";`,
      ]);
      await withClient(db.below, (client) =>
        client.query("INSERT INTO standin.privileges VALUES ('CREATE ANY INDEX'), ('UPDATE ANY TABLE')"),
      );
    },
  );

  test.skipIf(REAL_ORACLE !== undefined)(
    'what an older server, or one that keeps its files as one, does not take is told, and a schema that compares texts otherwise',
    async () => {
      const newer = table('SHOP', 'T', [
        { name: 'ID', type: 'NUMBER(19)' },
        { name: 'DOC', type: 'JSON' },
        { name: 'PAID', type: 'BOOLEAN' },
        { name: 'LONG'.repeat(8), type: 'NUMBER' },
      ]);
      expect(await found(catalog([newer]))).toEqual([]);
      const below = (statement: string): Promise<unknown> => withClient(db.below, (client) => client.query(statement));
      await below("UPDATE standin.parameters SET value = '19.0.0' WHERE name = 'compatible'");
      await below("INSERT INTO standin.collations VALUES ('SHOP', 'BINARY_CI')");
      const leave = (column: string): string =>
        `error ORACLE_TYPE shop.t.${column}: Leave "shop.t.${column}" out of convert.columns in the plan.`;
      const collation =
        'error ORACLE_COLLATION SHOP DEFAULT COLLATION BINARY_CI: ALTER USER "SHOP" DEFAULT COLLATION USING_NLS_COMP; -- it says nothing of tables that are there';
      expect(await found(catalog([newer]))).toEqual([leave('DOC'), leave('PAID'), collation]);
      await below("UPDATE standin.parameters SET value = '12.1.0.2.0' WHERE name = 'compatible'");
      const cut = `error ORACLE_NAME ${'LONG'.repeat(8)}: convert: { longestName: 30 }  # in the plan; what tables.map names stays as it is`;
      expect(await found(catalog([newer]))).toEqual([cut, leave('DOC'), leave('PAID')]);
      await below("UPDATE standin.parameters SET value = '23.6.0' WHERE name = 'compatible'");
      await below('DELETE FROM standin.collations');
    },
  );

  test('a table of more columns than Oracle has is told', async () => {
    const wide = Array.from({ length: 1_001 }, (_, index) => ({ name: `C${index}`, type: 'NUMBER' }));
    expect(await found(catalog([table('SHOP', 'T', wide)]))).toEqual([
      'error ORACLE_COLUMNS shop.t: tables: { exclude: ["shop.t"] }  # in the plan',
    ]);
  });

  test('tables that were made by hand have to take every row, hold its key unique, and do nothing by themselves', async () => {
    const wanted = shop();
    await db.run(
      `CREATE TABLE "SHOP"."CUSTOMERS" ("ID" NUMBER(19) NOT NULL, "EMAIL" VARCHAR2(40 CHAR), "KIND" VARCHAR2(80 CHAR) NOT NULL,
         "MORE" NUMBER NOT NULL, CONSTRAINT "C_PK" PRIMARY KEY ("ID"))`,
      `CREATE TABLE "SHOP"."ORDERS" ("ID" NUMBER(19) NOT NULL, "CUSTOMER" NUMBER(19) NOT NULL, "AT" TIMESTAMP(6) WITH TIME ZONE,
         "TOTAL" NUMBER(12,2), CONSTRAINT "O_FK" FOREIGN KEY ("CUSTOMER") REFERENCES "SHOP"."CUSTOMERS" ("ID"))`,
      `INSERT INTO "SHOP"."CUSTOMERS" VALUES (1, 'a', 'b', 2)`,
    );
    await db.session.commit();
    const on = (name: string, action: string): string => `ALTER TABLE "SHOP"."${name}" ${action}; -- on the target`;
    const findings = await found(wanted, { existing: true });
    expect(findings.filter((one) => !one.startsWith('info'))).toEqual([
      `error TARGET_COLUMN shop.customers.EMAIL: ${on('CUSTOMERS', 'MODIFY ("EMAIL" VARCHAR2(80 CHAR))')}`,
      `error TARGET_COLUMN shop.customers.KIND: ${on('CUSTOMERS', 'MODIFY ("KIND" VARCHAR2(20 CHAR) NULL)')}`,
      `error TARGET_COLUMN shop.customers.MORE: ${on('CUSTOMERS', 'MODIFY ("MORE" NULL)')}`,
      `error TARGET_KEY shop.orders: ${on('ORDERS', 'ADD UNIQUE ("ID")')}`,
      `error TARGET_FIRES foreign key "O_FK" on shop.orders: ${on('ORDERS', 'MODIFY CONSTRAINT "O_FK" DISABLE')}; ENABLE VALIDATE after the cutover`,
      'error TARGET_ROWS shop.customers: TRUNCATE TABLE "SHOP"."CUSTOMERS"; -- on the target',
    ]);
    expect((await targetWith(true).fit(wanted)).sequences).toEqual([]);
    // The index behind one that may be deferred is not unique.
    await db.run('ALTER TABLE "SHOP"."ORDERS" ADD CONSTRAINT "O_PK" PRIMARY KEY ("ID") DEFERRABLE');
    const after = await found(wanted, { existing: true });
    expect(after.filter((one) => one.includes('TARGET_KEY'))).toEqual([]);
  });

  test('the statements that give the rights are for any account, and tell what applications need at the end', async () => {
    const { grants, role, database, afterwards } = await targetWith(false).grants(shop(), 'mover');
    expect({ role, database }).toEqual({ role: 'mover', database: 'SHOP' });
    expect(grants.map(({ statement }) => statement)).toContain('GRANT CREATE ANY TRIGGER TO "mover";');
    expect(grants.map(({ statement }) => statement)).toContain('GRANT SELECT ON SYS.GV_$SESSION TO "mover";');
    const script = /run (SELECT .*) and what it prints/.exec(afterwards ?? '')?.[1] ?? '';
    await targetWith(false).create(shop());
    // The stand-in has another name for the sequences behind identity columns.
    const printed = (await db.session.query(script)).map(String).filter((statement) => !statement.includes('_ISEQ'));
    expect(printed.toSorted()).toEqual([
      'GRANT SELECT ON "SHOP"."TICKETS" TO <application>;',
      'GRANT SELECT, INSERT, UPDATE, DELETE ON "SHOP"."CUSTOMERS" TO <application>;',
      'GRANT SELECT, INSERT, UPDATE, DELETE ON "SHOP"."ORDERS" TO <application>;',
    ]);
  });
});
