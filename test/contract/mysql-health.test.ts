// What servers of MySQL and MariaDB tell of their health, and to whom.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ServerHealth } from '../../src/databases/health.ts';
import { MysqlServer } from '../../src/databases/mysql/connection.ts';
import { mysqlHealth } from '../../src/databases/mysql/health.ts';
import type { VitalName } from '../../src/model/vital.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';

const servers: { mysql?: FleetServer; mariadb?: FleetServer } = {};
const opened: MysqlServer[] = [];

// The first time on a machine they have to be fetched.
beforeAll(async () => {
  [servers.mysql, servers.mariadb] = await Promise.all([startMysql(), startMariadb()]);
}, 300_000);
afterAll(() => Promise.all([servers.mysql?.close(), servers.mariadb?.close()]));
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

describe.each(['mysql', 'mariadb'] as const)('%s', (kind) => {
  const open = (user = 'root'): MysqlServer => {
    const server = new MysqlServer('target', `mysql://${user}@127.0.0.1:${servers[kind]?.port}/`);
    opened.push(server);
    return server;
  };

  async function read(health: ServerHealth, name: VitalName): Promise<number | null> {
    const text = await health.ask(health.vitals.find((each) => each.name === name)?.sql ?? '');
    return text === null ? null : Number(text);
  }

  test('gives numbers, and those of a server at rest are within any limit', async () => {
    const health = mysqlHealth(open(), kind);
    for (const { name } of health.vitals) expect(await read(health, name), name).toBeGreaterThanOrEqual(0);
    expect(await read(health, 'connections')).toBeLessThan(50);
    expect(await read(health, 'logPressure')).toBeLessThan(50);
    expect(await read(health, 'historyLength')).toBeLessThan(1_000_000);
  });

  test('counts connections, and who waits for a row', async () => {
    const health = mysqlHealth(open(), kind);
    const before = (await read(health, 'connections')) ?? Number.NaN;
    const [holder, waiter, ...others] = await Promise.all(Array.from({ length: 8 }, () => open().session()));
    expect((await read(health, 'connections')) ?? Number.NaN).toBeGreaterThan(before + others.length / 2);
    if (holder === undefined || waiter === undefined) throw new Error('no sessions');
    await holder.query('CREATE DATABASE waits');
    await holder.query('CREATE TABLE waits.t (id int PRIMARY KEY)');
    await holder.query('INSERT INTO waits.t VALUES (1)');
    await holder.query('START TRANSACTION');
    await holder.query('SELECT * FROM waits.t WHERE id = 1 FOR UPDATE');
    const waiting = waiter.query('DELETE FROM waits.t WHERE id = 1');
    while ((await read(health, 'lockWaits')) === 0);
    expect(await read(health, 'lockWaits')).toBe(1);
    await holder.query('COMMIT');
    await waiting;
    await holder.query('DROP DATABASE waits');
  });

  test('tells an account without rights all but what takes PROCESS', async () => {
    const admin = await open().session();
    await admin.query(`CREATE USER 'plain'@'%'`);
    try {
      const health = mysqlHealth(open('plain'), kind);
      for (const name of ['connections', 'runningStatements', 'lockWaits', 'logPressure'] as const) {
        expect(await read(health, name), name).toBeGreaterThanOrEqual(0);
      }
      if (kind === 'mysql') await expect(read(health, 'dataSize')).rejects.toThrow('PROCESS');
      const history = read(health, 'historyLength');
      if (kind === 'mysql') await expect(history).rejects.toThrow('PROCESS');
      else expect(await history).toBeGreaterThanOrEqual(0);
    } finally {
      await admin.query(`DROP USER 'plain'@'%'`);
    }
  });

  test('is asked as a replica how far it is behind, and says when it is none, or does not replicate', async () => {
    const [replica] = mysqlHealth(open(), kind, [{ name: 'replica:3306', server: open() }]).replicas;
    expect(await replica?.lag()).toBe('it is no replica');
    const admin = await open().session();
    const [word, set] = kind === 'mysql' ? ['REPLICATION SOURCE', 'SOURCE'] : ['MASTER', 'MASTER'];
    await admin.query(`CHANGE ${word} TO ${set}_HOST = '127.0.0.1', ${set}_PORT = 1, ${set}_USER = 'nobody'`);
    try {
      expect(await replica?.lag()).toBe('its replication does not run');
    } finally {
      await admin.query('RESET REPLICA ALL');
    }
  });

  test('changes nothing, and asks in a new session when the old one was lost', async () => {
    const health = mysqlHealth(open(), kind);
    await expect(health.ask('CREATE DATABASE made')).rejects.toThrow('READ_ONLY');
    await expect(health.ask('SELECT nonsense')).rejects.toThrow('BAD_FIELD');
    await expect(health.ask('SELECT 1; SELECT 2')).rejects.toThrow('PARSE');
    const id = await health.ask('SELECT CONNECTION_ID()');
    expect(await health.ask('SELECT CONNECTION_ID()')).toBe(id);
    const admin = await open().session();
    await admin.query(`KILL ${id}`);
    await health.ask('SELECT 1').catch(() => undefined);
    expect(await health.ask('SELECT CONNECTION_ID()')).not.toBe(id);
  });
});
