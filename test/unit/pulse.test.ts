// What the pulse tells of the databases it asks.

import { expect, it } from 'vitest';
import { Pulse } from '../../src/health/pulse.ts';

it('tells how long each answer took, and that nobody asks any more', async () => {
  const pulse = new Pulse(1_000);
  const told: (number | null)[] = [];
  const stopped = new Promise<void>((resolve) => {
    pulse.watch({
      side: 'target',
      ask: async () => undefined,
      answered: (seconds) => {
        told.push(seconds);
        if (seconds === null) resolve();
        else pulse.stop();
      },
    });
  });
  await stopped;
  expect(told).toEqual([expect.any(Number), null]);
});

it('tells nothing of a question without an answer but that nobody asks any more', async () => {
  const pulse = new Pulse(20);
  const told: (number | null)[] = [];
  pulse.watch({ side: 'source', ask: () => new Promise(() => undefined), answered: (seconds) => told.push(seconds) });
  await expect(pulse.failed).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
  await new Promise(setImmediate);
  expect(told).toEqual([null]);
});
