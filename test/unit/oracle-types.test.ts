// Which type of PostgreSQL or MySQL becomes which of Oracle, by default and by a plan's choice.

import { describe, expect, it } from 'vitest';
import { conversionOfForm, formHandling } from '../../src/convert/forms.ts';
import { MYSQL_TYPES, oracleTypeOfMysql } from '../../src/convert/mysql-to-oracle.ts';
import { oracleConversion, oracleHandling } from '../../src/convert/oracle-forms.ts';
import type { OracleType, Place } from '../../src/convert/oracle-types.ts';
import { resolvedType } from '../../src/convert/postgres-to-mysql.ts';
import { oracleTypeOfPostgres, POSTGRES_TYPES } from '../../src/convert/postgres-to-oracle.ts';
import { kindOf } from '../../src/databases/oracle/values.ts';
import { planSchema } from '../../src/plan/plan.ts';

const options = (given: object = {}) => planSchema.shape.convert.parse(given);
const ofPostgres = (type: string, place: Place = {}, chosen?: string) =>
  oracleTypeOfPostgres(resolvedType(type, []), place, chosen);
const ofMysql = (type: string, place: Place = {}, chosen?: string, given: object = {}) =>
  oracleTypeOfMysql({ type }, place, options(given), chosen);

/** A type of each that is long enough for what the choice stands for. */
const sized = (shown: string): string =>
  shown
    .replace('NUMBER(n)', 'NUMBER(20)')
    .replace('NUMBER(p,s)', 'NUMBER(20,0)')
    .replace('TIMESTAMP(n)', 'TIMESTAMP(6)')
    .replace('RAW(n)', 'RAW(2)')
    .replace('(n', '(200');

describe('of PostgreSQL', () => {
  it.each([
    ['smallint', 'NUMBER(5)'],
    ['integer', 'NUMBER(10)'],
    ['bigint', 'NUMBER(19)'],
    ['oid', 'NUMBER(10)'],
    ['numeric(12,2)', 'NUMBER(12,2)'],
    ['numeric(3,-2)', 'NUMBER(3,-2)'],
    ['numeric(2,4)', 'NUMBER(2,4)'],
    ['numeric(38,38)', 'NUMBER(38,38)'],
    ['numeric(39,0)', 'VARCHAR2(42 CHAR)'],
    ['numeric', 'NUMBER'],
    ['real', 'BINARY_FLOAT'],
    ['double precision', 'BINARY_DOUBLE'],
    ['money', 'NUMBER(19,2)'],
    ['boolean', 'NUMBER(1)'],
    ['character varying(80)', 'VARCHAR2(80 CHAR)'],
    ['character varying(1000)', 'VARCHAR2(1000 CHAR)'],
    ['character varying(1001)', 'CLOB'],
    ['text', 'CLOB'],
    ['xml', 'CLOB'],
    ['character(4)', 'CHAR(4 CHAR)'],
    ['character(501)', 'VARCHAR2(501 CHAR)'],
    ['character(1001)', 'CLOB'],
    ['name', 'VARCHAR2(64 CHAR)'],
    ['"char"', 'VARCHAR2(4 CHAR)'],
    ['bytea', 'BLOB'],
    ['bit(9)', 'VARCHAR2(9 CHAR)'],
    ['bit(4001)', 'CLOB'],
    ['bit varying(7)', 'VARCHAR2(7 CHAR)'],
    ['bit varying', 'CLOB'],
    ['uuid', 'RAW(16)'],
    ['jsonb', 'CLOB'],
    ['date', 'DATE'],
    ['timestamp without time zone', 'TIMESTAMP(6)'],
    ['timestamp(0) without time zone', 'TIMESTAMP(0)'],
    ['timestamp(3) with time zone', 'TIMESTAMP(3) WITH TIME ZONE'],
    ['time without time zone', 'INTERVAL DAY(3) TO SECOND(6)'],
    ['time(0) with time zone', 'VARCHAR2(100 CHAR)'],
    ['interval day to second(2)', 'VARCHAR2(100 CHAR)'],
    ['inet', 'VARCHAR2(49 CHAR)'],
    ['integer[]', 'CLOB'],
    ['interval[]', 'CLOB'],
    ['int4range', 'CLOB'],
    ['public.hstore', 'CLOB'],
  ])('%s becomes %s', (type, expected) => {
    expect(ofPostgres(type)?.type).toBe(expected);
  });

  it.each([
    ['text', 'VARCHAR2(375 CHAR)'],
    ['character varying(4000)', 'VARCHAR2(375 CHAR)'],
    ['character varying(40)', 'VARCHAR2(40 CHAR)'],
    ['bytea', 'RAW(1500)'],
    ['jsonb', 'VARCHAR2(375 CHAR)'],
    ['integer[]', 'VARCHAR2(375 CHAR)'],
    ['numeric', 'NUMBER(38)'],
    ['timestamp(3) with time zone', 'TIMESTAMP(3)'],
  ])('%s in a key becomes %s', (type, expected) => {
    expect(ofPostgres(type, { keyed: 1_500, finding: true })?.type).toBe(expected);
  });

  it.each([
    ['integer', 'number(9)', undefined],
    ['integer', 'number ( 12 )', 'NUMBER(12)'],
    ['integer', 'NUMBER', 'NUMBER(38)'],
    ['integer', 'VARCHAR2(20)', undefined],
    ['numeric', 'number(12, 2)', 'NUMBER(12,2)'],
    ['numeric', 'NUMBER(39)', undefined],
    ['text', 'varchar2(400)', 'VARCHAR2(400 CHAR)'],
    ['text', 'varchar2(400 char)', 'VARCHAR2(400 CHAR)'],
    ['text', 'VARCHAR2(32768 CHAR)', undefined],
    ['character varying(2000)', 'varchar2(2000)', 'VARCHAR2(2000 CHAR)'],
    ['text', 'json', 'JSON'],
    ['uuid', 'VARCHAR2(36)', 'VARCHAR2(36 CHAR)'],
    ['uuid', 'VARCHAR2(35)', undefined],
    ['bytea', 'RAW(2000)', 'RAW(2000)'],
    ['bit(9)', 'RAW(2)', 'RAW(2)'],
    ['bit(9)', 'RAW(1)', undefined],
    ['timestamp with time zone', 'timestamp with local time zone', 'TIMESTAMP(6) WITH LOCAL TIME ZONE'],
    ['timestamp with time zone', 'TIMESTAMP(3)', undefined],
    ['timestamp(0) without time zone', 'DATE', 'DATE'],
    ['timestamp without time zone', 'DATE', undefined],
    ['date', 'CLOB', 'CLOB'],
    ['boolean', 'boolean', 'BOOLEAN'],
    ['text', 'BOOLEAN', undefined],
  ])('%s may become %s: %s', (type, chosen, expected) => {
    expect(ofPostgres(type, {}, chosen)?.type).toBe(expected);
  });

  it.each([
    ['text', 'CLOB', undefined],
    ['text', 'VARCHAR2(400)', 'VARCHAR2(400 CHAR)'],
    ['boolean', 'BOOLEAN', undefined],
    ['timestamp with time zone', 'TIMESTAMP WITH TIME ZONE', undefined],
    ['timestamp with time zone', 'TIMESTAMP WITH LOCAL TIME ZONE', 'TIMESTAMP(6) WITH LOCAL TIME ZONE'],
  ])('%s in a key may become %s: %s', (type, chosen, expected) => {
    expect(ofPostgres(type, { keyed: 1_500, finding: true }, chosen)?.type).toBe(expected);
    expect(ofPostgres(type, {}, chosen)?.type).toBeDefined();
  });

  it('enums become texts with a check for their labels', () => {
    const mood = { kind: 'enum', schema: 's', name: 'mood', labels: ['', 'sad', 'élégant'], comment: null } as const;
    expect(oracleTypeOfPostgres(resolvedType('s.mood', [mood]), {})).toEqual({
      type: 'VARCHAR2(7 CHAR)',
      form: 'plain',
      mayBeEmpty: true,
      check: ['sad', 'élégant'],
    });
  });
});

