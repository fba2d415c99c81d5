// What the status page computes before it draws: numbers as texts, lines of charts, and events out of a stream.

import { expect, test } from 'vitest';
import { EventParser } from '../../src/control/page/events.ts';
import { duration, percent, short, tick } from '../../src/control/page/format.ts';
import { Paces, Samples } from '../../src/control/page/series.ts';

test('numbers are short and keep what matters', () => {
  expect([0, 7, 999, 1_240, 52_600, 999_000, 1_240_000].map(short)).toEqual([
    ...['0', '7', '999', '1.24 k', '52.6 k', '999 k', '1.24 M'],
  ]);
  expect([0, 0.5, 2.5, 100, 500, 1_000, 1_250, 20_000, 500_000, 1_500_000].map(tick)).toEqual([
    ...['0', '0.5', '2.5', '100', '500', '1 k', '1.25 k', '20 k', '500 k', '1.5 M'],
  ]);
  expect([0.25, 45, 61, 3_600, 100_000, 200_000].map(duration)).toEqual([
    ...['250 ms', '45 s', '1 min 1 s', '1 h', '27 h 46 min', '2 d 7 h'],
  ]);
  expect([percent(999, 1_000), percent(1_200, 1_000), percent(5, 0)]).toEqual([99, 100, 0]);
});

test('a rate is taken over seconds, and a counter that went back is a gap', () => {
  const samples = new Samples();
  const at = (second: number, rows: number) => ({ at: second * 1_000, lagSeconds: 1, rows, changes: 0 });
  for (const [second, rows] of [
    [0, 0],
    [1, 1_000],
    [2, 1_000],
    [3, 3_000],
    [4, 500],
  ] as const) {
    samples.add(at(second, rows));
  }
  expect(samples.series.copied.map(({ value }) => value)).toEqual([1_000, 500, 1_000, null]);
});

test('what a page keeps is bounded, however long it is open', () => {
  const samples = new Samples();
  for (let i = 0; i < 20_000; i++) samples.add({ at: i * 500, lagSeconds: 1, rows: i, changes: i });
  const { lag } = samples.series;
  expect(lag.length).toBeLessThanOrEqual(900);
  expect(lag.at(-1)!.at - lag[0]!.at).toBeGreaterThan(14 * 60_000);
});

test('the pace of a table begins anew when it is copied again', () => {
  const paces = new Paces();
  expect(paces.of('t', 0, 0)).toBeNull();
  expect(paces.of('t', 8_000, 4_000)).toBe(2_000);
  expect(paces.of('t', 10, 5_000)).toBeNull();
});

test('events are whole wherever the stream was cut', () => {
  const text = 'event: status\ndata: {"a":1}\n\n: nothing\n\nevent: change\ndata: {"b":2}\n\n';
  for (let cut = 0; cut <= text.length; cut++) {
    const parser = new EventParser();
    expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual([
      { name: 'status', data: '{"a":1}' },
      { name: 'change', data: '{"b":2}' },
    ]);
  }
});
