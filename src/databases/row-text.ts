// The text of a row and its digest, as the port of digests defines them: for rows that pass through this process, because no
// database can make the text that is compared.

import { createHash } from 'node:crypto';
import type { Value } from '../model/change.ts';
import type { RangeDigest } from './digests.ts';

const ROW_SPECIAL = /["\\(), \t\n\v\f\r]/;

/** The digest of a row whose values are in the core's form. */
export function rowDigest(values: readonly Value[]): string {
  return createHash('md5')
    .update(`(${values.map(field).join(',')})`, 'utf8')
    .digest('hex');
}

function field(value: Value): string {
  if (value === null) return '';
  const text = typeof value === 'string' ? value : `\\x${value.toString('hex')}`;
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
