// The digest of a row is that of its text, which is not made where it would be large.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { DigestSums } from '../../src/databases/mysql/digest-sums.ts';
import { rowDigest } from '../../src/databases/row-text.ts';
import type { Value } from '../../src/model/change.ts';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '$&$&')}"`;
const LARGE = 300_000;

test.each<readonly [string, Value, string]>([
  ['a text that needs no quotes', 'é'.repeat(LARGE), 'é'.repeat(LARGE)],
  ['a text of quotes and backslashes', '"\\'.repeat(LARGE), quoted('"\\'.repeat(LARGE))],
  ['characters that have two units', `a${'😀'.repeat(LARGE)}`, `a${'😀'.repeat(LARGE)}`],
  ['a text with one space at its end', `${'x'.repeat(LARGE)} `, `"${'x'.repeat(LARGE)} "`],
  ['half a character at the end', `${'x'.repeat(LARGE)}\ud83d`, `${'x'.repeat(LARGE)}\ufffd`],
  ['bytes', Buffer.alloc(LARGE, 'é\0'), quoted(`\\x${Buffer.alloc(LARGE, 'é\0').toString('hex')}`)],
])('of %s', (_, value, text) => {
  expect(rowDigest(['1', value, null, ''])).toBe(md5(`(1,${text},,"")`));
});

test('bytes as their digits: the sums of a range of MySQL are those of the text', () => {
  const bytes = Buffer.alloc(LARGE, 'ab\\"\0');
  for (const prefix of ['\\x', '']) {
    const text = `${prefix}${bytes.toString('hex')}`;
    const [direct, made] = [new DigestSums(), new DigestSums()];
    direct.begin();
    direct.text(0, '1');
    direct.hex(1, prefix, bytes, 0, bytes.length);
    direct.end();
    made.begin();
    made.text(0, '1');
    made.text(1, text);
    made.end();
    expect(direct.total).toEqual(made.total);
  }
});
