// When the two sides are read: the target only after a marker that was written after the source was read.

import { expect, test } from 'vitest';
import type { Replication } from '../../src/apply/replication.ts';
import { LivePace } from '../../src/verify/pace.ts';

interface Stand {
  readonly events: string[];
  readonly pace: LivePace;
  readonly controller: AbortController;
  /** Lets the marker under way come through. */
  through(): void;
  fail(error: Error): void;
}

function stand(): Stand {
  const events: string[] = [];
  const controller = new AbortController();
  let through = (): void => undefined;
  let fail = (_: Error): void => undefined;
  const replication: Replication = {
    failed: new Promise<never>(() => undefined),
    passed: async () => undefined,
    met: () =>
      new Promise((resolve, reject) => {
        events.push('met asked');
        through = resolve;
        fail = reject;
      }),
    atBarrier: (work) => work(),
    observe: () => undefined,
  };
  const log = {
    mark: async () => {
      events.push('mark written');
    },
  };
  const pace = new LivePace({ log, replication, signal: controller.signal });
  return { events, pace, controller, through: () => through(), fail: (error) => fail(error) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function read(to: Stand, name: string): Promise<unknown> {
  const side = (which: string) => async () => {
    to.events.push(`${name} ${which}`);
    return name;
  };
  return to.pace.both(side('source'), side('target'));
}

test('a marker serves those who read before it was written, and later ones wait for the next', async () => {
  const one = stand();
  const first = [read(one, 'a'), read(one, 'b')];
  await settled();
  const late = read(one, 'c');
  await settled();
  expect(one.events).toEqual(['a source', 'b source', 'met asked', 'mark written', 'c source']);
  one.through();
  await Promise.all(first);
  await settled();
  expect(one.events.filter((event) => event === 'mark written')).toHaveLength(2);
  expect(one.events).not.toContain('c target');
  one.through();
  await late;
  expect(one.events.at(-1)).toBe('c target');
});

test('a failed marker fails those who waited for it and not the next', async () => {
  const one = stand();
  const first = read(one, 'a').catch((error: Error) => error.message);
  await settled();
  const second = read(one, 'b');
  await settled();
  one.fail(new Error('lost'));
  expect(await first).toBe('lost');
  await settled();
  one.through();
  await expect(second).resolves.toEqual(['b', 'b']);
});

test('an abort ends the wait with its reason', async () => {
  const one = stand();
  const first = read(one, 'a').catch((error: Error) => error.message);
  await settled();
  one.controller.abort(new Error('stopping'));
  expect(await first).toBe('stopping');
  await expect(read(one, 'b')).rejects.toThrow('stopping');
});
