// Changes of rows written to MySQL, set by set and row by row.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { collapse } from '../../src/apply/collapse.ts';
import { RowsOf } from '../../src/databases/mysql/rows.ts';
import { MysqlScratch } from '../../src/databases/mysql/scratch.ts';
import { WrittenTables } from '../../src/databases/mysql/write/columns.ts';
import type { MysqlLane } from '../../src/databases/mysql/write/lane.ts';
import { limitsOf, setDeletes, setUpdates } from '../../src/databases/mysql/write/statements.ts';
import { Writer } from '../../src/databases/mysql/write/writer.ts';
import type { TableChanges } from '../../src/databases/target.ts';
import type { NewDeadLetter, Refusal } from '../../src/journal/dead-letters.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { LoggedValue, RowChange, Value } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { CLAIM, hexOf, position, WriteFixture } from './mysql-write-fixture.ts';

let fleet: MysqlServer;
let fixture: WriteFixture;
let lane: MysqlLane;

beforeAll(async () => {
  fleet = await startMysql();
  fixture = await WriteFixture.open(fleet.port);
}, 300_000);
afterAll(async () => {
  await fixture?.close();
  await fleet?.close();
});
beforeEach(async () => {
  await fixture.reset();
  lane = fixture.lane();
});
afterEach(() => lane?.close());

const insert = (table: Table, ...row: LoggedValue[]): RowChange => ({ op: 'insert', table, row });
const remove = (table: Table, ...key: Value[]): RowChange => ({ op: 'delete', table, key });
const update = (table: Table, key: string, ...row: LoggedValue[]): RowChange => ({
  op: 'update',
  table,
  key: [key],
  row,
});

function sets(table: Table, ...changes: RowChange[]): readonly TableChanges[] {
  const collapsed = collapse(table, changes);
  if (collapsed === undefined) throw new Error('these changes can be collapsed');
  return [collapsed];
}

const move = (to: string, number = 0, from = '1') => ({
  lane: number,
  from: position(from),
  position: position(to),
  changes: 3,
});

const items = (): Promise<Table> =>
  fixture.make(
    'items',
    'CREATE TABLE items (id int PRIMARY KEY, name varchar(20), price decimal(12,2))',
    "INSERT INTO items VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)",
  );
const itemRows = (): Promise<readonly string[]> => fixture.rows('SELECT * FROM items ORDER BY id');

test('deletes, updates and inserts of a batch commit together with the checkpoints', async () => {
  const table = await items();
  await lane.begin();
  const written = await lane.attempt(
    sets(table, remove(table, '1'), update(table, '2', '2', undefined, '2.50'), insert(table, '4', null, '4')),
  );
  expect(written).toBe(true);
  expect(await itemRows()).toHaveLength(3);
  await lane.commit([move('9'), move('9', 1)]);
  expect(await itemRows()).toEqual(['2|two|2.50', '3|three|3.00', '4|NULL|4.00']);
  expect(await fixture.checkpoints()).toEqual(['0 9', '1 9']);
  await lane.begin();
  expect(await lane.attempt(sets(table, remove(table, '4')))).toBe(true);
  await lane.commit([move('10', 0, '9')]);
  expect(await itemRows()).toHaveLength(2);
});

