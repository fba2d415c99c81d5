// Texts of PostgreSQL as values of Oracle and back: nothing is lost, nothing that differs becomes the same, and what Oracle
// cannot hold is refused without a word of it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalOf } from '../../src/convert/canonical.ts';
import { plainDecimal } from '../../src/convert/decimals.ts';
import { conversionOfForm, formHandling } from '../../src/convert/forms.ts';
import { oracleConversion, oracleHandling } from '../../src/convert/oracle-forms.ts';
import { EMPTY_IS_NULL, type EmptyText } from '../../src/databases/conversion.ts';
import { WrittenTables } from '../../src/databases/oracle/write/columns.ts';
import { doubleText, realText } from '../../src/lib/postgres-floats.ts';
import { table } from './catalog-fixture.ts';

const column = (handling: readonly string[]) => ({ name: 'c', type: '', castType: '', handling });
const form = (name: string, empty?: EmptyText) => oracleConversion(column(oracleHandling(name, empty)));
const refused = (act: () => unknown) =>
  expect(act).toThrow(
    expect.objectContaining({
      code: 'TARGET.REFUSED',
      message: expect.stringMatching(/^column c has a value that is .*: Oracle does not take it$/),
    }),
  );

const two = (number: number): string => String(number).padStart(2, '0');
const clock = fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59)).map((parts) => parts.map(two).join(':'));
const day = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const fraction = fc.stringMatching(/^(\.\d{0,5}[1-9])?$/);
const moment = fc.tuple(day, clock, fraction).map(([date, time, rest]) => `${date} ${time}${rest}`);
const decimal = fc.bigInt(-(10n ** 12n) + 1n, 10n ** 12n - 1n).map((cents) => {
  const digits = String(cents < 0n ? -cents : cents).padStart(3, '0');
  return `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
});

/** What the source prints, by form. */
const TEXTS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  plain: fc.string(),
  bytes: fc.uint8Array({ maxLength: 40 }).map((array) => `\\x${Buffer.from(array).toString('hex')}`),
  boolean: fc.constantFrom('t', 'f'),
  'decimal(2)': decimal,
  'decimal(0)': fc.bigInt(-(10n ** 38n) + 1n, 10n ** 38n - 1n).map(String),
  'whole(38)': fc.bigInt(-(10n ** 38n) + 1n, 10n ** 38n - 1n).map(String),
  money: decimal.map((text) => text.replace(/^(-?)/, '$1$').replace(/\B(?=(\d{3})+\.)/g, ',')),
  real: fc
    .float({ noNaN: false })
    .filter((number) => !Object.is(number, -0))
    .map((number) => printed(number, realText)),
  double: fc
    .double()
    .filter((number) => !Object.is(number, -0))
    .map((number) => printed(number, doubleText)),
  'bits(11)': fc.stringMatching(/^[01]{11}$/),
  'uuid bytes': fc.uuid(),
  date: day,
  second: fc.tuple(day, clock).map((parts) => parts.join(' ')),
  moment,
  utc: moment.map((text) => `${text}+00`),
  instant: moment.map((text) => `${text}+00`),
  time: fc
    .tuple(fc.constantFrom('', '-'), fc.nat(838), fc.nat(59), fc.nat(59), fraction)
    .map(([sign, hours, minutes, seconds, rest]) => {
      const text = `${two(hours)}:${two(minutes)}:${two(seconds)}${rest}`;
      return /[1-9]/.test(text) ? sign + text : text;
    }),
};

function printed(number: number, print: (text: string) => string): string {
  return Number.isFinite(number) ? print(String(number)) : String(number);
}

/** What Oracle answers for what was bound. */
function answered(name: string, bound: string | Buffer): string | Buffer {
  if (typeof bound !== 'string') return bound;
  // No zeros at either end that mean nothing.
  if (/^(decimal|whole|money)/.test(name)) return plainDecimal(bound);
  if (name === 'real' || name === 'double') return bound.replace(/^NaN$/, 'Nan');
  return bound;
}

describe('texts of the source', () => {
  it.each(Object.entries(TEXTS))('as %s come back as they were', (name, values) => {
    const { print, read } = form(name);
    fc.assert(fc.property(values, (text) => print(answered(name, read(text))) === text));
  });

  it('are bound as Oracle reads them in its formats', () => {
    const bound = (name: string, text: string) => form(name).read(text);
    expect(bound('date', '2024-02-29')).toBe('2024-02-29 00:00:00');
    expect(bound('moment', '2024-02-29 01:02:03.5')).toBe('2024-02-29 01:02:03.500000');
    expect(bound('instant', '2024-02-29 01:02:03+00')).toBe('2024-02-29 01:02:03.000000+00:00');
    expect(bound('utc', '2024-02-29 01:02:03+00')).toBe('2024-02-29 01:02:03.000000');
    expect(bound('time', '-838:59:59.25')).toBe('-3020399.25');
    expect(bound('time', '24:00:00')).toBe('86400');
    expect(bound('double', '-Infinity')).toBe('-Inf');
    expect(bound('money', '-$1,234.50')).toBe('-1234.50');
    expect(bound('bits(11)', '00000000101')).toEqual(Buffer.from([0, 5]));
    expect(bound('number', '1.500')).toBe('1.5');
  });

  it('are made of every spelling that Oracle has', () => {
    const texts = (name: string, values: readonly string[]) => values.map(form(name).print);
    expect(texts('instant', ['2024-02-29 01:02:03.120000 +00:00', '2024-02-29 01:02:03+00:00'])).toEqual([
      '2024-02-29 01:02:03.12+00',
      '2024-02-29 01:02:03+00',
    ]);
    expect(texts('time', ['86400', '-.000001', '36672.0'])).toEqual(['24:00:00', '-00:00:00.000001', '10:11:12']);
    expect(texts('double', ['Nan', 'NaN', 'Inf', '-Infinity', '1.5E+020', '0'])).toEqual([
      'NaN',
      'NaN',
      'Infinity',
      '-Infinity',
      '1.5e+20',
      '0',
    ]);
    expect(texts('decimal(2)', ['5', '.5', '-.05', '0'])).toEqual(['5.00', '0.50', '-0.05', '0.00']);
  });

  it('that Oracle cannot hold are refused', () => {
    for (const text of ['infinity', '-infinity', '0044-03-15 BC', '10000-01-01'])
      for (const name of ['date', 'second', 'moment', 'instant', 'utc']) refused(() => form(name).read(text));
    refused(() => form('instant').read('0044-03-15 00:00:00+00 BC'));
    for (const name of ['decimal(2)', 'number', 'whole(38)']) refused(() => form(name).read('NaN'));
    refused(() => form('number').read('Infinity'));
    refused(() => form('number').read('1'.repeat(39)));
    refused(() => form('number').read(`0.${'0'.repeat(130)}1`));
    refused(() => form('number').read(`1${'0'.repeat(126)}`));
    refused(() => form('number(5,2)').read('1234'));
    refused(() => form('number(5,2)').read('1.234'));
    for (const text of ['1.0', '-0', '01', '1'.repeat(39)]) refused(() => form('whole(38)').read(text));
    for (const name of ['real', 'double']) expect(form(name).read('-0')).toBe('0');
    refused(() => form('json').read('{"a":1,"a":2}'));
    refused(() => form('json').read(`[${'1'.repeat(39)}]`));
  });

  it('that are JSON are compared by what they mean', () => {
    const { print, read } = form('json');
    expect(print(read('{"b": 1.50, "a": [1E+2]}'))).toBe('{"a":[100],"b":1.5}');
    const canonical = canonicalOf(column(['compared as json']));
    expect(canonical?.('{"b": 1.50, "a": [1E+2]}')).toBe('{"a":[100],"b":1.5}');
  });
});

describe('an empty text', () => {
  it('is NULL to the core where the source is MySQL, and everything else stays', () => {
    const of = (name: string) => conversionOfForm(column([...formHandling(name), EMPTY_IS_NULL]));
    expect([of('plain').print(''), of('plain').print('a')]).toEqual([null, 'a']);
    expect([of('bytes').print(Buffer.alloc(0)), of('bytes').print(Buffer.from([0]))]).toEqual([null, '\\x00']);
    const text = Buffer.from('ab');
    expect([of('plain').keeps?.(text, 0, 2), of('plain').keeps?.(text, 1, 1)]).toEqual([true, false]);
    expect(of('bytes').keeps?.(text, 0, 2)).toBe(false);
  });

  it('is written as NULL, by which a row without a key is found again', () => {
    const columns = [
      { ...column(oracleHandling('plain')), type: 'VARCHAR2(9 CHAR)' },
      { ...column(oracleHandling('bytes')), type: 'RAW(9)' },
    ];
    const keyless = { ...table([]).table, columns, key: [0, 1], identity: 'row' as const };
    const [texts, bytes] = new WrittenTables(oracleConversion).of(keyless).columns;
    expect([texts?.own(''), bytes?.own('\\x'), texts?.own(' ')]).toEqual([null, null, ' ']);
  });

  it('is refused, or is another text that no row may have, where the plan says so', () => {
    for (const [name, value] of [
      ['plain', ''],
      ['bytes', '\\x'],
    ] as const)
      refused(() => form(name, 'refused').read(value));
    expect(form('plain', 'refused').read('a')).toBe('a');
    const { print, read } = form('plain', { sentinel: ' ' });
    expect([read(''), print(' '), read('a'), print('a')]).toEqual([' ', '', 'a', 'a']);
    refused(() => read(' '));
  });
});
