// The forms in which PostgreSQL's texts, which are the core's, and Oracle's values stand for each other, by name: what a column of
// Oracle has in its `handling`, so that a journalled catalog needs no plan. `read` makes what is bound, `print` the core's text of what
// Oracle answers. Each refuses what the column cannot hold.

import { type Conversion, type EmptyText, emptyHandling, emptyOf, HEX_BYTES } from '../databases/conversion.ts';
import { MigrateError } from '../lib/errors.ts';
import { doubleText, realText, withoutSignOfZero } from '../lib/postgres-floats.ts';
import type { Column } from '../model/table.ts';
import { fitsDecimal, plainDecimal } from './decimals.ts';
import { canonicalJson, jsonTraits } from './json-text.ts';

type Named = Pick<Column, 'name'>;
type Make = (column: Named, ...sizes: readonly number[]) => Conversion;

const AS = 'as ';

/** For `Column.handling` of Oracle's column. `form` is one of `FORMS`, with its sizes: `decimal(2)`. */
export function oracleHandling(form: string, empty: EmptyText = 'null'): readonly string[] {
  return [`${AS}${form}`, ...(empty === 'null' ? [] : [emptyHandling(empty)])];
}

/** Of a column of Oracle in a catalog that was converted. */
export function oracleConversion(column: Column): Conversion {
  const words = column.handling ?? [];
  const name = words.find((word) => word.startsWith(AS))?.slice(AS.length) ?? '';
  const [, form = '', sizes = ''] = /^([a-z ]+)(?:\(([\d,]+)\))?$/.exec(name) ?? [];
  const make = FORMS[form];
  if (make === undefined) throw new MigrateError('INTERNAL.BUG', `column ${column.name} was not converted`);
  const conversion = make(column, ...sizes.split(',').map(Number));
  const empty = emptyOf(column);
  if (empty === 'refused') return withoutEmpty(column, conversion);
  return typeof empty === 'object' ? withSentinel(column, conversion, empty.sentinel) : conversion;
}

