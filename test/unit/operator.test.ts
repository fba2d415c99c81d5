// What an operator asks for while one attempt ends and the next begins.

import { expect, test } from 'vitest';
import { RunGate } from '../../src/health/run-gate.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { Operator } from '../../src/runner/operator.ts';

function setUp() {
  const operator = new Operator({
    gate: new RunGate(),
    monitor: { exempt: () => undefined, reasons: [] },
    status: new RunStatus('test'),
    cutover: { when: 'manual', budget: 1_000 },
    stop: () => undefined,
  });
  const recorded: string[] = [];
  /** An attempt whose connections were cut when it ended. */
  const attach = (name: string): AbortController => {
    const end = new AbortController();
    const audit = async (command: string): Promise<void> => {
      end.signal.throwIfAborted();
      recorded.push(`${name}: ${command}`);
    };
    const journal = { audit, setPaused: async () => undefined } as unknown as Journal;
    const attempt = { table: () => Promise.reject(new Error('no')), restart: () => undefined };
    operator.attach({ ...attempt, journal, paused: [], signal: end.signal });
    return end;
  };
  return { operator, attach, recorded };
}

test('what cannot be recorded any more by an attempt that ends is recorded by the next', async () => {
  const { operator, attach, recorded } = setUp();
  attach('first').abort(new Error('the attempt ended'));
  const asked = operator.cutover('Ada');
  attach('second');
  expect((await asked).changed).toBe(true);
  expect(recorded).toEqual(['second: cutover']);
});

test('a process that is told to stop does not wait for another attempt', async () => {
  const { operator, attach, recorded } = setUp();
  attach('first').abort(new Error('the attempt ended'));
  await operator.stop('Ada');
  expect(recorded).toEqual([]);
});
