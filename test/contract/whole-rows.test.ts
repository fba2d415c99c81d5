// Rows of tables without a key: as many copies as the source has, whatever their types, values and number of columns.

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PostgresLane } from '../../src/databases/postgres/write/lane.ts';
import type { TableChanges } from '../../src/databases/target.ts';
import type { Key, Row } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { type LaneFixture, openLaneFixture, position } from './lane-fixture.ts';

let fixture: LaneFixture;
let lane: PostgresLane;

beforeEach(async () => {
  fixture = await openLaneFixture();
  lane = fixture.lane();
  commits = 0;
});

afterEach(async () => {
  await lane.close();
  await fixture.close();
});

let commits = 0;

/** One step further each time. */
async function commit(): Promise<void> {
  const [from, to] = [commits + 1, commits + 2].map((step) => position(`0/${step}`)) as [Position, Position];
  commits++;
  await lane.commit([{ lane: 0, from, position: to, changes: 1 }]);
}

async function create(columns: string, ...rows: readonly string[]): Promise<Table> {
  await fixture.db.query(`CREATE TABLE t (${columns})`);
  for (const row of rows) await fixture.db.query(`INSERT INTO t VALUES ${row}`);
  return fixture.table('t');
}

const changes = (table: Table, deletes: readonly Key[], inserts: readonly Row[] = []): readonly TableChanges[] => [
  { table, deletes, updates: [], inserts, keyChunks: [] },
];

async function write(table: Table, deletes: readonly Key[], inserts: readonly Row[] = []): Promise<void> {
  await lane.begin();
  expect(await lane.attempt(changes(table, deletes, inserts))).toBe(true);
  await commit();
}

test('exactly as many copies go as are given, of each row its own number', async () => {
  const table = await create('a int, b text', "(1, 'x'), (1, 'x'), (1, 'x'), (2, 'y'), (2, 'y'), (3, 'z')");
  expect(table.identity).toBe('row');
  await write(
    table,
    [
      ['1', 'x'],
      ['2', 'y'],
      ['1', 'x'],
    ],
    [
      ['3', 'z'],
      ['3', 'z'],
    ],
  );
  expect(await fixture.rows('t')).toEqual(['(1,x)', '(2,y)', '(3,z)', '(3,z)', '(3,z)']);
});

test('a copy that is missing stops the run, in a set and one by one', async () => {
  const table = await create('a int', '(1), (2)');
  await lane.begin();
  await expect(lane.attempt(changes(table, [['1'], ['1']]))).rejects.toMatchObject({ code: 'APPLY.ROW_MISSING' });
  await lane.close();
  lane = fixture.lane();
  await lane.begin();
  await expect(lane.replay([{ op: 'delete', table, key: ['3'] }], [])).rejects.toMatchObject({
    code: 'APPLY.ROW_MISSING',
  });
});

test('NULL, an empty text, blanks and the word are four different values', async () => {
  const table = await create('a text, b text', "(NULL, ''), ('', NULL), (' ', 'NULL'), (NULL, NULL), (NULL, NULL)");
  await write(table, [
    [null, null],
    ['', null],
    [' ', 'NULL'],
  ]);
  expect(await fixture.rows('t')).toEqual(['(,"")', '(,)']);
});

test('of a single column NULL is found, and not for the letter that may stand for it', async () => {
  const table = await create('a text', "(NULL), (NULL), ('n'), ('')");
  await write(table, [[null]]);
  expect(await fixture.rows('t')).toEqual(['("")', '()', '(n)']);
});

// Each with a value as the log writes it and one that the type calls equal, or that looks alike.
const VALUES: readonly (readonly [type: string, wanted: string, other: string])[] = [
  ['numeric', '1.00', '1.0'],
  ['json', '{"a": 1}', '{"a":1}'],
  ['jsonb', '{"a": 1}', '{"a": 2}'],
  ['float8', '-0', '0'],
  ['float8', 'NaN', 'Infinity'],
  ['interval', '24:00:00', '1 day'],
  ['char(5)', 'ab   ', 'abc  '],
  ['"char"', 'a', 'b'],
  ['text[]', '{"",NULL,"NULL","a\\\\\\"b,"}', '{NULL}'],
  ['int[]', '[0:1]={1,2}', '{1,2}'],
  ['bytea', '\\x00ff5c27', '\\x'],
  ['timestamptz', '2024-03-31 00:30:00+00', 'infinity'],
  ['bit(3)', '101', '100'],
  ['text', 'back\\slash "quoted", (tab\t)', ''],
];

