// Chunks in COPY's text form, taken apart. Lines are handled as texts of one byte to a character: what matters in them is ASCII,
// and no UTF-8 needs to be understood. Long ones are taken apart as bytes, because each text would be a copy of a large value.

import { constants } from 'node:buffer';
import type { Row, Value } from '../model/change.ts';
import { LARGE_BYTES, tooLong } from './conversion.ts';

const BATCH_BYTES = 1 << 20;
const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what it is about.
const NO_PLAIN_ASCII = /[\\\t\n]|[^\x00-\x7f]/;
const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const NULL = Buffer.from('\\N');
const HEX_PIECE = 1 << 16;
const UNKNOWN: CopiedColumn = { name: '' };

/** What is to be known of a column: its name, and what stands before the digits where its values are bytes in hex. */
export interface CopiedColumn {
  readonly name: string;
  readonly hex?: string | undefined;
}

/** The rows of the chunk, in the core's form, some megabyte at a time. Of columns that are told large values in hex come as bytes. */
export async function* rowsOf(
  bytes: AsyncIterable<Buffer>,
  columns: readonly CopiedColumn[],
): AsyncGenerator<readonly Row[]> {
  const blocks = new Blocks(bytes);
  // Nothing but the rows is held while they are written: a block is as large as the largest of them.
  try {
    for (let rows = await nextRows(blocks, columns); rows !== undefined; rows = await nextRows(blocks, columns)) {
      yield rows;
    }
  } finally {
    await blocks.close();
  }
}

async function nextRows(blocks: Blocks, columns: readonly CopiedColumn[]): Promise<readonly Row[] | undefined> {
  let rows: Row[] = [];
  let size = 0;
  while (size < BATCH_BYTES) {
    const block = await blocks.next();
    if (block === undefined) break;
    const found = block.length > BATCH_BYTES ? longRows(block, columns) : shortRows(block);
    rows = rows.concat(found);
    size += block.length;
  }
  return rows.length === 0 ? undefined : rows;
}

function shortRows(block: Buffer): Row[] {
  return linesOf(block).map((line) => line.split('\t').map((field) => (field === '\\N' ? null : textOf(field))));
}

/** Changes the block, which is nobody else's. */
function longRows(block: Buffer, columns: readonly CopiedColumn[]): Row[] {
  const rows: Value[][] = [];
  for (let from = 0; from <= block.length; ) {
    const end = placeOf(NEWLINE, block, from, block.length);
    const row: Value[] = [];
    for (let at = from; at <= end; ) {
      const stop = placeOf(TAB, block, at, end);
      row.push(valueIn(block.subarray(at, stop), columns[row.length] ?? UNKNOWN));
      at = stop + 1;
    }
    rows.push(row);
    from = end + 1;
  }
  return rows;
}

/** Where the byte stands, or `end`. */
function placeOf(byte: number, block: Buffer, from: number, end: number): number {
  const at = block.subarray(from, end).indexOf(byte);
  return at === -1 ? end : from + at;
}

function valueIn(field: Buffer, column: CopiedColumn): Value {
  if (field.equals(NULL)) return null;
  const plain = unescaped(field);
  const { hex } = column;
  if (hex !== undefined && plain.length >= 2 * LARGE_BYTES) return bytesOf(plain.subarray(hex.length));
  if (plain.length <= constants.MAX_STRING_LENGTH) return plain.toString('utf8');
  throw tooLong(column.name, plain.length);
}

/** In place. */
function unescaped(field: Buffer): Buffer {
  let to = field.indexOf(BACKSLASH);
  if (to === -1) return field;
  for (let from = to; from < field.length; from++) {
    let byte = field[from] ?? 0;
    if (byte === BACKSLASH) {
      byte = field[++from] ?? BACKSLASH;
      byte = ESCAPED[String.fromCharCode(byte)]?.charCodeAt(0) ?? byte;
    }
    field[to++] = byte;
  }
  return field.subarray(0, to);
}

/** In place as well: whoever sent the block may still hold it. */
function bytesOf(digits: Buffer): Buffer {
  for (let from = 0; from < digits.length; from += HEX_PIECE) {
    digits.write(digits.toString('latin1', from, from + HEX_PIECE), from / 2, 'hex');
  }
  return digits.subarray(0, digits.length / 2);
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
  const blocks = new Blocks(bytes);
  try {
    for (let block = await blocks.next(); block !== undefined; block = await blocks.next()) yield linesOf(block);
  } finally {
    await blocks.close();
  }
}

function linesOf(block: Buffer): string[] {
  return block.toString('latin1').split('\n');
}

/** Blocks of whole lines, without the end of the last one. */
class Blocks {
  readonly #bytes: AsyncIterator<Buffer>;
  #begun: Buffer[] = [];

  constructor(bytes: AsyncIterable<Buffer>) {
    this.#bytes = bytes[Symbol.asyncIterator]();
  }

  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const { value: block, done } = await this.#bytes.next();
      const parts = this.#begun;
      if (done === true) {
        this.#begun = [];
        return parts.length === 0 ? undefined : Buffer.concat(parts);
      }
      const end = block.lastIndexOf(NEWLINE);
      if (end === -1) {
        parts.push(block);
        continue;
      }
      this.#begun = end + 1 < block.length ? [block.subarray(end + 1)] : [];
      const rest = block.subarray(0, end);
      return parts.length === 0 ? rest : Buffer.concat([...parts, rest]);
    }
  }

  /** Whoever sends them may stop. */
  async close(): Promise<void> {
    await this.#bytes.return?.();
  }
}
