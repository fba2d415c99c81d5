// What readings of health mean: who is held, from when on, for how long, and what is said of it.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Condition, type Level } from '../../src/health/condition.ts';
import { Monitor } from '../../src/health/monitor.ts';
import { NoNumber } from '../../src/health/number.ts';
import type { Probe } from '../../src/health/probe.ts';
import { RunGate } from '../../src/health/run-gate.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import { RunStatus } from '../../src/observe/status.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe('a condition', () => {
  const patience = { after: 3, recover: 1_000 };
  /** The state after each of the readings, which come 400 ms apart. */
  const states = (...levels: readonly Level[]): readonly string[] => {
    const condition = new Condition(patience);
    return levels.map((level, index) => {
      condition.take(level, index * 400);
      return condition.state;
    });
  };

  test('is unwell after so many readings in a row, and one that is ok begins the count anew', () => {
    expect(states('warn', 'warn', 'ok', 'warn', 'warn', 'warn')).toEqual([
      'well',
      'well',
      'well',
      'well',
      'well',
      'unwell',
    ]);
  });

  test('is unwell at once when a reading is critical', () => {
    expect(states('critical')).toEqual(['unwell']);
  });

  test('is well again only when all readings were ok for long enough', () => {
    expect(states('critical', 'ok', 'ok', 'warn', 'ok', 'ok', 'ok', 'ok')).toEqual([
      ...['unwell', 'recovering', 'recovering', 'unwell'],
      ...['recovering', 'recovering', 'recovering', 'well'],
    ]);
  });

  test('counts no time in which nobody looked', () => {
    const condition = new Condition(patience);
    condition.take('critical', 0);
    condition.take('ok', 100);
    condition.interrupt();
    condition.take('ok', 5_000);
    expect(condition.state).toBe('recovering');
    condition.take('ok', 6_000);
    expect(condition.state).toBe('well');
  });
});

