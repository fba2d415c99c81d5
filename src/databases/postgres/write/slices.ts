// Cuts the rows of a set so that no statement exceeds what a server and a string can hold.

import type { LoggedValue } from '../../../model/change.ts';

const MAX_ROWS = 65_536;
const MAX_BYTES = 64 * 1024 * 1024;
/** A row of more than this, by `sizeOfValues`, does not go into a set. */
export const LARGEST_IN_SET = 32 * 1024 * 1024;

/** Ranges of indexes, in order; at least one row each. `sizeOf` is asked once per row. */
export function slices(
  count: number,
  sizeOf: (index: number) => number,
  limits = { rows: MAX_ROWS, bytes: MAX_BYTES },
): readonly (readonly [from: number, to: number])[] {
  const found: [number, number][] = [];
  let from = 0;
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const size = sizeOf(index);
    if (index > from && (index - from >= limits.rows || bytes + size > limits.bytes)) {
      found.push([from, index]);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (count > from) found.push([from, count]);
  return found;
}

/** About the length of the values in an array parameter. */
export function sizeOfValues(values: readonly LoggedValue[]): number {
  let size = 0;
  for (const value of values) size += value === null || value === undefined ? 5 : 2 * value.length + 3;
  return size;
}
