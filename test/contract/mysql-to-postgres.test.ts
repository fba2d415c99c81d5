// What a schema of MySQL means in PostgreSQL: texts that a collation holds to be equal, keys that find no row, columns that set
// themselves.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Look, openLook } from '../first-look/fixture.ts';
import { withClient } from '../fleet/databases.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';

let server: MysqlServer;
let look: Look | undefined;
let count = 0;

beforeAll(async () => {
  server = await startMysql();
}, 300_000);
afterAll(() => server?.close());
afterEach(async () => {
  await look?.close();
  look = undefined;
});

async function open(caseInsensitive: 'distinct' | 'icu', ...statements: readonly string[]): Promise<Look> {
  look = await openLook(server.port, `d${++count}`, statements, { caseInsensitive });
  return look;
}

const USERS = [
  `CREATE TABLE users (name varchar(40) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY,
     mail varchar(40) COLLATE utf8mb4_0900_as_ci UNIQUE, note varchar(40) COLLATE utf8mb4_0900_ai_ci)`,
  `CREATE TABLE logins (id int PRIMARY KEY, who varchar(40) COLLATE utf8mb4_0900_ai_ci,
     FOREIGN KEY (who) REFERENCES users (name))`,
  "INSERT INTO users VALUES ('Anna', 'a@x', 'first'), ('Émile', 'e@x', ''), ('zoë', 'Z@x', NULL)",
  "INSERT INTO logins VALUES (1, 'ANNA'), (2, 'emile'), (3, 'ZOE')",
];
const DUPLICATE = /duplicate key value violates unique constraint/;

test('with icu the keys, unique constraints and references of texts hold the same texts to be equal as in MySQL', async () => {
  const { copy, catchUp, complete, compare, postgres, mysql, catalog } = await open('icu', ...USERS);
  const start = await copy();
  await catchUp(start, async () => {
    await mysql(
      'SET foreign_key_checks = 0',
      // The same key in another case, by every way.
      "UPDATE users SET name = 'ANNA', note = 'second' WHERE name = 'anna'",
      "DELETE FROM users WHERE name = 'emile'",
      "INSERT INTO users VALUES ('emile', 'E@X', 'again')",
      'BEGIN',
      "UPDATE users SET name = 'zoe!' WHERE name = 'ZOE'",
      "UPDATE users SET name = 'Zöe', mail = 'z@X' WHERE name = 'zoé!'",
      'COMMIT',
    );
  });
  // The references are checked when they are built.
  await complete();
  expect(await postgres(`SELECT name, mail FROM d${count}.users ORDER BY name`)).toEqual([
    ['ANNA', 'a@x'],
    ['emile', 'E@X'],
    ['Zöe', 'z@X'],
  ]);
  expect((await compare()).map(({ rows, differences, refused }) => [rows, differences, refused])).toEqual([
    [3, 0, null],
    [3, 0, null],
  ]);
  await expect(postgres(`INSERT INTO d${count}.users VALUES ('änna', 'other')`)).rejects.toThrow(DUPLICATE);
  await expect(postgres(`INSERT INTO d${count}.users VALUES ('other', 'A@X')`)).rejects.toThrow(DUPLICATE);
  await postgres(`INSERT INTO d${count}.users VALUES ('other', 'á@x')`);
  const [users] = catalog.onTarget?.tables.filter(({ table }) => table.name === 'users') ?? [];
  expect(users?.columns.map(({ collation }) => collation)).toEqual([
    `"d${count}"."utf8mb4_0900_ai_ci"`,
    `"d${count}"."utf8mb4_0900_as_ci"`,
    null,
  ]);
});

test('by default they are different texts, as far as a key goes', async () => {
  const { copy, compare, postgres, catalog } = await open('distinct', ...USERS.slice(0, 1), ...USERS.slice(2, 3));
  await (await copy()).close();
  expect(catalog.onTarget?.types).toEqual([]);
  await postgres(`INSERT INTO d${count}.users VALUES ('ANNA', 'other')`);
  // More than the source has is a difference, whatever the source holds to be equal.
  expect(await compare()).toMatchObject([{ rows: 3, differences: 1 }]);
});

