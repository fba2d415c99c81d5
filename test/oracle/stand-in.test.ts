// What the other tests of this project rely on.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { withClient } from '../fleet/databases.ts';
import { type OracleServer, withOracle } from '../fleet/oracle.ts';
import { openOracle, REAL_ORACLE } from '../fleet/oracle-shared.ts';

let oracle: OracleServer;
beforeAll(async () => {
  oracle = await openOracle();
});
afterAll(() => oracle?.close());

const withStandIn = test.skipIf(REAL_ORACLE !== undefined);

withStandIn('what is written through the driver is read from PostgreSQL below', async () => {
  await withOracle(oracle.url, async (session) => {
    await session.execute('CREATE TABLE "SHOP"."T" ("ID" NUMBER(20), "ORDER" VARCHAR2(5 CHAR), "F" CLOB)', []);
    await session.execute('INSERT INTO "SHOP"."T" VALUES (:1, :2, :3)', ['18446744073709551615', 'ä', 'x'.repeat(9)]);
    await session.commit();
  });
  const { rows } = await withClient(oracle.below, (client) => client.query('SELECT id, "order", f FROM shop.t'));
  expect(rows).toEqual([{ id: '18446744073709551615', order: 'ä', f: 'xxxxxxxxx' }]);
});

withStandIn('a fault is answered by the statement that it was set for, as often as it was set', async () => {
  await oracle.fault({ pattern: '^SELECT 7', action: { oraCode: 60 }, skip: 1 });
  await withOracle(oracle.url, async (session) => {
    await session.execute('SELECT 7 FROM DUAL', []);
    await session.execute('SELECT 8 FROM DUAL', []);
    await expect(session.execute('SELECT 7 FROM DUAL', [])).rejects.toThrow('ORA-00060');
    await session.execute('SELECT 7 FROM DUAL', []);
  });
});

withStandIn.each([
  ['before', '0'],
  ['after', '1'],
] as const)('a connection that is lost %s a commit leaves %s rows', async (moment, rows) => {
  const table = `"SHOP"."${moment.toUpperCase()}"`;
  const lost = withOracle(oracle.url, async (session) => {
    await session.execute(`CREATE TABLE ${table} ("ID" NUMBER(20))`, []);
    await session.execute(`INSERT INTO ${table} VALUES (1)`, []);
    await oracle.fault({ pattern: '^COMMIT$', moment, action: 'drop' });
    await session.commit();
  });
  await expect(lost).rejects.toMatchObject({ code: 'NJS-500' });
  const found = await withClient(oracle.below, (client) => client.query(`SELECT count(*) FROM shop.${moment}`));
  expect(found.rows).toEqual([{ count: rows }]);
});

withStandIn('after a crash it is there again with what was committed', async () => {
  await withOracle(oracle.url, async (session) => {
    await session.execute('CREATE TABLE "SHOP"."KEPT" ("ID" NUMBER(20))', []);
  });
  await oracle.crash();
  await expect(withOracle(oracle.url, async () => undefined)).rejects.toThrow('NJS-503');
  await oracle.restart();
  await withOracle(oracle.url, (session) => session.execute('SELECT "ID" FROM "SHOP"."KEPT"', []));
});
