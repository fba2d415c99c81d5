// How values of MySQL's types are read, what PostgreSQL prints for them, and how a key is said back to MySQL.

import mysql from 'mysql2';
import type { Value } from '../../src/model/change.ts';
import type { Column } from '../../src/model/table.ts';

export interface Form {
  /** The type in PostgreSQL. */
  readonly type: string;
  /** The same for a cast, without length or precision. */
  readonly castType: string;
  /** What the type is called in a CAST of MySQL's; '' where no key has it. */
  readonly sourceCast: string;
  /** The expression that reads a column, quoted, as text. */
  readonly read: (column: string) => string;
  /** What PostgreSQL prints for the text that was read. */
  readonly print: (text: string) => string;
}

const same = (text: string): string => text;
const plain = { read: same, print: same };

/** By COLUMN_TYPE. First match wins; what none matches is refused. */
const FORMS: readonly (readonly [RegExp, (match: RegExpExecArray) => Form])[] = [
  [
    /^(?:tiny|small)int(?:\(\d+\))?$|^tinyint(?:\(\d+\))? unsigned$|^year$/,
    () => integer('smallint', 'int2', 'SIGNED'),
  ],
  [/^(?:mediumint|int)$|^(?:small|medium)int unsigned$/, () => integer('integer', 'int4', 'SIGNED')],
  [/^bigint$|^int unsigned$/, () => integer('bigint', 'int8', 'SIGNED')],
  [/^bigint unsigned$/, () => integer('numeric(20,0)', 'numeric', 'UNSIGNED')],
  [
    /^decimal(\(\d+,\d+\))(?: unsigned)?$/,
    ([, size = '']) => ({ ...plain, type: `numeric${size}`, castType: 'numeric', sourceCast: `DECIMAL${size}` }),
  ],
  [/^double$/, () => ({ type: 'double precision', castType: 'float8', sourceCast: '', read: same, print: doubleText })],
  [
    /^(?:var)?char(\(\d+\))$/,
    ([, size = '']) => ({ ...plain, type: `varchar${size}`, castType: 'varchar', sourceCast: 'CHAR' }),
  ],
  [/^(?:tiny|medium|long)?text$|^(?:enum|set)\(/, () => ({ ...plain, type: 'text', castType: 'text', sourceCast: '' })],
  [
    /^(?:var)?binary\(|^(?:tiny|medium|long)?blob$/,
    () => ({
      type: 'bytea',
      castType: 'bytea',
      sourceCast: 'BINARY',
      read: (column) => `LOWER(HEX(${column}))`,
      print: (hex) => `\\x${hex}`,
    }),
  ],
  [
    /^bit\((\d+)\)$/,
    ([, length]) => ({
      type: `bit(${length})`,
      castType: '"bit"',
      sourceCast: '',
      read: (column) => `LPAD(BIN(${column} + 0), ${length}, '0')`,
      print: same,
    }),
  ],
  [/^date$/, () => ({ ...plain, type: 'date', castType: 'date', sourceCast: 'DATE' })],
  [/^datetime(\(\d\))?$/, ([, size = '(0)']) => moment(`timestamp${size}`, 'timestamp', `DATETIME${size}`)],
  [
    /^timestamp(\(\d\))?$/,
    ([, size = '(0)']) => ({
      ...moment(`timestamptz${size}`, 'timestamptz', ''),
      print: (text) => `${trimmed(text)}+00`,
    }),
  ],
  // Hours beyond a day, and before zero: a duration.
  [/^time(\(\d\))?$/, ([, size = '(0)']) => moment(`interval${size}`, 'interval', '')],
  // As `jsonb` its numbers and the order of its keys would be others.
  [
    /^json$/,
    () => ({
      type: 'json',
      castType: 'json',
      sourceCast: '',
      read: (column) => `CAST(${column} AS CHAR)`,
      print: same,
    }),
  ],
];

function integer(type: string, castType: string, sourceCast: string): Form {
  return { ...plain, type, castType, sourceCast };
}

function moment(type: string, castType: string, sourceCast: string): Form {
  return { type, castType, sourceCast, read: same, print: trimmed };
}

export function formOf(type: string): Form {
  for (const [pattern, make] of FORMS) {
    const match = pattern.exec(type);
    if (match !== null) return make(match);
  }
  throw new TypeError(`type ${type} is not part of this first look`);
}

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function quoteTable(table: { readonly schema: string; readonly name: string }): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** A key's value as a literal that is compared with the column as the column's own type. */
export function literal(column: Column, value: Value): string {
  if (typeof value !== 'string' || column.castType === '') throw new TypeError(`${column.name} cannot be a key`);
  if (column.castType === 'BINARY') return `UNHEX(${mysql.escape(value.slice(2))})`;
  // As a plain literal a text takes the collation of the column it is compared with.
  return column.castType === 'CHAR' ? mysql.escape(value) : `CAST(${mysql.escape(value)} AS ${column.castType})`;
}

/** PostgreSQL prints no zeros at the end of a fraction of a second. */
function trimmed(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** The same digits in both, but another choice of when to use an exponent. */
function doubleText(text: string): string {
  const value = Number(text);
  if (Object.is(value, -0)) return '-0';
  const [digits = '', exponent = ''] = shortest(value).split('e');
  if (Number(exponent) >= -4 && Number(exponent) < 15) return String(value);
  return `${digits}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, '0')}`;
}

/** The fewest digits that are nearer to the number than to any other; JavaScript also takes those midway between two. */
function shortest(value: number): string {
  const text = value.toExponential();
  if (!Number.isFinite(value) || Math.abs(value) < 2 ** 53 || !isMidway(text, value)) return text;
  const longer = Array.from({ length: 17 }, (_, digits) => value.toExponential(digits));
  return longer.find((each) => Number(each) === value && !isMidway(each, value)) ?? text;
}

/** True when as far on the other side of the text there is a number, too. Of whole numbers. */
function isMidway(text: string, value: number): boolean {
  const [digits = '', exponent = ''] = text.split('e');
  const [first = '', rest = ''] = digits.split('.');
  const written = BigInt(`${first}${rest.padEnd(Number(exponent), '0')}`);
  const other = 2n * written - BigInt(value);
  return written !== BigInt(value) && BigInt(Number(other)) === other;
}