test('every type goes through sets and through single rows with the same value', async () => {
  const table = await fixture.make(
    'types',
    `CREATE TABLE types (id bigint unsigned, k varchar(10) COLLATE utf8mb4_0900_ai_ci, a tinyint, b mediumint unsigned, c decimal(65,30), d float, e double,
       f bit(64), g bit(3), h date, i datetime(6), j timestamp(3), l time(2), m year, n char(4), o varchar(50) CHARACTER SET latin1,
       p text, q binary(4), r varbinary(10), s longblob, t enum('a,b','c'), u set('x','y'), v json, w geometry, x vector(2),
       hidden int INVISIBLE, twice int AS (a * 2) STORED, half int AS (a / 2) VIRTUAL, \`od\`\`d\` text CHARACTER SET utf16,
       PRIMARY KEY (id, k))`,
    `INSERT INTO types (id, k, a, b, c, d, e, f, g, h, i, j, l, m, n, o, p, q, r, s, t, u, v, w, x, hidden, \`od\`\`d\`) VALUES
       (18446744073709551615, 'é', -128, 16777215, -12345678901234567890123456789012345.123456789012345678901234567899, 16777217, 1.7976931348623157e308,
        X'FFFFFFFFFFFFFFFF', 5, '9999-12-31', '2024-01-02 03:04:05.678901', '2024-01-02 03:04:05.678', '-838:59:59', 1901, 'ab', 'straße',
        'a\\\\b''"\\n\\t😀\\0?', X'01000000', X'', X'FF00', 'a,b', 'x,y', '{"a": [1, 1.5, "\\\\"x"]}', ST_GeomFromText('POINT(1 2)', 4326), TO_VECTOR('[1,2]'), 7, 'odd'),
       (0, 'e', NULL, NULL, NULL, '-0', '-0', 0, NULL, '0000-00-00', '2024-02-31 00:00:00', '0000-00-00 00:00:00', NULL, 0, '', '', '',
        NULL, NULL, X'', NULL, '', 'null', NULL, NULL, NULL, NULL),
       (1, 'e2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
  );
  const all = 'SELECT *, hidden, HEX(f), HEX(q), HEX(s), HEX(w), HEX(x), twice, half FROM types ORDER BY id';
  const expected = await fixture.rows(all);
  expect(expected).toHaveLength(3);
  const source = new RowsOf(hexOf).of(table);
  const read = await fixture.db.session.rows(source.select('TRUE', 'ORDER BY id'));
  const inserts = read.map((row) => insert(table, ...source.values(row)));
  const rowOf = (change: RowChange): readonly LoggedValue[] => (change.op === 'insert' ? change.row : []);
  const keyOf = (change: RowChange): Value[] => rowOf(change).slice(0, 2) as Value[];
  const updates = inserts.map((change): RowChange => ({ op: 'update', table, key: keyOf(change), row: rowOf(change) }));
  const deletes = inserts.map((change): RowChange => ({ op: 'delete', table, key: keyOf(change) }));
  for (const write of ['attempt', 'replay'] as const) {
    await fixture.db.run('DELETE FROM types');
    await lane.begin();
    for (const changes of [inserts, updates, deletes, inserts]) {
      if (write === 'attempt') expect(await lane.attempt(sets(table, ...changes))).toBe(true);
      else await lane.replay(changes, []);
    }
    await lane.commit([]);
    expect(await fixture.rows(all)).toEqual(expected);
  }
});

test('rows are found by the index of the key, whatever its type, in a table that the server takes for empty', async () => {
  const keys = {
    int: ['1', '2'],
    'bigint unsigned': ['1', '18446744073709551615'],
    'decimal(20,4)': ['1.5000', '-2.2500'],
    'varchar(20) COLLATE utf8mb4_0900_ai_ci': ['a', 'é'],
    'varchar(20) COLLATE utf8mb4_0900_bin': ['a', 'A', 'a ', 'á'],
    'varchar(20) CHARACTER SET latin1': ['a', 'é'],
    'char(36) CHARACTER SET ascii COLLATE ascii_bin': ['a', 'A'],
    'varbinary(20)': ['01', 'ff00'],
    'binary(4)': ['01000000', 'ff000000'],
    date: ['2024-01-01', '0000-00-00'],
    'datetime(6)': ['2024-01-01 00:00:01.123456', '2024-02-31 00:00:00.000000'],
    'timestamp(3)': ['2024-01-01 00:00:01.123', '2024-02-01 00:00:00.000'],
    'time(2)': ['-10:00:00.12', '838:59:59.00'],
    'bit(12)': ['0001', '0fff'],
    "enum('a','b')": ['a', 'b'],
    year: ['1999', '2001'],
    double: ['1.5', '-2e-300'],
    float: ['1.5', '0.1'],
  };
  const statements = Object.keys(keys).map(
    (type, index) =>
      `CREATE TABLE t${index} (k ${type} NOT NULL, a int, UNIQUE KEY (k)) STATS_PERSISTENT=1 STATS_AUTO_RECALC=0`,
  );
  await fixture.make('t0', ...statements);
  await lane.begin();
  for (const [index, values] of Object.values(keys).entries()) {
    const table = fixture.db.table(`t${index}`);
    const rows = values.map((key, a) => insert(table, key, String(a)));
    expect(await lane.attempt(sets(table, ...rows)), table.columns[0]?.type).toBe(true);
    const swapped = values.map((key, a) => update(table, key, key, String(a + 10)));
    expect(await lane.attempt(sets(table, ...swapped)), table.columns[0]?.type).toBe(true);
    expect(await lane.attempt(sets(table, remove(table, values[0] ?? ''))), table.columns[0]?.type).toBe(true);
  }
  await lane.commit([]);
  const writer = new Writer(fixture.server, CLAIM.run);
  const { session } = await writer.open();
  const written = new WrittenTables(hexOf);
  for (const [index, values] of Object.values(keys).entries()) {
    const left = values.slice(1).map((_, a) => String(a + 11));
    expect((await fixture.rows(`SELECT a FROM t${index}`)).toSorted()).toEqual(left.toSorted());
    const table = written.of(fixture.db.table(`t${index}`));
    const limits = limitsOf(1 << 20);
    const rows = values.map((key): readonly LoggedValue[] => [key, '1']);
    const keyValues = values.map((key) => [key]);
    const both = [
      ...setUpdates(table, { columns: [1], keys: keyValues, rows }, limits),
      ...setDeletes(table, keyValues, limits),
    ];
    for (const { sql } of both) {
      const [plan] = await session.query(`EXPLAIN FORMAT=TREE ${sql}`);
      expect(plan?.[0], sql).toMatch(/index lookup on t\d+ using k/i);
    }
  }
  await writer.close();
});

test('a row count that is not what it must be leaves nothing of the sets', async () => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, remove(table, '1'), update(table, '9', '9', 'x', '1')))).toBe(false);
  expect(await lane.attempt(sets(table, remove(table, '2'), remove(table, '9')))).toBe(false);
  expect(await lane.attempt(sets(table, insert(table, '7', 'x', '1'), insert(table, '3', 'x', '1')))).toBe(false);
  await lane.commit([]);
  expect(await itemRows()).toHaveLength(3);
});

test('an update that carries no column still needs its row', async () => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, update(table, '1', '1', undefined, undefined)))).toBe(true);
  expect(await lane.attempt(sets(table, update(table, '9', '9', undefined, undefined)))).toBe(false);
});

test('an attempt that fails takes back nothing that was written before it', async () => {
  const table = await items();
  await lane.begin();
  await lane.truncate([{ table, ranges: 'all' }]);
  expect(await lane.attempt(sets(table, remove(table, '1')))).toBe(false);
  expect(await lane.attempt(sets(table, insert(table, '7', 'seven', '7')))).toBe(true);
  expect(await lane.attempt(sets(table, remove(table, '1')))).toBe(false);
  await lane.commit([move('9'), move('9', 1)]);
  expect(await itemRows()).toEqual(['7|seven|7.00']);
});

test('no row gives way to one with the same unique value: order decides, and both are there in the end', async () => {
  const table = await fixture.make(
    'seats',
    'CREATE TABLE seats (id int PRIMARY KEY, seat varchar(9) UNIQUE)',
    "INSERT INTO seats VALUES (1, 'a'), (2, 'b')",
  );
  const rows = (): Promise<readonly string[]> => fixture.rows('SELECT * FROM seats ORDER BY id');
  await lane.begin();
  expect(await lane.attempt(sets(table, insert(table, '3', 'a')))).toBe(false);
  const changes = [update(table, '1', '1', 'free'), update(table, '2', '2', 'a'), update(table, '1', '1', 'b')];
  expect(await lane.attempt(sets(table, ...changes))).toBe(false);
  await lane.replay(changes, []);
  await lane.commit([]);
  expect(await rows()).toEqual(['1|b', '2|a']);
});

test('a change of key moves the values that the log did not carry', async () => {
  const table = await items();
  await lane.begin();
  await lane.replay([update(table, '1', '10', undefined, '9')], []);
  await lane.commit([]);
  expect(await itemRows()).toContain('10|one|9.00');
});

test('moments that the server sets on updates stay as the source has them', async () => {
  const table = await fixture.make(
    'notes',
    `CREATE TABLE notes (id int PRIMARY KEY, a int, at datetime(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))`,
    "INSERT INTO notes VALUES (1, 0, '2020-01-01 00:00:00'), (2, 0, '2020-01-01 00:00:00')",
  );
  await lane.begin();
  expect(await lane.attempt(sets(table, update(table, '1', '1', '5', undefined)))).toBe(true);
  await lane.replay([update(table, '2', '2', '5', undefined)], []);
  await lane.commit([]);
  expect(await fixture.rows('SELECT * FROM notes ORDER BY id')).toEqual([
    '1|5|2020-01-01 00:00:00.000000',
    '2|5|2020-01-01 00:00:00.000000',
  ]);
});

test('changes that are tolerant overwrite what is there, in sets and row by row', async () => {
  const tolerant = (change: RowChange): RowChange => ({ ...change, tolerant: true });
  const changes = (table: Table): RowChange[] =>
    [
      insert(table, '1', 'again', '1'),
      remove(table, '8'),
      update(table, '2', '9', 'moved', '2'),
      update(table, '7', '3', 'back', '3'),
    ].map(tolerant);
  for (const write of ['attempt', 'replay'] as const) {
    const table = await items();
    await lane.begin();
    if (write === 'attempt') expect(await lane.attempt(sets(table, ...changes(table)))).toBe(true);
    else await lane.replay(changes(table), []);
    // What comes after them is held to what it expects.
    expect(await lane.attempt(sets(table, tolerant(remove(table, '3')), remove(table, '9')))).toBe(true);
    await expect(lane.replay([remove(table, '9')], [])).rejects.toMatchObject({ code: 'APPLY.ROW_MISSING' });
    await lane.close();
    lane = fixture.lane();
    await lane.begin();
    if (write === 'attempt') expect(await lane.attempt(sets(table, ...changes(table)))).toBe(true);
    else await lane.replay(changes(table), []);
    await lane.commit([]);
    expect(await itemRows()).toEqual(['1|again|1.00', '3|back|3.00', '9|moved|2.00']);
    await fixture.db.run('DROP TABLE items');
  }
});

test('a replayed change whose row is not there stops the run', async () => {
  const table = await items();
  await lane.begin();
  await expect(lane.replay([remove(table, '9')], [])).rejects.toMatchObject({ code: 'APPLY.ROW_MISSING' });
});

test.each([
  ['a key that is there', ['1', 'secret', '1'], 'constraint items.PRIMARY (1062)'],
  ['a text that is too long', ['9', 'secret'.repeat(9), '1'], 'column name (1406)'],
  ['a number that is out of range', ['9', 'a', '99999999999999'], 'column price (1264)'],
  ['a number that would be rounded', ['9', 'a', '1.005'], 'column price (1265)'],
  ['spaces that would be cut', ['9', `a${' '.repeat(30)}`, '1'], 'column name (1265)'],
  ['no number', ['9', 'a', 'secret'], 'column price (1366)'],
])('a replayed row with %s stops the run, without its values', async (_, row, what) => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, insert(table, ...row)))).toBe(false);
  const failed = await lane.replay([insert(table, ...row)], []).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'APPLY.CONSTRAINT', message: `shop.items refused a row: ${what}` });
  expect(JSON.stringify([failed, (failed as Error).cause, ((failed as Error).cause as Error).cause])).not.toContain(
    'secret',
  );
});

test('with dead letters the rows that are refused are handed over and the others are written', async () => {
  const table = await fixture.make(
    'limited',
    'CREATE TABLE limited (id int PRIMARY KEY, a int, CONSTRAINT small CHECK (a < 10))',
  );
  const refused: [RowChange, Refusal][] = [];
  const refusals = {
    holds: (change: RowChange) => change.op === 'delete',
    refuse: (change: RowChange, refusal: Refusal) => void refused.push([change, refusal]),
  };
  const bad = insert(table, '2', '99');
  await lane.begin();
  await lane.replay([insert(table, '1', '1'), bad, remove(table, '2'), insert(table, '3', '3')], [], refusals);
  expect(refused).toEqual([[bad, { sqlState: '23000', constraint: 'small', column: null }]]);
  const kept: NewDeadLetter = { key: ['2'], newKey: null, change: bad, refusal: refused[0]?.[1] ?? null };
  await lane.commit([move('9')], { kept: [kept], emptied: [], replayed: [] });
  expect(await fixture.rows('SELECT id FROM limited')).toEqual(['1', '3']);
  expect(await fixture.rows('SELECT state, `constraint` FROM migrate.dead_letter')).toEqual(['open|small']);
});

test('a value that cannot be converted is refused like one that the server does not take', async () => {
  const table = await items();
  const refused: [RowChange, Refusal][] = [];
  const refusals = { holds: () => false, refuse: (...each: [RowChange, Refusal]) => void refused.push(each) };
  const bad = insert(table, '8', 'a', 'Infinity');
  const picky = fixture.lane(() => ({
    print: (own) => own,
    read: (text) => {
      if (text === 'Infinity') throw new MigrateError('TARGET.REFUSED', 'column price has a value that is no number');
      return text;
    },
  }));
  await picky.begin();
  expect(await picky.attempt(sets(table, bad))).toBe(false);
  await expect(picky.replay([bad], [])).rejects.toMatchObject({ code: 'APPLY.CONSTRAINT' });
  await picky.begin();
  await picky.replay([bad, insert(table, '9', 'b', '1')], [], refusals);
  await picky.commit([]);
  await picky.close();
  expect(refused).toEqual([[bad, { sqlState: '22000', constraint: null, column: null }]]);
  expect(await itemRows()).toContain('9|b|1.00');
});

test('the closed fence is passed, and foreign keys and their cascades do not act', async () => {
  await fixture.make(
    'children',
    'CREATE TABLE parents (id int PRIMARY KEY)',
    'CREATE TABLE children (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE)',
    'INSERT INTO parents VALUES (1)',
    'INSERT INTO children VALUES (1, 1)',
  );
  const [parents, children] = [fixture.db.table('parents'), fixture.db.table('children')];
  await fixture.closeFence(parents, children);
  await expect(fixture.db.run('INSERT INTO children VALUES (2, 1)')).rejects.toThrow('1290');
  await lane.begin();
  expect(await lane.attempt(sets(children, insert(children, '2', '99')))).toBe(true);
  expect(await lane.attempt(sets(parents, remove(parents, '1')))).toBe(true);
  await lane.truncate([{ table: parents, ranges: 'all' }]);
  await lane.commit([]);
  expect(await fixture.rows('SELECT * FROM children ORDER BY id')).toEqual(['1|1', '2|99']);
});

test('ranges of a table are emptied within the transaction, and the rest stays', async () => {
  const table = await items();
  const ranges = [
    { lower: null, upper: ['2'] },
    { lower: ['3'], upper: null },
  ];
  await lane.begin();
  await lane.truncate([{ table, ranges }]);
  expect(await itemRows()).toHaveLength(3);
  await lane.commit([]);
  expect(await itemRows()).toEqual(['2|two|2.00']);
});

test('a table without a key loses exactly as many copies of the very row as it must', async () => {
  const table = await fixture.make(
    'bag',
    `CREATE TABLE bag (a varchar(5) COLLATE utf8mb4_0900_ai_ci, b double, c json, d varbinary(5), e enum('x'), f date, g float, h bit(3),
       i geometry, j datetime(3), k char(3) CHARACTER SET latin1)`,
    `INSERT INTO bag VALUES ('a', 0, '1', X'01', 'x', '2024-01-01', 0.1, 1, ST_GeomFromText('POINT(1 2)'), '2024-01-01', 'é'),
       ('A', 0, '1', X'01', 'x', '2024-01-01', 0.1, 1, ST_GeomFromText('POINT(1 2)'), '2024-01-01', 'é'), ('a', '-0', '1', X'01', 'x', '2024-01-01', 0.1, 1, ST_GeomFromText('POINT(1 2)'), '2024-01-01', 'é'),
       ('a', 0, '1.0', X'01', 'x', '2024-01-01', 0.1, 1, ST_GeomFromText('POINT(1 2)'), '2024-01-01', 'é'),
       ('a ', 0, '1', X'01', 'x', '2024-01-01', 0.1, 1, ST_GeomFromText('POINT(1 2)'), '2024-01-01', 'é'),
       ('a', 0, '1', X'01', 'x', '2024-01-01', 0.1, 1, ST_GeomFromText('POINT(1 2)'), '2024-01-01', 'e'),
       (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
    "INSERT INTO bag SELECT * FROM bag WHERE a = 'a' LIMIT 1",
  );
  expect(table.identity).toBe('row');
  const row = [
    'a',
    '0',
    '1',
    '01',
    'x',
    '2024-01-01',
    '0.1',
    '01',
    '000000000101000000000000000000f03f0000000000000040',
  ];
  const whole = [...row, '2024-01-01 00:00:00.000', 'é'];
  const negative = whole.map((value, index) => (index === 1 ? '-0' : value));
  const count = (): Promise<string> => fixture.one("SELECT CONCAT(COUNT(*), ' ', SUM(a IS NULL)) FROM bag");
  expect(await count()).toBe('9 2');
  await lane.begin();
  const nothing = table.columns.map(() => null);
  expect(await lane.attempt(sets(table, remove(table, ...whole), remove(table, ...nothing)))).toBe(true);
  await lane.replay([remove(table, ...whole), remove(table, ...negative)], []);
  await lane.commit([]);
  expect(await count()).toBe('5 1');
  expect(await fixture.rows('SELECT a, c, k FROM bag WHERE a IS NOT NULL ORDER BY HEX(k), HEX(a), c')).toEqual([
    'a|1|e',
    'A|1|é',
    'a|1.0|é',
    'a |1|é',
  ]);
  await lane.begin();
  await expect(lane.attempt(sets(table, remove(table, ...whole)))).rejects.toMatchObject({ code: 'APPLY.ROW_MISSING' });
});

test('a row that was read again is journalled with its position', async () => {
  const table = await items();
  const chunk = (at: string) => ({ key: ['4'], at: position(at) });
  const [set] = sets(table, insert(table, '4', 'four', '4'));
  await lane.begin();
  expect(await lane.attempt([{ ...set!, keyChunks: [chunk('5')] }])).toBe(true);
  await lane.replay([], [{ table, chunk: chunk('6') }]);
  await lane.commit([]);
  expect(await fixture.rows('SELECT table_id, `key`, `at` FROM migrate.key_chunk')).toEqual(['shop.items|["4"]|6']);
});

test.each([
  ['checkpoint that another runner moved', "UPDATE migrate.checkpoint SET position = '5' WHERE lane = 0"],
  ['lease that was taken over', 'UPDATE migrate.lease SET epoch = epoch + 1'],
])('a %s refuses the commit', async (_, statement) => {
  const table = await items();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  await fixture.db.run(statement);
  await expect(lane.commit([move('9'), move('9', 1)])).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await lane?.close();
  expect(await itemRows()).toHaveLength(3);
});

test('a deadlock ends the attempt, and nothing of it is written afterwards', async () => {
  const table = await items();
  const other = fixture.db.session;
  await other.query('START TRANSACTION');
  // More rows than the lane writes: the server gives up the smaller transaction.
  await fixture.db.run(
    'UPDATE items SET price = 7 WHERE id >= 2',
    "INSERT INTO items VALUES (20, 'a', 1), (21, 'b', 1)",
  );
  await lane.begin();
  expect(await lane.attempt(sets(table, update(table, '1', '1', 'x', '1')))).toBe(true);
  const waits = lane.attempt(sets(table, update(table, '2', '2', 'x', '1'))).catch((error: unknown) => error);
  await fixture.idOf('UPDATE (VALUES%');
  await other.query('UPDATE items SET price = 7 WHERE id = 1');
  expect(await waits).toMatchObject({ code: 'TARGET.TRANSIENT', disposition: 'retry' });
  await other.query('ROLLBACK');
  // What a caller must not do: even so no row of before is committed, and none on its own.
  await lane.attempt(sets(table, remove(table, '3'))).catch(() => undefined);
  await lane?.close();
  expect(await itemRows()).toEqual(['1|one|1.00', '2|two|2.00', '3|three|3.00']);
});

test('a lock that is not given in time ends the attempt', async () => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, update(table, '1', '1', 'x', '1')))).toBe(true);
  await fixture.db.run('START TRANSACTION', 'UPDATE items SET price = 7 WHERE id = 2');
  const waits = lane.attempt(sets(table, update(table, '2', '2', 'x', '1'))).catch((error: unknown) => error);
  await fixture.db.run(`KILL QUERY ${await fixture.idOf('UPDATE (VALUES%')}`);
  expect(await waits).toMatchObject({ code: 'TARGET.TRANSIENT' });
  await fixture.db.run('ROLLBACK');
  await lane?.close();
  expect(await itemRows()).toContain('1|one|1.00');
});