function texts(print: (text: string) => string, read: (text: string) => string): Conversion {
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

/** What Oracle's NUMBER holds for sure. */
const DIGITS = 38;

const FORMS: Readonly<Record<string, Make>> = {
  plain: () => PLAIN,
  bytes: () => HEX_BYTES,
  boolean: () =>
    texts(
      (value) => (value === '1' ? 't' : 'f'),
      (text) => (text === 't' ? '1' : '0'),
    ),
  // Oracle writes no zeros at the end, and every source all that the column has.
  decimal: (column, scale = 0) =>
    texts(
      (value) => withScale(value, scale),
      (text) => (/[a-z]/i.test(text) ? unreadable(column, 'no number') : text),
    ),
  // Compared by what it means.
  number: (column, precision = 0, scale) =>
    texts(plainDecimal, (text) => {
      const fits = scale === undefined ? isNumber(text) : fitsDecimal(text, precision, scale);
      return fits ? plainDecimal(text) : unreadable(column, `no number, or one of more digits than the column's`);
    }),
  // Found by its text, so that there must be one for each number.
  whole: (column, precision = 0) =>
    texts(same, (text) =>
      new RegExp(`^(0|-?[1-9]\\d{0,${precision - 1}})$`).test(text)
        ? text
        : unreadable(column, `no whole number of ${precision} digits`),
    ),
  money: () => texts(moneyText, (text) => text.replace(/[$,]/g, '')),
  // Of one zero: Oracle keeps no sign of it.
  real: () => texts(special(realText), floatOf),
  double: () => texts(special(doubleText), floatOf),
  bits: (_, length = 0) => bits(length),
  'uuid bytes': () =>
    bytes(
      (value) => value.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      (text) => Buffer.from(text.replaceAll('-', ''), 'hex'),
    ),
  date: (column) =>
    texts(
      (value) => value.slice(0, 'YYYY-MM-DD'.length),
      (text) => `${DATE.test(text) ? text : noMoment(column)} 00:00:00`,
    ),
  // Of DATE, which has seconds.
  second: (column) => texts(withoutZeros, (text) => (SECOND.test(text) ? text : noMoment(column))),
  moment: (column) => texts(withoutZeros, (text) => momentOf(column, text)),
  // The same everywhere, kept in UTC.
  utc: (column) =>
    texts(
      (value) => `${withoutZeros(value)}+00`,
      (text) => momentOf(column, inUtc(column, text)),
    ),
  instant: (column) =>
    texts(
      (value) => `${withoutZeros(value.replace(/ ?[-+]00:?00$/, ''))}+00`,
      (text) => `${momentOf(column, inUtc(column, text))}+00:00`,
    ),
  time: () => texts(clockText, secondsText),
  json: (column) => texts(canonicalJson, (text) => keptJson(column, text)),
};

function withScale(value: string, scale: number): string {
  const [whole = '', fraction = ''] = plainDecimal(value).split('.');
  return scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, '0')}`;
}

/** Whether it has no more digits than Oracle keeps, wherever its point is. */
function isNumber(text: string): boolean {
  const plain = plainDecimal(text);
  if (!/^-?\d+(\.\d+)?$/.test(plain)) return false;
  const digits = plain.replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '');
  // At most 125 digits before the point, and so many zeros after it.
  return digits.length <= DIGITS && fitsDecimal(plain, 2 * MAGNITUDE, MAGNITUDE);
}

const MAGNITUDE = 125;

function moneyText(value: string): string {
  const [, sign = '', whole = '', cents = ''] = /^(-?)(\d+)\.(\d\d)$/.exec(withScale(value, 2)) ?? [];
  return `${sign}$${whole.replace(/\B(?=(\d{3})+$)/g, ',')}.${cents}`;
}

/** What is no number has many spellings. */
function special(print: (text: string) => string): (text: string) => string {
  return (value) => {
    if (/^nan$/i.test(value)) return 'NaN';
    if (/^[-+]?inf/i.test(value)) return value.startsWith('-') ? '-Infinity' : 'Infinity';
    return print(value);
  };
}

function floatOf(text: string): string {
  return withoutSignOfZero(text).replace('Infinity', 'Inf');
}

/** Bytes with the bits at their end. */
function bits(length: number): Conversion {
  const size = Math.ceil(length / 8);
  return bytes(
    (value) => {
      const all = [...value].map((byte) => byte.toString(2).padStart(8, '0')).join('');
      return all.slice(-length).padStart(length, '0');
    },
    (text) =>
      Buffer.from(
        BigInt(`0b${text}`)
          .toString(16)
          .padStart(2 * size, '0'),
        'hex',
      ),
  );
}

const DATE = /^\d{4}-\d\d-\d\d$/;
const SECOND = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
const MOMENT = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,6}))?$/;
const MICROSECONDS = 6;

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** With all digits of a second, as the adapter's format has them. */
function momentOf(column: Named, text: string): string {
  const [, moment, fraction = ''] = MOMENT.exec(text) ?? [];
  return moment === undefined ? noMoment(column) : `${moment}.${fraction.padEnd(MICROSECONDS, '0')}`;
}

function inUtc(column: Named, text: string): string {
  return text.endsWith('+00') ? text.slice(0, -'+00'.length) : noMoment(column);
}

/** Of seconds, as intervals travel: `-45296.5` is `-12:34:56.5`. */
function clockText(value: string): string {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(\.\d+)?$/.exec(plainDecimal(value)) ?? [];
  const all = Number(whole);
  const [hours, minutes, seconds] = [Math.floor(all / 3_600), Math.floor(all / 60) % 60, all % 60].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `${sign}${hours}:${minutes}:${seconds}${fraction}`;
}

function secondsText(text: string): string {
  const [, sign = '', hours, minutes, seconds, fraction = ''] = /^(-?)(\d+):(\d\d):(\d\d)(\.\d+)?$/.exec(text) ?? [];
  return `${sign}${3_600 * Number(hours) + 60 * Number(minutes) + Number(seconds)}${fraction}`;
}

function keptJson(column: Named, text: string): string {
  const { repeatedKeys, numbers } = jsonTraits(text);
  if (repeatedKeys) return unreadable(column, 'JSON with a key that is there twice');
  return numbers.every(isNumber) ? text : unreadable(column, `JSON with a number of more than ${DIGITS} digits`);
}

/** Of bytes an empty value is `\x`. */
function isEmpty(value: string | Buffer): boolean {
  return value.length === 0 || value === '\\x';
}

function withoutEmpty(column: Named, { print, read }: Conversion): Conversion {
  const refuse = (): never => unreadable(column, 'empty, which to Oracle is NULL');
  return { print, read: (value) => (isEmpty(value) ? refuse() : read(value)) };
}

function withSentinel(column: Named, { print, read }: Conversion, sentinel: string): Conversion {
  return {
    print: (value) => (value === sentinel ? '' : print(value)),
    read: (value) => {
      if (value === '') return sentinel;
      return value === sentinel ? unreadable(column, 'the text that stands for an empty one') : read(value);
    },
  };
}

function noMoment(column: Named): never {
  return unreadable(column, 'infinite, before the year 1 or after the year 9999');
}

const REFUSED_VALUE =
  'Correct the row on the source and run the same command again. Where the log has the value, too, `migrate table copy` of the table first:' +
  ' what was logged before is not applied then. Another type for the column, in convert.columns, needs a new run: migrate abort --drop.';

/** Without the value: it must not reach a log. */
function unreadable({ name }: Named, what: string): never {
  throw new MigrateError('TARGET.REFUSED', `column ${name} has a value that is ${what}: Oracle does not take it`, {
    fix: REFUSED_VALUE,
  });
}
