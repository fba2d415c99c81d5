// What the cutover waits for ends as soon as it can: a wait too long is a test that does not end in its time.

import { expect, test } from 'vitest';
import type { Permission } from '../../src/stages/permission.ts';
import { nextWish, rest, type WishParts } from '../../src/stages/wishes.ts';

const SHORT_MS = 3_000;

interface Setting {
  granted?: boolean;
  failures?: number;
  sinceFailureMs?: number;
  open?: number;
}

function waiting(
  setting: Setting,
): WishParts & { readonly letters: { open: number }; wish(change: Partial<Permission>): void } {
  const letters = { open: setting.open ?? 0 };
  let wake = (): void => undefined;
  const permission: Permission = {
    granted: setting.granted ?? true,
    when: 'auto',
    failures: setting.failures ?? 0,
    sinceFailureMs: setting.sinceFailureMs ?? 0,
    wish: (signal) =>
      new Promise((resolve, reject) => {
        wake = resolve;
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
    unwell: undefined,
    freezing: () => undefined,
    failed: () => undefined,
  };
  return {
    applier: { failed: new Promise<never>(() => undefined) },
    deadLetters: letters,
    letters,
    permission,
    signal: new AbortController().signal,
    wish: (change) => {
      Object.assign(permission, change);
      wake();
    },
  };
}

test(
  'the rest after a freeze that failed is over when it was spent in waiting for something else',
  { timeout: SHORT_MS },
  () => rest(waiting({ failures: 3, sinceFailureMs: 15_000 })),
);

test('a new permission by hand ends the rest, and another wish does not', { timeout: SHORT_MS }, async () => {
  const parts = waiting({ failures: 1 });
  let rested = false;
  const resting = rest(parts).then(() => {
    rested = true;
  });
  parts.wish({});
  await new Promise((resolve) => setImmediate(resolve));
  expect(rested).toBe(false);
  parts.wish({ failures: 0 });
  await resting;
});

test('nobody waits on when the last dead letter goes by itself', { timeout: SHORT_MS }, async () => {
  const parts = waiting({ open: 1 });
  const wished = nextWish(parts, 60_000);
  parts.letters.open = 0;
  await wished;
});

test('a permission that was there before is not waited for', { timeout: SHORT_MS }, () =>
  nextWish(waiting({}), 60_000),
);
