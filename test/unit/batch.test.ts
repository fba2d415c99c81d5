import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Batcher } from '../../src/apply/batch.ts';
import { createDeferred } from '../../src/apply/deferred.ts';
import { createTable, insert, marker, transaction } from './apply-fixture.ts';

const items = createTable('items');
const rows = (count: number) => Array.from({ length: count }, (_, index) => insert(items, String(index), 'a', 'b'));
const free = Promise.resolve();
const limits = { batchRows: 4, batchBytes: 1_000_000, batchWait: 0 };

test('a batch takes whole transactions up to the limit', async () => {
  const batcher = new Batcher(limits);
  await batcher.add([transaction(1, rows(3)), transaction(2, rows(3)), transaction(3, rows(1))]);
  const first = await batcher.next(free);
  expect(first?.transactions.map(({ position }) => position)).toEqual(['1', '2']);
  const second = await batcher.next(free);
  expect(second?.transactions.map(({ position }) => position)).toEqual(['3']);
});

test('a batch is bounded by bytes, too', async () => {
  const batcher = new Batcher({ batchRows: 1_000, batchBytes: 150, batchWait: 0 });
  await batcher.add([transaction(1, rows(1)), transaction(2, rows(1))]);
  expect((await batcher.next(free))?.transactions).toHaveLength(2);
});

test('what has arrived is taken at once while the writer is free', async () => {
  const batcher = new Batcher(limits);
  const next = batcher.next(free);
  await batcher.add([transaction(1, rows(1))]);
  expect((await next)?.transactions).toHaveLength(1);
});

test('a batch grows while the writer is busy', async () => {
  const batcher = new Batcher(limits);
  const written = createDeferred<void>();
  const next = batcher.next(written.promise);
  await batcher.add([transaction(1, rows(1))]);
  await batcher.add([transaction(2, rows(1))]);
  written.resolve();
  expect((await next)?.transactions).toHaveLength(2);
});

test('a batch that is not full waits for more, unless somebody waits for what is in it', async () => {
  const patient = { ...limits, batchWait: 1_000_000 };
  const batcher = new Batcher(patient);
  const next = batcher.next(free);
  await batcher.add([transaction(1, rows(1))]);
  await batcher.add([transaction(2, rows(1)), transaction(3, [marker('now')])]);
  expect((await next)?.transactions).toHaveLength(3);
  await batcher.add([transaction(4, rows(1))]);
  batcher.nudge();
  expect((await batcher.next(free))?.transactions).toHaveLength(1);
  const short = new Batcher({ ...limits, batchWait: 1 });
  await short.add([transaction(5, rows(1))]);
  expect((await short.next(free))?.transactions).toHaveLength(1);
});

test('a full batch does not wait for the writer', async () => {
  const batcher = new Batcher(limits);
  await batcher.add([transaction(1, rows(5))]);
  expect((await batcher.next(createDeferred<void>().promise))?.transactions).toHaveLength(1);
});

test('a batch that ends within a transaction says so', async () => {
  const batcher = new Batcher(limits);
  await batcher.add([transaction(1, rows(5), false), transaction(2, rows(1))]);
  expect((await batcher.next(free))?.last).toBe(false);
  expect((await batcher.next(free))?.last).toBe(true);
});

test('a nudge lets an empty batch through', async () => {
  const batcher = new Batcher(limits);
  const next = batcher.next(free);
  batcher.nudge();
  expect(await next).toEqual({ transactions: [], last: true });
});

test('whoever adds waits while two batches are held, empty transactions counted', async () => {
  const batcher = new Batcher(limits);
  await batcher.add(Array.from({ length: 7 }, (_, index) => transaction(index, [])));
  let added = false;
  const adding = batcher.add([transaction(7, [])]).then(() => {
    added = true;
  });
  await Promise.resolve();
  expect(added).toBe(false);
  expect((await batcher.next(free))?.transactions).toHaveLength(4);
  await adding;
  expect(added).toBe(true);
});

test('the end releases both sides', async () => {
  const batcher = new Batcher(limits);
  const adding = batcher.add(Array.from({ length: 9 }, (_, index) => transaction(index, [])));
  batcher.end();
  await adding;
  expect(await batcher.next(free)).toBeUndefined();
});

test('what was taken is let go although the queue never runs empty', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const batcher = new Batcher({ ...limits, batchRows: 1 });
  const pieces: WeakRef<object>[] = [];
  for (let number = 1; number <= 20; number++) {
    const piece = transaction(number, rows(1));
    pieces.push(new WeakRef(piece));
    void batcher.add([piece]);
    // One is always left.
    if (number > 1) await batcher.next(free);
  }
  await nextTurn();
  collect();
  // Up to half of the queue may be what was taken.
  expect(pieces.filter((piece) => piece.deref() !== undefined).length).toBeLessThanOrEqual(4);
});
