import { expect, test } from 'vitest';
import { TransactionAssembler } from '../../src/databases/postgres/log/assembler.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Change, Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { RunQueue } from '../../src/stream/run-queue.ts';

const change: Change = { op: 'marker', content: 'm' };

function open(resume = '0/0') {
  const calls: string[] = [];
  const queue = new RunQueue({ full: () => calls.push('full'), drained: () => calls.push('drained') });
  const assembler = new TransactionAssembler(queue, resume as Position);
  return { queue, assembler, calls };
}

function shape(run: readonly Transaction[] | undefined): unknown {
  return run?.map(({ position, changes, last }) => [position, changes.length, last]);
}

test('a transaction stands where its commit record ends', async () => {
  const { queue, assembler } = open();
  assembler.begin(0x100n);
  assembler.change(change, 10);
  assembler.change(change, 10);
  assembler.commit(0x128n);
  expect(shape(await queue.take())).toEqual([['0/128', 2, true]]);
});

test('a large transaction comes in pieces that say how many of its changes they reach', async () => {
  const { queue, assembler } = open();
  assembler.begin(0x100n);
  for (let count = 0; count < 12_000; count++) assembler.change(change, 10);
  assembler.commit(0x128n);
  expect(shape(await queue.take())).toEqual([
    ['0/100#5000', 5_000, false],
    ['0/100#10000', 5_000, false],
    ['0/128', 2_000, true],
  ]);
});

test('large rows make pieces of fewer changes, and the last piece may be empty', async () => {
  const { queue, assembler } = open();
  assembler.begin(0x100n);
  assembler.change(change, 5_000_000);
  assembler.change(change, 5_000_000);
  assembler.commit(0x128n);
  assembler.keepalive(0x200n);
  expect(shape(await queue.take())).toEqual([
    ['0/100#1', 1, false],
    ['0/100#2', 1, false],
    ['0/128', 0, true],
    ['0/200', 0, true],
  ]);
});

test('a keepalive inside a transaction is no position', async () => {
  const { queue, assembler } = open();
  assembler.keepalive(0x80n);
  assembler.begin(0x100n);
  for (let count = 0; count < 6_000; count++) {
    assembler.change(change, 10);
    assembler.keepalive(0x100n + BigInt(count));
  }
  assembler.commit(0x128n);
  assembler.keepalive(0x100n);
  assembler.keepalive(0x128n);
  assembler.keepalive(0x130n);
  expect(shape(await queue.take())).toEqual([
    ['0/80', 0, true],
    ['0/100#5000', 5_000, false],
    ['0/128', 1_000, true],
    ['0/130', 0, true],
  ]);
});

test('positions without changes are merged into the latest', async () => {
  const { queue, assembler } = open();
  for (let lsn = 1n; lsn <= 50n; lsn++) assembler.keepalive(lsn);
  assembler.begin(0x40n);
  assembler.commit(0x48n);
  expect(shape(await queue.take())).toEqual([['0/48', 0, true]]);
});

test('what the resume position covers is left out', async () => {
  const { queue, assembler } = open('0/128');
  assembler.begin(0x100n);
  expect(assembler.skipping).toBe(true);
  assembler.commit(0x128n);
  expect(assembler.skipping).toBe(false);
  assembler.keepalive(0x128n);
  assembler.begin(0x128n);
  expect(assembler.skipping).toBe(false);
  assembler.change(change, 10);
  assembler.commit(0x150n);
  expect(shape(await queue.take())).toEqual([['0/150', 1, true]]);
});

/** Counts the changes of two transactions, the first of `large` changes, as read from `resume`. */
async function readFrom(resume: string, large: number): Promise<unknown> {
  const { queue, assembler } = open(resume);
  for (const [begin, changes] of [
    [0x100n, large],
    [0x200n, 1],
  ] as const) {
    assembler.begin(begin);
    for (let count = 0; count < changes && !assembler.skipping; count++) assembler.change(change, 1_000);
    assembler.commit(begin + 0x28n);
  }
  return shape(await queue.take());
}

test('a place within a transaction leaves out so many of its changes, and the rest is cut as before', async () => {
  const whole = (await readFrom('0/100', 12_000)) as unknown[];
  expect(whole.map((each) => (each as unknown[])[0])).toEqual(['0/100#4195', '0/100#8390', '0/128', '0/228']);
  expect(await readFrom('0/100#4195', 12_000)).toEqual(whole.slice(1));
  expect(await readFrom('0/100#8390', 12_000)).toEqual(whole.slice(2));
  expect(await readFrom('0/128', 12_000)).toEqual(whole.slice(3));
});

test('a transaction of which every change is applied still comes to its end', async () => {
  expect(await readFrom('0/100#3', 3)).toEqual([
    ['0/128', 0, true],
    ['0/228', 1, true],
  ]);
});

test('a full queue asks once for a stop, and once to go on when it was taken', async () => {
  const { queue, assembler, calls } = open();
  assembler.begin(0x100n);
  for (let count = 0; count < 30_000; count++) assembler.change(change, 10);
  expect(calls).toEqual(['full']);
  await queue.take();
  expect(calls).toEqual(['full', 'drained']);
});

test('a few huge rows fill the queue too', () => {
  const { assembler, calls } = open();
  assembler.begin(0x100n);
  for (let count = 0; count < 4; count++) assembler.change(change, 5_000_000);
  expect(calls).toEqual(['full']);
});

test('an error is thrown after everything before it was taken, and the first one counts', async () => {
  const { queue } = open();
  queue.push({ position: '0/1' as Position, changes: [change], bytes: 1, last: true });
  queue.fail(new MigrateError('STREAM.GONE', 'first'));
  queue.fail(new MigrateError('STREAM.SILENT', 'second'));
  queue.push({ position: '0/2' as Position, changes: [change], bytes: 1, last: true });
  expect(shape(await queue.take())).toEqual([['0/1', 1, true]]);
  await expect(queue.take()).rejects.toThrow('first');
});

test('an end drops what is queued and wakes who waits', async () => {
  const { queue } = open();
  const taking = queue.take();
  queue.end();
  expect(await taking).toBeUndefined();
  queue.push({ position: '0/1' as Position, changes: [change], bytes: 1, last: true });
  expect(await queue.take()).toBeUndefined();
});
