import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parsePlace } from '../../src/databases/mysql/log/position.ts';
import { askTexts } from '../../src/databases/mysql/log/source-facts.ts';
import type { Change } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { MysqlLogFixture } from './mysql-log-fixture.ts';

const FOLLOW = {
  MySQL: (port: number) => [
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = ${port}, SOURCE_USER = 'root',
     SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1`,
    'START REPLICA',
  ],
  MariaDB: (port: number) => [
    `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${port}, MASTER_USER = 'root', MASTER_USE_GTID = slave_pos`,
    'START SLAVE',
  ],
};
const PROMOTE = { MySQL: ['STOP REPLICA', 'RESET REPLICA ALL'], MariaDB: ['STOP SLAVE', 'RESET SLAVE ALL'] };

describe.each([
  ['MySQL', startMysql],
  ['MariaDB', startMariadb],
] as const)('when another server of %s takes over', (name, start) => {
  let servers: MysqlServer[] = [];
  let old: MysqlLogFixture;
  let heir: MysqlLogFixture;
  let items: Table;

  beforeAll(async () => {
    servers = await Promise.all([
      start(['--server-id=31', '--log-slave-updates']),
      start(['--server-id=32', '--log-slave-updates']),
    ]);
    const [first, second] = servers;
    old = await MysqlLogFixture.open(first!);
    // Files of the old server have other numbers.
    await old.run('CREATE TABLE items (id int PRIMARY KEY)', 'FLUSH BINARY LOGS', 'FLUSH BINARY LOGS');
    items = await old.table('items');
    heir = await MysqlLogFixture.follower(second!);
    await heir.run(...FOLLOW[name](first!.port));
  });

  afterAll(async () => {
    await old.close();
    await heir.close();
    for (const server of servers) await server.close();
  });

  const add = (id: number): string => `INSERT INTO items VALUES (${id})`;
  const added = (...ids: readonly number[]): readonly Change[] =>
    ids.map((id) => ({ op: 'insert', table: items, row: [String(id)] }));

  /** Resolves when the heir has everything. */
  async function followed(): Promise<void> {
    const { gtids } = parsePlace(await old.head());
    const wait =
      name === 'MySQL'
        ? `SELECT WAIT_FOR_EXECUTED_GTID_SET('${gtids}', 30)`
        : `SELECT MASTER_GTID_WAIT('${gtids}', 30)`;
    await heir.run(wait);
  }

  test('its log is read on behind every position of the old one, and what it lost is noticed', async () => {
    const from = await old.head();
    await old.run(add(1), add(2), add(3));
    await old.mark('one');
    const reader = await old.read(from, [items]);
    await reader.untilMarker('one');
    await followed();
    await heir.run('FLUSH BINARY LOGS');
    await old.run(add(4));
    await followed();
    await heir.run(...PROMOTE[name]);
    await old.run(add(5));
    const lost = await old.head();
    await heir.run('USE shop', add(6), 'FLUSH BINARY LOGS', add(7));
    await heir.mark('two');

    const positions = [from, ...reader.taken.map(({ position }) => position)];
    const [first, ...rest] = await Promise.all(positions.map((position) => readOn(position)));
    expect(first?.changes).toEqual(added(1, 2, 3, 4, 6, 7));
    for (const [index, one] of rest.entries()) {
      const before = reader.taken.slice(0, index + 1).flatMap(({ changes }) => changes);
      expect(one.changes).toEqual(added(1, 2, 3, 4, 6, 7).slice(before.filter(({ op }) => op === 'insert').length));
    }
    // And on from every position of the new one.
    const taken = first?.taken ?? [];
    for (const [index, { position }] of taken.entries()) {
      const rest = taken.slice(index + 1).flatMap(({ changes }) => changes);
      if (rest.some((change) => 'row' in change))
        expect((await readOn(position)).changes).toEqual(rest.filter(({ op }) => op === 'insert'));
    }
    const middle = taken.find(({ changes }) => changes.some((change) => 'row' in change && change.row[0] === '4'));
    const { stream } = reader;
    expect(positions.every((position) => stream.covers(middle!.position, position))).toBe(true);
    expect(positions.some((position) => stream.covers(position, middle!.position))).toBe(false);
    expect(first?.stream.distance(from, middle!.position)).toBeGreaterThan(0);

    await expect(heir.read(lost, [items])).rejects.toMatchObject({ code: 'STREAM.GONE' });
    const { name: last } = parsePlace(await heir.head());
    const db = await heir.connect();
    // MariaDB keeps a file until it has noted that no transaction of it is open.
    for (let first: string | undefined; first !== last; ) {
      await db.promise().query(`PURGE BINARY LOGS TO '${last}'`);
      first = (await askTexts(db, 'SHOW BINARY LOGS'))[0]?.[0] ?? undefined;
    }
    await expect(heir.read(from, [items])).rejects.toMatchObject({ code: 'STREAM.GONE' });
  });

  async function readOn(position: Position) {
    const reader = await heir.read(position, [items], { run: `reader ${position}` });
    await reader.until(({ changes }) => changes.some((change) => 'row' in change && change.row[0] === '7'));
    return reader;
  }
});
