// Values of MySQL as texts of PostgreSQL and back: nothing is lost, nothing that differs becomes the same, and what the other
// side cannot hold is refused without a word of it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalOf } from '../../src/convert/canonical.ts';
import { fitsDecimal, isKeptByJson, plainDecimal } from '../../src/convert/decimals.ts';
import { conversionOfForm, formHandling } from '../../src/convert/forms.ts';
import { canonicalJson, jsonTraits } from '../../src/convert/json-text.ts';
import { mysqlConversion } from '../../src/convert/mysql-to-mysql.ts';
import { doubleText, realText } from '../../src/lib/postgres-floats.ts';

const column = (type: string, handling: readonly string[] = []) => ({ name: 'c', type, castType: '', handling });
const form = (name: string, zeroDatesAreNull = false) =>
  conversionOfForm(column('', formHandling(name, zeroDatesAreNull)));
const refused = (act: () => unknown) =>
  expect(act).toThrow(expect.objectContaining({ message: expect.stringContaining('column c has a value that is') }));

/** What MySQL can hold, by form. */
const OF_MYSQL: Readonly<Record<string, fc.Arbitrary<string | Buffer>>> = {
  plain: fc.string(),
  bytes: bytes(0, 40),
  boolean: fc.constantFrom('0', '1'),
  'boolean bit': fc.constantFrom(Buffer.from([0]), Buffer.from([1])),
  'bits(11)': fc.nat(2047).map((bits) => Buffer.from([bits >> 8, bits & 255])),
  'bits(64)': bytes(8, 8),
  int: fc.bigInt(0n, 2n ** 63n - 1n).map(String),
  date: fc
    .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10)),
  'time of day': fc
    .tuple(fc.nat(23), fc.nat(59))
    .map((parts) => [...parts, 7].map((part) => String(part).padStart(2, '0')).join(':')),
  'uuid bytes': bytes(16, 16),
  uuid: fc.uuid(),
  vector: fc
    .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 5 })
    .map((numbers) => {
      const buffer = Buffer.alloc(4 * numbers.length);
      for (const [index, number] of numbers.entries()) buffer.writeFloatLE(number, 4 * index);
      return buffer;
    }),
};

/** What PostgreSQL can hold and MySQL takes, by form. */
const OF_POSTGRES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  real: fc
    .float({ noNaN: true, noDefaultInfinity: true })
    .map((number) => realText(Object.is(number, -0) ? '-0' : String(number))),
  double: fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((number) => doubleText(Object.is(number, -0) ? '-0' : String(number))),
  'whole(65)': fc.bigInt(-(10n ** 65n) + 1n, 10n ** 65n - 1n).map(String),
  money: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(moneyText),
  'char(6)': fc.stringMatching(/^[a-z 🐘]{0,6}$/u).map((text) => text + ' '.repeat(6 - [...text].length)),
};

function bytes(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
}

function moneyText(cents: bigint): string {
  const digits = String(cents < 0n ? -cents : cents).padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(...)+$)/g, ',');
  return `${cents < 0n ? '-' : ''}$${whole}.${digits.slice(-2)}`;
}

const same = (one: string | Buffer, other: string | Buffer): boolean => Buffer.from(one).equals(Buffer.from(other));

