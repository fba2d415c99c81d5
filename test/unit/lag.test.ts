// The lag as the heartbeats tell it.

import { expect, test } from 'vitest';
import { LagMeter } from '../../src/apply/lag.ts';

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
