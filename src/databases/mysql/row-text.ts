// Rows as texts: for the loader, and for digests, which this database cannot compute over another engine's texts.

import { createHash } from 'node:crypto';
import type { Value } from '../../model/change.ts';
import type { RangeDigest } from '../digests.ts';

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const COPY_SPECIAL = /[\\\t\n\r]/g;
const ROW_SPECIAL = /["\\(), \t\n\v\f\r]/;

function textOf(value: string | Buffer): string {
  return typeof value === 'string' ? value : `\\x${value.toString('hex')}`;
}

/** A line of COPY's text form. */
export function copyLine(values: readonly Value[]): string {
  let line = '';
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? null;
    if (index > 0) line += '\t';
    if (value === null) line += '\\N';
    else line += textOf(value).replace(COPY_SPECIAL, (found) => ESCAPES[found] ?? found);
  }
  return `${line}\n`;
}

/** The digest of a row, as the port of digests defines it. */
export function rowDigest(values: readonly Value[]): string {
  return createHash('md5')
    .update(`(${values.map(field).join(',')})`, 'utf8')
    .digest('hex');
}

function field(value: Value): string {
  if (value === null) return '';
  const text = textOf(value);
  return text === '' || ROW_SPECIAL.test(text) ? `"${text.replace(/["\\]/g, '$&$&')}"` : text;
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
