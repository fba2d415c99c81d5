// Chunks on their way from COPY's text form to LOAD DATA's, which is the same but for two escapes, and for the columns whose values
// are others here.

import { escapedBy, isPlainAscii, textOf, wholeLines } from '../../copy-rows.ts';
import { quoteTable } from '../sql.ts';
import type { WrittenColumn, WrittenTable } from './columns.ts';

const BACKSLASH = 0x5c;
/** What COPY escapes and LOAD DATA would take for the letter: a form feed, a vertical tab. */
const LETTER_BYTES: Readonly<Record<number, number>> = { 102: 0x0c, 118: 0x0b };
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

/** True for a column whose texts are what the server reads. */
function passes({ conversion, isBytes }: WrittenColumn): boolean {
  return isBytes ? conversion.hex === '' : conversion.isSame === true;
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
    ? field.replace(/\\(.)/gs, (both, letter) => (/[fv]/.test(letter) ? (escapedBy(letter) ?? both) : both))
    : field;
}

/** The value as the server is to read it; not of NULL. */
function said({ conversion, isBytes }: WrittenColumn, field: string): string {
  const own = conversion.read(textOf(field));
  if (isBytes) return (Buffer.isBuffer(own) ? own : Buffer.from(own)).toString('hex');
  const text = String(own);
  if (isPlainAscii(text)) return text;
  return Buffer.from(text.replace(/[\\\t\n]/g, (special) => SPECIAL[special] ?? special)).toString('latin1');
}
