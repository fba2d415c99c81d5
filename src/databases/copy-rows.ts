// Chunks in COPY's text form, taken apart. Lines are handled as texts of one byte to a character: what matters in them is ASCII,
// and no UTF-8 needs to be understood.

import type { Row } from '../model/change.ts';

const BATCH_BYTES = 1 << 20;
const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what it is about.
const NO_PLAIN_ASCII = /[\\\t\n]|[^\x00-\x7f]/;

/** The rows of the chunk, in the core's form, some megabyte at a time. */
export async function* rowsOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<readonly Row[]> {
  let rows: Row[] = [];
  let size = 0;
  for await (const lines of wholeLines(bytes)) {
    for (const line of lines) {
      rows.push(line.split('\t').map((field) => (field === '\\N' ? null : textOf(field))));
      size += line.length;
      if (size < BATCH_BYTES) continue;
      yield rows;
      rows = [];
      size = 0;
    }
  }
  if (rows.length > 0) yield rows;
}

/** True for a text that is a field as it stands, and its own bytes in UTF-8. */
export function isPlainAscii(text: string): boolean {
  return !NO_PLAIN_ASCII.test(text);
}

/** What the letter behind a backslash stands for; undefined when for itself. */
export function escapedBy(letter: string): string | undefined {
  return ESCAPED[letter];
}

/** The value of a field of one byte to a character. */
export function textOf(field: string): string {
  if (isPlainAscii(field)) return field;
  const plain = field.replace(/\\(.)/gs, (_, letter: string) => ESCAPED[letter] ?? letter);
  return Buffer.from(plain, 'latin1').toString('utf8');
}

/** The lines of each block, as texts of one byte to a character; one that reaches into the next block comes with that. */
export async function* wholeLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
  let begun: Buffer[] = [];
  for await (const block of bytes) {
    const end = block.lastIndexOf(0x0a);
    if (end === -1) {
      begun.push(block);
      continue;
    }
    const whole = Buffer.concat([...begun, block.subarray(0, end)]);
    begun = end + 1 < block.length ? [block.subarray(end + 1)] : [];
    yield whole.toString('latin1').split('\n');
  }
  if (begun.length > 0) yield Buffer.concat(begun).toString('latin1').split('\n');
}
