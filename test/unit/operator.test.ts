// What an operator asks for while one attempt ends and the next begins.

import { expect, test } from 'vitest';
import { RunGate } from '../../src/health/run-gate.ts';
import type { AuditEntry } from '../../src/journal/audit.ts';
import type { Journal } from '../../src/journal/journal.ts';
import type { Pausable } from '../../src/model/pause.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { Operator } from '../../src/runner/operator.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function setUp() {
  const operator = new Operator({
    gate: new RunGate(),
    monitor: { exempt: () => undefined, reasons: [] },
    status: new RunStatus('test'),
    log: SILENT as never,
    cutover: { when: 'manual', budget: 1_000 },
    stop: () => undefined,
  });
  const recorded: string[] = [];
  /** An attempt whose connections were cut when it ended. */
  const attach = (name: string): AbortController => {
    const end = new AbortController();
    const audit = async ({ command, result }: AuditEntry): Promise<void> => {
      end.signal.throwIfAborted();
      recorded.push(`${name}: ${command}: ${result}`);
    };
    const setPaused = async (paused: readonly Pausable[]): Promise<void> => {
      recorded.push(`${name}: held ${paused}`);
    };
    const journal = { audit, setPaused } as unknown as Journal;
    const attempt = { table: () => Promise.reject(new Error('no')), restart: () => undefined };
    operator.attach({ ...attempt, journal, paused: [], throttling: {}, signal: end.signal });
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
  expect(recorded).toEqual(['second: cutover: the cutover begins as soon as it can']);
});

test('a process that is told to stop does not wait for another attempt', async () => {
  const { operator, attach, recorded } = setUp();
  attach('first').abort(new Error('the attempt ended'));
  await operator.stop('Ada');
  expect(recorded).toEqual([]);
});

test('commands that come at once are carried out one after the other, none on how it stood before another', async () => {
  const { operator, attach, recorded } = setUp();
  attach('first');
  const asked = [
    operator.pause('snapshot', 'Ada'),
    operator.pause('apply', 'Ben'),
    operator.pause('apply', 'Cid'),
    operator.resume('snapshot', 'Ada'),
  ];
  expect((await Promise.all(asked)).map(({ changed }) => changed)).toEqual([true, true, false, true]);
  expect(recorded.filter((line) => line.includes('held'))).toEqual([
    'first: held snapshot',
    'first: held snapshot,apply',
    'first: held snapshot,apply',
    'first: held apply',
  ]);
});

test('what is refused is in the audit trail, too, and an answer that nothing has asked for is refused', async () => {
  const { operator, attach, recorded } = setUp();
  attach('first');
  await expect(operator.cutover('Ada', 'switched')).rejects.toMatchObject({ code: 'CUTOVER.REFUSED' });
  expect(recorded).toEqual(['first: cutover --switched: refused: CUTOVER.REFUSED']);
});
