// Rows as texts: for the loader, and for digests where the database cannot compute them itself.

import { createHash } from 'node:crypto';
import type { RangeDigest } from '../../src/databases/digests.ts';

type Values = readonly (string | null)[];

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A line of COPY's text form. */
export function copyLine(values: Values): string {
  const fields = values.map((value) => value?.replace(/[\\\t\n\r]/g, (found) => ESCAPES[found] ?? '') ?? '\\N');
  return `${fields.join('\t')}\n`;
}

/** As the port of digests defines it. */
export function rowDigest(values: Values): string {
  return createHash('md5')
    .update(`(${values.map(field).join(',')})`, 'utf8')
    .digest('hex');
}

function field(value: string | null): string {
  if (value === null) return '';
  return value === '' || /["\\(), \t\n\v\f\r]/.test(value) ? `"${value.replace(/["\\]/g, '$&$&')}"` : value;
}

/** Adds up the digests of rows, in any order. */
export class RangeSum {
  #rows = 0;
  #sums: readonly [bigint, bigint] = [0n, 0n];

  add(digest: string): void {
    const half = (from: number): bigint => BigInt.asIntN(64, BigInt(`0x${digest.slice(from, from + 16)}`));
    this.#rows++;
    this.#sums = [this.#sums[0] + half(0), this.#sums[1] + half(16)];
  }

  get total(): RangeDigest {
    return { rows: this.#rows, digest: this.#rows === 0 ? ':' : this.#sums.join(':') };
  }
}
