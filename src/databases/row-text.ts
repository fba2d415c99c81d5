// The text of a row and its digest, as the port of digests defines them: for rows that pass through this process, because no
// database can make the text that is compared.

import { createHash } from 'node:crypto';
import type { Value } from '../model/change.ts';
import { LARGE_BYTES } from './conversion.ts';
import type { RangeDigest } from './digests.ts';

const PIECE = 1 << 16;
const ROW_SPECIAL = /["\\(), \t\n\v\f\r]/;

/** The digest of a row whose values are in the core's form. */
export function rowDigest(values: readonly Value[]): string {
  const hash = createHash('md5');
  if (values.some(isLarge)) for (const piece of pieces(values)) hash.update(piece, 'utf8');
  else hash.update(`(${values.map(field).join(',')})`, 'utf8');
  return hash.digest('hex');
}

function field(value: Value): string {
  if (value === null) return '';
  const text = typeof value === 'string' ? value : `\\x${value.toString('hex')}`;
  return text === '' || ROW_SPECIAL.test(text) ? `"${text.replace(/["\\]/g, '$&$&')}"` : text;
}

function isLarge(value: Value): boolean {
  return value !== null && value.length >= LARGE_BYTES;
}

/** The text of a row one after another: as a whole it would be a copy of its large values, and longer than a text may be. */
function* pieces(values: readonly Value[]): Generator<string> {
  yield '(';
  for (const [index, value] of values.entries()) {
    if (index > 0) yield ',';
    if (value === null || !isLarge(value)) yield field(value);
    else if (typeof value === 'string') yield* textPieces(value);
    else yield* bytesPieces(value);
  }
  yield ')';
}

function* textPieces(text: string): Generator<string> {
  const quote = ROW_SPECIAL.test(text) ? '"' : '';
  yield quote;
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + PIECE);
    // No character in two.
    if (isHighSurrogate(text.charCodeAt(to - 1))) to++;
    const piece = text.slice(from, to);
    yield quote === '' ? piece : piece.replace(/["\\]/g, '$&$&');
    from = to;
  }
  yield quote;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function* bytesPieces(bytes: Buffer): Generator<string> {
  yield '"\\\\x';
  for (let from = 0; from < bytes.length; from += PIECE) yield bytes.toString('hex', from, from + PIECE);
  yield '"';
}

/** Adds up the digests of rows, in any order. */
export class RangeSum {
  #rows = 0;
  #first = 0n;
  #last = 0n;

  add(digest: string): void {
    this.#rows++;
    this.#first += half(digest, 0);
    this.#last += half(digest, 16);
  }

  get total(): RangeDigest {
    return { rows: this.#rows, digest: this.#rows === 0 ? ':' : `${this.#first}:${this.#last}` };
  }
}

function half(digest: string, from: number): bigint {
  return BigInt.asIntN(64, BigInt(`0x${digest.slice(from, from + 16)}`));
}
