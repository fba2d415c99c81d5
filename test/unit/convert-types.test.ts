// Which type of one engine becomes which of the other, by default and by a plan's choice.

import { describe, expect, it } from 'vitest';
import { conversionOfForm, formHandling } from '../../src/convert/forms.ts';
import { defaultFor, labelsOf } from '../../src/convert/mysql-defaults.ts';
import { MYSQL_TYPES, mappedType } from '../../src/convert/mysql-to-postgres.ts';
import { mysqlDefault } from '../../src/convert/postgres-defaults.ts';
import { mysqlType, POSTGRES_TYPES, resolvedType } from '../../src/convert/postgres-to-mysql.ts';
import { planSchema } from '../../src/plan/plan.ts';

const options = (given: object = {}) => planSchema.shape.convert.parse(given);
const toPostgres = (type: string, given: object = {}, chosen?: string) => mappedType({ type }, options(given), chosen);
const toMysql = (type: string, place: object = {}, chosen?: string) => mysqlType(resolvedType(type, []), place, chosen);

describe('of MySQL', () => {
  it.each([
    ['tinyint(1)', 'smallint'],
    ['tinyint unsigned', 'smallint'],
    ['smallint(5) unsigned', 'integer'],
    ['int(10) unsigned zerofill', 'bigint'],
    ['bigint unsigned', 'numeric(20,0)'],
    ['decimal(65,30)', 'numeric(65,30)'],
    ['float(7,2)', 'real'],
    ['double unsigned', 'double precision'],
    ['char(0)', 'text'],
    ['varchar(255)', 'varchar(255)'],
    ["enum('a\nb zerofill')", 'text'],
    ['varbinary(16)', 'bytea'],
    ['bit(1)', 'bit(1)'],
    ['datetime', 'timestamp(0)'],
    ['timestamp(6)', 'timestamptz(6)'],
    ['time(3)', 'interval(3)'],
    ['json', 'json'],
    ['uuid', 'uuid'],
    ['vector(3)', 'real[]'],
    ['point', undefined],
    ['geometrycollection', undefined],
  ])('%s becomes %s', (type, expected) => {
    expect(toPostgres(type)?.type).toBe(expected);
  });

  it.each([
    ['tinyint(1)', 'bool', 'boolean'],
    ['bit(1)', 'boolean', 'boolean'],
    ['bit(2)', 'boolean', undefined],
    ['bigint unsigned', 'int8', 'bigint'],
    ['int unsigned', 'integer', undefined],
    ['int', 'numeric(20)', 'numeric(20,0)'],
    ['int', 'text', 'text'],
    ['binary(16)', 'uuid', 'uuid'],
    ['binary(15)', 'uuid', undefined],
    ['char(36)', 'uuid', 'uuid'],
    ['varchar(10)', 'varchar(9)', undefined],
    ['varchar(10)', 'character varying ( 20 )', 'varchar(20)'],
    ['longtext', 'jsonb', 'jsonb'],
    ['longtext', 'integer', undefined],
    ['datetime(3)', 'timestamp with time zone', 'timestamptz(6)'],
    ['datetime(3)', 'timestamptz(3)', 'timestamptz(3)'],
    ['datetime(3)', 'timestamptz(2)', undefined],
    ['date', 'text', 'text'],
    ['time', 'time', 'time(6)'],
    ['point', 'bytea', 'bytea'],
    ['decimal(10,2)', 'numeric(10,2)', 'numeric(10,2)'],
    ['decimal(10,2)', 'integer', undefined],
  ])('%s may become %s: %s', (type, chosen, expected) => {
    expect(toPostgres(type, {}, chosen)?.type).toBe(expected);
  });

  it('become what the plan says for all columns', () => {
    expect(toPostgres('tinyint(1)', { tinyint1: 'boolean' })?.type).toBe('boolean');
    expect(toPostgres('tinyint(4)', { tinyint1: 'boolean' })?.type).toBe('smallint');
    expect(toPostgres('json', { json: 'jsonb' })).toEqual({ type: 'jsonb', form: 'json', comparedAs: 'json' });
    expect(toPostgres('date', { zeroDates: 'setNull' })?.makesNull).toBe(true);
    expect(toPostgres('date', { zeroDates: 'setNull' }, 'text')?.makesNull).toBeUndefined();
  });

  it('each have an example that their own rule is for', () => {
    for (const { example, pattern } of MYSQL_TYPES) {
      expect(MYSQL_TYPES.find((rule) => rule.pattern.test(example))?.pattern).toBe(pattern);
    }
  });

  it('each become a type whose values the run knows how to write, by default and by choice', () => {
    for (const { example, choices } of MYSQL_TYPES) {
      const chosen = choices.map(({ shown }) => shown.replace('(n)', '(200)'));
      for (const mapped of [undefined, ...chosen].flatMap((type) => toPostgres(example, {}, type) ?? [])) {
        expect(() =>
          conversionOfForm({ name: example, type: mapped.type, castType: '', handling: formHandling(mapped.form) }),
        ).not.toThrow();
      }
    }
  });
});

