// How long one snapshot is held: it keeps the whole source from cleaning up.

import type { Start } from '../databases/source.ts';
import { MigrateError } from '../lib/errors.ts';

export interface AgeOptions {
  /** snapshot.maxAge, in ms. */
  readonly maxAge: number;
  readonly signal: AbortSignal;
}

/** Works at a pair and closes it afterwards. Past its age the work is aborted with SNAPSHOT.LOST: the rest is for a new pair. */
export async function whileHeld(
  start: Start,
  { maxAge, signal }: AgeOptions,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const aged = new AbortController();
  const timer = setTimeout(
    () => aged.abort(new MigrateError('SNAPSHOT.LOST', 'the snapshot reached snapshot.maxAge and was given up')),
    // What a timer can count.
    Math.min(maxAge, 2 ** 31 - 1),
  );
  try {
    await work(AbortSignal.any([signal, aged.signal]));
  } finally {
    clearTimeout(timer);
    await start.close();
  }
}
