// Chunks that several processes share: how they are claimed, who helps, and how whoever leads waits for the others.

import { describe, expect, test } from 'vitest';
import { type HelpOptions, helpCopy } from '../../src/copy/help.ts';
import { othersDone } from '../../src/copy/others.ts';
import { type Claims, type Task, TaskQueue } from '../../src/copy/queue.ts';
import type { Start } from '../../src/databases/source.ts';
import { Gate } from '../../src/health/gate.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import type { TableStateRecord } from '../../src/journal/table-states.ts';
import type { WorkerRecord } from '../../src/journal/workers.ts';
import type { Chunk } from '../../src/model/chunk.ts';
import type { Position } from '../../src/model/position.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { createTable } from './apply-fixture.ts';

const orders = createTable('orders');
const items = createTable('items');

const chunk = (ordinal: number, more: Partial<Chunk> = {}): Chunk => ({
  ordinal,
  range: { lower: null, upper: null },
  at: null,
  rows: 0,
  ...more,
});
const done = (ordinal: number): Chunk => chunk(ordinal, { at: '0/1' as Position, rows: 10 });
const claimed = (ordinal: number, by: number | null): Chunk => chunk(ordinal, { claimed: { by } });
const progressOf = (table: typeof orders, ...chunks: readonly Chunk[]): TableProgress => ({
  ...{ id: table.id, lane: 0, spread: false, bounds: [], keyChunks: [] },
  chunks,
});

describe('a queue of chunks', () => {
  const tasks = (count: number): readonly Task[] =>
    Array.from({ length: count }, (_, ordinal) => ({ table: orders, chunk: chunk(ordinal) }));

  /** Gives what `wanted` says of each handful; a handful is answered by `answer`. */
  function world(isOurs: (ordinal: number) => boolean = () => true) {
    const asked: (readonly number[])[] = [];
    const answers: (() => void)[] = [];
    const claims: Claims = {
      claim: async (chunks) => {
        asked.push(chunks.map(({ ordinal }) => ordinal));
        await new Promise<void>((resolve) => answers.push(resolve));
        return chunks.filter(({ ordinal }) => isOurs(ordinal));
      },
    };
    return { asked, claims, answer: () => answers.shift()?.() };
  }

  const everything: Claims = { claim: async (chunks) => chunks };
  async function drain(queue: TaskQueue): Promise<readonly number[]> {
    const taken: number[] = [];
    for (let task = await queue.next(); task !== undefined; task = await queue.next()) taken.push(task.chunk.ordinal);
    return taken;
  }

  test('claims in handfuls that are small when little is left, and hands out what it was given in its order', async () => {
    const sizes: number[] = [];
    const claims: Claims = {
      claim: async (chunks) => {
        sizes.push(chunks.length);
        return chunks.filter(({ ordinal }) => ordinal % 3 > 0);
      },
    };
    const taken = await drain(new TaskQueue(tasks(200), claims, 2));
    expect(taken).toEqual(Array.from({ length: 200 }, (_, n) => n).filter((n) => n % 3 > 0));
    expect(sizes.slice(0, 5)).toEqual([16, 16, 16, 16, 16]);
    expect(sizes.slice(-8)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(sizes.every((size, index) => size <= (sizes[index - 1] ?? 16))).toBe(true);
    expect(await drain(new TaskQueue([], everything, 2))).toEqual([]);
  });

  test('asks for the next handful when it hands out the last chunk of one', async () => {
    const { asked, claims, answer } = world();
    const queue = new TaskQueue(tasks(16), claims, 2);
    const first = queue.next();
    expect(asked).toEqual([[0, 1]]);
    answer();
    expect((await first)?.chunk.ordinal).toBe(0);
    expect(asked).toHaveLength(1);
    expect((await queue.next())?.chunk.ordinal).toBe(1);
    expect(asked).toEqual([[0, 1], [2]]);
  });

  test('goes on asking while others have it all, once at a time, and ends for every reader', async () => {
    const { asked, claims, answer } = world((ordinal) => ordinal === 2);
    const queue = new TaskQueue(tasks(3), claims, 2);
    const readers = [queue.next(), queue.next()];
    for (const expected of [[[0]], [[0], [1]], [[0], [1], [2]]]) {
      await expect.poll(() => asked, { interval: 1 }).toEqual(expected);
      answer();
    }
    const got = (await Promise.all(readers)).map((task) => task?.chunk.ordinal);
    expect(got.toSorted()).toEqual([2, undefined]);
  });

  test('tells every reader that a claim failed, and hands out nothing more', async () => {
    const failure = new Error('the lease is lost');
    const queue = new TaskQueue(tasks(3), { claim: () => Promise.reject(failure) }, 1);
    await expect(Promise.allSettled([queue.next(), queue.next()])).resolves.toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
    ]);
    await expect(queue.next()).rejects.toBe(failure);
  });
});