/** Some of each kind: letters, accents, cases, ligatures, digits, kana, marks that are ignored, blanks. */
const TEXTS = [
  'a',
  'A',
  'á',
  'a\u0301',
  'Å',
  'æ',
  'ae',
  'ß',
  'ss',
  'ﬁ',
  'fi',
  '1',
  '①',
  'か',
  'が',
  'カ',
  'σ',
  'ς',
  'İ',
  'i',
  'ı',
];
const MARKS = ['-', ' ', '\u0001', '\u00ad', '\u200b', '😀', '😁', 'ñ', 'n'];

test('collations of MySQL and those that are made for them hold the same texts to be equal', async () => {
  const names = ['utf8mb4_0900_ai_ci', 'utf8mb4_0900_as_ci', 'utf8mb4_0900_as_cs'];
  const keys = names.map((name, index) => `c${index} varchar(9) COLLATE ${name} UNIQUE`);
  const { postgres, server: source } = await open('icu', `CREATE TABLE t (id int PRIMARY KEY, ${keys.join(', ')})`);
  const texts = [...TEXTS, ...MARKS.map((mark) => `x${mark}`), 'x'].map((text) => Buffer.from(text).toString('hex'));
  const pairs = (collated: (hex: string) => string, order: string): string =>
    `WITH t AS (${texts.map((hex) => `SELECT '${hex}' AS h, ${collated(hex)} AS c`).join(' UNION ALL ')})
     SELECT one.h, other.h FROM t AS one JOIN t AS other ON one.c = other.c ORDER BY one.h${order}, other.h${order}`;
  const session = await source.session();
  for (const name of names) {
    const there = await session.query(pairs((hex) => `CONVERT(x'${hex}' USING utf8mb4) COLLATE ${name}`, ''));
    const own = (hex: string): string => `convert_from('\\x${hex}', 'UTF8') COLLATE d${count}.${name}`;
    expect(await postgres(pairs(own, ' COLLATE "C"')), name).toEqual(there);
    expect(there.length).toBeGreaterThan(texts.length);
  }
  session.close();
});

test('its collations go where the schema goes, and are dropped with the tables', async () => {
  const { target, catalog, postgres } = await open('icu', ...USERS.slice(0, 2));
  const made = () =>
    postgres("SELECT collnamespace::regnamespace, collname FROM pg_collation WHERE collname ~ 'utf8mb4' ORDER BY 2");
  const schema = `d${count}`;
  expect(await made()).toEqual([
    [schema, 'utf8mb4_0900_ai_ci'],
    [schema, 'utf8mb4_0900_as_ci'],
  ]);
  await target.drop(catalog);
  expect(await made()).toEqual([]);
  const { onTarget = catalog } = catalog;
  const tables = onTarget.tables.map(({ table }) => ({ table, schema: 'store', name: table.name, columns: [] }));
  const { catalog: renamed, findings } = await target.rename(
    onTarget,
    { tables, schemas: [{ from: schema, to: 'store' }] },
    false,
  );
  expect(findings).toEqual([]);
  expect(renamed?.types).toMatchObject([{ schema: 'store' }, { schema: 'store' }]);
  expect(renamed?.tables.map(({ columns }) => columns.map(({ collation }) => collation))).toEqual([
    [null, 'store.utf8mb4_0900_ai_ci'],
    ['store.utf8mb4_0900_ai_ci', 'store.utf8mb4_0900_as_ci', null],
  ]);
  expect(renamed?.schemas).toEqual(['store']);
  expect(await made()).toEqual([]);
});

test('a target without ICU is found before the run begins', async () => {
  const { target, catalog, postgres } = await open('icu', ...USERS.slice(0, 1));
  await target.drop(catalog);
  expect((await target.check(catalog, false)).filter(({ level }) => level === 'error')).toEqual([]);
  await postgres("DELETE FROM pg_collation WHERE collprovider = 'i'");
  expect(await target.check(catalog, false)).toContainEqual(
    expect.objectContaining({ level: 'error', code: 'PREFLIGHT.ICU' }),
  );
});

