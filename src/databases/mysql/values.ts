// How the values of each type are asked for, so that they come out as the log has them, and how a key's value is said in a
// condition. The log's form: the server's text in UTF-8, or bytes for what is no text.

import { MigrateError } from '../../lib/errors.ts';
import type { Column } from '../../model/table.ts';
import { doubleText, floatText } from './log/numbers.ts';
import { bytesLiteral, quoteLiteral } from './sql.ts';

export interface Reading {
  /** The expression that is selected, of the column's quoted name. */
  expression(column: string): string;
  readonly isBytes: boolean;
  /** True when `value` returns what it is given. */
  readonly isSame: boolean;
  /** The value in the log's form. */
  value(read: string | Buffer): string | Buffer;
}

const same = (read: string | Buffer): string | Buffer => read;
const plainly = (column: string): string => column;
// Leading zeros are the column's way of showing a number, and are not in the log.
const TEXT: Reading = { expression: plainly, isBytes: false, isSame: true, value: same };
const BYTES: Reading = { expression: plainly, isBytes: true, isSame: true, value: same };
const ZEROFILL: Reading = { expression: (column) => `${column} + 0`, isBytes: false, isSame: true, value: same };
const DOUBLE: Reading = {
  expression: plainly,
  isBytes: false,
  isSame: false,
  value: (read) => doubleText(Number(read)),
};
// The server would cut the text to six digits.
const FLOAT: Reading = {
  expression: (column) => `CAST(${column} AS DOUBLE)`,
  isBytes: false,
  isSame: false,
  value: (read) => floatText(Math.fround(Number(read))),
};

const BYTE_TYPES =
  /^((var)?binary\b|(tiny|medium|long)?blob$|bit\b|vector\b|(multi)?(point|linestring|polygon)$|geom|geometry)/;

export function readingOf({ type }: Pick<Column, 'type'>): Reading {
  if (type.startsWith('float')) return FLOAT;
  if (type.startsWith('double')) return DOUBLE;
  if (BYTE_TYPES.test(type)) return BYTES;
  return type.endsWith(' zerofill') ? ZEROFILL : TEXT;
}

const INTEGER = /^((tiny|small|medium|big)?int|year)\b/;
const DECIMAL = /^decimal\b/;

/**
 * What the values of a type are in a condition, as `Column.castType`: `number`, `float`, `double`, `text`, `binary`, `bit`, or a
 * type that texts are cast to; '' for a type whose order or equality in a condition is not that of the index.
 */
export function castTypeOf(type: string): string {
  if (INTEGER.test(type) || DECIMAL.test(type)) return 'number';
  if (/^bit\b/.test(type)) return 'bit';
  if (/^float\b/.test(type)) return 'float';
  if (/^double\b/.test(type)) return 'double';
  if (/^((var)?char\b|(tiny|medium|long)?text$)/.test(type)) return 'text';
  if (/^((var)?binary\b|(tiny|medium|long)?blob$)/.test(type)) return 'binary';
  if (type === 'date') return 'DATE';
  const moment = /^(?:datetime|timestamp)(\(\d\))?$/.exec(type);
  if (moment !== null) return `DATETIME${moment[1] ?? ''}`;
  const time = /^time(\(\d\))?$/.exec(type);
  // Elements of an enum are ordered by number and compared by name, and so are those of a set.
  return time === null ? '' : `TIME${time[1] ?? ''}`;
}

/** A value of a key column, in the log's form, as a literal that is compared as the column's own type. */
export function keyLiteral({ name, castType }: Column, value: string | Buffer | null): string {
  if (value === null) throw new TypeError(`key column ${name} cannot be null`);
  switch (castType) {
    case 'number':
      if (typeof value !== 'string' || !/^-?\d+(\.\d+)?$/.test(value)) throw wrongForm(name);
      return value;
    case 'bit':
      if (typeof value === 'string') throw wrongForm(name);
      return String(BigInt(`0x${value.toString('hex')}`));
    case 'double':
      return exponential(Number(value));
    case 'float':
      // Compared as a double, so all its digits are needed.
      return exponential(Math.fround(Number(value)));
    case 'binary':
      return bytesLiteral(typeof value === 'string' ? Buffer.from(value) : value);
    default:
      if (typeof value !== 'string') throw wrongForm(name);
      return castType === 'text' || castType === ''
        ? quoteLiteral(value)
        : `CAST(${quoteLiteral(value)} AS ${castType})`;
  }
}

/** Without an exponent it would be an exact number. */
function exponential(value: number): string {
  const text = String(value);
  return text.includes('e') ? text : `${text}e0`;
}

function wrongForm(name: string): MigrateError {
  return new MigrateError('INTERNAL.BUG', `key column ${name} has a value of another type`);
}
