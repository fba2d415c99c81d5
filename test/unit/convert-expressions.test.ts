// Conditions and computed values from one engine to the other: those that mean the same, and those that may not.

import { describe, expect, it } from 'vitest';
import { MYSQL, POSTGRES } from '../../src/convert/dialects.ts';
import { isCommon, translate, type ValueClass } from '../../src/convert/expressions.ts';
import { readForeignKey, readIndex, readKey } from '../../src/convert/postgres-definitions.ts';

const CLASSES: Readonly<Record<string, ValueClass>> = {
  n: 'number',
  m: 'number',
  code: 'exact text',
  name: 'text',
  day: 'moment',
  ok: 'truth',
};
const classOf = (column: string): ValueClass => CLASSES[column] ?? 'other';
const toPostgres = (text: string) => translate(text, MYSQL, POSTGRES, classOf)?.text;
const toMysql = (text: string) => translate(text, POSTGRES, MYSQL, classOf)?.text;

describe('of MySQL', () => {
  it.each([
    ['`n` > 0 and `m` <= 10 or not `n` = 5', '((("n" > 0) AND ("m" <= 10)) OR (NOT ("n" = 5)))'],
    [
      "(`n` between -1 and 1.5) and (`day` >= '2024-01-01')",
      `(("n" BETWEEN (- 1) AND 1.5) AND ("day" >= '2024-01-01'))`,
    ],
    ["`code` in ('a','it''s',_utf8mb4'x\\\\y\\n')", `("code" IN ('a', 'it''s', E'x\\\\y\n'))`],
    ["`n` is not null and `code` <> ''", `(("n" IS NOT NULL) AND ("code" <> ''))`],
    ["concat(`name`,' ',`code`)", `("name" || ' ' || "code")`],
    ['ifnull(`n`,0) * 2 - `m`', '((coalesce("n", 0) * 2) - "m")'],
    ['char_length(`name`) < 9 and length(`name`) > 1', '((char_length("name") < 9) AND (octet_length("name") > 1))'],
  ])('%s is written as %s', (text, expected) => {
    expect(toPostgres(text)).toBe(expected);
  });

  it.each([
    "`name` = 'a'",
    "`code` < 'b'",
    '`n` / 2',
    '`n` % 2',
    "`n` = '1'",
    '`n` and `m`',
    '`other` > 1',
    "`code` like 'a%'",
    "`code` regexp 'a'",
    'json_valid(`code`)',
    'lower(`code`)',
    '`n` xor `m`',
    '`n` <=> 1',
    "`code` = _binary'a'",
    '`day` > now()',
    'n > 0',
    '`n` > 0)',
    'case when `n` > 0 then 1 else 0 end',
  ])('%s may mean something else', (text) => {
    expect(toPostgres(text)).toBeUndefined();
  });
});

describe('of PostgreSQL', () => {
  it.each([
    ['(n > (0)::numeric)', '(`n` > 0)'],
    [
      "((code)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[]))",
      "(`code` IN ('a', 'it''s'))",
    ],
    ["(code <> ALL (ARRAY['a'::text, 'b'::text]))", "(`code` NOT IN ('a', 'b'))"],
    ["(day >= '2024-01-01'::date)", "(`day` >= '2024-01-01')"],
    ['((NOT ok) OR (n IS NULL))', '((NOT `ok`) OR (`n` IS NULL))'],
    ['((n * m) + COALESCE(n, 0))', '((`n` * `m`) + coalesce(`n`, 0))'],
    ["((code || '-'::text) || name)", "concat(concat(`code`, '-'), `name`)"],
    ['(length(name) >= 3)', '(char_length(`name`) >= 3)'],
  ])('%s is written as %s', (text, expected) => {
    expect(toMysql(text)).toBe(expected);
  });

  it.each([
    "(code ~ '^a'::text)",
    "((n)::text = 'x'::text)",
    '((n)::integer > 0)',
    '(n / m)',
    "(code < 'b'::text)",
    "('a'::text = ANY (ARRAY[code]))::text",
    "(code = ANY (string_to_array('a'::text, ','::text)))",
    '(shop.is_good(n))',
    '(day > CURRENT_DATE)',
    "(data ->> 'a'::text)",
  ])('%s may mean something else', (text) => {
    expect(toMysql(text)).toBeUndefined();
  });
});

it('a condition is of the language whatever its columns are', () => {
  expect(isCommon("`other` > 1 and `name` in ('a')", MYSQL)).toBe(true);
  expect(isCommon('json_exists(`doc`,1)', MYSQL)).toBe(false);
});

it('keys, indexes and foreign keys are read when they are made of columns only', () => {
  expect(readKey('PRIMARY KEY (id, "Odd "")"", x")')).toEqual({ columns: ['id', 'Odd ")", x'], deferrable: false });
  expect(readKey('UNIQUE (a) DEFERRABLE INITIALLY DEFERRED')).toEqual({ columns: ['a'], deferrable: true });
  for (const other of ['UNIQUE NULLS NOT DISTINCT (a)', 'UNIQUE (a) INCLUDE (b)', 'EXCLUDE USING gist (a WITH &&)'])
    expect(readKey(other)).toBeUndefined();
  expect(readIndex('CREATE UNIQUE INDEX "i ON x" ON s.t USING btree (a DESC, b NULLS FIRST)')).toEqual({
    unique: true,
    parts: [
      { column: 'a', length: null, descending: true },
      { column: 'b', length: null, descending: false },
    ],
  });
  for (const other of ['(lower(a))', '(a) WHERE (b > 0)', '(a COLLATE "C")', '(a text_pattern_ops)', '(a) INCLUDE (b)'])
    expect(readIndex(`CREATE INDEX i ON s.t USING btree ${other}`)).toBeUndefined();
  expect(readIndex('CREATE INDEX i ON s.t USING gin (a)')).toBeUndefined();
  const key = 'FOREIGN KEY (a, "B") REFERENCES s."t(x)"(c, d)';
  const read = { columns: ['a', 'B'], references: ['c', 'd'], actions: '', deferrable: false };
  expect(readForeignKey(key)).toEqual(read);
  expect(readForeignKey(`${key} ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE NOT VALID`)).toEqual({
    ...read,
    actions: ' ON UPDATE CASCADE ON DELETE SET NULL',
    deferrable: true,
  });
  for (const other of ['MATCH FULL', 'ON DELETE SET DEFAULT', 'ON DELETE SET NULL (a)'])
    expect(readForeignKey(`${key} ${other}`)).toBeUndefined();
});
