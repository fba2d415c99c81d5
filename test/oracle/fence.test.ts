// The fence of an Oracle target: nobody but the run writes until it is opened, and nothing of it is left when it is taken off.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { OracleServer, type OracleSession } from '../../src/databases/oracle/connection.ts';
import { oraCode } from '../../src/databases/oracle/errors.ts';
import { OracleFence } from '../../src/databases/oracle/fence/fence.ts';
import { closeNew, fencedTables } from '../../src/databases/oracle/fence/new.ts';
import { FENCE_REFUSES } from '../../src/databases/oracle/fence/text.ts';
import { LEASE_SCHEMA } from '../../src/databases/oracle/lease-proof.ts';
import { ensureTable } from '../../src/databases/oracle/own-tables.ts';
import { passFence } from '../../src/databases/oracle/pass.ts';
import { tableId } from '../../src/model/table.ts';
import type { OracleServer as Fleet } from '../fleet/oracle.ts';
import { openOracle } from '../fleet/oracle-shared.ts';

const claim = { run: 'orders', epoch: 1 };
const options = { id: 'a1b2c3d4', claim };
const table = { id: tableId('SHOP', 'ORDERS'), schema: 'SHOP', name: 'ORDERS' };
const other = { id: tableId('SHOP', 'ITEMS'), schema: 'SHOP', name: 'ITEMS' };

let fleet: Fleet;
let server: OracleServer;
let session: OracleSession;
let application: OracleSession;
let fence: OracleFence;

beforeAll(async () => {
  fleet = await openOracle();
  server = new OracleServer('target', fleet.url, 'orders');
  session = await server.session();
  application = await new OracleServer('target', fleet.url).session();
  await ensureTable(session, LEASE_SCHEMA);
  await session.execute(
    `INSERT INTO "MIGRATE$LEASE" ("RUN", "EPOCH", "TAKEN_AT") VALUES ('orders', 1, LOCALTIMESTAMP)`,
  );
  await session.commit();
  for (const name of ['ORDERS', 'ITEMS']) await session.execute(`CREATE TABLE "SHOP"."${name}" ("ID" NUMBER(10))`);
  fence = new OracleFence({ server, claim: () => claim, id: options.id });
});
afterAll(async () => {
  await application?.close();
  await server?.close();
  await fleet?.close();
});

const WRITES = [
  'INSERT INTO "SHOP"."ORDERS" ("ID") VALUES (1)',
  'UPDATE "SHOP"."ORDERS" SET "ID" = 2',
  'DELETE FROM "SHOP"."ORDERS" WHERE "ID" = 77',
];

async function refusals(): Promise<readonly (number | undefined)[]> {
  const codes: (number | undefined)[] = [];
  for (const write of WRITES) {
    codes.push(
      await application.execute(write).then(
        () => undefined,
        (error: unknown) => oraCode(error),
      ),
    );
  }
  await application.rollback();
  return codes;
}

const NOBODY = WRITES.map(() => FENCE_REFUSES);
const EVERYBODY = WRITES.map(() => undefined);

test('a new table is closed to all but the run, until the fence is opened and taken off', async () => {
  expect(await fence.state()).toEqual({ kind: 'absent' });
  expect(await refusals()).toEqual(EVERYBODY);
  await closeNew(session, options, [table]);
  expect(await refusals()).toEqual(NOBODY);
  expect(await fencedTables(session, options.id, [table, other])).toEqual([table]);
  expect(await fence.state()).toEqual({ kind: 'permanent' });

  const own = await server.session();
  await passFence(own, 'orders');
  for (const write of WRITES) await own.execute(write);
  await own.commit();
  await own.close();

  // Made once more after the commit point it stays open.
  await fence.open();
  await closeNew(session, options, [table, other]);
  expect(await fence.state()).toEqual({ kind: 'open' });
  expect(await refusals()).toEqual(EVERYBODY);
  await fence.permanent();
  expect(await refusals()).toEqual(NOBODY);

  for (let times = 0; times < 2; times++) await fence.disarm();
  expect(await fence.state()).toEqual({ kind: 'absent' });
  expect(await fencedTables(session, options.id, [table, other])).toEqual([]);
  expect(await refusals()).toEqual(EVERYBODY);
});

test('who has lost the lease neither closes nor opens anything, and a table that is gone is named', async () => {
  const late = { id: 'late', claim: { run: 'orders', epoch: 0 } };
  await expect(closeNew(session, late, [table])).rejects.toMatchObject({ code: 'LEASE.LOST' });
  expect(await refusals()).toEqual(EVERYBODY);
  const gone = { ...table, id: tableId('SHOP', 'GONE'), name: 'GONE' };
  await expect(closeNew(session, options, [gone])).rejects.toMatchObject({ code: 'SCHEMA.CHANGED' });
  const lost = new OracleFence({ server, claim: () => late.claim, id: options.id });
  await expect(lost.open()).rejects.toMatchObject({ code: 'LEASE.LOST' });
  expect(await fence.state()).toEqual({ kind: 'permanent' });
  await fence.disarm();
});
