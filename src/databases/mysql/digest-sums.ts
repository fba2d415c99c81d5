// The digest of a range out of its rows as they come: see databases/digests.ts for what is digested.

import { hash } from 'node:crypto';
import type { RangeDigest } from '../digests.ts';
import { type RowForm, writeHex } from './row-packets.ts';

const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** So many sums of 32 bits fit a number. */
const EXACT_ROWS = 1 << 20;
/** Of what stands around the digits. */
const HEX_ROOM = 8;
/** What a text is quoted for. */
const SPECIAL = new Uint8Array(256);
for (const character of '"\\(), \t\n\v\f\r') SPECIAL[character.charCodeAt(0)] = 1;

export class DigestSums implements RowForm {
  #row = Buffer.allocUnsafe(1 << 12);
  #at = 0;
  #rows = 0;
  /** Of the digest's two halves, in two parts each: sums of numbers cost less than those of bigints. */
  #firstHigh = 0;
  #firstLow = 0;
  #lastHigh = 0;
  #lastLow = 0;
  #first = 0n;
  #last = 0n;

  begin(): void {
    this.#row[0] = OPEN;
    this.#at = 1;
  }

  null(index: number): void {
    this.#separate(index, 0);
  }

  text(index: number, text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.bytes(index, bytes, 0, bytes.length);
  }

  bytes(index: number, bytes: Buffer, start: number, end: number): void {
    // Every byte may need two, between quotes.
    this.#separate(index, 2 * (end - start) + 2);
    const row = this.#row;
    const begin = this.#at;
    let at = begin;
    let plain = end > start;
    for (let from = start; plain && from < end; from++) {
      const byte = bytes[from] ?? 0;
      plain = SPECIAL[byte] === 0;
      row[at++] = byte;
    }
    this.#at = plain ? at : quote(row, begin, bytes, start, end);
  }

  hex(index: number, prefix: string, bytes: Buffer, start: number, end: number): void {
    this.#separate(index, 2 * (end - start) + HEX_ROOM);
    const row = this.#row;
    // A prefix is a backslash, which is quoted and doubled.
    if (prefix !== '') this.#at += row.write(`"\\${prefix}`, this.#at);
    this.#at = writeHex(row, this.#at, bytes, start, end);
    if (prefix !== '') row[this.#at++] = QUOTE;
  }

  end(): void {
    this.#make(1);
    this.#row[this.#at++] = CLOSE;
    // A buffer would take twice as long.
    const digest = hash('md5', this.#row.subarray(0, this.#at), 'binary');
    this.#rows++;
    this.#firstHigh += int32(digest, 0);
    this.#firstLow += int32(digest, 4) >>> 0;
    this.#lastHigh += int32(digest, 8);
    this.#lastLow += int32(digest, 12) >>> 0;
    if (this.#rows % EXACT_ROWS === 0) this.#carry();
  }

  get total(): RangeDigest {
    this.#carry();
    return { rows: this.#rows, digest: this.#rows === 0 ? ':' : `${this.#first}:${this.#last}` };
  }

  #carry(): void {
    this.#first += (BigInt(this.#firstHigh) << 32n) + BigInt(this.#firstLow);
    this.#last += (BigInt(this.#lastHigh) << 32n) + BigInt(this.#lastLow);
    this.#firstHigh = 0;
    this.#firstLow = 0;
    this.#lastHigh = 0;
    this.#lastLow = 0;
  }

  #separate(index: number, length: number): void {
    this.#make(length + 1);
    if (index > 0) this.#row[this.#at++] = COMMA;
  }

  #make(room: number): void {
    const needed = this.#at + room;
    if (needed <= this.#row.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#row.length));
    this.#row.copy(larger, 0, 0, this.#at);
    this.#row = larger;
  }
}

/** Of a text of bytes. */
function int32(bytes: string, at: number): number {
  return (
    (bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)
  );
}

/** Returns where the text ends. */
function quote(row: Buffer, begin: number, bytes: Buffer, start: number, end: number): number {
  let at = begin;
  row[at++] = QUOTE;
  for (let from = start; from < end; from++) {
    const byte = bytes[from] ?? 0;
    if (byte === QUOTE || byte === BACKSLASH) row[at++] = byte;
    row[at++] = byte;
  }
  row[at++] = QUOTE;
  return at;
}