test('a connection that breaks during COMMIT leaves the outcome unknown', async () => {
  const table = await items();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  // Commits wait for it.
  await fixture.db.run('FLUSH TABLES WITH READ LOCK');
  const committed = lane.commit([]).catch((error: unknown) => error);
  await fixture.db.run(`KILL ${await fixture.idOf('COMMIT')}`);
  expect(await committed).toMatchObject({ code: 'TARGET.COMMIT_UNKNOWN', disposition: 'retry' });
  await fixture.db.run('UNLOCK TABLES');
});

test('a session that broke between two batches is opened again', async () => {
  const table = await items();
  const before = await fixture.ids();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  await lane.commit([]);
  const [id] = (await fixture.ids()).filter((each) => !before.includes(each));
  await fixture.db.run(`KILL ${id}`);
  while ((await fixture.ids()).includes(id ?? ''));
  await new Promise(setImmediate);
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '2')));
  await lane.commit([]);
  expect(await itemRows()).toEqual(['3|three|3.00']);
});

test('a value of 30 MB is written', async () => {
  const table = await fixture.make('large', 'CREATE TABLE large (id int PRIMARY KEY, a longtext)');
  await lane.begin();
  expect(await lane.attempt(sets(table, insert(table, '1', 'é'.repeat(15 << 20))))).toBe(true);
  await lane.commit([]);
  expect(await fixture.one('SELECT CHAR_LENGTH(a) FROM large')).toBe(String(15 << 20));
});

