// What the cutover waits for while it may not begin: a wish of the operator, the end of a rest, the last open dead letter.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Applier } from '../apply/applier.ts';
import type { DeadLetters } from '../apply/dead-letters.ts';
import type { Permission } from './permission.ts';

export interface WishParts {
  readonly applier: Pick<Applier, 'failed'>;
  readonly deadLetters: Pick<DeadLetters, 'open'>;
  readonly permission: Permission;
  readonly signal: AbortSignal;
}

// While the operator makes up his mind, what changes is compared again now and then, so that the freeze stays short.
const SETTLE_EVERY_MS = 5_000;
// Letters may go without a wish: their table was emptied.
const LOOK_EVERY_MS = 500;
// Each freeze stops the applications: after one that failed they get this much rest, times the failures so far.
const REST_MS = 5_000;

/** Resolves at the next wish, after `leastMs` or the usual pause at most, and as soon as nothing is missing any more. */
export async function nextWish(parts: WishParts, leastMs: number): Promise<void> {
  const { deadLetters, permission } = parts;
  const end = performance.now() + Math.max(SETTLE_EVERY_MS, leastMs);
  // It may have been given before this wait began: nobody will wish again.
  while (!permission.granted || deadLetters.open > 0) {
    const left = end - performance.now();
    if (left <= 0 || (await wishWithin(parts, deadLetters.open > 0 ? Math.min(left, LOOK_EVERY_MS) : left))) return;
  }
}

/** Lets the applications write in peace since the last freeze that failed; a new permission by hand ends that. */
export async function rest(parts: WishParts): Promise<void> {
  const left = (): number => parts.permission.failures * REST_MS - parts.permission.sinceFailureMs;
  for (let ms = left(); ms > 0; ms = left()) await wishWithin(parts, ms);
}

/** True when there was a wish in this time. Rejects when the apply fails, and with the signal's reason. */
async function wishWithin({ applier, permission, signal }: WishParts, ms: number): Promise<boolean> {
  const over = new AbortController();
  const wish = permission.wish(AbortSignal.any([signal, over.signal])).then(() => true);
  const pause = sleep(ms, false, { signal: over.signal });
  try {
    return await Promise.race([wish, pause, applier.failed]);
  } finally {
    over.abort();
    await Promise.allSettled([wish, pause]);
  }
}
