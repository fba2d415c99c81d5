// MySQL and MariaDB to PostgreSQL: tables of a real server are copied, followed and compared by the product's own parts, with
// PostgreSQL's adapters on the other side. Everything a run has between its start and its cutover but the runner.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ConvertOptions } from '../../src/convert/pair.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { type Look, openLook } from './fixture.ts';

let servers: Readonly<Record<'MySQL' | 'MariaDB', MysqlServer>>;
let look: Look | undefined;
let count = 0;

// The first time on a machine they have to be fetched.
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

async function open(...statements: readonly string[]): Promise<Look> {
  look = await openLook(servers.MySQL.port, `d${++count}`, statements);
  return look;
}

async function openOn(
  kind: 'MySQL' | 'MariaDB',
  statements: readonly string[],
  options: Partial<ConvertOptions> = {},
): Promise<Look> {
  look = await openLook(servers[kind].port, `d${++count}`, statements, options);
  return look;
}

const numbers = (last: number): string =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${last}) SELECT`;
const DEEP = 'SET SESSION cte_max_recursion_depth = 100000';

const ITEMS = [
  `CREATE TABLE items (
     id bigint unsigned PRIMARY KEY, name varchar(80) NOT NULL, price decimal(12,2), ratio double, blobby varbinary(40),
     flags set('a','b','c'), mood enum('so so','fine'), seen datetime(6), stamp timestamp(3) NULL, born date, took time(3),
     doc json, bits bit(11), year year)`,
  DEEP,
  `INSERT INTO items ${numbers(3_000)} i * 3, CONCAT('a\\\\b\\t"', REPEAT('ü,( ', i % 7), '\\n', i), i / 7, i / 7e0 * POW(10, i % 40 - 20),
     IF(i % 9 = 0, NULL, UNHEX(SHA2(i, 224))), ELT(i % 4 + 1, '', 'a', 'a,c', 'b'), ELT(i % 3 + 1, 'so so', 'fine', NULL),
     '2024-02-28' + INTERVAL i * 86399.987650 SECOND, '2001-01-01' + INTERVAL i HOUR, '1000-01-01' + INTERVAL i * 97 DAY,
     SEC_TO_TIME((i - 1500) * 1999.75), JSON_OBJECT('n', i, 'bb', JSON_ARRAY(i / 3, NULL, 'x "y"')), i % 2048, 1901 + i % 200 FROM n`,
];

test('tables of MySQL arrive in chunks, journalled with one position, and compare as equal', async () => {
  const { copy, compare, journal, postgres } = await open(
    ...ITEMS,
    'CREATE TABLE pairs (a varchar(10) COLLATE utf8mb4_bin, b int, v text, PRIMARY KEY (a, b))',
    "INSERT INTO pairs VALUES ('x', 1, NULL), ('x', 2, ''), ('', -1, '\\\\N'), ('ÿ', 0, '\\\\.')",
    'CREATE TABLE events (what varchar(10), n int)',
    "INSERT INTO events VALUES ('x', 1), ('x', 1), (NULL, 1)",
    'CREATE TABLE nothing (id int PRIMARY KEY)',
  );
  const { at } = await copy();
  expect(at).toMatch(/^binlog\.\d{6}@[0-9a-f]{8}-\d+:\d+ [0-9a-f-]{36}:\d/);
  const progress = await journal.tables.list();
  expect(progress.flatMap(({ chunks }) => chunks).every((chunk) => chunk.at === at)).toBe(true);
  expect(progress.map(({ id, chunks }) => [id.split('.')[1], chunks.length])).toEqual([
    ['events', 1],
    ['items', 6],
    ['nothing', 1],
    ['pairs', 1],
  ]);
  expect(progress.find(({ id }) => id.endsWith('items'))?.chunks.map(({ rows }) => rows)).toEqual(Array(6).fill(500));
  expect(await postgres(`SELECT count(*), sum(id), sum(price) FROM d${count}.items`)).toEqual([
    ['3000', '13504500', '643071.43'],
  ]);
  expect(await compare()).toMatchObject(
    Object.entries({ events: 3, items: 3_000, nothing: 0, pairs: 4 }).map(([name, rows]) => ({
      table: `d${count}.${name}`,
      rows,
      differences: 0,
      unstable: 0,
      refused: null,
    })),
  );
});

// Written down here, so that a fault that reader and digests share is seen.
const VALUES: readonly (readonly [type: string, inMysql: string, inPostgres: string])[] = [
  ['tinyint', '-128', '-128'],
  ['int unsigned', '4294967295', '4294967295'],
  ['bigint unsigned', '18446744073709551615', '18446744073709551615'],
  ['bigint', '-9223372036854775808', '-9223372036854775808'],
  ['decimal(38,10)', '-1234567890123456789012345678.0000000010', '-1234567890123456789012345678.0000000010'],
  ['double', '1e15', '1e+15'],
  ['double', '123456789012345', '123456789012345'],
  ['double', '0.0001', '0.0001'],
  ['double', '33571428571428568', '3.3571428571428568e+16'],
  ['double', '1e23', '9.999999999999999e+22'],
  ['double', '-9.007199254740993e15', '-9.007199254740992e+15'],
  ['double', '-0.00001', '-1e-05'],
  ['double', '5e-324', '5e-324'],
  ['double', '-0e0', '-0'],
  ['float', '0.1', '0.1'],
  ['float', '16777217e0', '1.6777216e+07'],
  ['float', '100000016', '1.00000016e+08'],
  ['float', '1e-45', '1e-45'],
  ['float', '123456', '123456'],
  ['decimal(12,3)', '1.5', '1.500'],
  ['decimal(12,3)', '-0.000', '0.000'],
  ['double', '0.1e0 + 0.2e0', '0.30000000000000004'],
  ['varchar(20)', "'\\\\N'", '\\N'],
  ['varchar(20)', "'\\\\.'", '\\.'],
  ['varchar(20)', "'a\\tb\\rc\\nd'", 'a\tb\rc\nd'],
  ['varchar(20)', "''", ''],
  ['char(5)', "'a '", 'a'],
  ['varchar(20)', "'𝄞 ü\u00a0'", '𝄞 ü\u00a0'],
  ['varchar(20) CHARACTER SET latin1', "'ü€'", 'ü€'],
  ['varbinary(8)', "x'00ff5c0a'", '\\x00ff5c0a'],
  ['blob', "''", '\\x'],
  ['bit(3)', "b'011'", '011'],
  ['date', "'9999-12-31'", '9999-12-31'],
  ['datetime', "'2024-02-29 23:59:59'", '2024-02-29 23:59:59'],
  ['datetime(6)', "'2024-02-29 23:59:59.100200'", '2024-02-29 23:59:59.1002'],
  ['datetime(6)', "'2024-02-29 00:00:00'", '2024-02-29 00:00:00'],
  ['timestamp(6)', "'2024-02-29 23:59:59.120000'", '2024-02-29 23:59:59.12+00'],
  ['timestamp', "'2024-11-03 01:30:00-05:00'", '2024-11-03 06:30:00+00'],
  ['time(6)', "'-838:59:58.500000'", '-838:59:58.5'],
  ['time', "'00:00:00'", '00:00:00'],
  ['json', `'{"bb": 12345678901234567890, "a": [1.0, null]}'`, '{"a": [1.0, null], "bb": 12345678901234567890}'],
  ['year', '2155', '2155'],
  ["set('a','b c')", "'a,b c'", 'a,b c'],
];

test('PostgreSQL prints of each value what is written down for it, and both sides digest the same', async () => {
  const columns = VALUES.map(([type], index) => `c${index} ${type}${type.startsWith('timestamp') ? ' NULL' : ''}`);
  const { copy, compare, postgres } = await open(
    `CREATE TABLE v (id int PRIMARY KEY, ${columns.join(', ')})`,
    `INSERT INTO v VALUES (1, ${VALUES.map(([, value]) => value).join(', ')}), (2${', NULL'.repeat(VALUES.length)})`,
  );
  await copy();
  const [row, nulls] = await postgres(`SELECT * FROM d${count}.v ORDER BY id`);
  expect(row?.slice(1)).toEqual(VALUES.map(([, , value]) => value));
  expect(nulls?.slice(1)).toEqual(VALUES.map(() => null));
  expect(await compare()).toMatchObject([{ rows: 2, differences: 0 }]);
});

test('rows that differ, are missing or are too many are found by key, and nothing else', async () => {
  const { copy, compare, postgres } = await open(...ITEMS);
  await copy();
  await postgres(`UPDATE d${count}.items SET name = name || ' ' WHERE id = 300`);
  await postgres(`UPDATE d${count}.items SET flags = NULL WHERE id = 6000 AND flags IS NOT NULL`);
  await postgres(`DELETE FROM d${count}.items WHERE id = 9000`);
  await postgres(`INSERT INTO d${count}.items (id, name) VALUES (301, 'new')`);
  const [found] = await compare();
  expect(found).toMatchObject({ rows: 2_997, differences: 4, unstable: 0 });
  expect([...(found?.keys ?? [])].sort()).toEqual(['300', '301', '6000', '9000']);
});

const SHOP = [
  `CREATE TABLE customers (id int unsigned PRIMARY KEY AUTO_INCREMENT, email varchar(80) NOT NULL, note text,
     joined timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), UNIQUE KEY email (email))`,
  `CREATE TABLE orders (
     id bigint unsigned PRIMARY KEY AUTO_INCREMENT, customer int unsigned NOT NULL, total decimal(12,2) NOT NULL DEFAULT 0,
     ratio double, small float, payload varbinary(200), flags set('a','b','c'), state enum('new','paid') NOT NULL DEFAULT 'new',
     bits bit(11), doc json, day date, took time(3), at datetime(6),
     KEY by_customer (customer), CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id))`,
  'CREATE TABLE codes (code varchar(20) PRIMARY KEY, n int)',
  'CREATE TABLE log_lines (what varchar(40), n int)',
];
const CUSTOMERS = [1, 2, 3, 4, 5, 6].map((n) => `(${n}, 'c${n}@x', NULL)`).join(', ');
const order = (seed: number): string =>
  `(${(seed % 6) + 1}, ${seed}.25, ${seed} / 7e0, ${seed} / 3e0, UNHEX('${(seed * 257).toString(16).padStart(8, '0')}'),
    'a,c', ${seed % 2 === 0 ? "'new'" : "'paid'"}, ${seed % 2048}, '{"n": ${seed}, "s": "ü/"}', '2024-02-29', '-12:00:00.5',
    '2024-02-29 12:00:00.${String(seed).padStart(6, '0')}')`;
const ORDERS =
  'INSERT INTO orders (customer, total, ratio, small, payload, flags, state, bits, doc, day, took, at) VALUES';

/** Work of an application: about forty transactions that touch every table in every way. */
async function work({ mysql }: Look, from: number): Promise<void> {
  for (let n = from; n < from + 40; n++) {
    await mysql(
      'BEGIN',
      `${ORDERS} ${order(n)}, ${order(n + 1)}`,
      `UPDATE orders SET total = total + 1, small = small * 1.1, state = 'paid' WHERE id = ${1 + (n % 50)}`,
      `DELETE FROM orders WHERE id = ${60 + n}`,
      // Over a unique value that another row just gave up.
      `UPDATE customers SET email = CONCAT('gone', ${n}) WHERE id = ${(n % 6) + 1}`,
      `UPDATE customers SET email = 'c${n % 6}@y', note = REPEAT('ü', ${n}) WHERE id = ${((n + 1) % 6) + 1}`,
      `UPDATE customers SET email = CONCAT('gone', ${n}, '-', id) WHERE id = ${((n + 1) % 6) + 1}`,
      `INSERT INTO codes VALUES ('Code ${n}', ${n})`,
      `UPDATE codes SET code = UPPER(code) WHERE n = ${n - 1}`,
      `INSERT INTO log_lines VALUES ('line', ${n % 5}), ('line', ${n % 5}), (NULL, ${n % 5})`,
      `DELETE FROM log_lines WHERE n = ${(n + 2) % 5} LIMIT 1`,
      'COMMIT',
    );
  }
}

describe.each(['MySQL', 'MariaDB'] as const)('from %s', (kind) => {
  test('what is written during the copy and after it arrives through the log, and compares as equal', async () => {
    const found = await openOn(kind, [
      ...SHOP,
      `INSERT INTO customers (id, email, note) VALUES ${CUSTOMERS}`,
      `${ORDERS} ${Array.from({ length: 1_200 }, (_, n) => order(n)).join(', ')}`,
      "INSERT INTO codes VALUES ('first', 0), ('Äpfel', -1)",
      "INSERT INTO log_lines VALUES ('line', 1), ('line', 1), (NULL, 1)",
    ]);
    const start = await found.copy(() => work(found, 1_200));
    await found.catchUp(start, () => work(found, 1_240));
    const compared = await found.compare();
    expect(
      compared.map(({ table, differences, unstable, refused }) => [table, differences, unstable, refused]),
    ).toEqual(['codes', 'customers', 'log_lines', 'orders'].map((name) => [`d${count}.${name}`, 0, 0, null]));
    expect(compared.find(({ table }) => table.endsWith('codes'))?.rows).toBe(82);
    await found.complete();
    expect(
      await found.postgres(
        `SELECT conname FROM pg_constraint WHERE contype IN ('f', 'u') AND connamespace = 'd${count}'::regnamespace ORDER BY 1`,
      ),
    ).toEqual([['customers_email'], ['orders_of_customer']]);
  });
});

test('a date that PostgreSQL does not have is refused without its value, or becomes NULL as asked for', async () => {
  const statements = [
    "SET sql_mode = ''",
    'CREATE TABLE t (id int PRIMARY KEY, d date NOT NULL)',
    "INSERT INTO t VALUES (1, '0000-00-00'), (2, '2024-00-17'), (3, '2024-02-29')",
  ];
  const refusing = await openOn('MySQL', statements);
  const refused = await refusing.copy().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'SOURCE.REFUSED', message: expect.stringContaining('column d') });
  expect(String(refused)).not.toContain('0000');
  await refusing.close();
  const { copy, compare, postgres } = await openOn('MySQL', statements, { zeroDates: 'setNull' });
  await copy();
  expect(await postgres(`SELECT d FROM d${count}.t ORDER BY id`)).toEqual([[null], [null], ['2024-02-29']]);
  expect(await compare()).toMatchObject([{ rows: 3, differences: 0 }]);
});