describe('a gate', () => {
  const isOpen = async (passing: Promise<void>): Promise<boolean> => {
    const open = passing.then(() => true);
    return Promise.race([open, new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);
  };
  const { signal } = new AbortController();

  test('of a part is closed by a hold of its own and by one of the whole run, until both are gone', async () => {
    const gate = new RunGate();
    gate.hold('operator', 'paused');
    gate.apply.hold('health', 'unwell');
    const [applied, copied] = [gate.apply.pass(signal), gate.snapshot.pass(signal)];
    expect(gate.apply.reasons).toEqual(['paused', 'unwell']);
    expect(await isOpen(copied)).toBe(false);
    gate.release('operator');
    expect(await isOpen(copied)).toBe(true);
    expect(await isOpen(applied)).toBe(false);
    expect(await isOpen(gate.passAll(signal))).toBe(false);
    gate.apply.release('health');
    expect(await isOpen(applied)).toBe(true);
    expect(await isOpen(gate.passAll(signal))).toBe(true);
  });

  test('lets go whoever is told to stop', async () => {
    const stop = new AbortController();
    const gate = new RunGate();
    gate.snapshot.hold('health');
    const passing = gate.snapshot.pass(stop.signal);
    stop.abort(new Error('stopped'));
    await expect(passing).rejects.toThrow('stopped');
  });
});

describe('a monitor', () => {
  let gate: RunGate;
  let status: RunStatus;
  let monitor: Monitor;
  let stop: AbortController;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
    gate = new RunGate();
    status = new RunStatus('test');
    stop = new AbortController();
    monitor = new Monitor({ interval: 1_000, after: 2, recover: 3_000, gate, status, log: SILENT as never });
  });
  afterEach(() => {
    stop.abort();
    vi.useRealTimers();
  });

  const probe = (read: Probe['read'], more: Partial<Probe> = {}): Probe => ({
    ...{ side: 'target', name: 'load', label: more.name ?? 'load', cure: '', unit: '', limit: 5, isAsked: true },
    holds: ['snapshot', 'apply', 'verify'],
    read,
    ...more,
  });
  const level = (value: number): Level => (value > 5 ? 'warn' : 'ok');
  const reading = (value: number) => async () => ({
    value,
    level: level(value),
    reason: `target: load ${value}, limit 5`,
  });
  const seconds = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 1_000);
  /** A first reading that is bad is no proof: it is known a second later. */
  const watch = async (probes: readonly Probe[]): Promise<void> => {
    const watching = monitor.watch(probes, stop.signal);
    await seconds(1);
    await watching;
  };

  test('holds at the second reading above the limit, says why, and lets go when all was well for a while', async () => {
    let load = 9;
    const began = vi.fn();
    const watching = monitor.watch([probe(() => reading(load)())], stop.signal).then(began);
    await seconds(0.5);
    expect(gate.apply.reasons).toEqual([]);
    // Whoever waits for the answer begins no work that has to be held a moment later.
    expect(began).not.toHaveBeenCalled();
    await seconds(0.5);
    await watching;
    expect(gate.apply.reasons).toEqual(['unwell: target: load 9, limit 5']);
    expect(gate.reasonAt('snapshot')).toBe('unwell: target: load 9, limit 5');
    expect(monitor.reasons).toHaveLength(1);
    load = 1;
    await seconds(2);
    expect(status.snapshot().health.probes).toMatchObject([{ name: 'load', value: 1, state: 'recovering' }]);
    expect(gate.apply.reasons).toHaveLength(1);
    await seconds(2);
    expect(gate.apply.reasons).toEqual([]);
    expect(monitor.reasons).toEqual([]);
    expect(gate.heldMs).toBe(4_000);
  });

  test('holds when a probe cannot be read, and when it gives no answer', async () => {
    const wrong = probe(() => Promise.reject(new NoNumber('it is no number')), { name: 'wrong' });
    const silent = probe(() => new Promise(() => undefined), { name: 'silent', side: 'source', holds: ['snapshot'] });
    const watching = monitor.watch([wrong, silent], stop.signal);
    await seconds(4);
    await watching;
    expect(gate.apply.reasons).toEqual(['unwell: target: wrong cannot be read: it is no number']);
    expect(gate.snapshot.reasons).toEqual(['unwell: target: wrong cannot be read: it is no number (and 1 more)']);
    expect(monitor.reasons).toContain('source: silent cannot be read: no answer for 1500 ms');
  });

  test('asks no second time while a question is under way', async () => {
    const read = vi.fn(() => new Promise<never>(() => undefined));
    const watching = monitor.watch([probe(read)], stop.signal);
    await seconds(20);
    await watching;
    expect(read).toHaveBeenCalledTimes(1);
  });

  test('leaves out, and says so, what a server refuses to tell of itself; a lost connection is no refusal', async () => {
    const refused = probe(() => Promise.reject(new MigrateError('TARGET.REFUSED', 'no right')), { isAsked: false });
    const lost = probe(() => Promise.reject(new MigrateError('TARGET.CONNECTION', 'gone')), {
      isAsked: false,
      name: 'lost',
    });
    await watch([refused, lost]);
    expect(status.snapshot().health).toMatchObject({ probes: [{ name: 'lost' }], leftOut: ['target: load: no right'] });
    expect(gate.apply.reasons).toEqual(['unwell: target: lost cannot be read: gone']);
  });

  test('holds nothing in a freeze, and what it held again after it', async () => {
    await watch([probe(reading(9))]);
    monitor.exempt(true);
    expect(gate.apply.reasons).toEqual([]);
    await seconds(1);
    expect(gate.apply.reasons).toEqual([]);
    monitor.exempt(false);
    expect(gate.apply.reasons).toHaveLength(1);
  });

  test('lets everything go when an attempt ends, and takes the next one for unwell until it was well for as long', async () => {
    await watch([probe(reading(9))]);
    stop.abort();
    await seconds(0);
    expect(gate.apply.reasons).toEqual([]);
    stop = new AbortController();
    await monitor.watch([probe(reading(1))], stop.signal);
    expect(gate.apply.reasons).toHaveLength(1);
    await seconds(3);
    expect(gate.apply.reasons).toEqual([]);
  });

  test('tells of a critical reading once until the side was well, and not in a freeze', async () => {
    const pauseFor = vi.fn();
    monitor = new Monitor({ interval: 1_000, after: 2, recover: 2_000, gate, status, log: SILENT as never, pauseFor });
    let load = 5;
    const read = async () =>
      ({ value: load, level: load > 8 ? 'critical' : level(load), reason: `load ${load}` }) as const;
    await watch([probe(read)]);
    monitor.exempt(true);
    load = 9;
    await seconds(2);
    expect(pauseFor).not.toHaveBeenCalled();
    monitor.exempt(false);
    load = 10;
    await seconds(3);
    expect(pauseFor.mock.calls).toEqual([['load 9']]);
    load = 1;
    await seconds(4);
    load = 11;
    await seconds(2);
    expect(pauseFor.mock.calls).toEqual([['load 9'], ['load 11']]);
  });

  test('only tells of a reading that holding would make worse', async () => {
    await watch([probe(reading(9), { holds: [] })]);
    expect(gate.apply.reasons).toEqual([]);
    expect(monitor.reasons).toEqual([]);
    expect(status.snapshot().health.probes).toMatchObject([{ state: 'unwell' }]);
  });
});