test('statements stay below what the server takes, and a row that cannot is named', async () => {
  await fixture.db.run('SET GLOBAL max_allowed_packet = 16384');
  try {
    const table = await fixture.make(
      'wide',
      'CREATE TABLE wide (id int PRIMARY KEY, a varchar(5000), b varbinary(9000))',
    );
    const rows = Array.from({ length: 40 }, (_, id) =>
      insert(table, String(id), 'é'.repeat(2_000), '61'.repeat(3_000)),
    );
    await lane.begin();
    expect(await lane.attempt(sets(table, ...rows))).toBe(true);
    expect(await lane.attempt(sets(table, insert(table, '99', '', '61'.repeat(9_000))))).toBe(true);
    expect(await lane.attempt(sets(table, ...rows.map((_, id) => remove(table, String(id)))))).toBe(true);
    await lane.commit([]);
    expect(await fixture.one('SELECT SUM(LENGTH(b)) FROM wide')).toBe('9000');
    const large = insert(table, '100', 'é'.repeat(5_000), '61'.repeat(9_000));
    await lane.begin();
    expect(await lane.attempt(sets(table, large))).toBe(false);
    await expect(lane.replay([large], [])).rejects.toMatchObject({
      code: 'APPLY.CONSTRAINT',
      message: expect.stringMatching(/^shop\.wide: .* max_allowed_packet = 16384$/),
      fix: expect.stringContaining('max_allowed_packet'),
    });
  } finally {
    await fixture.db.run('SET GLOBAL max_allowed_packet = 67108864');
  }
});