describe('of MySQL', () => {
  it.each([
    ['tinyint(1)', 'NUMBER(3)'],
    ['tinyint unsigned', 'NUMBER(3)'],
    ['smallint(5) unsigned', 'NUMBER(5)'],
    ['mediumint', 'NUMBER(7)'],
    ['mediumint unsigned', 'NUMBER(8)'],
    ['int(10) unsigned zerofill', 'NUMBER(10)'],
    ['bigint', 'NUMBER(19)'],
    ['bigint unsigned', 'NUMBER(20)'],
    ['year', 'NUMBER(4)'],
    ['decimal(12,2)', 'NUMBER(12,2)'],
    ['decimal(65,30)', 'VARCHAR2(68 CHAR)'],
    ['float(7,2)', 'BINARY_FLOAT'],
    ['double unsigned', 'BINARY_DOUBLE'],
    ['bit(1)', 'NUMBER(1)'],
    ['bit(11)', 'RAW(2)'],
    ['binary(16)', 'RAW(16)'],
    ['varbinary(2000)', 'RAW(2000)'],
    ['varbinary(2001)', 'BLOB'],
    ['tinyblob', 'RAW(255)'],
    ['longblob', 'BLOB'],
    ['char(0)', 'VARCHAR2(1 CHAR)'],
    ['char(36)', 'VARCHAR2(36 CHAR)'],
    ['varchar(255)', 'VARCHAR2(255 CHAR)'],
    ['varchar(1001)', 'CLOB'],
    ['tinytext', 'VARCHAR2(255 CHAR)'],
    ['longtext', 'CLOB'],
    ["enum('a\nb zerofill','it''s')", 'VARCHAR2(12 CHAR)'],
    ["set('red','green')", 'VARCHAR2(9 CHAR)'],
    ['date', 'DATE'],
    ['datetime', 'TIMESTAMP(0)'],
    ['datetime(6)', 'TIMESTAMP(6)'],
    ['timestamp(3)', 'TIMESTAMP(3) WITH TIME ZONE'],
    ['time(3)', 'INTERVAL DAY(3) TO SECOND(3)'],
    ['json', 'CLOB'],
    ['uuid', 'RAW(16)'],
    ['inet6', 'VARCHAR2(45 CHAR)'],
    ['vector(3)', 'BLOB'],
    ['point', 'BLOB'],
    ['geometrycollection', 'BLOB'],
    ['unheard of', undefined],
  ])('%s becomes %s', (type, expected) => {
    expect(ofMysql(type)?.type).toBe(expected);
  });

  it.each([
    ['tinyint(1)', 'NUMBER(1)', 'NUMBER(1)'],
    ['int', 'NUMBER(9)', undefined],
    ['int', 'NUMBER(38,0)', 'NUMBER(38)'],
    ['char(36)', 'RAW(16)', 'RAW(16)'],
    ['varchar(2000)', 'VARCHAR2(2000)', 'VARCHAR2(2000 CHAR)'],
    ['longtext', 'JSON', 'JSON'],
    ['longtext', 'NUMBER(5)', undefined],
    ['datetime', 'DATE', 'DATE'],
    ['datetime(3)', 'DATE', undefined],
    ['datetime(3)', 'timestamp(3) with time zone', 'TIMESTAMP(3) WITH TIME ZONE'],
    ['datetime(3)', 'timestamp(2)', undefined],
    ['timestamp', 'TIMESTAMP(0)', 'TIMESTAMP(0)'],
    ['date', 'VARCHAR2(10)', 'VARCHAR2(10 CHAR)'],
    ['json', 'json', 'JSON'],
    ['varbinary(16)', 'BLOB', 'BLOB'],
    ['tinyint(1)', 'BOOLEAN', 'BOOLEAN'],
    ['bit(1)', 'boolean', 'BOOLEAN'],
    ['bit(2)', 'boolean', undefined],
  ])('%s may become %s: %s', (type, chosen, expected) => {
    expect(ofMysql(type, {}, chosen)?.type).toBe(expected);
  });

  it('become what the plan says for all columns', () => {
    expect(ofMysql('tinyint(1)', {}, undefined, { tinyint1: 'boolean' })).toMatchObject({ form: 'boolean' });
    expect(ofMysql('tinyint(4)', {}, undefined, { tinyint1: 'boolean' })).toMatchObject({ form: 'plain' });
    const dated = (chosen?: string) => ofMysql('datetime', {}, chosen, { zeroDates: 'setNull' });
    expect([dated(), dated('DATE'), dated('CLOB')].map((type) => [type?.makesNull, type?.refuses])).toEqual([
      [true, undefined],
      [true, undefined],
      [undefined, undefined],
    ]);
    expect(ofMysql('date')?.refuses).toBe('dates with a zero in them');
  });
});

