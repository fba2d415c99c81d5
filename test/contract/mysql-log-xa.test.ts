import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Change } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { MysqlLogFixture } from './mysql-log-fixture.ts';

const insert = (table: Table, id: number): Change => ({ op: 'insert', table, row: [String(id), null] });

describe.each([
  ['MySQL', startMysql],
  ['MariaDB', startMariadb],
] as const)('transactions of %s that are committed in two phases', (_name, start) => {
  let server: MysqlServer;
  let fixture: MysqlLogFixture;
  let items: Table;
  let at: Position;

  beforeAll(async () => {
    server = await start();
  });

  afterAll(async () => {
    await server.close();
  });

  beforeEach(async () => {
    fixture = await MysqlLogFixture.open(server);
    await fixture.run('CREATE TABLE items (id int PRIMARY KEY, name varchar(20))');
    items = await fixture.table('items');
    at = await fixture.head();
  });

  afterEach(async () => {
    await fixture.close();
  });

  /** In a session that is left: until the server has noticed it, no other one may decide. */
  const prepare = async (xid: string, ...statements: readonly string[]): Promise<void> => {
    const db = await fixture.connect();
    for (const statement of [`XA START ${xid}`, ...statements, `XA END ${xid}`, `XA PREPARE ${xid}`]) {
      await db.promise().query(statement);
    }
    await fixture.leave(db);
  };

  const add = (id: number): string => `INSERT INTO items (id) VALUES (${id})`;

  test('come at their commit, whatever their names, and not at all when they are rolled back', async () => {
    await prepare("'a'", add(1));
    // Locks on what was undone stay, below 12.
    await prepare("'a','b',7", add(12), 'SAVEPOINT s', add(11), 'ROLLBACK TO s', add(13));
    await prepare("X'00ff27',X'5c'", add(20));
    await fixture.run(add(21), "XA COMMIT 'a','b',7", add(22), "XA ROLLBACK X'00ff27',X'5c'", "XA COMMIT 'a'");
    await fixture.run("XA START 'one'", add(23), "XA END 'one'", "XA COMMIT 'one' ONE PHASE");
    await prepare("'a'", add(24));
    await fixture.run("XA COMMIT 'a'");
    await fixture.mark('end');
    const reader = await fixture.read(at, [items]);
    await reader.untilMarker('end');
    expect(reader.changes).toEqual([21, 12, 13, 22, 1, 23, 24].map((id) => insert(items, id)));
  });

  test('are read again from every position in between, over a restart of the server and files', async () => {
    await prepare("'early'", add(1));
    await fixture.run(add(2), 'FLUSH BINARY LOGS');
    await prepare("'late'", add(3), 'UPDATE items SET name = NULL WHERE id = 3');
    await prepare("'never'", add(4));
    await server.crash();
    await fixture.run(add(5), "XA COMMIT 'late'", add(6), "XA ROLLBACK 'never'", "XA COMMIT 'early'", add(7));
    await fixture.mark('end');
    const reader = await fixture.read(at, [items]);
    await reader.untilMarker('end');
    const whole = reader.taken.filter(({ changes }) => changes.length > 0);
    expect(reader.changes).toEqual([2, 5, 3, 6, 1, 7].map((id) => insert(items, id)));
    for (const { position } of reader.taken) {
      const rest = whole.filter((one) => !reader.stream.covers(position, one.position));
      if (rest.length === 0) continue;
      const again = await fixture.read(position, [items]);
      await again.untilMarker('end');
      expect(again.taken.filter(({ changes }) => changes.length > 0)).toEqual(rest);
      await again.close();
    }
  });

  test('are cut like others when they are large, and read on within', async () => {
    const many = `INSERT INTO items (id) WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 110)
       SELECT a.n * 1000 + b.n FROM n a, n b`;
    await prepare("'large'", many);
    await fixture.run(add(1), "XA COMMIT 'large'");
    await fixture.mark('end');
    const reader = await fixture.read(at, [items]);
    await reader.untilMarker('end');
    const pieces = reader.taken.filter(({ changes }) => changes.length > 1);
    expect(pieces.map(({ changes, last }) => [changes.length, last])).toEqual([
      [5_000, false],
      [5_000, false],
      [2_100, true],
    ]);
    const again = await fixture.read(pieces[0]!.position, [items]);
    await again.untilMarker('end');
    expect(again.taken.filter(({ changes }) => changes.length > 1)).toEqual(pieces.slice(1));
  });

  test('stop the reading when they were prepared before it began', async () => {
    await prepare("'before'", add(1));
    const head = await fixture.head();
    await fixture.run("XA COMMIT 'before'");
    const reader = await fixture.read(head, [items]);
    expect(await reader.failure()).toMatchObject({
      code: 'STREAM.FORMAT',
      fix: expect.stringContaining('XA RECOVER'),
    });
  });
});