describe('of PostgreSQL', () => {
  it.each([
    ['integer', 'int'],
    ['boolean', 'tinyint(1)'],
    ['numeric(12,2)', 'decimal(12,2)'],
    ['numeric(3,-2)', 'decimal(5,0)'],
    ['numeric(2,4)', 'decimal(4,4)'],
    ['numeric(66,0)', 'longtext'],
    ['numeric', 'decimal(65,30)'],
    ['text', 'longtext'],
    ['character varying(80)', 'varchar(80)'],
    ['character varying(4000)', 'longtext'],
    ['character(4)', 'char(4)'],
    ['character(300)', 'varchar(300)'],
    ['bytea', 'longblob'],
    ['uuid', 'char(36)'],
    ['jsonb', 'json'],
    ['timestamp with time zone', 'datetime(6)'],
    ['timestamp(0) without time zone', 'datetime'],
    ['time(3) without time zone', 'time(3)'],
    ['interval day to second(2)', 'varchar(100)'],
    ['bit(64)', 'bit(64)'],
    ['bit(65)', 'varchar(65)'],
    ['bit varying', 'longtext'],
    ['integer[]', 'longtext'],
    ['interval[]', 'longtext'],
    ['int4range', 'longtext'],
    ['public.hstore', 'longtext'],
  ])('%s becomes %s', (type, expected) => {
    expect(toMysql(type)?.type).toBe(expected);
  });

  it.each([
    ['text', 'varchar(255)'],
    ['character varying(4000)', 'varchar(255)'],
    ['character varying(40)', 'varchar(40)'],
    ['bytea', 'varbinary(255)'],
    ['jsonb', 'varchar(255)'],
    ['integer[]', 'varchar(255)'],
    ['numeric', 'decimal(65,0)'],
  ])('%s in a key becomes %s', (type, expected) => {
    expect(toMysql(type, { keyed: 255, finding: true })?.type).toBe(expected);
  });

  it.each([
    ['text', 'VARCHAR(400)', 'varchar(400)'],
    ['text', 'json', 'json'],
    ['uuid', 'binary(16)', 'binary(16)'],
    ['timestamp with time zone', 'timestamp(6)', 'timestamp(6)'],
    ['timestamp with time zone', 'datetime(3)', undefined],
    ['timestamp without time zone', 'timestamp(6)', undefined],
    ['numeric', 'decimal(12,2)', 'decimal(12,2)'],
    ['numeric', 'decimal(66,2)', undefined],
    ['integer', 'smallint', undefined],
    ['boolean', 'bit(1)', 'bit(1)'],
    ['jsonb', 'longtext', 'longtext'],
  ])('%s may become %s: %s', (type, chosen, expected) => {
    expect(toMysql(type, {}, chosen)?.type).toBe(expected);
  });

  it('are what domains and enums are made of', () => {
    const name = (kind: 'domain' | 'enum', rest: object) => ({
      kind,
      schema: 's',
      name: 'T"x',
      comment: null,
      ...rest,
    });
    const domain = name('domain', { definition: "AS numeric(8,2) DEFAULT '7'::numeric NOT NULL", checks: [] });
    const labels = (...list: readonly string[]) => name('enum', { labels: list });
    const of = (type: object) => mysqlType(resolvedType('s."T""x"', [type as never]), {});
    expect(of(domain)?.type).toBe('decimal(8,2)');
    expect(of(labels("it's", 'a\\b', 'B', 'b'))?.type).toBe("enum('it''s','a\\\\b','B','b')");
    // MySQL cuts blanks at the end of a label, and has an empty one for what is wrong.
    expect(of(labels('a', 'b '))?.type).toBe('varchar(63)');
    expect(of(labels('a', ''))?.type).toBe('varchar(63)');
  });

  it('each have an example that their own rule is for', () => {
    for (const { example, pattern } of POSTGRES_TYPES) {
      expect(POSTGRES_TYPES.find((rule) => rule.pattern.test(example))?.pattern).toBe(pattern);
    }
  });
});

