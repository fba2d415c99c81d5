// Chunks in COPY's text form, taken apart: long lines as bytes, short ones as texts, with the same outcome.

import { constants } from 'node:buffer';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CopiedColumn, rowsOf } from '../../src/databases/copy-rows.ts';
import type { Row } from '../../src/model/change.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
};
const escaped = (text: string): string => text.replace(/[\\\t\n\r\b\f\v]/g, (found) => ESCAPES[found] ?? found);
const lineOf = (row: Row): string => row.map((value) => (value === null ? '\\N' : escaped(String(value)))).join('\t');

async function read(text: string, block: number, columns: readonly CopiedColumn[] = []): Promise<readonly Row[]> {
  const bytes = Buffer.from(text);
  const blocks = Array.from({ length: Math.ceil(bytes.length / block) }, (_, at) =>
    Buffer.from(bytes.subarray(at * block, (at + 1) * block)),
  );
  const rows: Row[] = [];
  for await (const some of rowsOf(Readable.from(blocks), columns)) rows.push(...some);
  return rows;
}

const value = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('', '\\N', 'N', '\\', '\\\\', 'a\tb\nc\rd\be\ff\vg', '😀é', '\\x00ff'),
);

test('a line that is long in its block says what it says alone', async () => {
  const filler = 'a'.repeat(2 << 20);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { maxLength: 5 }), async (rows) => {
      const lines = rows.map((row) => `${lineOf(row)}\n`).join('');
      expect(await read(lines, 1 << 20)).toEqual(rows);
      const all = [[filler], ...rows, [filler, null, '']];
      expect(await read(all.map((row) => `${lineOf(row)}\n`).join(''), 8 << 20)).toEqual(all);
    }),
    { numRuns: 30 },
  );
});

test.each([1 << 12, 1 << 20, 1 << 24])('large values come as they were, in blocks of %i bytes', async (block) => {
  const text = `é\\\t${'😀b\n'.repeat(400_000)}`;
  const digits = '00ff5c0a'.repeat(200_000);
  const rows = await read(`${escaped(text)}\t\\\\x${digits}\t\\\\x${digits}\n\\N\t\\\\x0102\t\n`, block, [
    { name: 'text' },
    { name: 'bytes', hex: '\\x' },
    { name: 'as text' },
  ]);
  expect(rows).toHaveLength(2);
  expect(rows[0]?.[0] === text).toBe(true);
  expect(Buffer.from(digits, 'hex').equals(rows[0]?.[1] as Buffer)).toBe(true);
  expect(rows[0]?.[2] === `\\x${digits}`).toBe(true);
  expect(rows[1]).toEqual([null, '\\x0102', '']);
});

test('a text of escapes alone, of which a regular expression would make more parts than it can hold', async () => {
  const [row] = await read(`${'\\\\'.repeat(35_000_000)}\n`, 1 << 26);
  expect(row?.[0] === '\\'.repeat(35_000_000)).toBe(true);
});

test('a text that is longer than any may be is refused, and its column named', async () => {
  const line = Buffer.alloc(constants.MAX_STRING_LENGTH + 4, 'a');
  line.write('1\t');
  line.write('\n', line.length - 1);
  const read = rowsOf(Readable.from([line]), [{ name: 'id' }, { name: 'shop.t.body' }]).next();
  await expect(read).rejects.toMatchObject({
    code: 'SOURCE.REFUSED',
    message: expect.stringContaining('column shop.t.body'),
  });
});
