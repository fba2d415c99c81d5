// How long to wait before trying again: longer after each failure in a row, and never quite as long as others do.

const FIRST_MS = 200;
const LONGEST_MS = 10_000;

/** In ms; `failures` in a row before this one. */
export function backoffMs(failures: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 10)) * (0.75 + Math.random() / 2);
}
