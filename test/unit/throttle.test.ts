// How fast a part of a run may be, and how the pace of the apply is found.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gate } from '../../src/health/gate.ts';
import { Pace } from '../../src/health/pace.ts';
import { Throttle } from '../../src/health/throttle.ts';
import { readThrottle, throttleText, throttling } from '../../src/model/throttle.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const { signal } = new AbortController();
const FREE = { rowsPerSecond: null, bytesPerSecond: null, batchPauseMs: null };

/** How long it takes, in ms, until it passes. */
async function passing(throttle: Throttle, until = signal): Promise<number> {
  const began = performance.now();
  let end: number | undefined;
  const passed = throttle.pass(until).finally(() => {
    end = performance.now();
  });
  passed.catch(() => undefined);
  await vi.advanceTimersByTimeAsync(0);
  while (end === undefined) await vi.advanceTimersByTimeAsync(10);
  await passed;
  return end - began;
}

const work = (rows: number, bytes = 0) => ({ rows, bytes, sinceMs: performance.now() });

describe('a throttle', () => {
  test('lets through what has no cap, at once', async () => {
    const throttle = new Throttle(new Gate(), FREE);
    throttle.spent(work(1e9, 1e12));
    expect(await passing(throttle)).toBe(0);
    expect(throttle.limited({ batchRows: 20_000, batchBytes: 8e6 })).toMatchObject({
      batchRows: 20_000,
      batchBytes: 8e6,
    });
  });

  test('makes the next wait until what was done is paid for, by the cap that takes longer', async () => {
    const throttle = new Throttle(new Gate(), { ...FREE, rowsPerSecond: 100, bytesPerSecond: 1_000 });
    expect(await passing(throttle)).toBe(0);
    throttle.spent(work(200, 100));
    expect(await passing(throttle)).toBe(2_000);
    throttle.spent(work(1, 3_000));
    expect(await passing(throttle)).toBe(3_000);
    expect(throttle.status.waitedSeconds).toBe(5);
  });

  test('counts the time that the work itself took, once, however many do it at a time', async () => {
    const throttle = new Throttle(new Gate(), { ...FREE, rowsPerSecond: 100 });
    const sinceMs = performance.now();
    await vi.advanceTimersByTimeAsync(3_000);
    throttle.spent({ rows: 200, bytes: 0, sinceMs });
    expect(await passing(throttle)).toBe(0);
    throttle.spent({ rows: 200, bytes: 0, sinceMs });
    expect(await passing(throttle)).toBe(1_000);
  });

  test('keeps no credit of the time in which nothing was done', async () => {
    const throttle = new Throttle(new Gate(), { ...FREE, rowsPerSecond: 100 });
    await vi.advanceTimersByTimeAsync(60_000);
    throttle.spent(work(100));
    expect(await passing(throttle)).toBe(1_000);
  });

  test('divides what is written into pieces of a quarter of a second', () => {
    const throttle = new Throttle(new Gate(), { ...FREE, rowsPerSecond: 400, bytesPerSecond: 2 });
    const limits = throttle.limited({ batchRows: 20_000, batchBytes: 8e6, lanes: 3 });
    expect(limits).toMatchObject({ batchRows: 100, batchBytes: 1, lanes: 3 });
    throttle.set({ rowsPerSecond: 4_000, bytesPerSecond: null });
    expect(limits).toMatchObject({ batchRows: 1_000, batchBytes: 8e6 });
  });

  test('takes a change of its caps while somebody waits', async () => {
    const throttle = new Throttle(new Gate(), { ...FREE, rowsPerSecond: 1 });
    throttle.spent(work(1_000));
    const waiting = passing(throttle);
    throttle.set({ rowsPerSecond: null });
    expect(await waiting).toBeLessThanOrEqual(200);
    expect(throttle.status).toMatchObject({ rowsPerSecond: null, bytesPerSecond: null });
  });

  test('takes what an operator set in place of the plan, and of that only what is named', async () => {
    const throttle = new Throttle(new Gate(), { rowsPerSecond: 100, bytesPerSecond: 10, batchPauseMs: 20 });
    expect(throttle.status.asPlanned).toBe(true);
    throttle.set({ rowsPerSecond: null, batchPauseMs: 50 });
    expect(throttle.status).toMatchObject({ rowsPerSecond: null, bytesPerSecond: 10, pauseMs: 50, asPlanned: false });
    throttle.set({});
    expect(throttle.status).toMatchObject({ rowsPerSecond: 100, bytesPerSecond: 10, pauseMs: 20, asPlanned: true });
    // Whoever looks again and again, as a worker does, forgives nothing.
    throttle.spent(work(100));
    throttle.set({});
    expect(await passing(throttle)).toBe(1_000);
  });

  test('makes nobody wait in a freeze', async () => {
    const throttle = new Throttle(new Gate(), { ...FREE, rowsPerSecond: 1 });
    throttle.spent(work(10));
    throttle.exempt(true);
    expect(await passing(throttle)).toBe(0);
    expect(throttle.limited({ batchRows: 500, batchBytes: 1 }).batchRows).toBe(500);
    throttle.exempt(false);
    expect(await passing(throttle)).toBe(10_000);
  });

  test('lets go whoever is told to stop', async () => {
    const stop = new AbortController();
    const throttle = new Throttle(new Gate(), { ...FREE, rowsPerSecond: 1 });
    throttle.spent(work(1_000));
    const waiting = passing(throttle, stop.signal);
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });

  test('is held as any gate, after its own wait', async () => {
    const throttle = new Throttle(new Gate(), { ...FREE, rowsPerSecond: 100 });
    throttle.spent(work(100));
    throttle.hold('health');
    setTimeout(() => throttle.release('health'), 5_000);
    expect(await passing(throttle)).toBe(5_000);
  });

  test('leaves the target alone after each batch for as long as it is told to', async () => {
    const throttle = new Throttle(new Gate(), { ...FREE, batchPauseMs: 300 });
    throttle.spent(work(1));
    expect(await passing(throttle)).toBe(300);
  });

  test('takes smaller batches while they take longer than the goal', async () => {
    const throttle = new Throttle(new Gate(), { ...FREE, goalMs: 100 });
    const sinceMs = performance.now();
    await vi.advanceTimersByTimeAsync(300);
    throttle.spent({ ...work(1), sinceMs });
    expect(throttle.limited({ batchRows: 1_000, batchBytes: 10_000 })).toMatchObject({
      batchRows: 500,
      batchBytes: 5_000,
    });
    expect(await passing(throttle)).toBe(100);
    expect(throttle.status).toMatchObject({ share: 0.5, pauseMs: 100 });
  });
});