describe('values of MySQL', () => {
  it.each(Object.entries(OF_MYSQL))(
    'as %s come back as they were, and different ones stay different',
    (name, values) => {
      const { print, read } = form(name);
      fc.assert(
        fc.property(values, values, (one, other) => {
          const [first, second] = [print(one), print(other)];
          if (first === null || second === null) return false;
          return same(read(first), one) && (first === second) === same(one, other);
        }),
      );
    },
  );

  it('lose nothing between two databases of MySQL, where bytes are texts', () => {
    for (const type of ['varbinary(9)', 'longblob', 'bit(9)', 'point', 'geometrycollection', 'vector(3)']) {
      const { print, read, hex } = mysqlConversion(column(type));
      expect([type, hex, print(Buffer.from([0, 255])), read('00ff')]).toEqual([
        type,
        '',
        '00ff',
        Buffer.from([0, 255]),
      ]);
    }
    for (const type of ['int', 'text', "set('blob')"]) expect(mysqlConversion(column(type)).isSame).toBe(true);
  });

  it('of JSON are what MySQL prints once it has read them: a decimal becomes a double, and one that would change is refused', () => {
    const { print } = mysqlConversion(column('json'));
    const same = '{"a": [1, -9223372036854775808, 18446744073709551615, 0.1, 1000.0, 1e300], "1.50": "1.50 \\" 2.50"}';
    expect(print(same)).toBe(same.replace('1e300', '1e+300'));
    expect(print('[1.100, 5.00, 0.000000000000000000001, "\\\\", 1.10]')).toBe('[1.1, 5.0, 1e-21, "\\\\", 1.1]');
    for (const number of ['12345678901234567890.5', '1.00000000000000000001', '123456789012345678901'])
      refused(() => print(`{"n": ${number}}`));
  });

  it('are refused when PostgreSQL cannot hold them, or the column was given another type', () => {
    refused(() => form('boolean').print('2'));
    refused(() => form('int').print('9223372036854775808'));
    refused(() => form('uuid').print('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'));
    for (const time of ['-00:00:01', '24:00:00', '100:00:00']) refused(() => form('time of day').print(time));
    for (const date of ['0000-00-00', '2024-00-17', '2024-02-00', '0000-02-03', '2023-02-29', '2024-04-31'])
      refused(() => form('date').print(date));
  });

  it('that are zero dates become NULL where the plan says so, and others stay', () => {
    const { print } = form('moment', true);
    const moments = ['0000-00-00 00:00:00', '2024-00-01 00:00:00', '2024-06-31 00:00:00', '2024-02-29 01:02:03.100'];
    expect(moments.map(print)).toEqual([null, null, null, '2024-02-29 01:02:03.1']);
  });

  it('look as PostgreSQL prints them', () => {
    expect(form('instant').print('2024-02-29 01:02:03.120')).toBe('2024-02-29 01:02:03.12+00');
    expect(form('time').print('-838:59:58.500000')).toBe('-838:59:58.5');
    expect(form('year').print('0000')).toBe('0');
    expect(form('bits(3)').print(Buffer.from([3]))).toBe('011');
    expect(form('bytes').print(Buffer.from([0, 255]))).toBe('\\x00ff');
    expect(form('json').print('{"bb": 1.50, "a": [1e2, -0.0, true]}')).toBe('{"a":[100,0,true],"bb":1.5}');
  });
});

describe('values of PostgreSQL', () => {
  it.each(Object.entries(OF_POSTGRES))(
    'as %s come back as they were, and different ones stay different',
    (name, values) => {
      const { print, read } = form(name);
      // What MySQL makes of a number.
      const kept = (text: string): string => (name === 'money' ? text.replace(/^(-?)\.|^(-?)(\d+)$/, '$10.') : text);
      fc.assert(
        fc.property(values, values, (one, other) => {
          const [first, second] = [one, other].map((value) => kept(String(read(value))));
          return print(first!) === one && (first === second) === (one === other);
        }),
      );
    },
  );

  it('that MySQL has no numbers or moments for are refused', () => {
    for (const name of ['real', 'double', 'decimal', 'number(65,30)', 'whole(65)']) {
      for (const value of ['NaN', 'Infinity', '-Infinity']) refused(() => form(name).read(value));
    }
    for (const value of ['infinity', '-infinity', '0044-03-15 BC', '10000-01-01'])
      refused(() => form('date').read(value));
    for (const value of ['infinity', '4713-01-01 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00'])
      refused(() => form('instant').read(value));
    refused(() => form('number(65,30)').read(`0.${'0'.repeat(30)}1`));
    refused(() => form('number(65,30)').read('1'.repeat(36)));
    refused(() => form('whole(65)').read('1.0'));
  });

  it('are what MySQL takes: a key is found by no blanks at its end', () => {
    expect(form('char(6)').read('ab    ')).toBe('ab');
    expect(form('money').read('-$1,234.50')).toBe('-1234.50');
    expect(form('double').read('-0')).toBe('-0e0');
    expect(form('real').read('0.1')).toBe('0.10000000149011612');
    expect(form('instant').read('2024-02-29 01:02:03.1+00')).toBe('2024-02-29 01:02:03.1');
  });

  it('as JSON are refused where MySQL would change them', () => {
    const { read } = form('json');
    for (const value of ['{"a": 1, "a": 2}', '[1e400]', '[0.12345678901234567890]', '12345678901234567890123'])
      refused(() => read(value));
    for (const value of ['{"a": {"a": 1}}', '[18446744073709551615, -9223372036854775808, 1.10, 1e300]'])
      expect(read(value)).toBe(value);
  });
});

