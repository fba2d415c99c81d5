// Digests of rows in Oracle are those of the values that were written.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { OracleServer } from '../../src/databases/oracle/connection.ts';
import { OracleDigests } from '../../src/databases/oracle/digest.ts';
import { RowsOf } from '../../src/databases/oracle/rows.ts';
import { query, raw } from '../../src/databases/oracle/statement.ts';
import { batches } from '../../src/databases/oracle/write/batches.ts';
import { WrittenTables } from '../../src/databases/oracle/write/columns.ts';
import { insertStatement } from '../../src/databases/oracle/write/statements.ts';
import { RangeSum, rowDigest } from '../../src/databases/row-text.ts';
import { keyText, type Value } from '../../src/model/change.ts';
import type { KeyRange } from '../../src/model/chunk.ts';
import type { Table } from '../../src/model/table.ts';
import type { OracleServer as StandIn } from '../fleet/oracle.ts';
import { openOracle } from '../fleet/oracle-shared.ts';
import { createTable, hexOf, oracleTable } from './oracle-table.ts';

const ALL: KeyRange = { lower: null, upper: null };

let oracle: StandIn;
let server: OracleServer;
let digests: OracleDigests;

beforeAll(async () => {
  oracle = await openOracle();
  server = new OracleServer('target', oracle.url);
  digests = new OracleDigests(server, new RowsOf(hexOf));
}, 300_000);
afterAll(async () => {
  await server?.close();
  await oracle?.close();
});

async function make(table: Table, rows: readonly (readonly Value[])[]): Promise<Table> {
  await server.use(async (session) => {
    await session.execute(createTable(table));
    const written = new WrittenTables(hexOf).of(table);
    const { text, places } = insertStatement(written);
    const own = rows.map((row) => places.map((column) => column.own(row[column.index])));
    for (const batch of batches(places, own)) await session.executeMany(text, batch.rows, batch.columns);
    await session.commit();
  });
  return table;
}

function sumOf(rows: readonly (readonly Value[])[]): RangeSum['total'] {
  const sum = new RangeSum();
  for (const row of rows) sum.add(rowDigest(row));
  return sum.total;
}

test('every type is read as the text that was bound', async () => {
  const table = oracleTable(
    'TYPES',
    [
      'ID NUMBER(20)',
      'N NUMBER(38,10)',
      'D DATE',
      'T TIMESTAMP(6)',
      'Z TIMESTAMP(6) WITH TIME ZONE',
      'I INTERVAL DAY(3) TO SECOND(6)',
      'F BINARY_FLOAT',
      'B BINARY_DOUBLE',
      'V VARCHAR2(255 CHAR)',
      'C CLOB',
      'R RAW(100)',
      'L BLOB',
      'J JSON',
    ],
    'ID',
  );
  const moment = '2024-02-29 23:59:59.123456';
  const rows: readonly (readonly Value[])[] = [
    [
      '18446744073709551615',
      '-1234567890123456789012345678.0123456789',
      '9999-12-31 23:59:59',
      moment,
      `${moment}+00:00`,
      '72489599.123456',
      '0.1',
      '1.7976931348623157e+308',
      `é'"\\ \n${'€'.repeat(80)}`,
      'x'.repeat(50_000),
      '00ff',
      'ab'.repeat(50_000),
      '{"a":1}',
    ],
    [
      '0',
      '0.5',
      '0001-01-01 00:00:00',
      '0001-01-01 00:00:00.000001',
      null,
      '-1',
      '-2.5',
      'NaN',
      ' ',
      null,
      null,
      null,
      null,
    ],
    ['1', '-0.5', null, null, null, null, 'Infinity', '-Infinity', null, null, null, null, '[1,"é"]'],
  ];
  await make(table, rows);
  const shape = new RowsOf(hexOf).of(table);
  const read = await server.use((session) => query(session, shape.select(raw('1 = 1'))));
  expect(read.map((row) => shape.values(row))).toEqual(rows);
  expect(await digests.range(table, ALL)).toEqual(sumOf(rows));
  const found = await digests.keys(table, [['1'], ['18446744073709551615'], ['0'], ['7']]);
  expect([...found]).toHaveLength(3);
  for (const row of rows) expect(found.get(keyText([row[0] ?? null])), String(row[0])).toBe(rowDigest(row));
});

test('ranges of a key with several columns cover every row once, in the order of the key', async () => {
  const table = oracleTable('PAIRS', ['A VARCHAR2(10 CHAR)', 'B NUMBER(10)', 'C VARCHAR2(10)'], 'B', 'A');
  const rows = Array.from({ length: 1_200 }, (_, id) => [`k${id % 7}`, String(Math.trunc(id / 7)), `v${id}`]);
  await make(table, rows);
  const bounds = await digests.split(table, ALL, 5);
  expect(bounds).toHaveLength(4);
  const edges = [null, ...bounds, null];
  const ranges = edges.slice(1).map((upper, index) => ({ lower: edges[index] ?? null, upper }));
  const sums = await Promise.all(ranges.map((range) => digests.range(table, range)));
  expect(sums.map((sum) => sum.rows)).toEqual([240, 240, 240, 240, 240]);
  const read = await Promise.all(ranges.map((range) => digests.rows(table, range, 1_000)));
  expect(read.flat().map(({ key }) => key.join())).toEqual(rows.map(([a, b]) => `${b},${a}`));
  expect(await digests.rows(table, { lower: ['1', 'k5'], upper: null }, 3)).toEqual(
    rows.slice(12, 15).map((row) => ({ key: [row[1], row[0]], digest: rowDigest(row) })),
  );
  const wanted = rows.map(([a = '', b = '']) => [b, a]);
  const found = await digests.keys(table, [...wanted, ['9999', 'k1']]);
  expect(found.size).toBe(1_200);
  expect(found.get(keyText(['3', 'k2']))).toBe(rowDigest(['k2', '3', 'v23']));
});

test('a key is found however its number is written, and by the text it was asked for', async () => {
  const table = oracleTable('PRICES', ['PRICE NUMBER(10,2)', 'V VARCHAR2(5)'], 'PRICE');
  await make(table, [['1.5', 'a']]);
  const same = new OracleDigests(
    server,
    new RowsOf(() => ({ print: (own) => String(Number(own)), read: (text) => text })),
  );
  expect([...(await same.keys(table, [['1.50']])).keys()]).toEqual([keyText(['1.50'])]);
});

test('an empty range and an empty list have no rows, and a table without a key is not cut', async () => {
  const table = await make(oracleTable('EMPTY', ['A NUMBER(5)']), []);
  expect(await digests.range(table, ALL)).toEqual({ rows: 0, digest: ':' });
  expect(await digests.keys(table, [])).toEqual(new Map());
  expect(await digests.split(table, ALL, 4)).toEqual([]);
});
