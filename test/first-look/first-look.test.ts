// Whether the ports hold for another engine: tables of a real MySQL are copied and compared by the product's own copy and
// verification, with PostgreSQL's adapters on the other side.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { type Look, openLook } from './fixture.ts';
import { MysqlSession } from './mysql-session.ts';

let server: MysqlServer;
let look: Look | undefined;
let count = 0;

// The first time on a machine MySQL has to be fetched.
beforeAll(async () => {
  server = await startMysql();
}, 300_000);
afterAll(() => server?.close());
afterEach(async () => {
  await look?.close();
  look = undefined;
});

async function open(...statements: readonly string[]): Promise<Look> {
  look = await openLook(server.port, `d${++count}`, statements);
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
  const at = await copy();
  expect(at).toMatch(/^[0-9a-f-]{36}:\d/);
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

test('the snapshot of all readers shows exactly the transactions that its position covers', async () => {
  const { source, mysql, tables } = await open(
    'CREATE TABLE one (id int PRIMARY KEY)',
    'CREATE TABLE two (id int PRIMARY KEY)',
    'INSERT INTO one VALUES (0)',
    'INSERT INTO two VALUES (0)',
  );
  const asking = await MysqlSession.open(server.port);
  const executed = async () => String((await asking.query('SELECT @@global.gtid_executed'))[0]?.[0]);
  const before = await executed();
  let stopped = false;
  const writing = (async () => {
    for (let id = 1; !stopped; id++) {
      await mysql('BEGIN', `INSERT INTO one VALUES (${id})`, `INSERT INTO two VALUES (${id})`, 'COMMIT');
    }
  })();
  try {
    for (let turn = 0; turn < 10; turn++) {
      const start = await source.log.pin(tables);
      try {
        const [first, second] = [await start.reader(), await start.reader()];
        // Each transaction wrote one row to each table.
        const [row] = await asking.query(
          `SELECT CAST(SUBSTRING_INDEX(SUBSTRING_INDEX('${start.at}', '-', -1), ':', -1) AS SIGNED) -
                  CAST(SUBSTRING_INDEX(SUBSTRING_INDEX('${before}', '-', -1), ':', -1) AS SIGNED)`,
        );
        const newest = Number(row?.[0]);
        for (const reader of [first, second]) {
          for (const table of tables) {
            expect(await reader.readRow(table, [String(newest)])).toEqual([String(newest)]);
            expect(await reader.readRow(table, [String(newest + 1)])).toBeUndefined();
          }
        }
      } finally {
        await start.close();
      }
    }
  } finally {
    stopped = true;
    await writing;
    asking.close();
  }
});

test('a table that was emptied after the snapshot was made loses the snapshot instead of arriving empty', async () => {
  const { source, mysql, tables } = await open('CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)');
  const start = await source.log.pin(tables);
  const reader = await start.reader();
  expect(await reader.readRow(tables[0]!, ['1'])).toEqual(['1']);
  // Would wait for a reader that had kept its lock.
  await mysql('TRUNCATE t');
  await expect(reader.readRow(tables[0]!, ['1'])).rejects.toMatchObject({ code: 'SNAPSHOT.LOST' });
  await start.close();
});

test('keys are cut and found in the order of the source, whatever the order of the target', async () => {
  const { source, copy, compare, journal, tables } = await open(
    'CREATE TABLE words (w varchar(20) COLLATE utf8mb4_0900_ai_ci, n int, PRIMARY KEY (w, n))',
    DEEP,
    `INSERT INTO words ${numbers(1_500)} CONCAT(ELT(i % 4 + 1, 'Äpfel', 'apple', 'ZEBRA', 'zahn'), i % 97), i FROM n`,
  );
  await copy();
  const [progress] = await journal.tables.list();
  const bounds = progress?.bounds ?? [];
  expect(bounds).toHaveLength(2);
  // As the server itself counts how many bounds are not beyond a key.
  const keys = [
    ['apple', '0'],
    ['ÄPFEL5', '7'],
    ['zebra9', '1'],
    ['', '0'],
    ...bounds.map((bound) => bound.map(String)),
  ];
  const expected = keys.map(([word = '', n]) => {
    const collator = new Intl.Collator('en', { sensitivity: 'base' });
    const reached = bounds.filter(([bound, m]) => {
      const order = collator.compare(String(bound), word);
      return order < 0 || (order === 0 && Number(m) <= Number(n));
    });
    return reached.length;
  });
  expect(await source.chunks.locate(tables[0]!, bounds, keys)).toEqual(expected);
  expect(await compare()).toMatchObject([{ rows: 1_500, differences: 0, unstable: 0 }]);
});
