// The lease on Oracle: one runner at a time, an epoch that only grows, and whose sessions a runner ends.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { OracleServer, type OracleSession } from '../../src/databases/oracle/connection.ts';
import { proveLease } from '../../src/databases/oracle/lease-proof.ts';
import { OracleLeaseStore } from '../../src/databases/oracle/lease-store.ts';
import { ownTable, readOwnTables } from '../../src/databases/oracle/own-tables.ts';
import type { MigrateError } from '../../src/lib/errors.ts';
import { RunLease } from '../../src/runner/lease.ts';
import type { OracleServer as Fleet } from '../fleet/oracle.ts';
import { openOracle } from '../fleet/oracle-shared.ts';

let fleet: Fleet;
let admin: OracleSession;
const servers: OracleServer[] = [];
const row = { holder: 'a test', target: 'there' };

beforeAll(async () => {
  fleet = await openOracle();
  admin = await new OracleServer('target', fleet.url).session();
});
afterAll(async () => {
  await admin?.close();
  await fleet?.close();
});
beforeEach(async () => {
  for (const table of await readOwnTables(admin)) await admin.execute(`DROP TABLE ${ownTable(table)} PURGE`);
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function serverOf(run = 'orders'): OracleServer {
  const server = new OracleServer('target', fleet.url, run);
  servers.push(server);
  return server;
}

test('one lock is held at a time, by a session that says when it breaks, and closing it gives it back', async () => {
  const [first, second] = [new OracleLeaseStore(serverOf()), new OracleLeaseStore(serverOf())];
  const [held, waiting] = [await first.lock('orders'), await second.lock('orders')];
  expect([await held.take(), await waiting.take(), await held.take()]).toEqual([true, false, true]);
  const other = await second.lock('another');
  expect(await other.take()).toBe(true);
  await held.close();
  expect(await waiting.take()).toBe(true);
  // A later one of the same process ends the session that it had before.
  const again = await first.lock('orders', waiting.session);
  await expect(waiting.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  expect(await again.take()).toBe(true);
  await Promise.all([other.close(), again.close()]);
});

test('the epoch only grows, and is read where nothing was ever made', async () => {
  const store = new OracleLeaseStore(serverOf());
  expect(await store.read('orders')).toBeUndefined();
  expect(await store.prepare('orders')).toBeUndefined();
  expect(await store.raise('orders', { ...row, epoch: 3 })).toBe(true);
  expect(await store.raise('orders', { ...row, epoch: 3 })).toBe(false);
  expect(await store.raise('orders', { ...row, epoch: 2, holder: 'late' })).toBe(false);
  expect(await store.raise('orders', { ...row, epoch: 4 })).toBe(true);
  expect(await store.prepare('orders')).toEqual({ ...row, epoch: 4, takenAt: expect.stringMatching(/^\d{4}-/) });
  expect(await store.read('another')).toBeUndefined();
});

test('the epoch is raised when nobody proves a lower one any more, and whoever waits for that is told', async () => {
  const store = new OracleLeaseStore(serverOf());
  await store.prepare('orders');
  await store.raise('orders', { ...row, epoch: 1 });
  const claim = { run: 'orders', epoch: 1 };
  const [one, two] = await Promise.all([serverOf().session(), serverOf().session()]);
  await proveLease(one, claim);
  await proveLease(two, claim);
  await one.commit();
  await expect(store.raise('orders', { ...row, epoch: 2 })).rejects.toMatchObject({ code: 'TARGET.TRANSIENT' });
  await two.commit();
  expect(await store.raise('orders', { ...row, epoch: 2 })).toBe(true);
  await expect(proveLease(one, claim)).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await proveLease(one, { run: 'orders', epoch: 2 });
});

test('the sessions of a run that are not of this process are ended, with whoever holds its lock, and no others', async () => {
  const mine = serverOf();
  const store = new OracleLeaseStore(mine);
  const theirs = serverOf();
  const lane = await theirs.session();
  await lane.execute('CREATE TABLE "MIGRATE$AUDIT" ("N" NUMBER(1))');
  await lane.execute('INSERT INTO "MIGRATE$AUDIT" ("N") VALUES (1)');
  const lock = await new OracleLeaseStore(theirs).lock('orders');
  const waiting = await new OracleLeaseStore(theirs).lock('orders');
  expect([await lock.take(), await waiting.take()]).toEqual([true, false]);
  const other = await serverOf('another').session();
  const own = await mine.session();
  await store.endOthers('orders');
  await expect(lane.commit()).rejects.toMatchObject({ code: 'TARGET.COMMIT_UNKNOWN' });
  await expect(lock.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  expect([own, other].map(({ broken }) => broken)).toEqual([false, false]);
  expect(await other.query('SELECT "N" FROM "MIGRATE$AUDIT"')).toEqual([]);
  expect(await waiting.take()).toBe(true);
  await waiting.close();
});

test('the last lease that is given up takes with it what is ours, and the lock goes with its session', async () => {
  const store = new OracleLeaseStore(serverOf());
  const lock = await store.lock('orders');
  await lock.take();
  await store.prepare('orders');
  await store.raise('orders', { ...row, epoch: 1 });
  await store.raise('another', { ...row, epoch: 1 });
  await expect(store.forget({ run: 'orders', epoch: 2 })).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await store.forget({ run: 'orders', epoch: 1 });
  expect(await readOwnTables(admin)).toEqual(new Set(['LEASE', 'LOCK']));
  await store.forget({ run: 'another', epoch: 1 });
  expect(await readOwnTables(admin)).toEqual(new Set(['LOCK']));
  await admin.commit();
  await lock.close();
  expect(await readOwnTables(admin)).toEqual(new Set());
});

test('a name that leads to another target is refused, with the statement that gives it up', async () => {
  const store = new OracleLeaseStore(serverOf());
  await store.prepare('orders');
  await store.raise('orders', { ...row, epoch: 1 });
  const lease = new RunLease({ source: store, target: store, run: 'orders', holder: 'a test' });
  await lease.lock(false);
  const refused: unknown = await lease.claimEpoch().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'RUN.NAME' });
  const [statement = ''] = /DELETE .*?(?=;)/.exec((refused as MigrateError).fix) ?? [];
  expect(await admin.execute(statement)).toBe(1);
  await admin.commit();
  expect(await store.read('orders')).toBeUndefined();
  await lease.release();
});

test('a server is told by what does not change when it is reached another way', async () => {
  const identity = await new OracleLeaseStore(serverOf()).identity();
  expect(identity).toMatch(/^oracle\/.+\/MIGRATE\/\d{14}$/);
  expect(await new OracleLeaseStore(serverOf('another')).identity()).toBe(identity);
});
