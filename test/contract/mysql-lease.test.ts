// The lease on MySQL and MariaDB: one runner at a time, an epoch that only grows, and whose sessions a runner ends.

import type { RowDataPacket } from 'mysql2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LeaseStore } from '../../src/databases/lease-store.ts';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import { proveLease } from '../../src/databases/mysql/lease-proof.ts';
import { MysqlLeaseStore } from '../../src/databases/mysql/lease-store.ts';
import { type FormerLock, RunLease } from '../../src/runner/lease.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { openProxy } from '../fleet/proxy.ts';

let mysql: FleetServer;
let mariadb: FleetServer;
const closers: (() => Promise<unknown>)[] = [];

// The first time on a machine they have to be fetched.
beforeAll(async () => {
  [mysql, mariadb] = await Promise.all([startMysql(), startMariadb()]);
}, 300_000);
afterAll(() => Promise.all([mysql?.close(), mariadb?.close()]));
beforeEach(async () => {
  for (const fleet of [mysql, mariadb]) await (await sessionOn(fleet)).query('DROP DATABASE IF EXISTS migrate');
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function serverOn(port: number, run?: string): MysqlServer {
  const server = new MysqlServer('target', `mysql://root@127.0.0.1:${port}/`, run);
  closers.push(() => server.close());
  return server;
}

function sessionOn({ port }: FleetServer, run?: string): Promise<MysqlSession> {
  return serverOn(port, run).session();
}

describe.each([
  { kind: 'MySQL', fleetOf: () => mysql },
  { kind: 'MariaDB', fleetOf: () => mariadb },
])('on $kind', ({ fleetOf }) => {
  const storeOf = (run = 'orders'): MysqlLeaseStore => new MysqlLeaseStore(serverOn(fleetOf().port, run));
  const row = { holder: 'a test', target: 'there' };

  test('what limits the sessions of others on a server limits none of ours', async () => {
    const limits = {
      sql_select_limit: '1',
      sql_big_selects: 'OFF',
      sql_quote_show_create: 'OFF',
      completion_type: 'CHAIN',
      wait_timeout: '3',
      ...(fleetOf() === mysql
        ? { max_execution_time: '1000' }
        : { max_statement_time: '1.000000', idle_transaction_timeout: '1' }),
    };
    const names = Object.keys(limits).sort();
    const shown = `SHOW VARIABLES WHERE Variable_name IN (${names.map((name) => `'${name}'`).join(', ')})`;
    const before = await sessionOn(fleetOf());
    for (const [name, value] of Object.entries(limits)) await before.query(`SET GLOBAL ${name} = ${value}`);
    try {
      const server = serverOn(fleetOf().port);
      const [session, connection] = await Promise.all([server.session(), server.connect()]);
      closers.push(async () => connection.destroy());
      const [rows] = await connection.promise().query<RowDataPacket[]>(shown);
      const found = [await session.query(shown), rows.map(({ Variable_name, Value }) => [Variable_name, Value])];
      expect(found[1]).toEqual(found[0]);
      for (const [name, value] of Object.entries(limits)) expect(found[0]).not.toContainEqual([name, value]);
      expect(found[0]).toHaveLength(names.length);
    } finally {
      for (const name of names) await before.query(`SET GLOBAL ${name} = DEFAULT`);
    }
  });

  test('the row is written with higher epochs only, and after every transaction that proved a lower one', async () => {
    const store = storeOf();
    expect(await store.read('orders')).toBeUndefined();
    expect(await store.prepare('orders')).toBeUndefined();
    expect(await store.raise('orders', { ...row, epoch: 2 })).toBe(true);
    expect(await store.raise('orders', { ...row, epoch: 2 })).toBe(false);
    expect(await store.raise('orders', { ...row, epoch: 1 })).toBe(false);
    expect(await store.prepare('orders')).toMatchObject({ ...row, epoch: 2 });
    const session = await sessionOn(fleetOf());
    await session.query('START TRANSACTION');
    await proveLease(session, { run: 'orders', epoch: 2 });
    await expect(store.raise('orders', { ...row, epoch: 3 })).rejects.toMatchObject({ code: 'TARGET.TRANSIENT' });
    await session.query('COMMIT');
    expect(await store.raise('orders', { ...row, epoch: 3, holder: "it's another" })).toBe(true);
    expect(await store.read('orders')).toMatchObject({ epoch: 3, holder: "it's another" });
    await expect(proveLease(session, { run: 'orders', epoch: 2 })).rejects.toMatchObject({ code: 'LEASE.LOST' });
    expect(await store.read('ORDERS')).toBeUndefined();
  });

  test('a run raised by many at once has one winner', async () => {
    const stores = Array.from({ length: 5 }, () => storeOf());
    await Promise.all(stores.map((store) => store.prepare('orders')));
    for (const epoch of [1, 2]) {
      const won = await Promise.all(stores.map((store) => store.raise('orders', { ...row, epoch })));
      expect(won.filter(Boolean)).toHaveLength(1);
    }
  });

  test('one session has the lock, and nothing is written for it', async () => {
    const [one, two, other] = [storeOf(), storeOf(), storeOf('other')];
    const first = await one.lock('orders');
    const second = await two.lock('orders');
    expect([await first.take(), await second.take(), await first.take()]).toEqual([true, false, true]);
    expect(await (await other.lock('other')).take()).toBe(true);
    const admin = await sessionOn(fleetOf());
    expect(await admin.query("SHOW DATABASES LIKE 'migrate'")).toEqual([]);
    await first.close();
    await first.close();
    while (!(await second.take()));
    await admin.query(`KILL ${second.session.id}`);
    await expect(second.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  });

  test('the sessions of the run that are not of this process are ended, with the lock, and nobody else', async () => {
    const [ours, theirs] = [serverOn(fleetOf().port, 'orders'), serverOn(fleetOf().port, 'orders')];
    const lock = await new MysqlLeaseStore(theirs).lock('orders');
    await lock.take();
    const lane = await theirs.session();
    await lane.query('CREATE DATABASE IF NOT EXISTS migrate');
    await lane.query('CREATE TABLE migrate.held (id int PRIMARY KEY)');
    await lane.query('START TRANSACTION');
    await lane.query('INSERT INTO migrate.held VALUES (1)');
    const store = new MysqlLeaseStore(ours);
    const waiting = await new MysqlLeaseStore(serverOn(fleetOf().port, 'orders')).lock('orders');
    const own = await ours.session();
    const bystanders = [await sessionOn(fleetOf(), 'order'), await sessionOn(fleetOf())];
    const source = new MysqlServer('source', `mysql://root@127.0.0.1:${fleetOf().port}/`, 'orders');
    closers.push(() => source.close());
    bystanders.push(await source.session());
    await store.endOthers('orders');
    // What they held is free.
    await own.query('SET SESSION innodb_lock_wait_timeout = 1');
    await own.query('INSERT INTO migrate.held VALUES (1)');
    expect(await waiting.take()).toBe(true);
    for (const session of bystanders) expect(await session.query('SELECT 1')).toEqual([['1']]);
    for (const { lost } of [lock, lane]) await expect(lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
    await own.query('DROP TABLE migrate.held');
  });

  test('a lock that a dead connection still holds is taken back by who had it', async () => {
    const proxy = await openProxy(fleetOf().port);
    closers.push(() => proxy.close());
    const first = await new MysqlLeaseStore(serverOn(proxy.port, 'orders')).lock('orders');
    await first.take();
    proxy.strand();
    await expect(first.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
    const store = storeOf();
    const stranger = await store.lock('orders', { id: first.session.id, since: 'of a server that was started again' });
    expect(await stranger.take()).toBe(false);
    const again = await store.lock('orders', first.session);
    while (!(await again.take()));
  });

  test('what is ours goes with the last run, and only that', async () => {
    const store = storeOf();
    await store.prepare('one');
    for (const run of ['one', 'two']) await store.raise(run, { ...row, epoch: 1 });
    const admin = await sessionOn(fleetOf());
    await admin.query('CREATE TABLE migrate.theirs (id int PRIMARY KEY)');
    const tables = () => admin.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'migrate'");
    await expect(store.forget({ run: 'one', epoch: 7 })).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await store.forget({ run: 'one', epoch: 1 });
    expect(await tables()).toHaveLength(2);
    await store.forget({ run: 'two', epoch: 1 });
    expect(await tables()).toEqual([['theirs']]);
    await admin.query('DROP TABLE migrate.theirs');
    await store.prepare('one');
    await store.raise('one', { ...row, epoch: 1 });
    await store.forget({ run: 'one', epoch: 1 });
    expect(await admin.query("SHOW DATABASES LIKE 'migrate'")).toEqual([]);
  });
});

describe('from MariaDB to MySQL', () => {
  const storesOf = (): { readonly source: LeaseStore; readonly target: LeaseStore; readonly server: MysqlServer } => {
    const server = serverOn(mysql.port, 'orders');
    return {
      source: new MysqlLeaseStore(serverOn(mariadb.port, 'orders')),
      target: new MysqlLeaseStore(server),
      server,
    };
  };
  const leaseOf = ({ source, target }: ReturnType<typeof storesOf>, holder: string, former?: FormerLock): RunLease => {
    const lease = new RunLease({ source, target, run: 'orders', holder, ...(former && { former }) });
    closers.push(() => lease.release());
    return lease;
  };

  test('a takeover refuses what the old runner would write next, also a transaction that was open', async () => {
    const [before, after] = [storesOf(), storesOf()];
    const former: FormerLock = {};
    const old = leaseOf(before, 'old', former);
    await old.lock(false);
    await old.claimEpoch();
    const session = await before.server.session();
    await session.query('START TRANSACTION');
    await proveLease(session, old.claim());
    const next = leaseOf(after, 'next');
    await next.lock(true);
    await next.claimEpoch();
    const rows = [await after.source.read('orders'), await after.target.read('orders')];
    expect(rows).toMatchObject(Array(2).fill({ holder: 'next', epoch: next.epoch }));
    await expect(session.query('COMMIT')).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
    await expect(old.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
    const late = await before.server.session();
    await expect(proveLease(late, old.claim())).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await next.release();
    await expect(leaseOf(before, 'old', former).lock(false)).rejects.toMatchObject({ code: 'LEASE.LOST' });
  });

  test('a name that leads to another target is refused on the source', async () => {
    const { source, target } = storesOf();
    await source.prepare('orders');
    await source.raise('orders', { epoch: 4, holder: 'other', target: 'elsewhere' });
    const lease = leaseOf({ source, target, server: serverOn(mysql.port) }, 'ours');
    await lease.lock(false);
    await expect(lease.claimEpoch()).rejects.toMatchObject({ code: 'RUN.NAME' });
  });
});
