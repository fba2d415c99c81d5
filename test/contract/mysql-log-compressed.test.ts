import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { MysqlLogFixture } from './mysql-log-fixture.ts';

let server: MysqlServer;
let fixture: MysqlLogFixture;
let items: Table;
let at: Position;

beforeAll(async () => {
  server = await startMysql(['--binlog-transaction-compression=ON']);
});

afterAll(async () => {
  await server.close();
});

beforeEach(async () => {
  fixture = await MysqlLogFixture.open(server);
  await fixture.run('CREATE TABLE items (id int PRIMARY KEY, name varchar(200), content longblob)');
  items = await fixture.table('items');
  at = await fixture.head();
});

afterEach(async () => {
  await fixture.close();
});

/** So many rows in one transaction, from that number on. */
function many(count: number, from: number): string {
  return `INSERT INTO items (id, name) WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
    SELECT a.n * 1000 + b.n + ${from}, REPEAT('x', 100) FROM n a, n b WHERE a.n <= ${count / 1000}`;
}

const withChanges = (taken: readonly Transaction[]): readonly Transaction[] =>
  taken.filter(({ changes }) => changes.length > 0);

test('compressed transactions are read like others, exactly behind every position, cut at the same places', async () => {
  await fixture.run(
    `INSERT INTO items VALUES (1, 'a', 'b')`,
    'BEGIN',
    `UPDATE items SET id = 2, name = NULL`,
    `INSERT INTO items VALUES (3, 'undone', NULL)`,
    'ROLLBACK',
    'BEGIN',
    `UPDATE items SET id = 2, name = NULL`,
    'SAVEPOINT s',
    `INSERT INTO items VALUES (3, 'kept', NULL)`,
    'COMMIT',
    many(12_000, 10),
    `XA START 'x'`,
    `INSERT INTO items VALUES (4, 'xa', NULL)`,
    `XA END 'x'`,
    `XA PREPARE 'x'`,
    `XA COMMIT 'x'`,
    'SET SESSION binlog_transaction_compression = OFF',
    many(12_000, 100_000),
    'DELETE FROM items WHERE id < 10',
  );
  await fixture.mark('end');
  const reader = await fixture.read(at, [items]);
  await reader.untilMarker('end');
  const all = withChanges(reader.taken);
  expect(all.map(({ changes, last }) => [changes.length, last])).toEqual([
    [1, true],
    [2, true],
    [5_000, false],
    [5_000, false],
    [2_000, true],
    [1, true],
    [5_000, false],
    [5_000, false],
    [2_000, true],
    [3, true],
    [1, true],
  ]);
  expect(all[1]?.changes).toEqual([
    { op: 'update', table: items, key: ['1'], row: ['2', null, Buffer.from('b')] },
    { op: 'insert', table: items, row: ['3', 'kept', null] },
  ]);
  for (const { position } of reader.taken) {
    const rest = all.filter((one) => !reader.stream.covers(position, one.position));
    if (rest.length === 0) continue;
    const again = await fixture.read(position, [items]);
    await again.untilMarker('end');
    expect(withChanges(again.taken)).toEqual(rest);
    await again.close();
  }
});

test('a compressed transaction is held within while nothing is taken', async () => {
  await fixture.run(many(80_000, 0));
  await fixture.mark('end');
  const reader = await fixture.read(at, [items]);
  const first = await reader.next();
  // The server is made to do everything else that it wants to do before more is taken.
  await fixture.head();
  const second = await reader.next();
  expect([...(first ?? []), ...(second ?? [])].flatMap(({ changes }) => changes).length).toBeLessThan(20_000);
  await reader.untilMarker('end');
  expect(reader.changes).toHaveLength(80_000);
});

test('a compressed transaction that takes several packets, of rows that take several blocks, is what it was', async () => {
  const content = randomBytes(9_000_000);
  const db = await fixture.connect();
  await db.promise().query('BEGIN');
  await db.promise().query('INSERT INTO items VALUES (1, NULL, ?), (3, NULL, NULL)', [content]);
  await db.promise().query('INSERT INTO items VALUES (2, NULL, ?)', [content.subarray(5)]);
  await db.promise().query('COMMIT');
  await fixture.mark('end');
  const reader = await fixture.read(at, [items]);
  await reader.untilMarker('end');
  const found = reader.changes.map((change) => ('row' in change ? change.row[2] : undefined));
  expect(found.map((value) => value?.length)).toEqual([9_000_000, undefined, 8_999_995]);
  expect(content.equals(found[0] as Buffer) && content.subarray(5).equals(found[2] as Buffer)).toBe(true);
});
