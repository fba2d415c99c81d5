// Cuts the rows of a set so that no statement exceeds what a server and a string can hold.

import type { LoggedValue } from '../../../model/change.ts';

const MOST = { rows: 65_536, bytes: 64 * 1024 * 1024 };
/** A row of more than this, by `sizeOfValues`, does not go into a set. */
export const LARGEST_IN_SET = 32 * 1024 * 1024;

/** Ranges of indexes, in order; at least one row each. `sizeOf` is asked once per row. */
export function slices(
  count: number,
  sizeOf: (index: number) => number,
  limits = MOST,
): readonly (readonly [from: number, to: number])[] {
  const found: [number, number][] = [];
  let from = 0;
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const size = sizeOf(index);
    if (index > from && isFull(index - from, bytes + size, limits)) {
      found.push([from, index]);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (count > from) found.push([from, count]);
  return found;
}

/** True when `rows` rows are as many as a statement may have, or `bytes`, with the next row, are more. */
export function isFull(rows: number, bytes: number, limits = MOST): boolean {
  return rows >= limits.rows || bytes > limits.bytes;
}

/** About the length of the values in an array parameter. */
export function sizeOfValues(values: readonly LoggedValue[]): number {
  let size = 0;
  for (const value of values) size += sizeOfValue(value);
  return size;
}

export function sizeOfValue(value: LoggedValue): number {
  return value === null || value === undefined ? 5 : 2 * value.length + 3;
}
