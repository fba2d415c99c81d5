// The lag as the heartbeats tell it.

import { expect, test } from 'vitest';
import { LagMeter, partsOf } from '../../src/apply/lag.ts';
import { TopicBacklog } from '../../src/stream/kafka/backlog.ts';

test('between two heartbeats the lag is that of the last one', () => {
  const meter = new LagMeter();
  meter.note('1', 0);
  meter.met('heartbeat:1', 5);
  expect(meter.seconds(1_500)).toBe(0.005);
});

test('when no heartbeat follows, the lag is no smaller than the time since the last one', () => {
  const meter = new LagMeter();
  meter.note('1', 0);
  meter.met('heartbeat:1', 5);
  expect(meter.seconds(10_000)).toBe(10);
  meter.note('2', 11_000);
  meter.met('heartbeat:2', 11_020);
  expect(meter.seconds(11_100)).toBe(0.02);
});

test('what a lag is made of is its whole, and unknown where a part is', () => {
  const stalled = null;
  expect(partsOf(10, { messages: 7, seconds: 4, stalled })).toEqual({
    ...{ messages: 7, toSeconds: 6, fromSeconds: 4, stalled },
  });
  // The clocks differ: no part is larger than the whole.
  expect(partsOf(10, { messages: 7, seconds: 40, stalled })).toMatchObject({ toSeconds: 0, fromSeconds: 10 });
  const unknown = { toSeconds: null, fromSeconds: null };
  expect(partsOf(null, { messages: 7, seconds: 4, stalled })).toMatchObject({ messages: 7, ...unknown });
  expect(partsOf(10, { messages: null, seconds: null, stalled: 'away' })).toMatchObject({
    ...unknown,
    stalled: 'away',
  });
});

/** Transactions of three messages, one a second, of which so many were read; the topic has ten. */
function backlogOf(read: number): TopicBacklog {
  const backlog = new TopicBacklog();
  backlog.ends(30, 10_000);
  for (let offset = 0; offset < read * 3; offset++) {
    backlog.read(offset, Math.floor(offset / 3) * 1_000, offset % 3 === 2 ? offset : Math.floor(offset / 3) * 3 - 1);
  }
  return backlog;
}

test('what waits in a topic is what was not read and what was not applied, as old as the oldest of it', () => {
  expect(backlogOf(0).of(undefined, 12_000)).toEqual({ messages: null, seconds: null });
  const behind = backlogOf(6);
  expect(behind.of(undefined, 12_000)).toEqual({ messages: 30, seconds: 12 });
  expect(behind.of(8, 12_000)).toEqual({ messages: 21, seconds: 9 });
  // All that was read is applied: the next is no older than the last that was read.
  expect(behind.of(17, 12_000)).toEqual({ messages: 12, seconds: 7 });
});

test('nothing waits in a topic that is applied to its end, whatever follows its last transaction', () => {
  const level = backlogOf(10);
  expect(level.of(29, 12_000)).toEqual({ messages: 0, seconds: 0 });
  // A heartbeat of the connector, and the mark of Kafka's own transaction.
  level.read(30, 20_000, 29);
  level.ends(32, 20_000);
  expect(level.of(29, 25_000)).toEqual({ messages: 0, seconds: 0 });
  expect(level.of(29, 60_000)).toEqual({ messages: null, seconds: null });
});
