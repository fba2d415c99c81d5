import type mysql from 'mysql2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askTexts } from '../../src/databases/mysql/log/source-facts.ts';
import type { Row } from '../../src/model/change.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { MysqlLogFixture } from './mysql-log-fixture.ts';

/** Types, each with literals of extreme values. */
const TYPES: readonly (readonly [string, readonly string[]])[] = [
  ['tinyint', ['-128', '127', '0']],
  ['tinyint unsigned', ['0', '255', '128']],
  ['smallint', ['-32768', '32767']],
  ['smallint unsigned', ['0', '65535', '32768']],
  ['year', ['1901', '2155', '0', '2024']],
  ['mediumint', ['-8388608', '8388607', '-1']],
  ['mediumint unsigned', ['0', '16777215', '8388608']],
  ['int', ['-2147483648', '2147483647', '-1']],
  ['int unsigned', ['0', '4294967295', '2147483648']],
  ['bigint', ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-9007199254740993', '-1']],
  ['bigint unsigned', ['0', '18446744073709551615', '9223372036854775808', '9007199254740993']],
  ['boolean', ['true', 'false']],
  [
    'decimal(65,30)',
    [
      `-${'9'.repeat(35)}.${'9'.repeat(30)}`,
      `${'9'.repeat(35)}.${'9'.repeat(30)}`,
      '0',
      '-0.000000000000000000000000000001',
    ],
  ],
  ['decimal(10,2)', ['-12345678.90', '99999999.99', '0.01', '-0.01', '100']],
  ['decimal(20,0) unsigned', ['0', '99999999999999999999', '1000000000']],
  ['decimal(9,9)', ['-0.0', '0.123456789', '-0.000000001', '0.1']],
  [
    'float',
    ['3.4028235e38', '-1.1754944e-38', '1.401298464324817e-45', '0.1', '16777216', '-0e0', '123456.789', '0.3333333'],
  ],
  [
    'double',
    [
      '1.7976931348623157e308',
      '-2.2250738585072014e-308',
      '4.9406564584124654e-324',
      '0.1',
      '-0e0',
      '1e15',
      '1e16',
      '123456789012345678',
      '1234567890123456.7',
      '1e-14',
      '1.5e-15',
      '0.000001',
      '1e-7',
      '12345678901234567890123',
    ],
  ],
  ['bit(1)', ["b'1'", "b'0'"]],
  ['bit(17)', ["b'10000000000000001'", "b'0'", "b'101'"]],
  ['bit(64)', [`b'${'1'.repeat(64)}'`, "b'1'"]],
  ['date', ["'0000-00-00'", "'2024-00-00'", "'1000-01-01'", "'9999-12-31'", "'0001-02-03'"]],
  ['time', ["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'"]],
  ['time(1)', ["'-00:00:01.5'", "'12:34:56.7'", "'-838:59:58.9'"]],
  ['time(3)', ["'-00:00:00.001'", "'23:59:59.999'", "'-100:00:00.500'"]],
  ['time(4)', ["'-00:00:00.0001'", "'23:59:59.9999'"]],
  ['time(6)', ["'-838:59:58.999999'", "'-00:00:00.000001'", "'00:00:00.000001'", "'100:00:00'"]],
  ['datetime', ["'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-00-10 01:02:03'"]],
  ['datetime(2)', ["'2024-02-29 23:59:59.99'", "'2024-02-29 00:00:00.05'"]],
  ['datetime(5)', ["'2024-02-29 23:59:59.99999'", "'2024-02-29 00:00:00.00001'"]],
  ['datetime(6)', ["'9999-12-31 23:59:59.999999'", "'2024-02-29 00:00:00.000001'"]],
  ['timestamp null', ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"]],
  ['timestamp(3) null', ["'2024-02-29 23:59:59.999'", "'0000-00-00 00:00:00'"]],
  ['timestamp(6) null', ["'2024-02-29 23:59:59.999999'", "'1970-01-01 00:00:01.000001'"]],
  ['char(10) character set utf8mb4', ["'a'", "''", "'äöü😀'", "'trailing  '"]],
  ['char(200) character set utf8mb4', ["'x'", "REPEAT('😀', 200)"]],
  ['varchar(300) character set utf8mb4', ["'x'", "REPEAT('ß', 300)", "''", "'it''s \\\\ a\\ttab'"]],
  ['varchar(20) character set utf8mb3', ["'äöü€'", "'日本'"]],
  ['varchar(300) character set latin1', ["CONVERT(X'80818D8F909DA0E4FF' USING latin1)", "'ä€'", "REPEAT('é', 300)"]],
  ['char(20) character set latin2', ["'ąęłśź'"]],
  ['varchar(20) character set cp1251', ["'привет'"]],
  ['varchar(20) character set greek', ["'αβγ'"]],
  ['varchar(20) character set koi8r', ["'привет'"]],
  ['varchar(20) character set cp850', ["'äöüé'"]],
  ['varchar(20) character set ascii', ["'plain'"]],
  ['varchar(20) character set ucs2', ["'äß日本'"]],
  ['varchar(20) character set utf16', ["'äß😀'"]],
  ['varchar(20) character set utf16le', ["'äß😀'"]],
  ['varchar(20) character set utf32', ["'äß😀'"]],
  ['varchar(20) character set sjis', ["'aｱ〜日本\\\\'", "CONVERT(X'815F8160' USING sjis)"]],
  ["enum('あ','b') character set cp932", ["'あ'"]],
  ['tinytext', ["'tiny ä'", "''"]],
  ['text character set latin1', ["'text ä€'"]],
  ['mediumtext', ["REPEAT('medium', 20000)"]],
  ['longtext', ["REPEAT('long😀', 1000)", "'short'"]],
  ['binary(8)', ["X'0102'", "X'0000000000000000'", "X'2020202020202020'", "X'FF00'"]],
  ['binary(255)', ["X'20'", "REPEAT(X'FF', 255)"]],
  ['varbinary(300)', ["X'000102FF'", "''", "X'2000'", "REPEAT(X'00', 300)"]],
  ['tinyblob', ["X'00FF'", "''"]],
  ['blob', ["X'0001FE'"]],
  ['mediumblob', ["REPEAT(X'AB', 70000)"]],
  ['longblob', ["X'CAFE'"]],
  ["enum('a','b,c','it''s','','ä') character set utf8mb4", ["'b,c'", '1', "'it''s'", "'ä'", "''"]],
  ["enum('ä','ö') character set latin1", ["'ö'"]],
  [`enum(${Array.from({ length: 300 }, (_, n) => `'v${n}'`).join(',')})`, ["'v0'", "'v299'"]],
  ["set('x','y','z','ä') character set latin1", ["'x,z'", "''", "'ä,y'"]],
  [`set(${Array.from({ length: 64 }, (_, n) => `'m${n}'`).join(',')})`, ["'m0,m63'", `'m31,m32'`]],
  [
    'json',
    [
      "'{}'",
      "'[]'",
      "'null'",
      `'{"b": 1, "a": [1, 2.5, "x", null, true, {"c": {}}], "": ""}'`,
      "'18446744073709551615'",
      "'-9223372036854775808'",
      "'[1e100, 0.1, 1.0, -0.0, 1e15, 1e16, 123456789012345678, 65535, 65536, -32769, 4294967296]'",
      `'"quote \\\\" back \\\\\\\\ tab \\\\t nul \\\\u0001 ä 😀"'`,
    ],
  ],
  [
    'geometry',
    ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')"],
  ],
  ['point', ["ST_GeomFromText('POINT(-1.5 2e10)', 4326)".replace('2e10', '20'), 'POINT(3, 4)']],
  ['polygon', ["ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')"]],
];

const MYSQL_ONLY: readonly (readonly [string, readonly string[]])[] = [
  ['vector(3)', ["TO_VECTOR('[1, -2.5, 3e10]')"]],
  // The log counts a vector among the texts when it says which character set each has.
  ['varchar(9) CHARACTER SET latin1', ["'é'"]],
  ['char(9) CHARACTER SET utf8mb4', ["'é𝄞'"]],
  [
    'json',
    [
      "JSON_OBJECT('d', CAST('2024-02-29' AS DATE), 't', CAST('-12:34:56.5' AS TIME(6)), 'dt', CAST('2024-02-29 01:02:03.000004' AS DATETIME(6)), 'n', CAST('-123456789012345678901234567890.0123456789' AS DECIMAL(65,10)), 'bin', X'00FF10', 'bit', b'101')",
      `CAST(CONCAT('{', (WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT GROUP_CONCAT('"key', i, '": ', i * 1000003) FROM n), '}') AS JSON)`,
      "JSON_ARRAY(REPEAT('x', 200), REPEAT('y', 70000), 1)",
    ],
  ],
];

const MARIADB_ONLY: readonly (readonly [string, readonly string[]])[] = [
  [
    'uuid',
    [
      "'123e4567-e89b-12d3-a456-426614174000'",
      "'00000000-0000-0000-0000-000000000000'",
      "'ffffffff-ffff-7fff-bfff-ffffffffff20'",
    ],
  ],
  ['inet4', ["'1.2.3.4'", "'0.0.0.0'", "'255.255.255.255'"]],
  [
    'inet6',
    [
      '::',
      '::1',
      '::1.2.3.4',
      '::ffff:1.2.3.4',
      '::ffff:0:0',
      '1::',
      '1:0:2::',
      'a:0:b:c:d:e:f:1',
      '1:0:0:2:0:0:3:4',
      '1:2:3:4:5:6:7:8',
      '2001:db8::ff00:42:8329',
      '1:2:3:4:5:6:7:0',
      '0:1:2:3:4:5:6:7',
      '::1:0:0',
    ].map((text) => `'${text}'`),
  ],
  ['varchar(300) compressed character set latin1', ["REPEAT('x', 300)", "'ä'", "''", "REPEAT('äb', 150)"]],
  ['varchar(30) compressed character set utf8mb4', ["'short ä'", "''"]],
  ['text compressed character set sjis', ["REPEAT('日本', 500)", "''"]],
  ['varbinary(300) compressed', ["REPEAT(X'00', 300)", "X'00'", "''"]],
  ['blob compressed', ["REPEAT(X'00FF', 3000)", "X'00'"]],
  ['longblob compressed', ["REPEAT(X'00FF', 300000)", "''"]],
];

let servers: readonly (readonly [string, MysqlServer])[] = [];

beforeAll(async () => {
  servers = await Promise.all([
    startMysql().then((server) => ['mysql', server] as const),
    startMariadb().then((server) => ['mariadb', server] as const),
  ]);
});

afterAll(async () => {
  for (const [, server] of servers) await server.close();
});

test.each(['mysql', 'mariadb'])(
  'every value in the log of %s is the text, or the bytes, that it selects',
  async (name) => {
    const fixture = await MysqlLogFixture.open(servers.find(([one]) => one === name)![1]);
    const types = [...TYPES, ...(name === 'mysql' ? MYSQL_ONLY : MARIADB_ONLY)];
    const columns = types.map(([type], index) => ({
      name: `c${index}`,
      type: type.startsWith('json') && name === 'mariadb' ? 'json' : type,
    }));
    // The limit of one row is 64 kB.
    const half = Math.ceil(columns.length / 2);
    try {
      for (const [part, slice] of [columns.slice(0, half), columns.slice(half)].entries()) {
        await compare(fixture, `every${part}`, slice, types.slice(part * half, part * half + slice.length));
      }
    } finally {
      await fixture.close();
    }
  },
);

const LEGACY = ['big5', 'cp932', 'eucjpms', 'euckr', 'gb2312', 'gbk', 'sjis', 'ujis'];
const GB18030 = 'gb18030';

test.each(['mysql', 'mariadb'])(
  'every character of the older character sets of %s is read as it is selected',
  async (name) => {
    const fixture = await MysqlLogFixture.open(servers.find(([one]) => one === name)![1]);
    const db = await fixture.connect();
    const sets = [...LEGACY, ...(name === 'mysql' ? [GB18030] : [])];
    try {
      for (const set of sets)
        await fixture.run(`CREATE TABLE c_${set} (id int PRIMARY KEY, body mediumtext CHARACTER SET ${set})`);
      const from = await fixture.head();
      await db.promise().query("SET SESSION group_concat_max_len = 1000000, sql_mode = ''");
      for (const set of sets) {
        for (const statement of everyCharacter(set)) await db.promise().query(statement);
      }
      await fixture.mark('end');
      const tables = await Promise.all(sets.map((set) => fixture.table(`c_${set}`)));
      const reader = await fixture.read(from, tables);
      await reader.untilMarker('end');
      for (const table of tables) {
        const rows = reader.changes.flatMap((change) =>
          'row' in change && change.table === table ? [change.row] : [],
        );
        const selected = await askTexts(db, `SELECT id, body FROM ${table.name}`);
        expect(selected.map(([, body]) => body?.length ?? 0).reduce((sum, length) => sum + length)).toBeGreaterThan(
          8_000,
        );
        const read = new Map(rows.map(([id, body]) => [id, body]));
        expect(selected.filter(([id, body]) => read.get(id ?? '') !== body)).toEqual([]);
      }
    } finally {
      await fixture.close();
    }
  },
);

/** Statements that write all characters of one byte, of two and of three, in rows by the first of two bytes. */
function everyCharacter(set: string): readonly string[] {
  const bytes = (of: string) => `CONVERT(UNHEX(${of}) USING ${set})`;
  const numbers = (first: number) =>
    `WITH RECURSIVE a AS (SELECT ${first} AS n UNION ALL SELECT n + 1 FROM a WHERE n < 255),
     b AS (SELECT 48 AS n UNION ALL SELECT n + 1 FROM b WHERE n < 255)`;
  const pairs = (from: number, before: string) =>
    `INSERT INTO c_${set} ${numbers(128)} SELECT a.n + ${from}, GROUP_CONCAT('x', ${bytes(`CONCAT('${before}', HEX(a.n), HEX(b.n))`)} SEPARATOR '')
     FROM a, b WHERE CHAR_LENGTH(${bytes(`CONCAT('${before}', HEX(a.n), HEX(b.n))`)}) = 1 GROUP BY a.n`;
  const four = `INSERT INTO c_${set} ${numbers(0)} SELECT a.n + 3000, CONVERT(CONVERT(GROUP_CONCAT(UNHEX(CONCAT(LPAD(HEX(a.n), 2, '0'), HEX(b.n))) SEPARATOR '') USING utf16) USING ${set})
     FROM a, b WHERE a.n NOT BETWEEN 0xd8 AND 0xdf GROUP BY a.n`;
  return [
    `INSERT INTO c_${set} ${numbers(0)} SELECT a.n, ${bytes(`LPAD(HEX(a.n), 2, '0')`)} FROM a`,
    pairs(1_000, ''),
    pairs(2_000, '8f'),
    ...(set === GB18030 ? [four, `INSERT INTO c_${set} VALUES (4000, '😀a𠀀ß')`] : []),
  ];
}

async function compare(
  fixture: MysqlLogFixture,
  name: string,
  columns: readonly { name: string; type: string }[],
  types: readonly (readonly [string, readonly string[]])[],
): Promise<void> {
  const count = Math.max(...types.map(([, values]) => values.length)) + 1;
  const db = await fixture.connect();
  const query = (sql: string) => db.promise().query(sql);
  await query(
    "SET sql_mode = '', time_zone = '+00:00', group_concat_max_len = 1000000, cte_max_recursion_depth = 10000",
  ).catch(() => query("SET sql_mode = '', time_zone = '+00:00', group_concat_max_len = 1000000"));
  await query(
    `CREATE TABLE ${name} (id int PRIMARY KEY, touched int, ${columns.map((column) => `${column.name} ${column.type}`).join(', ')})`,
  );
  const table = await fixture.table(name);
  const from = await fixture.head();
  for (let row = 0; row < count; row++) {
    // MariaDB: what is compressed has a frame in some rows, and none in others.
    await query(`SET column_compression_zlib_wrap = ${row % 2}`).catch(() => undefined);
    await query(
      `INSERT INTO ${name} VALUES (${row}, 0, ${types.map(([, values]) => values[row] ?? 'NULL').join(', ')})`,
    );
  }
  await query(`UPDATE ${name} SET touched = 1`);
  const selected = await selectRows(db, name, columns);
  await fixture.mark(name);
  const reader = await fixture.read(from, [table]);
  await reader.untilMarker(name);
  const rows: Row[] = reader.changes.map((change) => ('row' in change ? change.row : []));
  expect(rows).toHaveLength(2 * count);
  const updated = rows.slice(count);
  for (const [index, column] of columns.entries()) {
    const title = `${column.type.slice(0, 60)}`;
    const got = updated.map((row) => row[index + 2]);
    const want = selected.map((row) => row[index]);
    if (column.type === 'float') {
      // The server prints six digits; as a double it shows all that the number has.
      expect(
        got.map((text) => (text === null ? null : Math.fround(Number(text)))),
        title,
      ).toEqual(want.map((text) => (text === null ? null : Number(text))));
    } else expect([title, ...got]).toEqual([title, ...want]);
    expect([title, ...rows.slice(0, count).map((row) => row[index + 2])]).toEqual([title, ...got]);
  }
}

async function selectRows(
  db: mysql.Connection,
  name: string,
  columns: readonly { name: string; type: string }[],
): Promise<readonly (readonly (string | Buffer | null | undefined)[])[]> {
  const list = columns.map((column) => (column.type === 'float' ? `CAST(${column.name} AS DOUBLE)` : column.name));
  const binary = /^(bit|binary|varbinary|(tiny|medium|long)?blob|geometry|point|polygon|vector)/;
  let at = 0;
  const [rows] = await db.promise().query<mysql.RowDataPacket[][]>({
    sql: `SELECT ${list.join(', ')} FROM ${name} ORDER BY id`,
    rowsAsArray: true,
    typeCast: (field) => {
      const column = columns[at++ % columns.length]!;
      return binary.test(column.type) ? field.buffer() : field.string('utf8');
    },
  });
  return rows as unknown as readonly (readonly (string | Buffer | null)[])[];
}
