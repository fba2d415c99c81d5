// MySQL and MariaDB as sources: sessions, the catalog, values as the log has them, exact pairs and key ranges.

import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type EmptyText, emptyHandling } from '../../src/databases/conversion.ts';
import { MysqlServer } from '../../src/databases/mysql/connection.ts';
import { covers } from '../../src/databases/mysql/log/position.ts';
import { MysqlStream } from '../../src/databases/mysql/log/stream.ts';
import type { Row } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { LogReader } from './log-fixture.ts';
import { RUN, SourceFixture } from './mysql-source-fixture.ts';

const ALL = { lower: null, upper: null };

describe.each([
  { kind: 'MySQL', start: startMysql },
  { kind: 'MariaDB', start: startMariadb },
])('$kind', ({ kind, start }) => {
  let fleet: FleetServer;
  let db: SourceFixture;

  // The first time on a machine it has to be fetched.
  beforeAll(async () => {
    fleet = await start();
  }, 300_000);
  afterAll(() => fleet?.close());
  beforeEach(async () => {
    db = await SourceFixture.open(fleet.port);
  });
  afterEach(() => db?.close());

  test('a session ends for whoever holds it when the server ends it, and errors tell no values', async () => {
    const session = await db.server.session();
    const [id] = await session.query('SELECT CONNECTION_ID()');
    await db.run(`KILL ${id?.[0]}`);
    await expect(session.lost).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
    const refused = await db.session
      .query("SELECT 1 FROM (SELECT 'secret' FROM nowhere) x WHERE 'secret'")
      .catch((error) => error);
    expect(refused).toMatchObject({ code: 'SOURCE.REFUSED', message: expect.stringContaining('nowhere') });
    const malformed = await db.session.query("SELECT 'secret' FROM FROM").catch((error) => error);
    expect(malformed).toMatchObject({ code: 'SOURCE.REFUSED' });
    for (const error of [refused, malformed])
      expect(JSON.stringify([error, error.cause, error.message])).not.toContain('secret');
    await db
      .run("CREATE OR REPLACE USER known@'%' IDENTIFIED BY 'right'")
      .catch(() => db.run("DROP USER IF EXISTS known@'%'", "CREATE USER known@'%' IDENTIFIED BY 'right'"));
    const stranger = new MysqlServer('source', `mysql://known:wrong@127.0.0.1:${fleet.port}/`);
    await expect(stranger.connect()).rejects.toMatchObject({ code: 'SOURCE.AUTHENTICATION' });
  });

  test('a table is described with its key, constraints, indexes and defaults, and what is not carried is named', async () => {
    await db.run(
      'CREATE TABLE parents (a int, b varchar(5), PRIMARY KEY (b, a))',
      `CREATE TABLE things (
         id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, a int, b varchar(5), label varchar(20) NOT NULL DEFAULT 'it''s' COMMENT 'said',
         hidden int DEFAULT 7, made datetime(3) DEFAULT CURRENT_TIMESTAMP(3), twice int AS (hidden * 2) STORED, body text,
         n decimal(5,2) DEFAULT 1.50, UNIQUE KEY by_label (label), KEY by_body (body(10)), KEY backwards (b, a),
         CONSTRAINT positive CHECK (hidden > 0),
         CONSTRAINT parent FOREIGN KEY (b, a) REFERENCES parents (b, a) ON DELETE CASCADE) COMMENT 'all'`,
      'CREATE TABLE unkeyed (a int)',
      'CREATE TABLE by_unique (a int NOT NULL, b int, UNIQUE KEY first (b), UNIQUE KEY second (a))',
      'CREATE TABLE old (a int) ENGINE=MyISAM',
      'CREATE VIEW seen AS SELECT 1 AS one',
      'CREATE TRIGGER fired BEFORE INSERT ON unkeyed FOR EACH ROW SET @x = 1',
    );
    const catalog = await db.source.describe({ include: ['shop.*'], exclude: ['shop.u?keyed'], names: [] });
    expect(catalog.tables.map(({ table }) => table.id)).toEqual(['shop.by_unique', 'shop.parents', 'shop.things']);
    expect(catalog.notCarried).toEqual([
      'table shop.old (engine MyISAM)',
      'view shop.seen',
      'trigger fired on shop.unkeyed',
    ]);
    const [byUnique, parents, things] = catalog.tables;
    expect(byUnique).toMatchObject({
      table: { identity: 'key', key: [0], spread: false },
      key: { definition: 'UNIQUE (`a`)' },
    });
    expect(parents).toMatchObject({
      table: { key: [1, 0], spread: false },
      key: { definition: 'PRIMARY KEY (`b`, `a`)' },
    });
    const display = kind === 'MySQL' ? '' : '(10)';
    expect(things).toMatchObject({
      comment: 'all',
      table: { identity: 'key', key: [0], spread: false },
      uniqueConstraints: [{ name: 'by_label', definition: 'UNIQUE (`label`)' }],
      foreignKeys: [
        {
          name: 'parent',
          references: 'shop.parents',
          definition: 'FOREIGN KEY (`b`, `a`) REFERENCES `shop`.`parents` (`b`, `a`) ON DELETE CASCADE',
        },
      ],
      checks: [{ name: 'positive', definition: expect.stringContaining('`hidden` > 0') }],
    });
    expect(things?.indexes.map(({ definition }) => definition)).toEqual([
      'CREATE INDEX `backwards` ON `shop`.`things` (`b`, `a`)',
      'CREATE INDEX `by_body` ON `shop`.`things` (`body`(10))',
    ]);
    expect(
      things?.columns.map((column) => [column.name, column.type, column.notNull, column.defaultExpression]),
    ).toEqual([
      ['id', `int${display} unsigned`, true, null],
      ['a', kind === 'MySQL' ? 'int' : 'int(11)', false, null],
      ['b', 'varchar(5)', false, null],
      ['label', 'varchar(20)', true, "'it''s'"],
      ['hidden', kind === 'MySQL' ? 'int' : 'int(11)', false, '7'],
      ['made', 'datetime(3)', false, kind === 'MySQL' ? 'CURRENT_TIMESTAMP(3)' : 'current_timestamp(3)'],
      ['twice', kind === 'MySQL' ? 'int' : 'int(11)', false, null],
      ['body', 'text', false, null],
      ['n', 'decimal(5,2)', false, '1.50'],
    ]);
    expect(things?.columns[6]?.generated).toMatchObject({ stored: true });
    expect(things?.table.columns.map(({ name }) => name)).not.toContain('twice');
    expect(catalog.sequences).toMatchObject([{ name: 'things_id_seq', owner: { table: 'shop.things', column: 'id' } }]);
  });

  test('what a snapshot reads of a row is what the log delivers of it, for every type', async () => {
    await db.make(
      `CREATE TABLE v (id bigint unsigned PRIMARY KEY, t tinyint, z int(8) unsigned zerofill, big bigint, d decimal(30,10), dz decimal(8,3) zerofill,
         f float, f2 float(9,3), g double, bi bit(11), y year, da date, dt datetime(6), ts timestamp(3) NULL, ti time(6), c char(5),
         vc varchar(30), lc varchar(10) CHARACTER SET latin1, tx mediumtext, bin binary(4), vb varbinary(10), bl blob,
         e enum('a','b ü'), s set('x','y','z'), j json, p point)`,
    );
    const startAt = await db.source.log.pin(db.tables);
    await startAt.close();
    await db.run(
      "SET sql_mode = ''",
      `INSERT INTO v VALUES
        (18446744073709551615, -128, 42, -9223372036854775808, 12345678901234567890.0000000001, 1.5, 0.1, 123456.789, 1e15, b'10000000001',
         1901, '9999-12-31', '2024-02-29 23:59:59.000001', '2038-01-19 03:14:07.120', '-838:59:58.500000', 'a ', 'a\\\\\\tb\\n𝄞', 'ü€',
         REPEAT('long ', 5000), x'0100', x'00ff5c', x'', 'b ü', 'x,z', '{"b": [1, 2.50, "ü"]}', POINT(1, -2.5)),
        (1, 0, 0, 0, -0.5, 0, 16777217, 1e-3, 5e-324, b'1', 0, '0000-00-00', '2024-00-17 00:00:00', '1970-01-01 00:00:01', '00:00:00',
         '', '', '', '', '', '', 'x', '', '', 'null', NULL),
        (2${', NULL'.repeat(25)})`,
      "SET sql_mode = 'STRICT_ALL_TABLES'",
    );
    await db.source.log.mark('end');
    const stream = new MysqlStream({ connect: () => db.server.connect(), run: RUN, tables: db.tables });
    const log = await LogReader.open(stream, startAt.at);
    await log.untilMarker('end');
    const { changes } = log;
    await log.close();
    const logged = new Map(
      changes.flatMap((change) => (change.op === 'insert' ? [[String(change.row[0]), change.row]] : [])),
    );
    const pair = await db.source.log.pair();
    const reader = await pair.reader();
    const read = new Map<string, Row | undefined>();
    for (const id of logged.keys()) read.set(id, await reader.readRow(db.table('v'), [id]));
    await pair.close();
    expect([...logged.keys()]).toEqual(['18446744073709551615', '1', '2']);
    expect(read).toEqual(logged);
    expect(read.get('18446744073709551615')?.slice(6, 10)).toEqual(['0.1', '123456.79', '1e15', Buffer.from([4, 1])]);
  });

  test('every snapshot under writers shows exactly the transactions that its position covers', async () => {
    await db.make('CREATE TABLE one (id int PRIMARY KEY)', 'CREATE TABLE two (id int PRIMARY KEY)');
    await db.run('CREATE TABLE other (id int PRIMARY KEY)');
    const [one, two] = [db.table('one'), db.table('two')];
    const first = await db.source.log.pin([one, two]);
    await first.close();
    let writing = true;
    let written = 0;
    const write = async (from: number): Promise<void> => {
      const session = await db.server.session();
      await session.query('USE shop');
      for (let id = from; writing; id += 2) {
        await session.query('BEGIN');
        for (const table of ['one', 'two']) await session.query(`INSERT INTO ${table} VALUES (${id})`);
        await session.query('COMMIT');
        // Outside the run, and so never held.
        await session.query(`INSERT INTO other VALUES (${id})`);
        written++;
      }
      session.close();
    };
    const writers = Promise.all([write(1), write(2)]);
    const seen: { readonly at: Position; readonly rows: readonly string[] }[] = [];
    for (let count = 0; count < 12; count++) {
      const pair = await db.source.log.pin([one, two]);
      const readers = [await pair.reader(), await pair.reader()];
      for (const reader of readers) {
        for (const table of [one, two])
          seen.push({ at: pair.at, rows: (await text(reader.read(table, ALL).bytes)).trim().split('\n') });
      }
      await pair.close();
    }
    writing = false;
    await writers;
    await db.source.log.mark('end');
    const stream = new MysqlStream({ connect: () => db.server.connect(), run: RUN, tables: [one, two] });
    const log = await LogReader.open(stream, first.at);
    await log.untilMarker('end');
    const transactions = log.taken;
    await log.close();
    const positions = new Map(
      transactions.flatMap(({ position, changes }) =>
        changes.flatMap((change) => (change.op === 'insert' ? [[String(change.row[0]), position] as const] : [])),
      ),
    );
    expect(positions.size).toBe(written);
    expect(new Set(seen.map(({ at }) => at)).size).toBeGreaterThan(3);
    for (const { at, rows } of seen) {
      const covered = [...positions].filter(([, position]) => covers(at, position)).map(([id]) => id);
      expect(rows.filter((id) => id !== '').sort()).toEqual(covered.sort());
    }
  });

  test('what foreign keys change by themselves is in the log, or they are refused by name', async () => {
    await db.make(
      'CREATE TABLE p (id int PRIMARY KEY)',
      'CREATE TABLE c (id int PRIMARY KEY, p int, CONSTRAINT goes FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE)',
      'INSERT INTO p VALUES (1)',
      'INSERT INTO c VALUES (1, 1)',
    );
    const pinned = db.source.log.pin(db.tables);
    if (kind === 'MariaDB') {
      await expect(pinned).rejects.toMatchObject({
        code: 'SOURCE.REFUSED',
        message: expect.stringContaining('goes on shop.c'),
      });
      return;
    }
    const start = await pinned;
    await start.close();
    await db.run('DELETE FROM p');
    await db.source.log.mark('end');
    const stream = new MysqlStream({ connect: () => db.server.connect(), run: RUN, tables: db.tables });
    const log = await LogReader.open(stream, start.at);
    await log.untilMarker('end');
    await log.close();
    expect(log.changes.map((change) => [change.op, 'table' in change && change.table.name])).toEqual([
      ['delete', 'c'],
      ['delete', 'p'],
    ]);
  });

  test('columns that are hidden, a key that the server made and an index on an expression are read as logged', async () => {
    await db.make(
      'CREATE TABLE t (id int PRIMARY KEY, h int INVISIBLE DEFAULT 5)',
      ...(kind === 'MySQL'
        ? [
            'CREATE TABLE e (id int PRIMARY KEY, v varchar(10), KEY ((LOWER(v))))',
            'SET sql_generate_invisible_primary_key = 1',
            'CREATE TABLE g (v float PRIMARY KEY)',
            'CREATE TABLE k (v int)',
          ]
        : ['CREATE TABLE e (id int PRIMARY KEY, v varchar(10))', 'CREATE TABLE g (v float PRIMARY KEY)']),
    );
    const start = await db.source.log.pin(db.tables);
    await start.close();
    await db.run(
      'INSERT INTO t (id) VALUES (1)',
      "INSERT INTO e VALUES (1, 'A')",
      'INSERT INTO g VALUES (0.1), (1e20)',
    );
    if (kind === 'MySQL') await db.run('INSERT INTO k VALUES (3)');
    await db.source.log.mark('end');
    const stream = new MysqlStream({ connect: () => db.server.connect(), run: RUN, tables: db.tables });
    const log = await LogReader.open(stream, start.at);
    await log.untilMarker('end');
    await log.close();
    const pair = await db.source.log.pair();
    const reader = await pair.reader();
    const inserted = log.changes.flatMap((change) => (change.op === 'insert' ? [change] : []));
    for (const { table, row } of inserted) {
      const key = table.key.map((index) => row[index] ?? null);
      expect(await reader.readRow(table, key)).toEqual(row);
    }
    await pair.close();
    expect(inserted.map(({ row }) => row)).toEqual([
      ['1', '5'],
      ['1', 'A'],
      ['0.1'],
      ['1e20'],
      ...(kind === 'MySQL' ? [['1', '3']] : []),
    ]);
  });

  test('a table that was emptied after the snapshot loses it, and a reader between two reads holds nobody up', async () => {
    await db.make('CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)');
    const pair = await db.source.log.pin(db.tables);
    const reader = await pair.reader();
    expect(await reader.readRow(db.table('t'), ['1'])).toEqual(['1']);
    // Would wait for a reader that had kept its lock.
    await db.run('TRUNCATE t');
    await expect(reader.readRow(db.table('t'), ['1'])).rejects.toMatchObject({ code: 'SNAPSHOT.LOST' });
    await pair.close();
  });

  test('a transaction that is prepared elsewhere gets no snapshot, and what is locked is what the user may lock', async () => {
    await db.make('CREATE TABLE t (id int PRIMARY KEY)');
    await db.run('CREATE TABLE other (id int PRIMARY KEY)');
    await db.run("XA START 'x'", 'INSERT INTO other VALUES (1)', "XA END 'x'", "XA PREPARE 'x'");
    await expect(db.source.log.pin([db.table('t')])).rejects.toMatchObject({ code: 'SOURCE.LOCKED' });
    await db.run("XA ROLLBACK 'x'");
    const xaRight = kind === 'MySQL' ? ['XA_RECOVER_ADMIN ON *.*'] : [];
    const pinAs = async (user: string, ...rights: readonly string[]): Promise<unknown> => {
      await db.run(`DROP USER IF EXISTS ${user}`, `CREATE USER ${user}`);
      for (const right of [
        ...rights,
        'SELECT ON *.*',
        'REPLICATION SLAVE ON *.*',
        'CREATE ON *.*',
        'INSERT, UPDATE ON migrate.*',
        ...xaRight,
      ])
        await db.run(`GRANT ${right} TO ${user}`);
      await db.run(`GRANT ${kind === 'MySQL' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR'} ON *.* TO ${user}`);
      const fixture = await SourceFixture.open(fleet.port, { user });
      try {
        const pair = await fixture.source.log.pin([db.table('t')]);
        await pair.close();
        return pair.means;
      } catch (error) {
        return error;
      } finally {
        await fixture.close();
      }
    };
    // MariaDB tells of each snapshot what it is exact at.
    expect(await pinAs('locker', 'LOCK TABLES ON shop.*')).toBe(kind === 'MySQL' ? 'table-locks' : 'server-pair');
    expect(await pinAs('flusher', 'RELOAD ON *.*', 'PROCESS ON *.*')).toBe(
      kind === 'MySQL' ? 'global-lock' : 'server-pair',
    );
    // Without a look at what statements run nothing is locked that they would hold up.
    if (kind === 'MySQL') expect(await pinAs('blind', 'RELOAD ON *.*')).toBe('lower-bound');
  });

  test('a table is cut along its key, and keys are found in the order of the source', async () => {
    await db.make(
      'CREATE TABLE words (w varchar(20), n int, PRIMARY KEY (w, n)) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci',
      'CREATE TABLE moments (at timestamp(2) NOT NULL PRIMARY KEY, b varbinary(5))',
      "CREATE TABLE moods (mood enum('z','a') PRIMARY KEY)",
      "INSERT INTO moods VALUES ('a'), ('z')",
      `INSERT INTO words VALUES ${Array.from({ length: 100 }, (_, n) => `('${['Äpfel', 'apple', 'ZEBRA', "za''hn\\\\"][n % 4]}', ${n})`)}`,
      `INSERT INTO moments VALUES ${Array.from({ length: 20 }, (_, n) => `('2024-01-01 00:00:00' + INTERVAL ${n} DAY, 'x')`)}`,
    );
    const words = db.table('words');
    const bounds = await db.source.chunks.plan(words, 30);
    expect(bounds).toHaveLength(3);
    const pair = await db.source.log.pin(db.tables);
    const reader = await pair.reader();
    const chunks: string[][] = [];
    for (const [index, upper] of [...bounds, null].entries()) {
      const range = { lower: bounds[index - 1] ?? null, upper };
      chunks.push((await text(reader.read(words, range).bytes)).trim().split('\n'));
      expect(await db.source.digests.range(words, range)).toMatchObject({ rows: chunks.at(-1)?.length });
    }
    expect(chunks.map((rows) => rows.length)).toEqual([30, 30, 30, 10]);
    const keys = chunks.flat().map((line) => line.replaceAll('\\\\', '\\').split('\t'));
    expect(await db.source.chunks.locate(words, bounds, keys)).toEqual(
      chunks.flatMap((rows, index) => rows.map(() => index)),
    );
    const found = await db.source.digests.keys(words, [keys[0] ?? [], ['äpfel', '0'], ['none', '1']]);
    expect(found.size).toBe(1);
    expect(await db.source.digests.split(db.table('moments'), ALL, 4)).toEqual(
      [6, 11, 16].map((day) => [`2024-01-${String(day).padStart(2, '0')} 00:00:00.00`]),
    );
    // Ordered by number, compared by name.
    expect(await db.source.chunks.plan(db.table('moods'), 1)).toEqual([]);
    await pair.close();
  });

  test('empty values that the target has something else for are counted by column and range, and no NULL and no blank', async () => {
    await db.make(
      "CREATE TABLE empties (id int PRIMARY KEY, v varchar(9), b varbinary(9), e enum('a'), kept text)",
      "INSERT IGNORE INTO empties VALUES (1, '', '', '', ''), (2, NULL, NULL, NULL, NULL), (3, ' ', x'00', 'a', ''), (4, '', ' ', '', '')",
    );
    const plain = db.table('empties');
    const empties: Readonly<Record<string, EmptyText>> = {
      v: 'null',
      b: 'null',
      e: { sentinel: 'x' },
      kept: 'refused',
    };
    const columns = plain.columns.map((column) => {
      const empty = empties[column.name];
      return empty === undefined ? column : { ...column, handling: [emptyHandling(empty)] };
    });
    const table = { ...plain, columns };
    const { digests } = db.source;
    expect(await digests.empties?.(table, ALL)).toEqual([
      { column: 'v', values: 2 },
      { column: 'b', values: 1 },
      { column: 'e', values: 2 },
    ]);
    expect(await digests.empties?.(table, { lower: ['2'], upper: ['4'] })).toEqual([]);
    expect(await digests.empties?.(plain, ALL)).toEqual([]);
  });

  test('rows come no faster than they are taken, and a reader that was left in the middle is cut', async () => {
    await db.make('CREATE TABLE wide (id int PRIMARY KEY, body mediumtext)');
    for (let id = 0; id < 12; id++) await db.run(`INSERT INTO wide VALUES (${id}, REPEAT('x', 500000))`);
    const pair = await db.source.log.pin(db.tables);
    const reader = await pair.reader();
    let passed = 0;
    const { bytes, rows } = reader.read(db.table('wide'), ALL, (count) => {
      passed += count;
    });
    await new Promise((resolve) => bytes.once('readable', resolve));
    for (let turn = 0; turn < 20; turn++) await db.run('DO 1');
    expect(passed).toBeLessThan(3_000_000);
    expect((await text(bytes)).length).toBeGreaterThan(6_000_000);
    expect([rows(), passed > 6_000_000]).toEqual([12, true]);
    const left = reader.read(db.table('wide'), ALL).bytes;
    await new Promise((resolve) => left.once('readable', resolve));
    left.destroy();
    await expect(reader.readRow(db.table('wide'), ['1'])).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
    await pair.close();
  });
});
