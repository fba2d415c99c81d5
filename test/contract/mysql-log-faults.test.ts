import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { askTexts } from '../../src/databases/mysql/log/source-facts.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { openProxy } from '../fleet/proxy.ts';
import { MysqlLogFixture } from './mysql-log-fixture.ts';

const ROWS = 'CREATE TABLE rows_ (id int PRIMARY KEY, note varchar(20), body text, UNIQUE (note))';
const format = { code: 'STREAM.FORMAT', disposition: 'operator' };
const changed = { code: 'SCHEMA.CHANGED' };
const gone = { code: 'STREAM.GONE' };

describe.each([
  ['MySQL', startMysql],
  ['MariaDB', startMariadb],
] as const)('the log of %s', (name, start) => {
  let server: MysqlServer;
  let fixture: MysqlLogFixture;
  let rows: Table;
  let at: Position;
  const reset = name === 'MySQL' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER';

  beforeAll(async () => {
    server = await start();
  });

  afterAll(async () => {
    await server.close();
  });

  beforeEach(async () => {
    fixture = await MysqlLogFixture.open(server);
    await fixture.run(ROWS);
    rows = await fixture.table('rows_');
    at = await fixture.head();
  });

  afterEach(async () => {
    await fixture.close();
  });

  test.each([
    ['ALTER TABLE rows_ ADD extra int', /column extra was added/],
    ['ALTER TABLE rows_ MODIFY note varchar(30)', /altered/],
    ['CREATE TABLE other LIKE rows_; RENAME TABLE rows_ TO a, other TO rows_', /altered, dropped or renamed/],
    ['ALTER TABLE rows_ DROP PRIMARY KEY, ADD PRIMARY KEY (id, note)', /altered/],
    ['DROP DATABASE shop', /altered, dropped or renamed/],
  ])('stops at %s, after everything before it', async (ddl, message) => {
    const reader = await fixture.read(at, [rows]);
    await fixture.run(`INSERT INTO rows_ (id, note) VALUES (1, 'a')`, ...ddl.split('; '));
    await fixture.run(`INSERT INTO shop.rows_ (id) VALUES (2)`).catch(() => undefined);
    expect(await reader.failure()).toMatchObject({ ...changed, message: expect.stringMatching(message) });
    expect(reader.changes).toEqual([{ op: 'insert', table: rows, row: ['1', 'a', null] }]);
  });

  test('is read on over what changes no rows: indexes, triggers, views, users, other tables', async () => {
    await fixture.run(
      'CREATE INDEX i ON rows_ (note)',
      'ALTER TABLE rows_ ADD INDEX j (note), DROP INDEX i, COMMENT = "a, b"',
      'CREATE TRIGGER t BEFORE INSERT ON rows_ FOR EACH ROW SET NEW.note = "t"',
      'DROP TRIGGER t',
      'CREATE TABLE IF NOT EXISTS rows_ (id int)',
      'CREATE VIEW v AS SELECT * FROM rows_',
      'CREATE TABLE other AS SELECT 1 AS a',
      'ALTER TABLE other ADD b int, DROP a',
      'DROP TABLE other',
      'DROP VIEW v',
      'CREATE TEMPORARY TABLE rows_ (id int)',
      'DROP TEMPORARY TABLE rows_',
      'ANALYZE TABLE rows_',
      `CREATE USER IF NOT EXISTS somebody IDENTIFIED BY 'x'`,
      'DROP USER somebody',
      'INSERT INTO rows_ (id) VALUES (1)',
    );
    await fixture.mark('end');
    const reader = await fixture.read(at, [rows]);
    await reader.untilMarker('end');
    expect(reader.changes).toEqual([{ op: 'insert', table: rows, row: ['1', null, null] }]);
  });

  test('is read on for a table whose rows the run finds by another unique key than the one that the log names', async () => {
    await fixture.run('CREATE TABLE two (a int NOT NULL, b int NOT NULL, UNIQUE z (a), UNIQUE y (b))');
    const two = await fixture.table('two', { key: [1] });
    await fixture.run('INSERT INTO two VALUES (1, 2)');
    await fixture.mark('end');
    const reader = await fixture.read(at, [two]);
    await reader.untilMarker('end');
    expect(reader.changes).toEqual([{ op: 'insert', table: two, row: ['1', '2'] }]);
  });

  test('stops at a change that a session logs as a statement', async () => {
    const reader = await fixture.read(at, [rows]);
    await fixture.run(`SET SESSION binlog_format = 'STATEMENT'`, `INSERT INTO rows_ (id) VALUES (1)`);
    expect(await reader.failure()).toMatchObject({ ...format, fix: expect.stringContaining('binlog_format') });
    expect(reader.changes).toEqual([]);
  });

  test('stops at a file that is loaded by a session that logs statements, and brings one that is logged as rows', async () => {
    const db = await fixture.connect();
    await db.promise().query('SET GLOBAL local_infile = ON');
    const reader = await fixture.read(at, [rows]);
    const session = await fixture.connect();
    const load = (text: string) =>
      session.promise().query({
        sql: `LOAD DATA LOCAL INFILE 'rows' INTO TABLE rows_ (id, note)`,
        infileStreamFactory: () => Readable.from([Buffer.from(text)]),
      });
    await load('1\ta\n2\tb\n');
    await session.promise().query(`SET SESSION binlog_format = 'STATEMENT'`);
    await load('3\tc\n');
    expect(await reader.failure()).toMatchObject({ ...format, fix: expect.stringContaining('binlog_format') });
    expect(reader.changes.map((change) => ('row' in change ? change.row[0] : change.op))).toEqual(['1', '2']);
  });

  test('brings parts of rows as unknown values where they did not change, and stops where they are needed', async () => {
    await fixture.run(
      `INSERT INTO rows_ VALUES (1, 'a', 'long')`,
      `SET SESSION binlog_row_image = 'NOBLOB'`,
      `UPDATE rows_ SET note = 'b'`,
      `SET SESSION binlog_row_image = 'MINIMAL'`,
      `UPDATE rows_ SET note = 'c'`,
      'UPDATE rows_ SET id = 2',
      'DELETE FROM rows_',
    );
    await fixture.mark('end');
    const reader = await fixture.read(at, [rows]);
    await reader.untilMarker('end');
    expect(reader.changes).toEqual([
      { op: 'insert', table: rows, row: ['1', 'a', 'long'] },
      { op: 'update', table: rows, key: ['1'], row: ['1', 'b', undefined] },
      { op: 'update', table: rows, key: ['1'], row: ['1', 'c', undefined] },
      { op: 'update', table: rows, key: ['1'], row: ['2', undefined, undefined] },
      { op: 'delete', table: rows, key: ['2'] },
    ]);
    await fixture.run(`SET SESSION binlog_row_image = 'MINIMAL'`, 'INSERT INTO rows_ (id) VALUES (9)');
    expect(await reader.failure()).toMatchObject({ ...format, fix: expect.stringContaining('binlog_row_image') });
  });

  test('of a table that is written without transactions is read as far as it can be', async () => {
    await fixture.run(
      'CREATE TABLE plain (id int PRIMARY KEY) ENGINE = MyISAM',
      // MySQL with GTIDs refuses the two in one transaction.
      ...(name === 'MySQL' ? [] : ['BEGIN', 'INSERT INTO rows_ (id) VALUES (1)']),
      'INSERT INTO plain VALUES (1)',
      'ROLLBACK',
      'INSERT INTO rows_ (id) VALUES (2)',
    );
    await fixture.mark('end');
    const plain = await fixture.table('plain');
    const reader = await fixture.read(at, [rows, plain]);
    await reader.untilMarker('end');
    expect(reader.changes).toEqual([
      { op: 'insert', table: plain, row: ['1'] },
      { op: 'insert', table: rows, row: ['2', null, null] },
    ]);
  });

  test('is read on after the server was killed, from the same position', async () => {
    await fixture.run('INSERT INTO rows_ (id) VALUES (1)');
    await fixture.mark('one');
    const reader = await fixture.read(at, [rows]);
    const { position } = await reader.untilMarker('one');
    await server.crash();
    expect(await reader.failure()).toMatchObject({ code: 'SOURCE.CONNECTION', disposition: 'retry' });
    await fixture.run('INSERT INTO rows_ (id) VALUES (2)');
    await fixture.mark('two');
    const again = await fixture.read(position, [rows]);
    await again.untilMarker('two');
    expect(again.changes).toEqual([{ op: 'insert', table: rows, row: ['2', null, null] }]);
  });

  test('that was reset is refused, also when it has grown past the position again', async () => {
    await fixture.run(reset);
    await fixture.mark('before');
    const from = await fixture.head();
    const reader = await fixture.read(from, [rows], { watchIntervalMs: 20 });
    await fixture.run(reset);
    expect(await reader.failure()).toMatchObject({
      code: expect.stringMatching(/^(STREAM\.GONE|SOURCE\.CONNECTION)$/),
    });
    await expect(fixture.read(from, [rows])).rejects.toMatchObject(gone);
    await fixture.run(
      ...Array.from({ length: 9 }, (_, id) => `INSERT INTO rows_ (id, body) VALUES (${id}, REPEAT('x', 1000))`),
    );
    // Both files of the name may be of the same second: then the numbers of their transactions tell them apart.
    for (const position of [
      from,
      from.replace(/@[\w-]+/, '') as Position,
      from.replace(/ .*/, '').replace(/@\w+/, '@00000001') as Position,
    ]) {
      const again = await fixture.read(position, [rows]);
      expect(await again.failure()).toMatchObject({ code: expect.stringMatching(/^STREAM\.(GONE|UNKNOWN)$/) });
      expect(again.changes).toEqual([]);
    }
  });

  test('that was purged is refused with the cure', async () => {
    await fixture.run('INSERT INTO rows_ (id) VALUES (1)', 'FLUSH BINARY LOGS');
    const head = await fixture.head();
    const [first] = /^[^@]+/.exec(at) ?? [];
    const db = await fixture.connect();
    // MariaDB keeps a file until it has noted that no transaction of it is open.
    for (let files = [first]; files.includes(first); ) {
      await db.promise().query(`PURGE BINARY LOGS TO '${/^[^@]+/.exec(head)?.[0]}'`);
      files = (await askTexts(db, 'SHOW BINARY LOGS')).map(([file]) => file ?? '');
    }
    await expect(fixture.read(at, [rows])).rejects.toMatchObject({ ...gone, fix: expect.stringContaining('expire') });
  });

  test('goes on over the file with the number 1000000', async () => {
    await fixture.run(`${reset} TO 999999`);
    const from = await fixture.head();
    await fixture.run('INSERT INTO rows_ (id) VALUES (1)', 'FLUSH BINARY LOGS', 'INSERT INTO rows_ (id) VALUES (2)');
    await fixture.mark('end');
    const reader = await fixture.read(from, [rows]);
    const { position } = await reader.untilMarker('end');
    expect(reader.changes).toHaveLength(2);
    expect(position).toMatch(/binlog\.1000000@/);
    expect(reader.stream.covers(position, from)).toBe(true);
    expect(reader.stream.covers(from, position)).toBe(false);
  });

  test('has one reader for a run: a second one ends the first', async () => {
    const stale = await fixture.read(at, [rows]);
    const reader = await fixture.read(at, [rows]);
    expect(await stale.failure()).toMatchObject({ code: 'SOURCE.CONNECTION', disposition: 'retry' });
    await fixture.run('INSERT INTO rows_ (id) VALUES (1)');
    await fixture.mark('end');
    await reader.untilMarker('end');
    expect(reader.changes).toHaveLength(1);
  });

  test('is given up when the network swallows everything, but not while it is only idle', async () => {
    const proxy = await openProxy(server.port);
    try {
      const connect = () => fixture.connect({ port: proxy.port, database: '' });
      const reader = await fixture.read(at, [rows], { connect, networkTimeoutMs: 400 });
      await fixture.run('SELECT SLEEP(1)', 'INSERT INTO rows_ (id) VALUES (1)');
      await fixture.mark('end');
      await reader.untilMarker('end');
      proxy.blackhole(true);
      expect(await reader.failure()).toMatchObject({ code: 'STREAM.SILENT', disposition: 'retry' });
      await reader.close();
    } finally {
      await proxy.close();
    }
  });

  test('is given up when only the session that looks after it is swallowed, while it begins or later', async () => {
    const proxy = await openProxy(server.port);
    try {
      const connect = async (purpose: string) => {
        const connection = await fixture.connect({
          database: '',
          ...(purpose === 'log watch' ? { port: proxy.port } : {}),
        });
        if (swallows) proxy.blackhole(true);
        return connection;
      };
      let swallows = false;
      const reader = await fixture.read(at, [rows], { connect, networkTimeoutMs: 300, watchIntervalMs: 50 });
      proxy.blackhole(true);
      expect(await reader.failure()).toMatchObject({ code: 'STREAM.SILENT', disposition: 'retry' });
      proxy.blackhole(false);
      swallows = true;
      await expect(fixture.read(at, [rows], { connect, networkTimeoutMs: 300 })).rejects.toMatchObject({
        code: 'STREAM.SILENT',
        disposition: 'retry',
      });
    } finally {
      await proxy.close();
    }
  });

  test('that is cut in the middle of a transaction is an error, and the transaction comes again', async () => {
    await fixture.run(
      `INSERT INTO rows_ (id) WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
       SELECT a.n * 1000 + b.n FROM n a, n b WHERE a.n <= 60`,
    );
    await fixture.mark('end');
    const proxy = await openProxy(server.port);
    try {
      const connect = () => fixture.connect({ port: proxy.port, database: '' });
      const reader = await fixture.read(at, [rows], { connect });
      await reader.until(({ last }) => !last);
      proxy.cut();
      expect(await reader.failure()).toMatchObject({ code: 'SOURCE.CONNECTION' });
      expect(reader.taken.some(({ changes, last }) => last && changes.length > 0)).toBe(false);
      const again = await fixture.read(reader.taken.at(-1)!.position, [rows]);
      await again.untilMarker('end');
      expect(reader.changes.length + again.changes.length).toBe(60_000);
    } finally {
      await proxy.close();
    }
  });

  test.runIf(name === 'MySQL')('stops at a JSON value that was logged in parts', async () => {
    await fixture.run(
      'CREATE TABLE docs (id int PRIMARY KEY, doc json)',
      `INSERT INTO docs VALUES (1, '{"a": "some text that is long", "b": 1}')`,
    );
    const docs = await fixture.table('docs');
    const reader = await fixture.read(await fixture.head(), [docs]);
    await fixture.run(
      `SET SESSION binlog_row_value_options = 'PARTIAL_JSON'`,
      `UPDATE docs SET doc = JSON_SET(doc, '$.b', 2)`,
    );
    expect(await reader.failure()).toMatchObject({
      ...format,
      fix: expect.stringContaining('binlog_row_value_options'),
    });
    expect(reader.changes).toEqual([]);
  });

  test('that has no names of columns is refused by the first change', async () => {
    const db = await fixture.connect();
    const reader = await fixture.read(at, [rows]);
    await db.promise().query('SET GLOBAL binlog_row_metadata = MINIMAL');
    try {
      await fixture.run('INSERT INTO rows_ (id) VALUES (1)');
    } finally {
      await db.promise().query('SET GLOBAL binlog_row_metadata = FULL');
    }
    expect(await reader.failure()).toMatchObject({ ...format, fix: expect.stringContaining('binlog_row_metadata') });
  });
});
