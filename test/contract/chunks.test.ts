import { afterAll, beforeAll, expect, test } from 'vitest';
import { PostgresChunks } from '../../src/databases/postgres/chunks.ts';
import { rangeCondition } from '../../src/databases/postgres/range.ts';
import type { Key } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import { type CopyFixture, openCopyFixture, tableOf } from './copy-fixture.ts';

let fixture: CopyFixture;
let chunks: PostgresChunks;

beforeAll(async () => {
  fixture = await openCopyFixture();
  chunks = new PostgresChunks(fixture.source);
});
afterAll(() => fixture.close());

/** Rows per chunk, as the conditions of the ranges find them. */
async function sizes(table: Table, bounds: readonly Key[]): Promise<readonly number[]> {
  const found: number[] = [];
  for (let ordinal = 0; ordinal <= bounds.length; ordinal++) {
    const range = { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null };
    const row = await fixture.from.one(`SELECT count(*) FROM "${table.name}" WHERE ${rangeCondition(table, range)}`);
    found.push(Number(row?.count));
  }
  return found;
}

/** Every key must be counted in exactly the chunk that `locate` names. */
async function expectPartition(table: Table, bounds: readonly Key[]): Promise<void> {
  const columns = table.key.map((index) => table.columns[index]!.name);
  const rows = await fixture.from.query(`SELECT ${columns.map((name) => `"${name}"`).join(',')} FROM "${table.name}"`);
  const keys = rows.map((row) => columns.map((name) => row[name]!));
  const located = await chunks.locate(table, bounds, keys);
  const counted = Array.from({ length: bounds.length + 1 }, () => 0);
  for (const ordinal of located) counted[ordinal]!++;
  expect(await sizes(table, bounds)).toEqual(counted);
  expect(located).toHaveLength(keys.length);
}

const numbers = tableOf('numbers', [['id', 'int8']]);

test('an integer key is cut into even pieces that hold every row once', async () => {
  await fixture.from.run(
    'CREATE TABLE numbers (id bigint PRIMARY KEY); INSERT INTO numbers SELECT n * n FROM generate_series(1, 10000) n; ANALYZE numbers',
    [],
  );
  const bounds = await chunks.plan(numbers, 1_000);
  expect(bounds).toHaveLength(9);
  expect(await sizes(numbers, bounds)).toEqual(Array.from({ length: 10 }, () => 1_000));
  await expectPartition(numbers, bounds);
});

test('a table that was never analysed is cut all the same', async () => {
  await fixture.from.run(
    `CREATE TABLE unknown (id bigint PRIMARY KEY) WITH (autovacuum_enabled = off);
     INSERT INTO unknown SELECT generate_series(1, 5000)`,
    [],
  );
  expect(await chunks.plan(tableOf('unknown', [['id', 'int8']]), 1_000)).toHaveLength(4);
});

test('a small and an empty table are one chunk', async () => {
  await fixture.from.run('CREATE TABLE empty (id int PRIMARY KEY)', []);
  expect(await chunks.plan(tableOf('empty', [['id', 'int4']]), 1_000)).toEqual([]);
  expect(await chunks.plan(numbers, 10_000)).toEqual([]);
});

test('a large table is cut by a sample', async () => {
  await fixture.from.run(
    'CREATE TABLE large (id int PRIMARY KEY); INSERT INTO large SELECT generate_series(1, 400000); ANALYZE large',
    [],
  );
  const large = tableOf('large', [['id', 'int4']]);
  const bounds = await chunks.plan(large, 50_000);
  expect(bounds.length).toBeGreaterThan(4);
  const found = await sizes(large, bounds);
  expect(found.reduce((sum, size) => sum + size, 0)).toBe(400_000);
  expect(Math.max(...found)).toBeLessThan(200_000);
});

test('a composite key keeps the order of its collations', async () => {
  await fixture.from.run(
    `CREATE TABLE words (w text COLLATE "en-US-x-icu", n numeric, PRIMARY KEY (w, n));
     INSERT INTO words SELECT w, n / 10.0 FROM unnest('{a,B,b,A,ä,Z,"x y","it''s","back\\\\slash",""}'::text[]) w, generate_series(1, 50) n`,
    [],
  );
  const words = tableOf(
    'words',
    [
      ['w', 'text'],
      ['n', 'numeric'],
    ],
    [0, 1],
  );
  const bounds = await chunks.plan(words, 60);
  expect(bounds.length).toBeGreaterThan(5);
  await expectPartition(words, bounds);
  // 'B' < 'a' by bytes, 'a' < 'B' in the column's collation.
  expect(await chunks.locate(words, [['a', '0']], [['B', '0']])).toEqual([1]);
});

