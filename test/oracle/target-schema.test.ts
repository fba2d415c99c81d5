// The schema of an Oracle target: made closed, completed, referred to, counted on, renamed and dropped.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createTables, dropTables } from '../../src/databases/oracle/build.ts';
import { completeTables } from '../../src/databases/oracle/complete.ts';
import { OracleForeignKeys } from '../../src/databases/oracle/foreign-keys.ts';
import { OpenTables } from '../../src/databases/oracle/open-tables.ts';
import { passFence } from '../../src/databases/oracle/pass.ts';
import { renameCatalog } from '../../src/databases/oracle/rename.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { withClient } from '../fleet/databases.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { catalog, FENCE, named, RUN, SchemaFixture, shop, table } from './schema-fixture.ts';

const MADE = [
  'CUSTOMERS C CUSTOMERS_KIND ENABLED VALIDATED',
  'CUSTOMERS P CUSTOMERS_PK ENABLED VALIDATED',
  'ORDERS P ORDERS_PK ENABLED VALIDATED',
];
const COMPLETE = [...MADE.slice(0, 2), 'CUSTOMERS U CUSTOMERS_EMAIL ENABLED VALIDATED', ...MADE.slice(2)];

describe('Oracle', () => {
  let db: SchemaFixture;
  beforeAll(async () => {
    db = await SchemaFixture.open('SHOP', 'SALES');
  });
  afterEach(() => db?.clear('SHOP', 'SALES'));
  afterAll(() => db?.close());

  const create = (made: Catalog, change = db.change) => change((changes) => createTables(changes, made, FENCE));
  const complete = (made: Catalog, progress: (subject: string) => void = () => undefined, change = db.change) =>
    completeTables(made, { builders: 2, progress, change });
  const drop = (): Promise<void> => db.change((changes) => dropTables(changes, FENCE));

  test('a schema is made with its keys only, closed to others, and completed; a second time nothing is done', async () => {
    await create(shop());
    expect(await db.constraints('SHOP')).toEqual(MADE);
    await expect(db.session.execute(`DELETE FROM "SHOP"."ORDERS"`)).rejects.toMatchObject({
      cause: { errorNum: 20901 },
    });
    const subjects: string[] = [];
    await complete(shop(), (subject) => subjects.push(subject));
    expect(await db.constraints('SHOP')).toEqual(COMPLETE);
    expect(subjects.toSorted()).toEqual([
      'constraint "CUSTOMERS_EMAIL" on shop.customers',
      'index "CUSTOMERS_LOWER" on shop.customers',
      'index "ORDERS_AT" on shop.orders',
    ]);
    await create(shop());
    await complete(shop(), () => expect.unreachable('nothing is missing'));
    await passFence(db.session, RUN);
    await db.run(
      `INSERT INTO "SHOP"."CUSTOMERS" ("ID", "EMAIL") VALUES (7, 'a')`,
      `INSERT INTO "SHOP"."ORDERS" ("CUSTOMER") VALUES (7)`,
    );
    expect(await db.session.query('SELECT "KIND", "DOUBLED" FROM "SHOP"."CUSTOMERS"')).toEqual([['it\'s "new"', '14']]);
    expect(await db.session.query('SELECT "ID" FROM "SHOP"."ORDERS"')).toEqual([['1']]);
  });

  test('runners that die, one after another, before any statement leave what the last one ends with', async () => {
    const wanted = shop();
    // A few statements of each are said again.
    const alive = (): Promise<boolean> => {
      const change = db.crashingAt(3);
      return create(wanted, change)
        .then(() => complete(wanted, () => undefined, change))
        .then(
          () => true,
          (error) => {
            expect(error).toMatchObject({ message: 'gone' });
            return false;
          },
        );
    };
    let deaths = 0;
    while (!(await alive())) {
      deaths += 1;
      const open = await db.session.query(
        `SELECT TABLE_NAME FROM ALL_TABLES WHERE OWNER = 'SHOP' AND TABLE_NAME NOT IN
           (SELECT TABLE_NAME FROM ALL_TRIGGERS WHERE TABLE_OWNER = 'SHOP')`,
      );
      // Only the one that was being made.
      expect(open.length).toBeLessThan(2);
      expect(deaths).toBeLessThan(20);
    }
    expect(deaths).toBeGreaterThan(2);
    expect(await db.constraints('SHOP')).toEqual(COMPLETE);
    expect(await db.objects('SHOP')).toEqual([
      'INDEX CUSTOMERS_EMAIL',
      'INDEX CUSTOMERS_LOWER',
      'INDEX CUSTOMERS_PK',
      'INDEX ORDERS_AT',
      'INDEX ORDERS_PK',
      'SEQUENCE TICKETS',
      'TABLE CUSTOMERS',
      'TABLE ORDERS',
    ]);
    await drop();
    expect(await db.objects('SHOP')).toEqual([]);
  });

  test('what somebody else made is left alone and told', async () => {
    const wanted = shop();
    for (const [made, kind, name] of [
      ['CREATE TABLE "SHOP"."ORDERS" ("ID" NUMBER)', 'TABLE', 'ORDERS'],
      ['CREATE VIEW "SHOP"."ORDERS" AS SELECT 1 AS "ID" FROM DUAL', 'VIEW', 'ORDERS'],
      ['CREATE SEQUENCE "SHOP"."TICKETS"', 'SEQUENCE', 'TICKETS'],
    ]) {
      await db.run(made ?? '');
      await expect(create(wanted)).rejects.toMatchObject({
        code: 'TARGET.REFUSED',
        message: expect.stringContaining(`"SHOP"."${name}"`),
      });
      expect(await db.objects('SHOP')).toEqual([`${kind} ${name}`]);
      await drop();
      expect(await db.objects('SHOP')).toEqual([`${kind} ${name}`]);
      await db.run(`DROP ${kind} "SHOP"."${name}"`);
    }
  });

  test.skipIf(REAL_ORACLE !== undefined)(
    'what the server refused to make is not taken for the run’s own later',
    async () => {
      await db.fault({ pattern: '^CREATE TABLE "SHOP"."ORDERS"', action: { oraCode: 1031 } });
      await expect(create(shop())).rejects.toMatchObject({ cause: { errorNum: 1031 } });
      await db.run('CREATE TABLE "SHOP"."ORDERS" ("ID" NUMBER)');
      await expect(create(shop())).rejects.toMatchObject({
        message: 'target: "SHOP"."ORDERS" exists, and the run did not make it',
      });
      await drop();
      expect(await db.objects('SHOP')).toEqual(['TABLE ORDERS']);
    },
  );

  test('rows that somebody wrote before the table was closed are told, not mixed with the copy', async () => {
    const change = db.crashingAt(99);
    const written = change(({ session, run }) =>
      createTables(
        {
          session,
          run: async (statement) => {
            await run(statement);
            if (!statement.startsWith('CREATE TABLE "SHOP"."ORDERS"')) return;
            await db.run('INSERT INTO "SHOP"."ORDERS" ("ID", "CUSTOMER") VALUES (1, 1)');
            await db.session.commit();
          },
        },
        shop(),
        FENCE,
      ),
    );
    await expect(written).rejects.toMatchObject({
      code: 'TARGET.REFUSED',
      message: expect.stringContaining('shop.orders'),
    });
  });

  test('tables for the direct path are made without the fence, whoever dies meanwhile, and closed by name', async () => {
    const wanted = shop();
    const open = new OpenTables({ change: db.change, fence: () => FENCE });
    const sent: string[] = [];
    const make = (change = db.change) =>
      change(({ session, run }) => {
        const sending = (statement: string): Promise<void> => {
          sent.push(statement);
          return run(statement);
        };
        return createTables({ session, run: sending }, wanted, FENCE, true);
      });
    for (let n = 2; ; n++) {
      const made = await make(db.crashingAt(n)).then(
        () => true,
        () => false,
      );
      if (made) break;
      await drop();
      expect(await db.session.query('SELECT "NAME" FROM "MIGRATE$MADE"')).toEqual([]);
    }
    await make();
    const tables = sent.filter((statement) => statement.startsWith('CREATE TABLE'));
    expect(tables.filter((statement) => !statement.endsWith('\n) LOGGING'))).toEqual([]);
    expect(await open.list()).toEqual(new Set(['["SHOP","CUSTOMERS"]', '["SHOP","ORDERS"]']));
    await db.run('INSERT INTO "SHOP"."ORDERS" ("ID", "CUSTOMER") VALUES (1, 1)', 'DELETE FROM "SHOP"."ORDERS"');
    await db.session.commit();
    // A later start of a plan without the option.
    await create(wanted);
    expect(await open.list()).toEqual(new Set());
    await expect(db.session.execute('DELETE FROM "SHOP"."ORDERS"')).rejects.toMatchObject({
      cause: { errorNum: 20901 },
    });
  });

  test.skipIf(REAL_ORACLE !== undefined)(
    'where the account may not let a schema refer to another, an administrator does, and it is seen',
    async () => {
      const customers = table('SHOP', 'CUSTOMERS', [{ name: 'ID', type: 'NUMBER(19)', notNull: true }]);
      const definition = 'FOREIGN KEY ("ID") REFERENCES "SHOP"."CUSTOMERS" ("ID")';
      const key = { ...named('F', definition), references: customers.table.id };
      const wanted = catalog([
        customers,
        table('SALES', 'MINE', [{ name: 'ID', type: 'NUMBER(19)', notNull: true }], { foreignKeys: [key] }),
      ]);
      await create(wanted);
      const refused = { pattern: '^GRANT', action: { oraCode: 1031 } } as const;
      await db.fault(refused);
      const statement = 'GRANT REFERENCES ON "SHOP"."CUSTOMERS" TO "SALES", "MIGRATE"';
      await expect(complete(wanted)).rejects.toMatchObject({
        code: 'TARGET.REFUSED',
        fix: expect.stringContaining(`: ${statement};`),
      });
      const owner = db.serverOf('SHOP');
      await owner.use((session) => session.execute(statement));
      await owner.close();
      await db.fault(refused);
      await complete(wanted);
      await new OracleForeignKeys({ change: db.change, existing: false }).add(wanted);
      expect(await db.constraints('SALES')).toContain('MINE R F ENABLED NOT VALIDATED');
      await withClient(db.below, (client) => client.query('DELETE FROM standin.faults'));
    },
  );

  test.skipIf(REAL_ORACLE !== undefined)(
    'who keeps a statement from its table is named, where that may be seen',
    async () => {
      await create(shop());
      await passFence(db.session, RUN);
      await db.run(`INSERT INTO "SHOP"."CUSTOMERS" ("ID", "EMAIL") VALUES (7, 'a')`);
      const [[sid] = []] = await db.session.query("SELECT SYS_CONTEXT('USERENV', 'SID') FROM DUAL");
      const busy = { pattern: '^ALTER TABLE', action: { oraCode: 54 } } as const;
      const alter = () => db.change(({ run }) => run('ALTER TABLE "SHOP"."CUSTOMERS" ADD ("MORE" NUMBER)'));
      await db.fault(busy);
      await expect(alter()).rejects.toMatchObject({
        code: 'TARGET.TRANSIENT',
        message: expect.stringMatching(`ORA-00054.*; session '${sid},\\d+,@1' on the target .*holds a lock on it`),
        cause: { cause: { errorNum: 54 } },
      });
      await db.session.rollback();
      await db.fault(busy);
      await expect(alter()).rejects.toMatchObject({ message: expect.not.stringContaining('session') });
      await alter();
    },
  );

  test('what is dropped is what the run made: nothing that others refer to', async () => {
    const wanted = shop();
    const keys = new OracleForeignKeys({ change: db.change, existing: false });
    await create(wanted);
    await complete(wanted);
    await keys.add(wanted);
    await db.run(
      'CREATE TABLE "SALES"."MINE" ("ID" NUMBER(19) NOT NULL)',
      'ALTER TABLE "SALES"."MINE" ADD CONSTRAINT "THEIRS" FOREIGN KEY ("ID") REFERENCES "SHOP"."CUSTOMERS" ("ID")',
      'CREATE TABLE "SHOP"."MORE" ("ID" NUMBER)',
    );
    await expect(drop()).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
    await db.run('ALTER TABLE "SALES"."MINE" DROP CONSTRAINT "THEIRS"');
    await drop();
    expect(await db.objects('SHOP')).toEqual(['TABLE MORE']);
    expect(await db.objects('SALES')).toEqual(['TABLE MINE']);
  });

  test('foreign keys are added without a look at the rows, taken back, and looked at later', async () => {
    const wanted = shop();
    const keys = new OracleForeignKeys({ change: db.change, existing: false });
    const state = async (): Promise<readonly string[]> =>
      (await db.constraints('SHOP')).filter((one) => one.includes('ORDERS_CUSTOMER'));
    await create(wanted);
    await passFence(db.session, RUN);
    await db.run(
      `INSERT INTO "SHOP"."CUSTOMERS" ("ID", "EMAIL") VALUES (7, 'a')`,
      'INSERT INTO "SHOP"."ORDERS" ("ID", "CUSTOMER") VALUES (1, 8)',
    );
    await db.session.commit();
    await keys.add(wanted);
    await keys.add(wanted);
    expect(await state()).toEqual(['ORDERS R ORDERS_CUSTOMER ENABLED NOT VALIDATED']);
    await expect(db.run('INSERT INTO "SHOP"."ORDERS" ("ID", "CUSTOMER") VALUES (2, 9)')).rejects.toMatchObject({
      cause: { errorNum: 2291 },
    });
    await db.session.rollback();
    const subject = 'foreign key "ORDERS_CUSTOMER" on shop.orders';
    expect(await keys.validate(wanted, () => undefined)).toEqual({ validated: 0, notValid: [subject] });
    await db.run('UPDATE "SHOP"."ORDERS" SET "CUSTOMER" = 7');
    await db.session.commit();
    expect(await keys.validate(wanted, () => undefined)).toEqual({ validated: 1, notValid: [] });
    expect(await state()).toEqual(['ORDERS R ORDERS_CUSTOMER ENABLED VALIDATED']);
    await keys.remove(wanted);
    await keys.remove(wanted);
    expect(await state()).toEqual([]);
  });

  test('the server makes what a catalog says under other names', async () => {
    const wanted = shop();
    const [customers, orders] = wanted.tables.map((definition) => definition.table);
    if (customers === undefined || orders === undefined) throw new Error('not there');
    const column = (from: string, to: string) => ({ from, to, inherited: false });
    const { catalog: renamed, findings } = renameCatalog(wanted, {
      tables: [
        { table: customers, schema: 'sales', name: 'people', columns: [column('id', 'kind'), column('kind', 'id')] },
        {
          table: { ...orders, schema: 'shop', name: 'orders' },
          schema: 'shop',
          name: 'orders',
          columns: [column('customer', 'buyer')],
        },
      ],
      schemas: [],
    });
    expect(findings).toEqual([]);
    if (renamed === undefined) throw new Error('not renamed');
    expect(renamed.schemas).toEqual(['SALES', 'SHOP']);
    await create(renamed);
    await complete(renamed);
    await new OracleForeignKeys({ change: db.change, existing: false }).add(renamed);
    expect(await db.objects('SALES')).toEqual([
      'INDEX CUSTOMERS_EMAIL',
      'INDEX CUSTOMERS_LOWER',
      'INDEX CUSTOMERS_PK',
      'TABLE PEOPLE',
    ]);
    await passFence(db.session, RUN);
    await db.run(`INSERT INTO "SALES"."PEOPLE" ("KIND", "EMAIL") VALUES (7, 'a')`);
    await db.run('INSERT INTO "SHOP"."ORDERS" ("ID", "BUYER") VALUES (1, 7)');
    expect(await db.session.query('SELECT "ID", "DOUBLED" FROM "SALES"."PEOPLE"')).toEqual([['it\'s "new"', '14']]);
    await expect(db.run(`UPDATE "SALES"."PEOPLE" SET "ID" = 'no "ID"'`)).rejects.toMatchObject({
      cause: { errorNum: 2290 },
    });
  });

  test('names that no server takes are found before anything is made', async () => {
    const wanted = catalog([table('SHOP', 'A', [{ name: 'ID', type: 'NUMBER' }])]);
    const [{ table: a } = {}] = wanted.tables;
    if (a === undefined) throw new Error('not there');
    const found = (schema: string, name: string, to: string): readonly string[] => {
      const tables = [{ table: a, schema, name, columns: [{ from: 'ID', to, inherited: false }] }];
      return renameCatalog(wanted, { tables, schemas: [] }).findings.map(({ subject }) => subject);
    };
    expect(found('fine', 'ok', 'é'.repeat(64))).toEqual([]);
    expect(found('sys', 'rowid', 'x'.repeat(129))).toEqual([
      `tables.map ${'X'.repeat(129)}`,
      'tables.map ROWID',
      'tables.map SYS',
    ]);
  });

  test('an index on columns that have one already is no reason to stop', async () => {
    const twice = table('SHOP', 'A', [{ name: 'ID', type: 'NUMBER' }], {
      indexes: [named('A_ID', 'CREATE INDEX "A_ID" ON "SHOP"."A" ("ID")')],
    });
    await create(catalog([twice]));
    await complete(catalog([twice]));
  });
});
