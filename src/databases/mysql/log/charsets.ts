// Character sets of MySQL as text. Those with one byte a character are read with the table of the very server, so that the
// text is what it would print.

import { utf8Text } from '../../../lib/utf8.ts';
import type { Charset } from './types.ts';

function utf16le(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf16le', start, end);
}

function utf16be(bytes: Buffer, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).swap16().toString('utf16le');
}

function utf32(bytes: Buffer, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 4) text += String.fromCodePoint(bytes.readUInt32BE(at));
  return text;
}

const DECODERS: Readonly<Record<string, Charset['decode']>> = {
  ascii: utf8Text,
  utf8: utf8Text,
  utf8mb3: utf8Text,
  utf8mb4: utf8Text,
  ucs2: utf16be,
  utf16: utf16be,
  utf16le,
  utf32,
};

/** Character sets that need `table` from the server: one byte a character. */
export function needsTable(name: string, maxBytes: number): boolean {
  return maxBytes === 1 && name !== 'binary' && DECODERS[name] === undefined;
}

/** The statement whose one value is the text of all 256 bytes in that character set. `name` comes from the server. */
export function tableStatement(name: string): string {
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('hex');
  return `SELECT CONVERT(CONVERT(X'${all}' USING ${name.replace(/\W/g, '')}) USING utf8mb4)`;
}

/** Undefined for a character set that cannot be read. `table`: the texts of the bytes 0 to 255, where it is needed. */
export function charset(name: string, maxBytes: number, table?: string): Charset | undefined {
  const decode = DECODERS[name] ?? (table?.length === 256 ? singleBytes(table) : undefined);
  return decode === undefined ? undefined : { name, maxBytes, decode };
}

function singleBytes(table: string): Charset['decode'] {
  const units = Uint16Array.from(table, (character) => character.charCodeAt(0));
  return (bytes, start, end) => {
    const text = Buffer.allocUnsafe(2 * (end - start));
    for (let at = start; at < end; at++) text.writeUInt16LE(units[bytes[at] ?? 0] ?? 0, 2 * (at - start));
    return text.toString('utf16le');
  };
}
