import type mysql from 'mysql2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askTexts } from '../../src/databases/mysql/log/source-facts.ts';
import type { Row } from '../../src/model/change.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { MysqlLogFixture } from './mysql-log-fixture.ts';
import { MARIADB_ONLY, MYSQL_ONLY, MYSQL_TYPES } from './mysql-types-fixture.ts';

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
    const types = [...MYSQL_TYPES, ...(name === 'mysql' ? MYSQL_ONLY : MARIADB_ONLY)];
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
