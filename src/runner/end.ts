// Keeps how an attempt ended, for whoever asks when its process is gone. What cannot be kept now is not waited for.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal, RunError } from '../journal/journal.ts';
import { toMigrateError } from '../lib/errors.ts';

// The database that it would be written to may be what is gone.
const PATIENCE_MS = 1_000;

export function runError(thrown: unknown, scrub: (text: string) => string): RunError {
  const { code, message, fix } = toMigrateError(thrown);
  return { code, message: scrub(message), fix: scrub(fix) };
}

/** Never rejects: who has lost the lease, or never had it, has nothing to say about the run. */
export async function recordEnd(journal: Pick<Journal, 'setEnded'>, error: RunError | null): Promise<void> {
  const patience = new AbortController();
  const late = sleep(PATIENCE_MS, undefined, { signal: patience.signal });
  await Promise.race([journal.setEnded({ at: new Date().toISOString(), error }), late]).catch(() => undefined);
  patience.abort();
  await late.catch(() => undefined);
}