test('a primary key that finds no row is kept, and rows are found by another key or by all their values', async () => {
  const { tables, copy, catchUp, complete, compare, postgres, mysql } = await open(
    'distinct',
    'CREATE TABLE by_start (word text NOT NULL, n int, PRIMARY KEY (word(3)))',
    'CREATE TABLE by_other (word varchar(50) COLLATE utf8mb4_bin, id int NOT NULL, PRIMARY KEY (word(3)), UNIQUE KEY (id))',
    'CREATE TABLE by_computed (n int, twice int AS (n * 2) STORED NOT NULL, PRIMARY KEY (twice))',
    'CREATE TABLE by_both (m int NOT NULL UNIQUE, twice int AS (m * 2) STORED NOT NULL, v int, PRIMARY KEY (twice))',
    'CREATE TABLE by_falling (n int, m int NOT NULL, PRIMARY KEY (n DESC), UNIQUE KEY a_first (m))',
    "INSERT INTO by_start VALUES ('abc and more', 1), ('abd', 2)",
    "INSERT INTO by_other VALUES ('abc and more', 1), ('abd', 2)",
    'INSERT INTO by_computed (n) VALUES (1), (2)',
    'INSERT INTO by_both (m) VALUES (1), (2)',
    'INSERT INTO by_falling VALUES (1, 2), (2, 1)',
  );
  expect(tables.map(({ name, identity, key }) => [name, identity, key])).toEqual([
    ['by_both', 'key', [0]],
    ['by_computed', 'row', [0]],
    ['by_falling', 'key', [0]],
    ['by_other', 'key', [1]],
    ['by_start', 'row', [0, 1]],
  ]);
  await catchUp(await copy(), () =>
    mysql(
      "UPDATE by_start SET word = 'abc and less' WHERE n = 1",
      "UPDATE by_other SET word = 'abc and less' WHERE id = 1",
      'UPDATE by_computed SET n = 3 WHERE n = 1',
      'UPDATE by_both SET v = 3 WHERE m = 1',
      'DELETE FROM by_falling WHERE n = 1',
    ),
  );
  await complete();
  expect((await compare()).map(({ rows, differences }) => [rows, differences])).toEqual([
    [2, 0],
    [2, 0],
    [1, 0],
    [2, 0],
    [2, 0],
  ]);
  const refuse = (values: string) => expect(postgres(`INSERT INTO d${count}.${values}`)).rejects.toThrow(DUPLICATE);
  await refuse("by_start VALUES ('abc too', 3)");
  await refuse("by_other VALUES ('abc too', 3)");
  await refuse('by_computed VALUES (2)');
});

test('the trigger that is offered for ON UPDATE CURRENT_TIMESTAMP does what MySQL does', async () => {
  const {
    mysql,
    postgres,
    findings,
    copy,
    target,
    targetUrl,
    server: source,
  } = await open(
    'distinct',
    `CREATE TABLE notes (id int PRIMARY KEY, doc json, text varchar(20), twice int AS (id * 2) STORED,
       \`made "up"\` datetime(6) NULL ON UPDATE CURRENT_TIMESTAMP(6), seen timestamp NULL ON UPDATE CURRENT_TIMESTAMP)`,
    "INSERT INTO notes (id, doc, text) VALUES (1, '{}', 'x')",
  );
  await (await copy()).close();
  const cures = findings.filter(({ code }) => code.endsWith('CONVERT_ON_UPDATE')).map(({ cure }) => cure ?? '');
  expect(cures.length).toBe(2);
  for (const cure of cures) await postgres(cure);
  await target.fence.open();
  const seen: unknown[] = [];
  for (const set of ["text = 'y'", "text = 'y'", `doc = '{"a": 1}'`, "seen = '2005-05-05'", 'id = 2']) {
    await mysql("UPDATE notes SET `made \"up\"` = '2001-01-01', seen = '2001-01-01'", `UPDATE notes SET ${set}`);
    const session = await source.session();
    const [there] = await session.query(`SELECT YEAR(\`made "up"\`) > 2020, YEAR(seen) > 2020 FROM d${count}.notes`);
    session.close();
    await postgres(`UPDATE d${count}.notes SET "made ""up""" = '2001-01-01', seen = '2001-01-01'`);
    await withClient(targetUrl, (client) => client.query(`UPDATE d${count}.notes SET ${set}`));
    const [here] = await postgres(
      `SELECT (extract(year from "made ""up""") > 2020)::int, (extract(year from seen) > 2020)::int FROM d${count}.notes`,
    );
    expect(here, set).toEqual(there);
    seen.push(here);
  }
  expect(seen).toEqual([
    ['1', '1'],
    ['0', '0'],
    ['1', '1'],
    ['1', '0'],
    ['1', '1'],
  ]);
});
