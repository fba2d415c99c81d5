// Character sets of MySQL that are read alike everywhere. Of all others the server itself is asked (charset-tables).

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

/** Of a character set that is read without asking the server; undefined for others. */
export function plainCharset(name: string, maxBytes: number): Charset | undefined {
  const decode = DECODERS[name];
  return decode === undefined ? undefined : { name, maxBytes, decode };
}