describe('what an operator set', () => {
  test('grows with each request, is taken back by one that asks for the plan, and is kept as text', () => {
    const first = throttling({}, { apply: { rowsPerSecond: 5 } });
    const both = throttling(first, { apply: { bytesPerSecond: null }, snapshot: { rowsPerSecond: undefined } });
    expect(both).toEqual({ apply: { rowsPerSecond: 5, bytesPerSecond: null } });
    expect(readThrottle(throttleText(both))).toEqual(both);
    const fresh = throttling(both, { asPlanned: true, snapshot: { batchPauseMs: 7 } });
    expect(fresh).toEqual({ snapshot: { batchPauseMs: 7 } });
    expect(throttleText(throttling(fresh, { asPlanned: true }))).toBeNull();
    expect(readThrottle(null)).toEqual({});
  });
});

describe('a pace', () => {
  test('goes down by half at once, and up step by step', () => {
    const pace = new Pace(100);
    const shares = [50, 101, 150, 99, 100, 10].map((ms) => {
      pace.took(ms);
      return pace.share;
    });
    expect(shares).toEqual([1, 0.5, 0.25, 0.3125, 0.375, 0.4375]);
    for (let i = 0; i < 20; i++) pace.took(1);
    expect([pace.share, pace.pauseMs]).toEqual([1, 0]);
  });

  test('waits longer and longer for a target that takes too long for the smallest batch, but never for ever', () => {
    const pace = new Pace(100);
    const pauses = Array.from({ length: 8 }, () => {
      pace.took(500);
      return pace.pauseMs;
    });
    expect(pauses).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
    expect(pace.share).toBe(1 / 64);
  });

  // A target that takes 2 ms for each row, of which others take a part now and then.
  test('finds the size at which a target takes as long as it should', () => {
    const pace = new Pace(100);
    const tookMs: number[] = [];
    for (let batch = 0; batch < 400; batch++) {
      const ms = 1_000 * pace.share * 2;
      tookMs.push(ms);
      pace.took(ms);
    }
    const settled = tookMs.slice(100);
    expect(settled.reduce((sum, ms) => sum + ms, 0) / settled.length).toBeLessThan(200);
    expect(Math.min(...settled)).toBeGreaterThan(25);
  });
});
