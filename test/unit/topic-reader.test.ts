// The reader of a topic over a client library that is made up: it delivers a batch that was on its way although another offset
// was sought meanwhile, as the real one may.

import type { EachBatchPayload, Kafka } from 'kafkajs';
import { expect, test } from 'vitest';
import { TopicReader } from '../../src/stream/kafka/topic-reader.ts';

const RECORDS = 12;
/** In a batch. */
const FETCHED = 4;

/** A topic whose records hold nothing but their offsets. `onFetch` is told where each batch begins. */
function clientOf(onFetch: (offset: number) => void): Kafka {
  const offsetsFrom = (at: number): readonly string[] =>
    Array.from({ length: Math.min(FETCHED, RECORDS - at) }, (_, index) => String(at + index));
  const consumer = () => {
    let [next, sought, isOpen] = [0, undefined as number | undefined, true];
    let ended = (): void => undefined;
    const run = async ({ eachBatch }: { eachBatch(payload: EachBatchPayload): Promise<void> }): Promise<void> => {
      while (isOpen) {
        [next, sought] = [sought ?? next, undefined];
        const offsets = offsetsFrom(next);
        if (offsets.length > 0) onFetch(next);
        // What was fetched is on its way for some turns.
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        if (offsets.length === 0) continue;
        await eachBatch({
          batch: {
            partition: 0,
            highWatermark: String(RECORDS),
            firstOffset: () => offsets[0],
            lastOffset: () => offsets.at(-1),
            messages: offsets.map((offset) => ({ offset, value: null, headers: {}, timestamp: '0' })),
          },
          heartbeat: async () => undefined,
          resolveOffset: (offset: string) => {
            next = Number(offset) + 1;
          },
        } as unknown as EachBatchPayload);
      }
      ended();
    };
    return {
      events: {},
      on: () => undefined,
      connect: async () => undefined,
      subscribe: async () => undefined,
      run: async (options: Parameters<typeof run>[0]) => void run(options),
      seek: ({ offset }: { offset: string }) => {
        sought = Number(offset);
      },
      commitOffsets: async () => undefined,
      disconnect: () =>
        new Promise<void>((resolve) => {
          isOpen = false;
          ended = resolve;
        }),
    };
  };
  const admin = () => ({
    connect: async () => undefined,
    disconnect: async () => undefined,
    deleteGroups: async () => undefined,
    fetchTopicOffsets: async () => [{ low: '0', high: String(RECORDS) }],
  });
  return { consumer, admin } as unknown as Kafka;
}

interface Reading {
  /** Offsets, as they were taken. */
  readonly taken: number[];
  /** Where batches began, as they were asked for. */
  readonly fetched: number[];
  readonly reader: TopicReader;
  /** Resolves when the last record was taken. */
  readonly whole: Promise<void>;
}

function read(record: (offset: number, reader: TopicReader) => number | undefined): Reading {
  const [taken, fetched]: number[][] = [[], []];
  let [resolve, reject] = [(): void => undefined, (_: unknown): void => undefined];
  const whole = new Promise<void>((...settle) => {
    [resolve, reject] = settle;
  });
  const reader: TopicReader = new TopicReader({
    client: clientOf((offset) => fetched?.push(offset)),
    topic: 'topic',
    group: 'group',
    first: 0,
    networkTimeoutMs: 60_000,
    watchIntervalMs: 60_000,
    handler: {
      record: ({ offset }) => {
        taken?.push(offset);
        if (offset === RECORDS - 1) resolve();
        return record(offset, reader);
      },
      ends: () => undefined,
      failed: reject,
    },
  });
  return { taken: taken ?? [], fetched: fetched ?? [], reader, whole };
}

const upTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index);

test('the next batch is asked for while one is taken, and no further one', async () => {
  const { taken, fetched, reader, whole } = read((offset, of) => {
    if (offset === 1) of.pause();
    return undefined;
  });
  await reader.start();
  await expect.poll(() => fetched, { interval: 5 }).toEqual([0, 4]);
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([taken, fetched]).toEqual([
    [0, 1],
    [0, 4],
  ]);
  reader.resume();
  await whole;
  await reader.close();
  expect(taken).toEqual(upTo(RECORDS));
});

test('a step back is made although the next batch is on its way: nothing is left out', async () => {
  let back: number | undefined = 1;
  const { taken, reader, whole } = read((offset) => {
    if (offset !== 3) return undefined;
    const other = back;
    back = undefined;
    return other;
  });
  await reader.start();
  await whole;
  await reader.close();
  expect(taken).toEqual([0, 1, 2, 3, ...upTo(RECORDS).slice(1)]);
});

test('nothing is taken once the reader is closed', async () => {
  const { taken, reader } = read((offset, of) => {
    if (offset === 2) void of.close();
    return undefined;
  });
  await reader.start();
  await expect.poll(() => taken.length, { interval: 5 }).toBe(3);
  await reader.close();
  expect(taken).toEqual([0, 1, 2]);
});
