import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parsePlace } from '../../src/databases/mysql/log/position.ts';
import { askTexts } from '../../src/databases/mysql/log/source-facts.ts';
import type { Change, Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { MysqlLogFixture } from './mysql-log-fixture.ts';

const ITEMS = 'CREATE TABLE items (id int PRIMARY KEY, name varchar(20), price decimal(12,2))';

describe.each([
  ['MySQL', startMysql],
  ['MariaDB', startMariadb],
] as const)('the log of %s', (name, start) => {
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
    await fixture.run(ITEMS);
    items = await fixture.table('items');
    at = await fixture.head();
  });

  afterEach(async () => {
    await fixture.close();
  });

  /** What comes until a marker that is written now. */
  async function readAll(from: Position, tables: readonly Table[] = [items]): Promise<readonly Transaction[]> {
    await fixture.mark('end');
    const reader = await fixture.read(from, tables);
    await reader.untilMarker('end');
    return reader.taken;
  }

  const changesOf = (transactions: readonly Transaction[]): readonly Change[] =>
    transactions.flatMap(({ changes }) => changes);

  test('brings changes, truncations and markers in the order of their commits, as text', async () => {
    await fixture.run(
      `INSERT INTO items VALUES (1, 'a', 1.5), (2, NULL, 2)`,
      'UPDATE items SET id = 3, price = -7 WHERE id = 2',
      'DELETE FROM items WHERE id = 1',
    );
    await fixture.mark('one');
    await fixture.run('TRUNCATE items');
    const all = await readAll(at);
    // The transactions' numbers included.
    expect(parsePlace(all.at(-1)!.position).gtids).toBe(parsePlace(await fixture.head()).gtids);
    expect(changesOf(all)).toEqual([
      { op: 'insert', table: items, row: ['1', 'a', '1.50'] },
      { op: 'insert', table: items, row: ['2', null, '2.00'] },
      { op: 'update', table: items, key: ['2'], row: ['3', null, '-7.00'] },
      { op: 'delete', table: items, key: ['1'] },
      { op: 'marker', content: 'one' },
      { op: 'truncate', tables: [items] },
      { op: 'marker', content: 'end' },
    ] satisfies Change[]);
  });

  test('leaves out other tables, columns that the server computes, and markers of other runs', async () => {
    await fixture.run(
      'CREATE TABLE computed (a int, id int PRIMARY KEY, twice int AS (a * 2) STORED, three int AS (a * 3) VIRTUAL, b int)',
      'CREATE TABLE other (id int PRIMARY KEY)',
    );
    const computed = await fixture.table('computed');
    const from = await fixture.head();
    await fixture.run(
      'INSERT INTO computed (a, id, b) VALUES (1, 2, 3)',
      'INSERT INTO other VALUES (1)',
      `INSERT INTO migrate.marker VALUES ('somebody', 1, 'else') ON DUPLICATE KEY UPDATE n = n + 1`,
    );
    expect(changesOf(await readAll(from, [computed])).slice(0, -1)).toEqual([
      { op: 'insert', table: computed, row: ['1', '2', '3'] },
    ]);
  });

  test('is read on exactly behind every position, within a large transaction too, over files', async () => {
    await fixture.run(
      `INSERT INTO items VALUES (1, 'a', 1)`,
      'FLUSH BINARY LOGS',
      `INSERT INTO items SELECT a.n * 128 + b.n + 10, 'x', 2 FROM
        (WITH RECURSIVE n AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 99) SELECT n FROM n) a,
        (WITH RECURSIVE n AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 127) SELECT n FROM n) b`,
      'DELETE FROM items WHERE id = 1',
      'FLUSH BINARY LOGS',
      `INSERT INTO items VALUES (2, 'b', 1)`,
    );
    const all = await readAll(at);
    expect(changesOf(all)).toHaveLength(1 + 12_800 + 1 + 1 + 1);
    const pieces = all.filter(({ changes }) => changes.length > 1);
    expect(pieces.map(({ changes, last }) => [changes.length, last])).toEqual([
      [5_000, false],
      [5_000, false],
      [2_800, true],
    ]);
    const stream = fixture.stream([items]);
    for (const [index, { position, last }] of all.entries()) {
      expect(stream.isWhole(position)).toBe(last);
      for (const [other, { position: there }] of all.entries())
        expect(stream.covers(position, there)).toBe(index >= other);
      const rest = all.slice(index + 1).filter(({ changes }) => changes.length > 0);
      // MariaDB notes now and then in its log that older files are no longer needed, behind the marker too.
      if (rest.length === 0) continue;
      const again = await fixture.read(position, [items]);
      await again.untilMarker('end');
      expect(again.taken.filter(({ changes }) => changes.length > 0)).toEqual(rest);
      await again.close();
    }
    const { stream: reading } = await fixture.read(at, [items]);
    const steps = all.slice(1).map(({ position }, index) => reading.distance(all[index]!.position, position));
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
    expect(reading.distance(at, all.at(-1)!.position)).toBeGreaterThan(12_800 * 10);
    expect(reading.distance(all.at(-1)!.position, at)).toBe(0);
  });

  test('moves on while it is idle', async () => {
    const reader = await fixture.read(at, [items]);
    for (let round = 0; round < 3; round++) {
      await fixture.run(`CREATE TABLE IF NOT EXISTS round${round} (id int)`);
      const head = await fixture.head();
      const passed = await reader.until(({ position }) => reader.stream.covers(position, head));
      expect(passed.changes).toEqual([]);
    }
  });

  test('is held while nothing is taken, and nothing of it is lost', async () => {
    const count = 102_400;
    await fixture.run(
      `INSERT INTO items SELECT a.n * 128 + b.n, REPEAT('x', 20), 2 FROM
        (WITH RECURSIVE n AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 799) SELECT n FROM n) a,
        (WITH RECURSIVE n AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 127) SELECT n FROM n) b`,
    );
    await fixture.mark('end');
    const reader = await fixture.read(at, [items]);
    const first = await reader.next();
    // The server is made to do everything else that it wants to do before more is taken.
    await fixture.head();
    const second = await reader.next();
    expect(changesOf([...(first ?? []), ...(second ?? [])]).length).toBeLessThan(60_000);
    await reader.untilMarker('end');
    expect(reader.changes).toHaveLength(count);
  });

  test('ends without an error when it is aborted, and closing twice does no harm', async () => {
    const reader = await fixture.read(at, [items]);
    const waiting = reader.next();
    reader.abort.abort();
    expect(await waiting).toBeUndefined();
    expect(await reader.next()).toBeUndefined();
    await reader.close();
    await reader.close();
  });

  test('brings what was committed, whatever became of savepoints, and nothing that was rolled back', async () => {
    await fixture.run(
      'BEGIN',
      `INSERT INTO items VALUES (1, 'kept', 1)`,
      'SAVEPOINT a',
      `INSERT INTO items VALUES (2, 'undone', 1)`,
      'ROLLBACK TO a',
      'SAVEPOINT b',
      `INSERT INTO items VALUES (3, 'kept', 1)`,
      'RELEASE SAVEPOINT b',
      'COMMIT',
      'BEGIN',
      `INSERT INTO items VALUES (4, 'undone', 1)`,
      'ROLLBACK',
      `XA START 'one'`,
      `INSERT INTO items VALUES (5, 'kept', 1)`,
      `XA END 'one'`,
      `XA COMMIT 'one' ONE PHASE`,
    );
    const all = await readAll(at);
    expect(changesOf(all).map((change) => ('row' in change ? change.row[0] : change.op))).toEqual([
      '1',
      '3',
      '5',
      'marker',
    ]);
    expect(all.filter(({ changes }) => changes.length > 0).map(({ changes }) => changes.length)).toEqual([2, 1, 1]);
  });

  test.runIf(name === 'MySQL')(
    'brings transactions whose numbers have tags, and keeps them in its positions',
    async () => {
      await fixture.run(
        `SET gtid_next = 'AUTOMATIC:some_tag'`,
        `INSERT INTO items VALUES (1, 'a', 1)`,
        `INSERT INTO items VALUES (2, 'b', 1)`,
      );
      const all = await readAll(at);
      expect(changesOf(all)).toHaveLength(3);
      const db = await fixture.connect();
      for (const { position } of all) {
        const gtids = position.slice(position.indexOf(' ') + 1);
        const [row] = await askTexts(db, 'SELECT GTID_SUBSET(?, @@gtid_executed), @@gtid_executed', [gtids]);
        expect(row?.[0]).toBe('1');
      }
      const [row] = await askTexts(db, 'SELECT GTID_SUBSET(@@gtid_executed, ?)', [all.at(-1)!.position.split(' ')[1]]);
      expect(row?.[0]).toBe('1');
    },
  );

  test.runIf(name === 'MariaDB')('brings what the server compressed', async () => {
    const db = await fixture.connect();
    await db.promise().query('SET GLOBAL log_bin_compress = ON, GLOBAL log_bin_compress_min_len = 10');
    try {
      await fixture.run(
        `INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 2)`,
        `UPDATE items SET name = 'longer', price = 3`,
        'CREATE TABLE other_with_a_long_name (id int PRIMARY KEY, note varchar(100))',
        'DELETE FROM items',
      );
    } finally {
      await db.promise().query('SET GLOBAL log_bin_compress = OFF');
    }
    expect(changesOf(await readAll(at)).slice(0, -1)).toEqual([
      { op: 'insert', table: items, row: ['1', 'a', '1.00'] },
      { op: 'insert', table: items, row: ['2', 'b', '2.00'] },
      { op: 'update', table: items, key: ['1'], row: ['1', 'longer', '3.00'] },
      { op: 'update', table: items, key: ['2'], row: ['2', 'longer', '3.00'] },
      { op: 'delete', table: items, key: ['1'] },
      { op: 'delete', table: items, key: ['2'] },
    ]);
  });
});