describe('whoever leads', () => {
  const worker = (id: number, silentSeconds = 0): WorkerRecord => ({
    ...{ id, name: `host ${id}`, joinedAt: '', doing: '', changes: 0, chunks: 0, rows: 0, epoch: 1, lanes: [] },
    silentSeconds,
  });

  /** Each look at the journal is the next of `looks`. */
  function wait(workers: readonly WorkerRecord[], ...looks: readonly (readonly Chunk[])[]) {
    const status = new RunStatus('copying');
    const waited: (string | null)[] = [];
    const waitsFor = status.waitsFor.bind(status);
    status.waitsFor = (reason) => {
      waited.push(reason);
      waitsFor(reason);
    };
    const left = [...looks];
    const journal = {
      workers: { list: async () => workers },
      tables: { list: async () => [progressOf(orders, ...(left.shift() ?? [])), progressOf(items, chunk(0))] },
    };
    const ended = othersDone({ tables: [orders], journal, status, signal: new AbortController().signal });
    return { ended, status, waited };
  }

  test('waits until the workers have copied what they claimed, and shows it', async () => {
    const { ended, status, waited } = wait(
      [worker(1), worker(2)],
      [done(0), claimed(1, 1), claimed(2, 1), claimed(3, 2)],
      [done(0), claimed(1, 1), done(2), done(3)],
      [done(0), done(1), done(2), done(3)],
    );
    expect((await ended).map(({ id }) => id)).toEqual([orders.id, items.id]);
    expect(waited).toEqual([
      'workers host 1, host 2 copy the last 3 chunks',
      'worker host 1 copies the last chunk',
      null,
    ]);
    const { tables, snapshot } = status.snapshot();
    expect(tables[orders.id]).toMatchObject({ rowsCopied: 40, chunksDone: 4, chunks: 4 });
    expect(snapshot.rows).toBe(40);
  });

  test.each([
    ['is silent', [worker(1), worker(2, 11)]],
    ['has left', [worker(1)]],
  ])('gives a worker up that %s with chunks it had claimed', async (_, workers) => {
    const lost = { code: 'WORKER.LOST', disposition: 'retry' };
    await expect(wait(workers, [claimed(0, 1), claimed(1, 2)]).ended).rejects.toMatchObject(lost);
    // One that has nothing is not missed.
    await wait(workers, [claimed(0, 1), done(1)], [done(0), done(1)]).ended;
  });

  test('begins anew when a chunk is left that nobody copies', async () => {
    await expect(wait([worker(1)], [done(0), chunk(1)]).ended).rejects.toMatchObject({ code: 'WORKER.LOST' });
  });
});

describe('a worker', () => {
  function world(chunks: readonly Chunk[], given: Partial<HelpOptions> = {}, settled?: Position) {
    const calls: string[] = [];
    const start: Start = {
      at: '0/5' as Position,
      ...(settled === undefined ? {} : { settled }),
      lost: new Promise<never>(() => undefined),
      reader: () => Promise.reject(new Error('there is a reader')),
      close: async () => void calls.push('closed'),
    };
    const states: TableStateRecord[] = [{ table: items.id, state: 'copying', waiver: null }];
    const options: HelpOptions = {
      tables: [orders, items],
      journal: {
        tables: { list: async () => [progressOf(orders, ...chunks), progressOf(items, chunk(0))] },
        states: { list: async () => states },
      },
      settled: null,
      source: {
        log: {
          pair: async () => {
            calls.push('pair');
            return start;
          },
        },
      },
      target: {
        traits: { oneMomentPerTable: false },
        loader: () => Promise.reject(new Error('there is a loader')),
      },
      claims: {
        claim: async (names) => {
          calls.push(...names.map(({ table, ordinal }) => `${table} ${ordinal}`));
          return [];
        },
      },
      plan: { snapshot: { readers: 1, chunkRows: 1, maxAge: 60_000 } },
      gate: new Gate(),
      status: new RunStatus('copying'),
      signal: new AbortController().signal,
      ...given,
    };
    return { calls, help: () => helpCopy(options) };
  }

  test('copies nothing where a table may hold only rows of one moment', async () => {
    const target = { traits: { oneMomentPerTable: true }, loader: () => Promise.reject(new Error('a loader')) };
    const { calls, help } = world([chunk(0)], { target });
    expect(await help()).toBe('one-moment');
    expect(calls).toEqual([]);
  });

  test('makes no pair where whoever leads could not make an exact one, and uses none that is not exact', async () => {
    const known = world([chunk(0)], { settled: '0/7' as Position });
    expect(await known.help()).toBe('inexact');
    expect(known.calls).toEqual([]);
    const found = world([chunk(0)], {}, '0/7' as Position);
    expect(await found.help()).toBe('inexact');
    expect(found.calls).toEqual(['pair', 'closed']);
  });

  test('makes no pair when everything is copied, claimed, not cut yet, or asked for by an operator', async () => {
    for (const chunks of [[done(0), claimed(1, 3), claimed(2, null)], []]) {
      const { calls, help } = world(chunks);
      expect(await help()).toBe('done');
      expect(calls).toEqual([]);
    }
  });

  test('claims at its own pair, which it closes', async () => {
    const { calls, help } = world([done(0), chunk(1), claimed(2, null)]);
    await expect(help()).rejects.toThrow('there is a reader');
    expect(calls).toEqual(['pair', 'closed']);
  });
});