test.each([
  ['uuid', 'uuid', 'md5(n::text)::uuid'],
  ['bytea', 'bytea', "decode(md5(n::text), 'hex')"],
  ['timestamptz', 'timestamptz', "'2000-01-01'::timestamptz + n * interval '1 hour 1 microsecond'"],
  ['char', 'bpchar', 'lpad((n % 1000)::text || chr(65 + n / 1000), 8)'],
  ['float', 'float8', "CASE n WHEN 1 THEN 'NaN'::float8 WHEN 2 THEN '-Infinity' ELSE sqrt(n) END"],
  ['inet', 'inet', "'10.0.0.0'::inet + n"],
])('a key of type %s is cut and located', async (name, type, expression) => {
  const table = tableOf(`keyed_${name}`, [['id', type]]);
  await fixture.from.run(
    `CREATE TABLE keyed_${name} AS SELECT ${expression} AS id FROM generate_series(1, 2000) n;
     ALTER TABLE keyed_${name} ADD PRIMARY KEY (id)`,
    [],
  );
  const bounds = await chunks.plan(table, 300);
  expect(bounds).toHaveLength(6);
  await expectPartition(table, bounds);
});

test('an enum is cut in the order of its labels', async () => {
  await fixture.from.run(
    `CREATE TYPE size AS ENUM ('small', 'medium', 'large');
     CREATE TABLE sized (s size, n int, PRIMARY KEY (s, n));
     INSERT INTO sized SELECT s, n FROM unnest(enum_range(NULL::size)) s, generate_series(1, 100) n`,
    [],
  );
  const sized = tableOf(
    'sized',
    [
      ['s', 'public.size'],
      ['n', 'int4'],
    ],
    [0, 1],
  );
  const bounds = await chunks.plan(sized, 50);
  expect(bounds).toHaveLength(5);
  await expectPartition(sized, bounds);
});

test('a type whose own order differs from that of its text is cut consistently', async () => {
  await fixture.from.run(
    "CREATE EXTENSION citext; CREATE TABLE folded (id citext PRIMARY KEY); INSERT INTO folded SELECT CASE n % 2 WHEN 0 THEN 'k' ELSE 'K' END || n FROM generate_series(1, 500) n",
    [],
  );
  const folded = tableOf('folded', [['id', 'public.citext']]);
  const bounds = await chunks.plan(folded, 100);
  expect(bounds).toHaveLength(4);
  expect(await chunks.locate(folded, bounds, bounds)).toEqual([1, 2, 3, 4]);
  const reader = await fixture.source.session({ purpose: 'test' });
  let rows = 0;
  for (let ordinal = 0; ordinal <= bounds.length; ordinal++) {
    const range = { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null };
    const row = await reader.one(`SELECT count(*) FROM public.folded WHERE ${rangeCondition(folded, range)}`);
    rows += Number(row?.count);
  }
  expect(rows).toBe(500);
  await reader.close();
});

test('a bound itself belongs to the chunk that it opens, and order and number of the keys are kept', async () => {
  const located = await chunks.locate(numbers, [['10'], ['20']], [['25'], ['10'], ['9'], ['20'], ['9'], ['19']]);
  expect(located).toEqual([2, 1, 0, 2, 0, 1]);
  expect(await chunks.locate(numbers, [], [['1'], ['2']])).toEqual([0, 0]);
});

test('more keys than one statement takes are located in batches', async () => {
  const keys = Array.from({ length: 25_000 }, (_, index) => [String(index)]);
  const located = await chunks.locate(numbers, [['12000']], keys);
  expect(located.filter((ordinal) => ordinal === 0)).toHaveLength(12_000);
});

test('after a broken connection the next call opens another one', async () => {
  await chunks.locate(numbers, [['1']], [['2']]);
  await fixture.from.run(
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE '%chunks' AND datname = current_database()",
    [],
  );
  await chunks.locate(numbers, [['1']], [['2']]).catch(() => undefined);
  expect(await chunks.locate(numbers, [['1']], [['2']])).toEqual([1]);
});