describe('each rule', () => {
  const all: readonly (readonly [string, OracleType | undefined])[] = [
    ...POSTGRES_TYPES.flatMap(({ example, choices }) =>
      [undefined, ...choices].map(
        (one) =>
          [
            `${example} ${one?.shown ?? ''}`,
            ofPostgres(one?.shown === 'DATE' ? 'timestamp(0) without time zone' : example, {}, one && sized(one.shown)),
          ] as const,
      ),
    ),
    ...MYSQL_TYPES.flatMap(({ example, choices }) =>
      [undefined, ...choices].map(
        (one) =>
          [
            `${example} ${one?.shown ?? ''}`,
            ofMysql(one?.shown === 'DATE' ? 'datetime' : example, {}, one && sized(one.shown)),
          ] as const,
      ),
    ),
  ];

  it('has an example that it is itself for', () => {
    for (const { example, pattern } of MYSQL_TYPES) {
      expect(MYSQL_TYPES.find((rule) => rule.pattern.test(example))?.pattern).toBe(pattern);
    }
    for (const { example, pattern } of POSTGRES_TYPES) {
      expect(POSTGRES_TYPES.find((rule) => rule.pattern.test(example))?.pattern).toBe(pattern);
    }
  });

  it.each(all)('%s makes a type whose values both sides know how to carry', (_, found) => {
    if (found === undefined) throw new Error('no type');
    const column = { name: 'c', type: found.type, castType: '' };
    expect(() => oracleConversion({ ...column, handling: oracleHandling(found.form) })).not.toThrow();
    const source = formHandling(found.from ?? 'plain');
    expect(() => conversionOfForm({ ...column, handling: source })).not.toThrow();
    // The adapter hands out bytes for just these.
    const isBytes = ['bytes', 'uuid bytes'].includes(found.form) || found.form.startsWith('bits');
    expect(kindOf(column).isBytes).toBe(isBytes);
  });
});
