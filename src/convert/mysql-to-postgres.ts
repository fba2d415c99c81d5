// MySQL's types as PostgreSQL has them, and one compiled converter for each: from the text that MySQL's log delivers to the
// text that PostgreSQL prints.

import type { Conversion } from '../databases/conversion.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Value } from '../model/change.ts';
import type { Column } from '../model/table.ts';
import { doubleText, realText } from './postgres-floats.ts';

export interface MysqlToPostgresOptions {
  /** What becomes of dates with a zero for the year, month or day, which PostgreSQL does not have. Default `refuse`. */
  readonly zeroDates?: 'refuse' | 'null';
  /** Whether `tinyint(1)` holds truth values: others than 0 and 1 are refused then. Default false: smallint. */
  readonly tinyint1AsBoolean?: boolean;
}

export interface MappedType extends Conversion {
  /** The type in PostgreSQL. */
  readonly type: string;
  /** The same for a cast, without length or precision. */
  readonly castType: string;
  /** Values may become NULL, so the column cannot be NOT NULL. */
  readonly makesNull?: boolean;
}

type Typed = Pick<Column, 'name' | 'type'>;
type Make = (match: RegExpExecArray, column: Typed, options: MysqlToPostgresOptions) => MappedType;

const same = (value: string | Buffer): string | Buffer => value;

function plain(type: string, castType: string): MappedType {
  return { type, castType, print: same, read: same };
}

function printed(type: string, castType: string, print: (text: string) => Value): MappedType {
  return { type, castType, print: (value) => print(String(value)), read: same };
}

const BYTEA: MappedType = {
  type: 'bytea',
  castType: 'bytea',
  print: (value) => `\\x${Buffer.isBuffer(value) ? value.toString('hex') : Buffer.from(value).toString('hex')}`,
  read: (value) => Buffer.from(String(value).slice(2), 'hex'),
};

/** By the type's text in information_schema, without a zerofill. First match wins. */
const TYPES: readonly (readonly [RegExp, Make])[] = [
  [
    /^tinyint\(1\)$/,
    (_, column, { tinyint1AsBoolean = false }) => (tinyint1AsBoolean ? truth(column) : plain('smallint', 'int2')),
  ],
  [/^(?:tiny|small)int(?:\(\d+\))?$|^tinyint(?:\(\d+\))? unsigned$/, () => plain('smallint', 'int2')],
  [/^year(?:\(4\))?$/, () => printed('smallint', 'int2', (text) => String(Number(text)))],
  [/^(?:mediumint|int)(?:\(\d+\))?$|^(?:small|medium)int(?:\(\d+\))? unsigned$/, () => plain('integer', 'int4')],
  [/^bigint(?:\(\d+\))?$|^int(?:\(\d+\))? unsigned$/, () => plain('bigint', 'int8')],
  [/^bigint(?:\(\d+\))? unsigned$/, () => plain('numeric(20,0)', 'numeric')],
  [/^decimal(\(\d+,\d+\))(?: unsigned)?$/, ([, size = '']) => plain(`numeric${size}`, 'numeric')],
  [/^float(?:\(\d+,\d+\))?(?: unsigned)?$/, () => printed('real', 'float4', realText)],
  [/^double(?:\(\d+,\d+\))?(?: unsigned)?$/, () => printed('double precision', 'float8', doubleText)],
  [/^(?:var)?char\(0\)$/, () => plain('text', 'text')],
  [/^(?:var)?char(\(\d+\))$/, ([, size = '']) => plain(`varchar${size}`, 'varchar')],
  [/^(?:tiny|medium|long)?text$|^(?:enum|set)\(/s, () => plain('text', 'text')],
  [/^(?:var)?binary\(|^(?:tiny|medium|long)?blob$/, () => BYTEA],
  [/^bit\((\d+)\)$/, ([, length]) => bits(Number(length))],
  [/^date$/, (_, column, options) => moment('date', 'date', column, options)],
  [
    /^datetime(\(\d\))?$/,
    ([, size = '(0)'], column, options) => moment(`timestamp${size}`, 'timestamp', column, options),
  ],
  [
    /^timestamp(\(\d\))?$/,
    ([, size = '(0)'], column, options) => moment(`timestamptz${size}`, 'timestamptz', column, options, '+00'),
  ],
  // Hours beyond a day, and before zero: a duration.
  [/^time(\(\d\))?$/, ([, size = '(0)']) => printed(`interval${size}`, 'interval', trimmed)],
  // As `jsonb` its numbers and the order of its keys would be others.
  [/^json$/, () => plain('json', 'json')],
];

/** Undefined for a type that PostgreSQL has nothing for. */
export function mappedType(column: Typed, options: MysqlToPostgresOptions = {}): MappedType | undefined {
  const type = /^(enum|set)\(/.test(column.type) ? column.type : column.type.replace(/ zerofill$/, '');
  for (const [pattern, make] of TYPES) {
    const match = pattern.exec(type);
    if (match !== null) return make(match, column, options);
  }
  return undefined;
}

/** For columns of a catalog that was converted: a type without a counterpart is not in it. */
export function mysqlToPostgres(options: MysqlToPostgresOptions = {}): (column: Column) => Conversion {
  return (column) => {
    const mapped = mappedType(column, options);
    if (mapped === undefined) {
      throw new MigrateError('INTERNAL.BUG', `column ${column.name} has a type that PostgreSQL has nothing for`);
    }
    return mapped;
  };
}

function truth(column: Typed): MappedType {
  return {
    type: 'boolean',
    castType: 'bool',
    print: (value) => {
      if (value === '0') return 'f';
      return value === '1' ? 't' : refused(column, 'neither 0 nor 1, and its column is carried as boolean');
    },
    read: (value) => (value === 't' ? '1' : '0'),
  };
}

/** Bytes with the bits at their end. */
function bits(length: number): MappedType {
  const text = (bytes: Buffer): string => {
    const all = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    return all.slice(-length).padStart(length, '0');
  };
  return {
    type: `bit(${length})`,
    castType: '"bit"',
    print: (value) => text(Buffer.isBuffer(value) ? value : Buffer.from(value, 'latin1')),
    read: (value) => {
      const size = Math.ceil(length / 8);
      return Buffer.from(
        BigInt(`0b${String(value)}`)
          .toString(16)
          .padStart(2 * size, '0'),
        'hex',
      );
    },
  };
}

function moment(
  type: string,
  castType: string,
  column: Typed,
  { zeroDates = 'refuse' }: MysqlToPostgresOptions,
  zone = '',
): MappedType {
  const print = (text: string): Value => {
    if (text.startsWith('0000') || text.startsWith('00', 5) || text.startsWith('00', 8)) {
      return zeroDates === 'null' ? null : refused(column, 'a date with a zero in it, which PostgreSQL does not have');
    }
    return trimmed(text) + zone;
  };
  return {
    type,
    castType,
    print: (value) => print(String(value)),
    read: (value) => String(value).replace(/\+00$/, ''),
    makesNull: zeroDates === 'null',
  };
}

/** PostgreSQL prints no zeros at the end of a fraction of a second. */
function trimmed(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** Without the value: it must not reach a log. */
function refused({ name }: Typed, what: string): never {
  throw new MigrateError('SOURCE.REFUSED', `column ${name} has a value that is ${what}`, {
    fix: 'Correct the row on the source, or choose another way for such values in the plan.',
  });
}
