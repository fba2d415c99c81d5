// Every type of MySQL and of MariaDB on its way to PostgreSQL, as it is taken by default and as a plan may choose: what the copy
// brings, the log brings as well, and both sides are compared as equal.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Look, openLook } from '../first-look/fixture.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';

type Kind = 'MySQL' | 'MariaDB';
let servers: Readonly<Record<Kind, MysqlServer>>;
let look: Look | undefined;

beforeAll(async () => {
  const [mysql, mariadb] = await Promise.all([startMysql(), startMariadb()]);
  servers = { MySQL: mysql, MariaDB: mariadb };
}, 300_000);
afterAll(async () => {
  await Promise.all(Object.values(servers ?? {}).map((server) => server.close()));
});
afterEach(async () => {
  await look?.close();
  look = undefined;
});

/** Type, literal, and what PostgreSQL prints; the type that a plan chooses, where it does. */
type Value = readonly [type: string, literal: string, printed: string, chosen?: string];

const BOTH: readonly Value[] = [
  ['tinyint', '-128', '-128'],
  ['tinyint(1)', '1', 't', 'boolean'],
  ['tinyint(1)', '-5', '-5'],
  ['smallint unsigned', '65535', '65535'],
  ['mediumint', '-8388608', '-8388608'],
  ['int unsigned', '4294967295', '4294967295'],
  ['int', '-7', '-7', 'bigint'],
  ['int', '-8', '-8', 'text'],
  ['bigint', '-9223372036854775808', '-9223372036854775808'],
  ['bigint unsigned', '18446744073709551615', '18446744073709551615'],
  ['bigint unsigned', '9223372036854775807', '9223372036854775807', 'bigint'],
  ['bigint unsigned zerofill', '12', '12'],
  ['year', '2155', '2155'],
  ['decimal(38,10)', '-1234567890123456789012345678.0000000010', '-1234567890123456789012345678.0000000010'],
  ['decimal(12,3)', '1.5', '1.500', 'numeric'],
  ['float', '0.1', '0.1'],
  ['double', '1e23', '9.999999999999999e+22'],
  ['bit(11)', "b'101'", '00000000101'],
  ['bit(1)', "b'1'", 't', 'boolean'],
  ['char(5)', "'a '", 'a'],
  ['varchar(20) CHARACTER SET utf8mb4', "'𝄞 ü\\\\N\\t'", '𝄞 ü\\N\t', 'varchar(40)'],
  ['varchar(20) CHARACTER SET latin1', "'ü€'", 'ü€', 'text'],
  ['char(36)', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'uuid'],
  ['binary(16)', "x'a0eebc999c0b4ef8bb6d6bb9bd380a00'", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a00', 'uuid'],
  ['binary(3)', "x'ff00'", '\\xff0000'],
  ['varbinary(8)', "x'00ff5c0a'", '\\x00ff5c0a'],
  ['longblob', "x''", '\\x'],
  ['mediumtext', "'NULL'", 'NULL'],
  ['longtext', `'{"b": 1.50, "a": [1e2, "\\\\u00e9"]}'`, '{"a": [100, "é"], "b": 1.5}', 'jsonb'],
  ['longtext', `'{"b": 1,  "b": 2}'`, '{"b": 1,  "b": 2}', 'json'],
  ['date', "'9999-12-31'", '9999-12-31'],
  ['date', "'2024-02-29'", '2024-02-29', 'text'],
  ['datetime(6)', "'2024-02-29 23:59:59.100200'", '2024-02-29 23:59:59.1002'],
  ['datetime(3)', "'0001-01-01 00:00:00.100'", '0001-01-01 00:00:00.1', 'timestamp(3)'],
  ['datetime', "'2024-02-29 23:59:59'", '2024-02-29 23:59:59+00', 'timestamptz'],
  ['timestamp(6) NULL', "'2024-02-29 23:59:59.120000'", '2024-02-29 23:59:59.12+00'],
  ['timestamp NULL', "'2024-02-29 23:59:59'", '2024-02-29 23:59:59', 'timestamp'],
  ['time(6)', "'-838:59:58.500000'", '-838:59:58.5'],
  ['time(3)', "'23:59:59.100'", '23:59:59.1', 'time'],
  ['time', "'-23:59:59'", '-23:59:59', 'text'],
  ["set('a','b c')", "'a,b c'", 'a,b c'],
  ["enum('it''s','b\\\\c','d,e')", "'b\\\\c'", 'b\\c'],
  ['point', "ST_GeomFromText('POINT(1 2)', 0)", '\\x000000000101000000000000000000f03f0000000000000040', 'bytea'],
];
const OF_MYSQL: readonly Value[] = [
  ['double', '-0e0', '-0'],
  ['json', '\'{"bb": 12345678901234567890, "a": [1.0, null]}\'', '{"a": [1.0, null], "bb": 12345678901234567890}'],
  ['json', '\'{"bb": 1.50, "a": [1e100, -0.0]}\'', `{"a": [1${'0'.repeat(100)}, 0], "bb": 1.5}`, 'jsonb'],
  ['json', "'[true]'", '[true]', 'text'],
  ['vector(3)', "STRING_TO_VECTOR('[1,-0.1,2.5e10]')", '{1,-0.1,2.5e+10}'],
  [
    'geometry SRID 4326',
    "ST_GeomFromText('POINT(1 2)', 4326)",
    '\\xe610000001010000000000000000000040000000000000f03f',
    'bytea',
  ],
];
const OF_MARIADB: readonly Value[] = [['json', '\'{"b": 1,  "a":[1.0]}\'', '{"b": 1,  "a":[1.0]}']];

async function open(kind: Kind, values: readonly Value[], statements: readonly string[]): Promise<Look> {
  const columns = Object.fromEntries(
    values.flatMap(([, , , chosen], index) => (chosen === undefined ? [] : [[`d.v.c${index}`, chosen] as const])),
  );
  look = await openLook(servers[kind].port, 'd', statements, { columns });
  return look;
}

test.each([
  ['MySQL', OF_MYSQL],
  ['MariaDB', OF_MARIADB],
] as const)('values of %s are the same by the copy and by the log', async (kind, more) => {
  const values = [...BOTH, ...more];
  const columns = values.map(([type], index) => `c${index} ${type}`);
  const list = values.map(([, literal]) => literal).join(', ');
  const found = await open(kind, values, [
    `CREATE TABLE v (id int PRIMARY KEY, ${columns.join(', ')})`,
    `INSERT INTO v VALUES (1, ${list}), (2${', NULL'.repeat(values.length)}), (3${', NULL'.repeat(values.length)})`,
  ]);
  const start = await found.copy();
  await found.catchUp(start, () =>
    found.mysql(
      `INSERT INTO v VALUES (4, ${list})`,
      `UPDATE v SET ${values.map(([, literal], index) => `c${index} = ${literal}`).join(', ')} WHERE id = 3`,
    ),
  );
  await found.complete();
  const rows = await found.postgres('SELECT * FROM d.v ORDER BY id');
  const printed = (row: readonly (string | null)[] | undefined) =>
    values.map(([type, , , chosen], index) => [type, chosen, row?.[index + 1]]);
  const expected = values.map(([type, , text, chosen]) => [type, chosen, text]);
  expect(printed(rows[0])).toEqual(expected);
  expect(printed(rows[2])).toEqual(expected);
  expect(printed(rows[3])).toEqual(expected);
  expect(rows[1]?.slice(1)).toEqual(values.map(() => null));
  expect(await found.compare()).toMatchObject([{ rows: 4, differences: 0, unstable: 0 }]);
});

const SHOP = [
  `CREATE TABLE shop (id int unsigned PRIMARY KEY AUTO_INCREMENT, code varchar(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'it''s \\\\',
     n int NOT NULL DEFAULT 7, price decimal(8,2), mood enum('new','it''s') NOT NULL DEFAULT 'new', paid tinyint(1) NOT NULL DEFAULT 1,
     at datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), body text,
     total decimal(12,2) GENERATED ALWAYS AS (price * n) STORED, label varchar(40) GENERATED ALWAYS AS (concat(code, '!')) VIRTUAL,
     CONSTRAINT few CHECK (n > -5 AND n NOT IN (3, 4)), CONSTRAINT codes CHECK (code IN ('it''s \\\\', 'b')),
     UNIQUE KEY by_code (code, n), KEY by_body (body(9)), KEY by_label (label), UNIQUE KEY starts (code(3), n))`,
  'INSERT INTO shop (n, price) VALUES (1, 1.25), (2, 2)',
];

test.each(['MySQL', 'MariaDB'] as const)('what belongs to a table of %s is made, and means the same', async (kind) => {
  look = await openLook(servers[kind].port, 'd2', SHOP, { tinyint1: 'boolean' });
  expect(look.catalog.notCarried).toEqual([]);
  const start = await look.copy();
  await look.catchUp(start, () => look!.mysql('UPDATE shop SET price = 3 WHERE n = 2'));
  await look.complete();
  expect(await look.compare()).toMatchObject([{ rows: 2, differences: 0 }]);
  const { postgres } = look;
  await postgres('INSERT INTO d2.shop (id, n) VALUES (9, 5)');
  expect(await postgres('SELECT code, n, price, mood, paid, total, label FROM d2.shop ORDER BY id')).toEqual([
    ["it's \\", '1', '1.25', 'new', 't', '1.25', "it's \\!"],
    ["it's \\", '2', '3.00', 'new', 't', '6.00', "it's \\!"],
    ["it's \\", '5', null, 'new', 't', null, "it's \\!"],
  ]);
  for (const wrong of ['n = 3', "code = 'B'", "mood = 'old'"]) {
    await expect(postgres(`UPDATE d2.shop SET ${wrong}`)).rejects.toThrow('check constraint');
  }
  expect(await postgres("SELECT indexdef FROM pg_indexes WHERE schemaname = 'd2' ORDER BY indexname")).toEqual(
    [
      'INDEX shop_by_body ON d2.shop USING btree ("left"(body, 9))',
      'UNIQUE INDEX shop_by_code ON d2.shop USING btree (code, n)',
      'INDEX shop_by_label ON d2.shop USING btree (label)',
      'UNIQUE INDEX shop_pkey ON d2.shop USING btree (id)',
      'UNIQUE INDEX shop_starts ON d2.shop USING btree ("left"((code)::text, 3), n)',
    ].map((text) => [`CREATE ${text}`]),
  );
});