test('what is read for scratch tables is of one moment, in the form that a lane writes, and a lane to them writes nowhere else', async () => {
  const table = await fixture.make(
    'notes',
    'CREATE TABLE notes (id varchar(10) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY, b varbinary(10))',
    "INSERT INTO notes VALUES ('a', x'00ff'), ('b', NULL)",
  );
  const scratch = new MysqlScratch({
    server: fixture.server,
    id: '01234567',
    run: () => CLAIM.run,
    conversionOf: hexOf,
  });
  const moment = await scratch.look();
  await fixture.db.run("UPDATE notes SET b = ''", "UPDATE migrate.checkpoint SET position = '2'");
  expect(moment.checkpoints.map(({ position: at }) => at)).toEqual(['1', '1']);
  // What is equal to the collation is another key.
  expect(await moment.rows(table, [['A'], ['b']], 1_000)).toEqual([['b', null]]);
  const rows = await moment.rows(table, [['b'], ['a']], 1_000);
  expect([...rows].sort()).toEqual([
    ['a', '00ff'],
    ['b', null],
  ]);
  await expect(moment.rows(table, [['a']], 3)).rejects.toMatchObject({ code: 'TUNE.NOT_NOW' });
  await moment.close();

  const standIn = { ...table, schema: scratch.schema, name: 't0' };
  // In place of what an earlier one left.
  await scratch.make([{ table: standIn, like: table }], 2, position('5'));
  await scratch.make([{ table: standIn, like: table }], 1, position('1'));
  const before = await Promise.all([fixture.rows('SELECT * FROM notes'), fixture.checkpoints()]);
  const writer = await scratch.lane();
  await writer.begin();
  const inserts = { table: standIn, deletes: [], updates: [], inserts: rows, keyChunks: [] };
  expect(await writer.attempt([inserts])).toBe(true);
  await writer.commit([move('2')]);
  expect(await fixture.rows(`SELECT id, HEX(b) FROM ${scratch.schema}.t0`)).toEqual(['a|00FF', 'b|NULL']);
  expect(await fixture.one(`SELECT position FROM ${scratch.schema}.checkpoint`)).toBe('2');
  expect(await Promise.all([fixture.rows('SELECT * FROM notes'), fixture.checkpoints()])).toEqual(before);
  await writer.close();
  expect([await scratch.drop(), await scratch.drop()]).toEqual([true, false]);
});