test('a log without numbers of transactions is read too, with and without checksums, over TLS, rows larger than a packet', async () => {
  const server = await startMysql(['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF', '--binlog-checksum=NONE']);
  const fixture = await MysqlLogFixture.open(server);
  try {
    await fixture.run('CREATE TABLE blobs (id int PRIMARY KEY, content longblob)');
    const blobs = await fixture.table('blobs');
    const at = await fixture.head();
    await fixture.run(
      `INSERT INTO blobs VALUES (1, REPEAT('x', 17000000))`,
      'SET GLOBAL binlog_checksum = CRC32',
      'DELETE FROM blobs',
    );
    await fixture.mark('end');
    const connect = () => fixture.connect({ database: '', ssl: { rejectUnauthorized: false } });
    const reader = await fixture.read(at, [blobs], { connect });
    const { position } = await reader.untilMarker('end');
    expect(reader.changes.map((change) => change.op)).toEqual(['insert', 'delete']);
    const [insert] = reader.changes;
    expect(insert?.op === 'insert' && Buffer.alloc(17_000_000, 'x').equals(insert.row[1] as Buffer)).toBe(true);
    expect(position).toMatch(/^binlog\.000002@[0-9a-f]{8}-1:\d+$/);
  } finally {
    await fixture.close();
    await server.close();
  }
});
