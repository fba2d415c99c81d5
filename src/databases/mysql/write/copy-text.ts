// Chunks on their way from COPY's text form to LOAD DATA's, which is the same but for two escapes, and for the columns whose values
// are others here. Lines are handled as texts of one byte to a character: what matters in them is ASCII, and no UTF-8 needs to
// be understood.

import type { Row } from '../../../model/change.ts';
import { quoteTable } from '../sql.ts';
import type { WrittenColumn, WrittenTable } from './columns.ts';

const BATCH_BYTES = 1 << 20;
const BACKSLASH = 0x5c;
/** What COPY escapes and LOAD DATA would take for the letter: a form feed, a vertical tab. */
const LETTER_BYTES: Readonly<Record<number, number>> = { 102: 0x0c, 118: 0x0b };
const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what it is about.
const NO_PLAIN_ASCII = /[\\\t\n]|[^\x00-\x7f]/;
const SPECIAL: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n' };

/** The statement that reads what `toLoadData` makes. Bytes arrive as hex. */
export function loadStatement({ table, columns }: WrittenTable): string {
  const targets = columns.map(({ name, isBytes }, index) => (isBytes ? `@c${index}` : name));
  const bytes = columns.flatMap(({ name, isBytes }, index) => (isBytes ? `${name} = UNHEX(@c${index})` : []));
  return `LOAD DATA LOCAL INFILE 'chunk' INTO TABLE ${quoteTable(table)} CHARACTER SET utf8mb4
    FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'
    (${targets.join(', ')})${bytes.length === 0 ? '' : ` SET ${bytes.join(', ')}`}`;
}

/** The bytes for `loadStatement`. */
export function toLoadData(bytes: AsyncIterable<Buffer>, { columns }: WrittenTable): AsyncIterable<Buffer> {
  return columns.every(passes) ? withOtherEscapes(bytes) : convertedLines(bytes, columns);
}

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

/** True for a column whose texts are what the server reads. */
function passes({ conversion, isBytes }: WrittenColumn): boolean {
  return isBytes ? conversion.isHex === true : conversion.isSame === true;
}

async function* withOtherEscapes(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // A backslash at the end of a block, which belongs to the byte that follows.
  let isEscaped = false;
  for await (const block of bytes) {
    const whole = isEscaped ? Buffer.concat([Buffer.of(BACKSLASH), block]) : block;
    const { parts, hasRest } = rewritten(whole);
    isEscaped = hasRest;
    yield* parts;
  }
  if (isEscaped) yield Buffer.of(BACKSLASH);
}

function rewritten(block: Buffer): { readonly parts: readonly Buffer[]; readonly hasRest: boolean } {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = block.indexOf(BACKSLASH); at !== -1; at = block.indexOf(BACKSLASH, at + 2)) {
    if (at === block.length - 1) {
      if (at > from) parts.push(block.subarray(from, at));
      return { parts, hasRest: true };
    }
    const byte = LETTER_BYTES[block[at + 1] ?? 0];
    if (byte === undefined) continue;
    parts.push(block.subarray(from, at), Buffer.of(byte));
    from = at + 2;
  }
  if (from < block.length) parts.push(block.subarray(from));
  return { parts, hasRest: false };
}

async function* convertedLines(
  bytes: AsyncIterable<Buffer>,
  columns: readonly WrittenColumn[],
): AsyncGenerator<Buffer> {
  const writers = columns.map((column) => (passes(column) ? unescapedLetters : (field: string) => said(column, field)));
  for await (const lines of wholeLines(bytes)) {
    let text = '';
    for (const line of lines) {
      const fields = line.split('\t');
      for (let index = 0; index < fields.length; index++) {
        const field = fields[index] ?? '';
        text += `${index === 0 ? '' : '\t'}${field === '\\N' ? field : (writers[index]?.(field) ?? field)}`;
      }
      text += '\n';
    }
    yield Buffer.from(text, 'latin1');
  }
}

function unescapedLetters(field: string): string {
  return field.includes('\\')
    ? field.replace(/\\(.)/gs, (both, letter) => (/[fv]/.test(letter) ? (ESCAPED[letter] ?? both) : both))
    : field;
}

/** The value as the server is to read it; not of NULL. */
function said({ conversion, isBytes }: WrittenColumn, field: string): string {
  const own = conversion.read(textOf(field));
  if (isBytes) return (Buffer.isBuffer(own) ? own : Buffer.from(own)).toString('hex');
  const text = String(own);
  if (!NO_PLAIN_ASCII.test(text)) return text;
  return Buffer.from(text.replace(/[\\\t\n]/g, (special) => SPECIAL[special] ?? special)).toString('latin1');
}

/** The value of a field of one byte to a character. */
function textOf(field: string): string {
  if (!NO_PLAIN_ASCII.test(field)) return field;
  const plain = field.replace(/\\(.)/gs, (_, letter: string) => ESCAPED[letter] ?? letter);
  return Buffer.from(plain, 'latin1').toString('utf8');
}

/** The lines of each block, as texts of one byte to a character; one that reaches into the next block comes with that. */
async function* wholeLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
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