describe('a number in its one form', () => {
  it('is the same for all ways to write it, and for no other number', () => {
    const written = fc.tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.integer({ min: -25, max: 25 }), fc.nat(4));
    fc.assert(
      fc.property(written, written, ([digits, exponent, zeros], [others, power]) => {
        const plain = plainDecimal(`${digits}e${exponent}`);
        const again = plainDecimal(`${digits}${'0'.repeat(zeros)}e${exponent - zeros}`);
        const isSame = digits * 10n ** BigInt(exponent + 25) === others * 10n ** BigInt(power + 25);
        return (
          plain === again && plainDecimal(plain) === plain && isSame === (plain === plainDecimal(`${others}e${power}`))
        );
      }),
    );
    expect(['-0.00', '007', '1.', '.5', '1e-3', 'NaN'].map(plainDecimal)).toEqual([
      '0',
      '7',
      '1',
      '0.5',
      '0.001',
      'NaN',
    ]);
  });

  it('fits a decimal or does not', () => {
    expect(
      [
        ['0', 1, 0],
        ['-99.9', 3, 1],
        ['1e2', 3, 0],
      ].map(([text, p, s]) => fitsDecimal(String(text), Number(p), Number(s))),
    ).toEqual([true, true, true]);
    expect(
      [
        ['100', 4, 2],
        ['0.001', 5, 2],
        ['x', 5, 2],
      ].map(([text, p, s]) => fitsDecimal(String(text), Number(p), Number(s))),
    ).toEqual([false, false, false]);
    expect(
      ['18446744073709551615', '18446744073709551616', '18446744073709551617', '0.1', '1e23'].map(isKeptByJson),
    ).toEqual([true, false, false, true, true]);
  });
});

describe('JSON in its one form', () => {
  it('means what JavaScript reads in it, whatever white space it came with', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = canonicalJson(JSON.stringify(value, null, 2));
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(text)).toBe(text);
        expect(canonicalJson(JSON.stringify(value))).toBe(text);
      }),
    );
  });

  it('has its keys in order, of equal ones the last, and escapes where they are needed', () => {
    expect(canonicalJson(' {"b" : "\\u00e9\\/", "a" :[ ], "b": {}} ')).toBe('{"a":[],"b":{}}');
    expect(canonicalJson('"\\u00e9\\/\\n"')).toBe('"é/\\n"');
    expect(jsonTraits('{"a": "\u0000", "x": [1.50]}')).toMatchObject({ repeatedKeys: false, numbers: ['1.50'] });
    expect(jsonTraits('{"a": 1, "\\u0061": 2}').repeatedKeys).toBe(true);
  });

  it('is made of megabytes as well', () => {
    const large = JSON.stringify({ a: `${'x'.repeat(4_000_000)}"\\` });
    expect(canonicalJson(large)).toBe(large);
  });
});

it('only columns that were marked are compared by what they mean', () => {
  expect(canonicalOf(column('numeric', ['compared as a number']))?.('1.50')).toBe('1.5');
  expect(canonicalOf(column('jsonb', ['compared as json']))?.('{"a": 1.0}')).toBe('{"a":1}');
  expect(canonicalOf(column('numeric'))).toBeUndefined();
});

it('a column that was not converted is a fault of the program', () => {
  expect(() => conversionOfForm(column('int'))).toThrow(expect.objectContaining({ code: 'INTERNAL.BUG' }));
});

it('floating point texts are as short as PostgreSQL makes them, and never midway between two numbers', () => {
  const doubles = [
    '0',
    '-0',
    '1e15',
    '123456789012345',
    '0.0001',
    '0.00001',
    '1e23',
    '5e-324',
    '-9.007199254740993e15',
    '1.7976931348623157e308',
  ];
  expect(doubles.map(doubleText)).toEqual([
    '0',
    '-0',
    '1e+15',
    '123456789012345',
    '0.0001',
    '1e-05',
    '9.999999999999999e+22',
    '5e-324',
    '-9.007199254740992e+15',
    '1.7976931348623157e+308',
  ]);
  const reals = ['0.1', '16777217', '100000016', '123456', '1234567', '1e-45', '3.4028235e38', '-0.00012', '2.5'];
  expect(reals.map(realText)).toEqual([
    '0.1',
    '1.6777216e+07',
    '1.00000016e+08',
    '123456',
    '1.234567e+06',
    '1e-45',
    '3.4028235e+38',
    '-0.00012',
    '2.5',
  ]);
});
