// What is made of MySQL's rows as they come: lines of COPY, and sums of digests.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { conversionOfForm, formHandling } from '../../src/convert/forms.ts';
import { unconverted } from '../../src/databases/conversion.ts';
import { CopyLines } from '../../src/databases/mysql/copy-lines.ts';
import { DigestSums } from '../../src/databases/mysql/digest-sums.ts';
import { makerOf, takeRow } from '../../src/databases/mysql/row-packets.ts';
import { TableRows } from '../../src/databases/mysql/rows.ts';
import { readingOf } from '../../src/databases/mysql/values.ts';
import { tableId } from '../../src/model/table.ts';

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const escaped = (value: string): string => value.replace(/[\\\t\n\r]/g, (one) => ESCAPES[one] ?? one);

/** Values as the server sends them, one row after another in one buffer, and where each row begins. */
function packets(rows: readonly (readonly (string | null)[])[]): { bytes: Buffer; offsets: readonly number[] } {
  const parts: Buffer[] = [];
  const offsets: number[] = [];
  let at = 0;
  for (const row of rows) {
    offsets.push(at);
    for (const value of row) {
      const bytes = Buffer.from(value ?? '');
      const length = Buffer.alloc(3);
      length.writeUInt16LE(bytes.length, 1);
      length[0] = 0xfc;
      const part = value === null ? Buffer.of(0xfb) : Buffer.concat([length, bytes]);
      parts.push(part);
      at += part.length;
    }
  }
  return { bytes: Buffer.concat(parts), offsets };
}

const value = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc
    .array(fc.constantFrom('a', 'é', '🐘', '\\', '\t', '\n', '\r', '\v', 'plain text of some length'), {
      maxLength: 40,
    })
    .map((parts) => parts.join('')),
  fc.nat(3_000).map((length) => 'x'.repeat(length)),
);
const rows = fc.array(fc.tuple(value, value, value), { maxLength: 30 });

test('lines are what each value says, escaped, whether it came as bytes or as a text', () => {
  fc.assert(
    fc.property(rows, (all) => {
      const { bytes, offsets } = packets(all);
      const same = {
        keeps: () => false,
        make: (own: Buffer, start: number, end: number) => own.toString('utf8', start, end),
      };
      const blocks: Buffer[] = [];
      const lines = new CopyLines((block) => blocks.push(block));
      for (const offset of offsets) takeRow([null, same, null], lines, bytes, offset);
      lines.flush();
      const expected = all.map((row) => `${row.map((one) => (one === null ? '\\N' : escaped(one))).join('\t')}\n`);
      expect(Buffer.concat(blocks).toString()).toBe(expected.join(''));
      expect(lines.rows).toBe(all.length);
    }),
  );
});

test('blocks that were passed on keep their bytes, however many follow and however large a row is', () => {
  const blocks: Buffer[] = [];
  const lines = new CopyLines((block) => blocks.push(block));
  const all = Array.from({ length: 200 }, (_, row) => String(row % 10).repeat(row === 120 ? 3_000_000 : 40_000));
  for (const text of all) {
    lines.begin();
    const bytes = Buffer.from(text);
    lines.bytes(0, bytes, 0, bytes.length);
    lines.end();
  }
  lines.flush();
  expect(blocks.length).toBeGreaterThan(10);
  expect(Buffer.concat(blocks).equals(Buffer.from(`${all.join('\n')}\n`))).toBe(true);
});

test('bytes that need no escape are looked for anew when a buffer is read from the begin again', () => {
  const blocks: Buffer[] = [];
  const lines = new CopyLines((block) => blocks.push(block));
  const bytes = Buffer.from(`${'a'.repeat(50)}\t${'b'.repeat(150)}`);
  for (const [start, end] of [
    [100, 200],
    [0, 100],
  ] as const) {
    lines.begin();
    lines.bytes(0, bytes, start, end);
    lines.end();
  }
  lines.flush();
  expect(Buffer.concat(blocks).toString()).toBe(`${'b'.repeat(100)}\n${'a'.repeat(50)}\\t${'b'.repeat(49)}\n`);
});

test('sums are those of the digests of the rows, with their signs', () => {
  const sums = new DigestSums();
  let first = 0n;
  let last = 0n;
  for (let row = 0; row < 1_000; row++) {
    sums.begin();
    sums.text(0, String(row));
    sums.end();
    const digest = createHash('md5').update(`(${row})`).digest();
    first += digest.readBigInt64BE(0);
    last += digest.readBigInt64BE(8);
  }
  expect(sums.total).toEqual({ rows: 1_000, digest: `${first}:${last}` });
  expect(sums.total).toEqual({ rows: 1_000, digest: `${first}:${last}` });
});

const column = (type: string, form: string) => ({ name: 'c', type, castType: '', handling: formHandling(form, true) });
const digits = (length: number, max: number) => fc.nat(max).map((number) => String(number).padStart(length, '0'));
const day = fc.tuple(digits(4, 3_000), digits(2, 12), digits(2, 31)).map((parts) => parts.join('-'));
const fraction = fc.constantFrom('', '.0', '.5', '.120', '.000001', '.123450');
const moment = fc.tuple(day, fraction).map(([date, part]) => `${date} 10:20:30${part}`);

test.each([
  ['datetime(6)', 'moment', fc.oneof(day, moment)],
  ['date', 'date', day],
  ['bigint unsigned', 'int', fc.bigInt(0n, 2n ** 64n - 1n).map(String)],
])('values of %s that pass as bytes are those that are printed as they are', (type, form, values) => {
  const own = column(type, form);
  const maker = makerOf(own.name, readingOf(own), conversionOfForm(own));
  let kept = 0;
  fc.assert(
    fc.property(values, (text) => {
      const bytes = Buffer.from(`0-${text}00`);
      if (maker?.keeps(bytes, 2, bytes.length - 2) !== true) return;
      kept++;
      expect(maker.make(bytes, 2, bytes.length - 2)).toBe(text);
    }),
    { numRuns: 500 },
  );
  expect(kept).toBeGreaterThan(0);
});

test('rows are asked for by a list of keys, which no server compares with every row one after another', () => {
  const columns = [
    { name: 'a', type: 'int', castType: 'number' },
    { name: 'b', type: 'varchar(9)', castType: 'text' },
  ];
  const table = { id: tableId('s', 't'), schema: 's', name: 't', columns, identity: 'key', spread: false } as const;
  const rows = (key: readonly number[]) =>
    new TableRows({ ...table, key, rowEstimate: 0, byteEstimate: 0 }, unconverted);
  const keys = [
    ['1', 'x'],
    ['2', "it's"],
  ];
  expect(rows([0, 1]).isOneOf(keys)).toBe("(`a`, `b`) IN ((1, 'x'), (2, 'it''s'))");
  expect(rows([0]).isOneOf(keys)).toBe('`a` IN (1, 2)');
});