test('a row is found by its text, whatever its type, and not mistaken for one that is equal or looks alike', async () => {
  for (const [type, wanted, other] of VALUES) {
    const table = await create(`a ${type}, b text`);
    const row = (value: string): Key => [value, 'x'];
    await write(table, [], [wanted, other, wanted].map(row));
    await write(table, [row(wanted)]);
    const { rows } = await fixture.db.query('SELECT a::text FROM t');
    const left = rows.map(({ a }: { a: string }) => a.trimEnd()).sort();
    expect(left, type).toEqual([wanted.trimEnd(), other.trimEnd()].sort());
    await fixture.db.query('DROP TABLE t');
  }
});

test('rows of 64 columns, also all NULL, and a value kept outside the row', async () => {
  const table = await create(Array.from({ length: 64 }, (_, index) => `c${index} text`).join(', '));
  await fixture.db.query('ALTER TABLE t ALTER c63 SET STORAGE EXTERNAL');
  const big = 'x'.repeat(20_000);
  const wide = Array.from({ length: 64 }, (_, index) => (index === 63 ? big : index % 3 === 0 ? null : String(index)));
  const empty = wide.map(() => null);
  await write(table, [], [wide, wide, empty, empty]);
  await write(table, [wide, empty]);
  const { rows } = await fixture.db.query(
    'SELECT length(c63) AS n, count(*)::int AS rows FROM t GROUP BY 1 ORDER BY 1',
  );
  expect(rows).toEqual([
    { n: 20_000, rows: 1 },
    { n: null, rows: 1 },
  ]);
});

test('one by one an update changes one of two copies, and a value the log lacks stays', async () => {
  const table = await create('a int, b text', "(1, 'x'), (1, 'x')");
  await lane.begin();
  await lane.replay([{ op: 'update', table, key: ['1', 'x'], row: ['2', undefined] }], []);
  await commit();
  expect(await fixture.rows('t')).toEqual(['(1,x)', '(2,x)']);
});

test('a batch of deletes reads the table once, not once per row', async () => {
  const table = await create('a int, b text', "(0, 'x')");
  await fixture.db.query("INSERT INTO t SELECT n, repeat('y', 50) FROM generate_series(1, 20000) n");
  const deletes = Array.from({ length: 2_000 }, (_, index) => [String(index * 10 + 10), 'y'.repeat(50)]);
  await lane.begin();
  expect(await lane.attempt(changes(table, deletes))).toBe(true);
  await commit();
  await lane.close();
  const { rows } =
    await fixture.db.query(`SELECT pg_stat_clear_snapshot(), seq_scan::int AS scans, n_tup_del::int AS gone
    FROM pg_stat_user_tables WHERE relname = 't'`);
  expect(rows[0]).toMatchObject({ gone: 2_000 });
  expect(rows[0].scans).toBeLessThan(5);
});

test('the rows to delete are hashed, without a limit in time, and the lane has its own settings again afterwards', async () => {
  const table = await create('a int', '(1)');
  await fixture.db.query('CREATE TABLE k (id int PRIMARY KEY)');
  const keyed = await fixture.table('k');
  const settings = ['enable_hashjoin', 'enable_seqscan', 'statement_timeout'];
  await fixture.db.query(`CREATE TABLE seen (as_is text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.seen SELECT concat_ws(' ', TG_OP, ${settings.map((name) => `current_setting('${name}')`)});
      RETURN NULL; END $$;
    CREATE TRIGGER note BEFORE DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION note();
    CREATE TRIGGER note BEFORE INSERT ON k FOR EACH STATEMENT EXECUTE FUNCTION note();
    ALTER TABLE t ENABLE ALWAYS TRIGGER note; ALTER TABLE k ENABLE ALWAYS TRIGGER note`);
  const keyedInsert: TableChanges = { table: keyed, deletes: [], updates: [], inserts: [['1']], keyChunks: [] };
  await lane.begin();
  await lane.attempt([...changes(table, [['1']]), keyedInsert]);
  await commit();
  expect(await fixture.rows('seen')).toEqual(['("DELETE on on 0")', '("INSERT off off 2min")']);
});
