// What Oracle is asked for rows, keys and ranges.

import { expect, test } from 'vitest';
import { TableRows } from '../../src/databases/oracle/rows.ts';
import { textOf } from '../../src/databases/oracle/statement.ts';
import { hexOf, oracleTable } from '../oracle/oracle-table.ts';

const rows = new TableRows(
  oracleTable('NOTES', ['AT DATE', 'ID NUMBER(10)', 'BODY JSON', 'ZONED TIMESTAMP(6) WITH TIME ZONE'], 'ID', 'AT'),
  hexOf,
);

test('a range of a key with several columns is compared column by column, each value in a place of its own', () => {
  const within = rows.within({ lower: ['1', '2024-01-01 00:00:00'], upper: ['2', '2024-01-02 00:00:00'] });
  const date = (place: number): string => `TO_DATE(:${place}, 'YYYY-MM-DD HH24:MI:SS')`;
  expect(textOf(within)).toBe(
    `(t."ID" > TO_NUMBER(:1) OR (t."ID" = TO_NUMBER(:2) AND t."AT" >= ${date(3)})) AND ` +
      `(t."ID" < TO_NUMBER(:4) OR (t."ID" = TO_NUMBER(:5) AND t."AT" < ${date(6)}))`,
  );
  expect(within.binds).toEqual(['1', '1', '2024-01-01 00:00:00', '2', '2', '2024-01-02 00:00:00']);
  expect(textOf(rows.within({ lower: null, upper: null }))).toBe('1 = 1');
});

test('moments, zones and documents are asked for as texts', () => {
  expect(textOf(rows.select(rows.within({ lower: null, upper: null }), ' FETCH FIRST 1 ROWS ONLY'))).toBe(
    `SELECT TO_CHAR(t."AT", 'YYYY-MM-DD HH24:MI:SS'), t."ID", JSON_SERIALIZE(t."BODY" RETURNING CLOB), ` +
      `TO_CHAR(t."ZONED" AT TIME ZONE '+00:00', 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM') ` +
      'FROM "SHOP"."NOTES" t WHERE 1 = 1 FETCH FIRST 1 ROWS ONLY',
  );
});

test('lists of keys have few lengths, so that the server knows their statements', () => {
  const keys = Array.from({ length: 500 }, (_, id) => [String(id), '2024-01-01 00:00:00']);
  const texts = [1, 2, 3, 4, 5, 8, 300, 499, 500].map((count) => rows.isOneOf(keys.slice(0, count)));
  expect(new Set(texts.map(textOf)).size).toBe(5);
  expect(texts.map(({ binds }) => binds.length / 2)).toEqual([1, 2, 4, 4, 8, 8, 500, 500, 500]);
  expect(texts[2]?.binds.slice(-2)).toEqual(['2', '2024-01-01 00:00:00']);
});