it('defaults of MySQL are carried as literals or the current time, and nothing is guessed', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['integer', '5', '5'],
    ['text', "'it''s \\\\ \\'n'", " E'it''s \\\\ ''n'"],
    ['text', "'a-00'", "'a-00'"],
    ['boolean', '1', 'true'],
    ['boolean', "b'0'", 'false'],
    ['bit(3)', "b'1'", "B'001'"],
    ['timestamp(3)', 'CURRENT_TIMESTAMP(3)', 'CURRENT_TIMESTAMP(3)'],
    ['timestamp(0)', 'current_timestamp()', 'CURRENT_TIMESTAMP'],
    ['date', "'0000-00-00'", undefined],
    ['bytea', "'x'", undefined],
    ['text', 'uuid()', undefined],
  ];
  for (const [type, expression, expected] of cases) expect(defaultFor(type, expression)).toBe(expected);
});

it('defaults of PostgreSQL are carried as literals, the current time or a new uuid, and nothing is guessed', () => {
  const cases: readonly (readonly [string, string, string, string | null | undefined])[] = [
    ['int', 'plain', '5', '5'],
    ['int', 'plain', "'-1'::integer", '-1'],
    ['decimal(8,2)', 'decimal', '(0)::numeric', '0'],
    ['tinyint(1)', 'boolean', 'true', '1'],
    ['longtext', 'plain', "'it''s'::text", "'it''s'"],
    ['longtext', 'plain', "E'a\\\\b'::text", "'a\\\\b'"],
    ['longtext', 'plain', 'NULL::character varying', null],
    ['json', 'json', "'{}'::jsonb", "'{}'"],
    ['datetime(6)', 'instant', 'now()', 'utc_timestamp(6)'],
    ['datetime(6)', 'moment', 'CURRENT_TIMESTAMP', 'CURRENT_TIMESTAMP(6)'],
    ['datetime(6)', 'instant', "'2024-01-01 00:00:00+00'::timestamp with time zone", "'2024-01-01 00:00:00'"],
    ['datetime(6)', 'moment', "'infinity'::timestamp without time zone", undefined],
    ['char(36)', 'plain', 'gen_random_uuid()', 'uuid()'],
    ['binary(16)', 'uuid bytes', 'gen_random_uuid()', 'uuid_to_bin(uuid())'],
    ['bit(3)', 'bits(3)', '\'101\'::"bit"', "b'101'"],
    ['longtext', 'plain', "('a'::text || 'b'::text)", undefined],
    ['int', 'plain', "nextval('s.q'::regclass)", undefined],
    ['longtext', 'plain', 'CURRENT_USER', undefined],
  ];
  for (const [type, form, expression, expected] of cases)
    expect([expression, mysqlDefault(type, form, expression)]).toEqual([expression, expected]);
});

it('labels are read as they are, quotes, commas and backslashes in them', () => {
  expect(labelsOf("enum('a,b','it''s','c\\\\d','')")).toEqual(['a,b', "it's", 'c\\d', '']);
});
