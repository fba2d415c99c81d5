// Character sets with one to four bytes a character whose texts the very server is asked for, because only it knows what it
// prints: the same name means slightly different tables elsewhere.

import type { Charset } from './types.ts';

/** The rows of a statement, every value as text. */
export type Ask = (sql: string) => Promise<readonly (readonly (string | null)[])[]>;

interface Tables {
  /** The texts of one byte. */
  readonly ones: readonly string[];
  /** Those of two bytes; empty where these are no character. */
  readonly twos: readonly string[];
  /** Those of the byte 8F and two more. */
  readonly threes: readonly string[];
  /** Of GB 18030: by the number of four bytes. */
  readonly fours: readonly string[];
}

const NONE: readonly string[] = [];
/** Of the Japanese EUC. */
const THREE = 0x8f;
const WITH_THREE = new Set(['ujis', 'eucjpms']);
const WITH_FOUR = 'gb18030';
/** From here on the four bytes of GB 18030 count up with the characters, which begin at U+10000. */
const FIRST_SUPPLEMENTARY = 189_000;

export async function readTables(name: string, maxBytes: number, ask: Ask): Promise<Charset['decode']> {
  const ones = await readOnes(name, ask);
  const twos = maxBytes > 1 ? await readPairs(name, '', ask) : NONE;
  const threes = WITH_THREE.has(name) ? await readPairs(name, THREE.toString(16), ask) : NONE;
  const fours = name === WITH_FOUR ? await readFours(name, ask) : NONE;
  if (maxBytes > 1) return decoder({ ones, twos, threes, fours });
  const units = Uint16Array.from(ones, (text) => text.charCodeAt(0));
  return (bytes, start, end) => {
    const text = Buffer.allocUnsafe(2 * (end - start));
    for (let at = start; at < end; at++) text.writeUInt16LE(units[bytes[at] ?? 0] ?? 0, 2 * (at - start));
    return text.toString('utf16le');
  };
}

/** `name` comes from the server. */
function quoted(name: string): string {
  return name.replace(/\W/g, '');
}

/** A row for every number from `first` to `last`, which are at most 255. */
function numbers(name: string, first: number, last: number): string {
  return `${name} AS (SELECT ${first} AS n UNION ALL SELECT n + 1 FROM ${name} WHERE n < ${last})`;
}

async function readOnes(name: string, ask: Ask): Promise<readonly string[]> {
  const rows = await ask(
    `WITH RECURSIVE ${numbers('a', 0, 255)}
     SELECT n, CONVERT(CONVERT(UNHEX(LPAD(HEX(n), 2, '0')) USING ${quoted(name)}) USING utf8mb4) FROM a`,
  );
  return listOf(rows);
}

/** By both bytes as one number. What is not one character comes out as several, or as NULL. */
async function readPairs(name: string, before: string, ask: Ask): Promise<readonly string[]> {
  const bytes = `CONVERT(UNHEX(CONCAT('${before}', HEX(a.n), HEX(b.n))) USING ${quoted(name)})`;
  const rows = await ask(
    `WITH RECURSIVE ${numbers('a', 0x80, 0xff)}, ${numbers('b', 0x30, 0xff)}
     SELECT a.n * 256 + b.n, CONVERT(${bytes} USING utf8mb4) FROM a, b WHERE CHAR_LENGTH(${bytes}) = 1`,
  );
  return listOf(rows);
}

/** The other way round, since four bytes have a million values: of every character in the first plane its bytes. */
async function readFours(name: string, ask: Ask): Promise<readonly string[]> {
  const text = "CONVERT(UNHEX(CONCAT(LPAD(HEX(a.n), 2, '0'), LPAD(HEX(b.n), 2, '0'))) USING utf16)";
  const rows = await ask(
    `WITH RECURSIVE ${numbers('a', 0, 0xff)}, ${numbers('b', 0, 0xff)},
     c AS (SELECT a.n * 256 + b.n AS n, HEX(CONVERT(${text} USING ${quoted(name)})) AS bytes FROM a, b WHERE a.n NOT BETWEEN 0xd8 AND 0xdf)
     SELECT bytes, n FROM c WHERE LENGTH(bytes) = 8`,
  );
  const found: string[] = [];
  for (const [bytes, code] of rows) {
    found[numberOfFour(Buffer.from(bytes ?? '', 'hex'), 0)] = String.fromCharCode(Number(code));
  }
  return found;
}

function listOf(rows: readonly (readonly (string | null)[])[]): readonly string[] {
  const texts: string[] = [];
  for (const [number, text] of rows) texts[Number(number)] = text ?? '';
  return texts;
}

function numberOfFour(bytes: Buffer, at: number): number {
  const digit = (index: number, base: number): number => (bytes[at + index] ?? 0) - base;
  return ((digit(0, 0x81) * 10 + digit(1, 0x30)) * 126 + digit(2, 0x81)) * 10 + digit(3, 0x30);
}

function decoder({ ones, twos, threes, fours }: Tables): Charset['decode'] {
  return (bytes, start, end) => {
    let text = '';
    for (let at = start; at < end; ) {
      const first = bytes[at] ?? 0;
      const second = at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
      const third = at + 2 < end ? (bytes[at + 2] ?? 0) : 0;
      const two = first < 0x80 ? '' : (twos[first * 256 + second] ?? '');
      const three = first === THREE ? (threes[second * 256 + third] ?? '') : '';
      if (three !== '') {
        text += three;
        at += 3;
      } else if (two !== '') {
        text += two;
        at += 2;
      } else if (fours.length > 0 && first >= 0x81 && second >= 0x30 && second <= 0x39 && at + 4 <= end) {
        text += fourText(fours, numberOfFour(bytes, at));
        at += 4;
      } else {
        text += ones[first] ?? '';
        at += 1;
      }
    }
    return text;
  };
}

function fourText(fours: readonly string[], number: number): string {
  if (number >= FIRST_SUPPLEMENTARY) return String.fromCodePoint(0x1_0000 + number - FIRST_SUPPLEMENTARY);
  return fours[number] ?? '';
}
