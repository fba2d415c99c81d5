// The forms in which MySQL's values and PostgreSQL's texts stand for each other, by name: what a column of MySQL has in its
// `handling` once it was converted, so that a journalled catalog needs no plan. `print` makes the text that PostgreSQL prints,
// `read` the value that MySQL has. Each refuses what the other side cannot hold.

import { type Conversion, EMPTY_IS_NULL, HEX_BYTES } from '../databases/conversion.ts';
import { MigrateError } from '../lib/errors.ts';
import { doubleText, realText, withoutSignOfZero } from '../lib/postgres-floats.ts';
import type { Value } from '../model/change.ts';
import type { Column } from '../model/table.ts';
import { fitsDecimal, isKeptByJson, plainDecimal } from './decimals.ts';
import { canonicalJson, jsonTraits } from './json-text.ts';

type Named = Pick<Column, 'name'>;
type Make = (column: Named, ...sizes: readonly number[]) => Conversion;

const AS = 'as ';
const ZERO_DATES_ARE_NULL = 'zero dates are null';

/** For `Column.handling` of MySQL's column. `name` is one of `FORMS`, with a length where it has one: `char(10)`. */
export function formHandling(name: string, zeroDatesAreNull = false): readonly string[] {
  return [`${AS}${name}`, ...(zeroDatesAreNull ? [ZERO_DATES_ARE_NULL] : [])];
}

/** Of a column of MySQL in a catalog that was converted. */
export function conversionOfForm(column: Column): Conversion {
  const name = column.handling?.find((word) => word.startsWith(AS))?.slice(AS.length) ?? '';
  const [, form = '', sizes = ''] = /^([a-z ]+)(?:\(([\d,]+)\))?$/.exec(name) ?? [];
  const make = FORMS[form];
  if (make === undefined) throw new MigrateError('INTERNAL.BUG', `column ${column.name} was not converted`);
  const conversion = make(column, ...sizes.split(',').map(Number));
  if (column.handling?.includes(EMPTY_IS_NULL) === true) return withoutEmpty(conversion);
  return column.handling?.includes(ZERO_DATES_ARE_NULL) === true ? withoutZeroDates(conversion) : conversion;
}

/** Neither texts nor bytes that may be empty are dates. */
function withoutEmpty({ print, read, isSame = false, hex }: Conversion): Conversion {
  return {
    print: (value) => (value.length === 0 ? null : print(value)),
    read,
    ...(hex === undefined ? {} : { hex }),
    keeps: (_, start, end) => isSame && end > start,
  };
}

/** Of values that the server hands out as texts, in either direction. */
function texts(print: (text: string) => Value, read: (text: string) => string | Buffer): Conversion {
  return { print: (value) => print(String(value)), read: (value) => read(String(value)) };
}

function bytes(print: (value: Buffer) => string, read: (text: string) => Buffer): Conversion {
  return {
    print: (value) => print(Buffer.isBuffer(value) ? value : Buffer.from(value)),
    read: (value) => read(String(value)),
  };
}

const same = (text: string): string => text;
const PLAIN: Conversion = { print: (value) => value, read: (value) => value, isSame: true };
const FORMS: Readonly<Record<string, Make>> = {
  plain: () => PLAIN,
  bytes: () => HEX_BYTES,
  boolean: (column) => {
    const print = (value: string): string =>
      value === '0'
        ? 'f'
        : value === '1'
          ? 't'
          : unprintable(column, 'neither 0 nor 1, and its column becomes boolean');
    return texts(print, (text) => (text === 't' ? '1' : '0'));
  },
  'boolean bit': () =>
    bytes(
      (value) => (value.at(-1) === 1 ? 't' : 'f'),
      (text) => Buffer.from([text === 't' ? 1 : 0]),
    ),
  bits: (_, length = 0) => bits(length),
  int: (column) => ({
    ...texts((text) => (BigInt(text) < 2n ** 63n ? text : unprintable(column, 'too large for bigint')), same),
    keeps: (_, start, end) => end - start < SAFE_DIGITS,
  }),
  year: () => texts((text) => String(Number(text)), same),
  real: (column) => texts(realText, (text) => signed(Math.fround(finite(column, text)))),
  double: (column) => texts(doubleText, (text) => signed(finite(column, text))),
  // Oracle has one zero.
  'real with one zero': () => texts((text) => withoutSignOfZero(realText(text)), same),
  'double with one zero': () => texts((text) => withoutSignOfZero(doubleText(text)), same),
  decimal: (column) => texts(same, (text) => (/[a-z]/i.test(text) ? unreadable(column, 'no number') : text)),
  // Compared by what it means: the zeros at its end are the column's.
  number: (column, precision = 0, scale = 0) =>
    texts(plainDecimal, (text) =>
      fitsDecimal(text, precision, scale) ? text : unreadable(column, `no number of decimal(${precision},${scale})`),
    ),
  // Found by its text, so that there must be one for each number.
  whole: (column, precision = 0) =>
    texts(same, (text) =>
      new RegExp(`^-?\\d{1,${precision}}$`).test(text)
        ? text
        : unreadable(column, `no whole number of ${precision} digits`),
    ),
  money: () => texts(moneyText, (text) => text.replace(/[$,]/g, '')),
  char: (_, length = 0) =>
    texts(
      (text) => text + ' '.repeat(Math.max(0, length - [...text].length)),
      (text) => text.replace(/ +$/, ''),
    ),
  json: (column) => texts(canonicalJson, (text) => keptJson(column, text)),
  date: (column) => ({ ...moments(column, ''), keeps: isPlainMoment }),
  moment: (column) => ({ ...moments(column, ''), keeps: isPlainMoment }),
  instant: (column) => moments(column, '+00'),
  time: () => texts(withoutZeros, same),
  'time of day': (column) =>
    texts(
      (text) => (/^(-|2[4-9]|[3-9]\d|\d{3})/.test(text) ? unprintable(column, 'no time of day') : withoutZeros(text)),
      same,
    ),
  uuid: (column) =>
    texts((text) => (UUID.test(text) ? text : unprintable(column, 'no uuid in lower case with hyphens')), same),
  'uuid bytes': () =>
    bytes(
      (value) => value.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      (text) => Buffer.from(text.replaceAll('-', ''), 'hex'),
    ),
  vector: () => bytes(vectorText, vectorBytes),
};

/** Whole numbers of fewer digits fit 64 bits with a sign. */
const SAFE_DIGITS = 19;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Bytes with the bits at their end. */
function bits(length: number): Conversion {
  const size = Math.ceil(length / 8);
  return bytes(
    (value) => {
      const all = [...value].map((byte) => byte.toString(2).padStart(8, '0')).join('');
      return all.slice(-length).padStart(length, '0');
    },
    (text) => {
      const digits = BigInt(`0b${text}`).toString(16);
      return Buffer.from(digits.padStart(2 * size, '0'), 'hex');
    },
  );
}

function finite(column: Named, text: string): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : unreadable(column, 'no number, or infinite');
}

/** A whole number would lose its sign. */
function signed(value: number): string {
  return Object.is(value, -0) ? '-0e0' : String(value);
}

/** As `money` is printed where lc_monetary is C. */
function moneyText(text: string): string {
  const [, sign = '', whole = '', cents = ''] = /^(-?)(\d+)\.(\d\d)$/.exec(text) ?? [];
  return `${sign}$${whole.replace(/\B(?=(\d{3})+$)/g, ',')}.${cents}`;
}

function keptJson(column: Named, text: string): string {
  const { repeatedKeys, numbers } = jsonTraits(text);
  if (repeatedKeys) return unreadable(column, 'JSON with a key that is there twice');
  return numbers.every(isKeptByJson) ? text : unreadable(column, 'JSON with a number that a double does not hold');
}

const ZERO = 0x30;
const DATE_LENGTH = 10;
/** Without a fraction of a second. */
const MOMENT_LENGTH = 19;
const SHORTEST_MONTH = 28;
const ZERO_DATE = /^(0000|\d{4}-00|\d{4}-\d\d-00)/;
const LATE_DAY = /^(\d{4})-(\d\d)-(29|3\d)/;
const MOMENT = /^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d+)?)?$/;

/** `zone`: what PostgreSQL adds to a moment that is the same everywhere. */
function moments(column: Named, zone: '' | '+00'): Conversion {
  return texts(
    (text) =>
      isNoDay(text)
        ? unprintable(column, 'a date that is no day, with a zero in it or beyond the end of its month')
        : withoutZeros(text) + zone,
    (text) => {
      const moment = text.slice(0, text.length - zone.length);
      return MOMENT.test(moment) ? moment : unreadable(column, 'infinite, before the year 1 or after the year 9999');
    },
  );
}

function withoutZeroDates(conversion: Conversion): Conversion {
  return { ...conversion, print: (value) => (isNoDay(String(value)) ? null : conversion.print(value)) };
}

/** True for a day of every month, with or without a time, that has no zero at its end to take away. */
function isPlainMoment(bytes: Buffer, start: number, end: number): boolean {
  const day = twoDigits(bytes, start + 8);
  if (day === 0 || day > SHORTEST_MONTH || twoDigits(bytes, start + 5) === 0) return false;
  if (twoDigits(bytes, start) === 0 && twoDigits(bytes, start + 2) === 0) return false;
  const length = end - start;
  return length === DATE_LENGTH || length === MOMENT_LENGTH || bytes[end - 1] !== ZERO;
}

function twoDigits(bytes: Buffer, at: number): number {
  return 10 * ((bytes[at] ?? ZERO) - ZERO) + (bytes[at + 1] ?? ZERO) - ZERO;
}

/** A session of MySQL may allow the 31st in every month. */
function isNoDay(text: string): boolean {
  if (ZERO_DATE.test(text)) return true;
  const [, year, month, day] = LATE_DAY.exec(text) ?? [];
  return day !== undefined && Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
}

/** PostgreSQL prints no zeros at the end of a fraction of a second. */
function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function vectorText(value: Buffer): string {
  const numbers: string[] = [];
  for (let at = 0; at + 4 <= value.length; at += 4) {
    const number = value.readFloatLE(at);
    numbers.push(Number.isFinite(number) ? realText(signed(number)) : String(number));
  }
  return `{${numbers.join(',')}}`;
}

function vectorBytes(text: string): Buffer {
  const numbers = text.slice(1, -1).split(',').map(Number);
  const value = Buffer.alloc(4 * numbers.length);
  for (const [index, number] of numbers.entries()) value.writeFloatLE(number, 4 * index);
  return value;
}

const REFUSED_VALUE =
  'Correct the row on the source and run the same command again. Where the log has the value, too, `migrate table copy` of the table first:' +
  ' what was logged before is not applied then. Another type for the column, in convert.columns, needs a new run: migrate abort --drop.';

/** Without the value: it must not reach a log. */
function unprintable({ name }: Named, what: string): never {
  throw new MigrateError('SOURCE.REFUSED', `column ${name} has a value that is ${what}`, {
    fix: REFUSED_VALUE,
  });
}

function unreadable({ name }: Named, what: string): never {
  throw new MigrateError('TARGET.REFUSED', `column ${name} has a value that is ${what}: MySQL does not take it`, {
    fix: REFUSED_VALUE,
  });
}
