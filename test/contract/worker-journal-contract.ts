// What every journal must do for the further processes that work on a run; journal-contract.ts registers these tests.

import { beforeEach, expect, test } from 'vitest';
import type { Journal } from '../../src/journal/journal.ts';
import type { ChunkName, WorkerRecord } from '../../src/journal/workers.ts';
import { at, catalogOf, type JournalWorld, newRun, tableNamed } from './journal-fixture.ts';

export function workerJournalContract(opened: () => JournalWorld): void {
  let world: JournalWorld;
  let run: string;
  let runs = 0;
  let journal: Journal;
  const orders = tableNamed('orders');
  const items = tableNamed(`it's`);

  beforeEach(async () => {
    world = opened();
    run = `worked on ${++runs}`;
    await world.takeOver(run, 7);
    journal = world.journal(run, 7);
    await journal.create(newRun(run, catalogOf([orders, items])));
  });

  const chunksOf = (table: typeof orders, ordinals: readonly number[]): readonly ChunkName[] =>
    ordinals.map((ordinal) => ({ table: table.id, ordinal }));
  const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
  const plan = (table: typeof orders, count: number): Promise<void> =>
    journal.tables.plan(
      table.id,
      numbers(count - 1).map((n) => [`${n}`]),
    );
  const lanes = async (): Promise<readonly Partial<WorkerRecord>[]> =>
    (await journal.workers.list()).map(({ id, epoch, lanes }) => ({ id, epoch, lanes }));

  /** As a loader does; not committed yet. */
  async function copy(
    ordinal: number,
    rows: number,
    epoch = 7,
  ): Promise<{ end(how: 'commit' | 'rollback'): Promise<void> }> {
    const writing = await world.begin(run, epoch);
    await writing.chunk(orders, ordinal, at(4), rows);
    return { end: (how) => writing[how]() };
  }

  test('a worker is listed from when it joins until it leaves, with what it says and what it has copied', async () => {
    expect(await journal.workers.list()).toEqual([]);
    expect(await journal.standing()).toEqual({ outcome: 'running', paused: [], throttling: {} });
    const name = `it's "\\" 🐘`;
    const first = await journal.workers.join(name);
    const second = await journal.workers.join('second');
    const entered = { name, doing: '', changes: 0, chunks: 0, rows: 0, epoch: null, lanes: [] };
    expect(await journal.workers.list()).toEqual([
      { ...entered, id: first, joinedAt: expect.stringMatching(/^\d{4}-.*T.*Z$/), silentSeconds: expect.any(Number) },
      expect.objectContaining({ id: second, name: 'second' }),
    ]);
    await plan(orders, 4);
    await journal.workers.claim(chunksOf(orders, [0, 1]), first);
    await journal.workers.claim(chunksOf(orders, [2]), second);
    await journal.workers.claim(chunksOf(orders, [3]), null);
    for (const ordinal of [0, 2, 3]) await (await copy(ordinal, 10 + ordinal)).end('commit');
    await world.execute("UPDATE migrate.worker SET beat_at = beat_at - INTERVAL '1000' SECOND");
    // What a worker has to say needs no lease.
    await world.takeOver(run, 8);
    expect(await journal.workers.beat(second, { doing: name, changes: 2 ** 40 })).toBe(true);
    const [quiet, loud] = await journal.workers.list();
    expect(quiet).toMatchObject({ id: first, doing: '', chunks: 1, rows: 10 });
    expect(quiet?.silentSeconds).toBeGreaterThanOrEqual(1_000);
    expect(loud).toMatchObject({ id: second, doing: name, changes: 2 ** 40, chunks: 1, rows: 12 });
    expect(loud?.silentSeconds).toBeLessThan(1_000);
    await journal.workers.leave(first);
    await journal.workers.leave(first);
    expect((await journal.workers.list()).map(({ id }) => id)).toEqual([second]);
    expect(await journal.workers.join('third')).toBeGreaterThan(second);
  });

  test('a worker that was removed is told so, and those of other runs are left alone', async () => {
    const other = `${run} too`;
    await world.takeOver(other, 1);
    await world.journal(other, 1).create(newRun(other, catalogOf([orders])));
    const { workers } = world.journal(other, 1);
    const [mine, kept, theirs] = [
      await journal.workers.join('a'),
      await journal.workers.join('b'),
      await workers.join('c'),
    ];
    const beat = { doing: 'it', changes: 1 };
    await journal.workers.leave(theirs);
    await journal.workers.remove([mine, theirs, 10 ** 9]);
    await journal.workers.remove([]);
    expect(await journal.workers.beat(mine, beat)).toBe(false);
    expect(await journal.workers.beat(theirs, beat)).toBe(false);
    expect(await journal.workers.beat(kept, beat)).toBe(true);
    expect(await workers.beat(theirs, beat)).toBe(true);
    await journal.setPaused(['run']);
    expect(await journal.standing()).toEqual({ outcome: 'running', paused: ['run'], throttling: {} });
    await journal.forget();
    expect([await world.rowsOf(run), await journal.workers.list(), await journal.standing()]).toEqual([
      0,
      [],
      undefined,
    ]);
    expect(await journal.workers.beat(kept, beat)).toBe(false);
    await journal.workers.leave(kept);
    expect(await workers.list()).toMatchObject([{ id: theirs, name: 'c', ...beat }]);
    await expect(journal.workers.join('late')).rejects.toMatchObject({ code: 'RUN.NONE' });
  });

  test('lanes are given for one epoch, all anew each time', async () => {
    const [a, b] = [await journal.workers.join('a'), await journal.workers.join('b')];
    const gone = await journal.workers.join('c');
    await journal.workers.leave(gone);
    await journal.workers.share(new Map([b, a, gone].map((id, n) => [id, [n, n + 2]])));
    expect(await lanes()).toEqual([
      { id: a, epoch: 7, lanes: [1, 3] },
      { id: b, epoch: 7, lanes: [0, 2] },
    ]);
    await world.takeOver(run, 8);
    await world.journal(run, 8).workers.share(new Map([[b, [0, 1, 2]]]));
    const shared = [
      { id: a, epoch: 7, lanes: [] },
      { id: b, epoch: 8, lanes: [0, 1, 2] },
    ];
    expect(await lanes()).toEqual(shared);
    const stale = [
      () => journal.workers.share(new Map([[a, [5]]])),
      () => journal.workers.remove([a, b]),
      () => journal.workers.claim([], a),
    ];
    for (const each of stale) await expect(each(), each.toString()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    expect(await lanes()).toEqual(shared);
  });

  test('a chunk is claimed once in an epoch, in the order asked for, and never when it is copied or being copied', async () => {
    await plan(orders, 6);
    await plan(items, 2);
    const worker = await journal.workers.join('a');
    const claim = (ordinals: readonly number[], epoch = 7): Promise<readonly ChunkName[]> =>
      world.journal(run, epoch).workers.claim(chunksOf(orders, ordinals), worker);
    const claims = async (): Promise<unknown> => {
      const mine = (await journal.tables.list()).find(({ id }) => id === orders.id);
      return mine?.chunks.flatMap(({ ordinal, claimed }) => (claimed === undefined ? [] : [[ordinal, claimed.by]]));
    };
    const mixed = [...chunksOf(items, [1]), ...chunksOf(orders, [3, 2]), ...chunksOf(items, [0])];
    expect(await journal.workers.claim(mixed, null)).toEqual(mixed);
    expect(await claim([5, 3, 4, 2, 77])).toEqual(chunksOf(orders, [5, 4]));
    expect(await claim([2, 3, 4, 5])).toEqual([]);
    const copying = await copy(0, 1);
    expect(await claim([0, 1])).toEqual(chunksOf(orders, [1]));
    await copying.end('rollback');
    expect(await claim([0, 1])).toEqual(chunksOf(orders, [0]));
    await (await copy(3, 1)).end('commit');
    const by = [0, 1, 2, 4, 5].map((ordinal) => [ordinal, ordinal === 2 ? null : worker]);
    expect(await claims()).toEqual(by);
    await world.takeOver(run, 8);
    expect(await claims()).toEqual([]);
    await expect(claim([4])).rejects.toMatchObject({ code: 'LEASE.LOST' });
    expect(await claim([0, 1, 2, 3, 4, 5], 8)).toEqual(chunksOf(orders, [0, 1, 2, 4, 5]));
    expect(await claim([0, 1, 2, 3, 4, 5], 8)).toEqual([]);
    await world.empty(run, 8, orders);
    expect(await claim([3, 4], 8)).toEqual(chunksOf(orders, [3, 4]));
  });

  test('of those who claim at the same time each gets others, and together they get all', async () => {
    const count = 1_200;
    await plan(orders, count);
    const all = numbers(count);
    const orderings = [all, [...all].reverse(), all, [...all].reverse()];
    const given = await Promise.all(
      orderings.map((ordinals, id) => world.journal(run, 7).workers.claim(chunksOf(orders, ordinals), id)),
    );
    const ordinals = given.flat().map(({ ordinal }) => ordinal);
    expect(ordinals.sort((a, b) => a - b)).toEqual(all);
  });

  test('a schema of an earlier version is refused with its runs, and gets what it lacks with the next run', async () => {
    await world.execute(`UPDATE migrate.run SET format = format - 1 WHERE name = '${run}'`);
    await world.execute('DROP TABLE migrate.worker');
    await world.execute('ALTER TABLE migrate.chunk DROP COLUMN claim_epoch, DROP COLUMN claimed_by');
    const { workers } = journal;
    const needless = [
      () => workers.join('a'),
      () => workers.beat(1, { doing: '', changes: 0 }),
      () => workers.leave(1),
      () => workers.list(),
      () => journal.standing(),
    ];
    for (const each of needless) await expect(each(), each.toString()).rejects.toMatchObject({ code: 'RUN.FORMAT' });
    run = `${run} after`;
    await world.takeOver(run, 7);
    journal = world.journal(run, 7);
    await journal.create(newRun(run, catalogOf([orders])));
    await plan(orders, 1);
    expect(await journal.workers.claim(chunksOf(orders, [0]), await journal.workers.join('a'))).toHaveLength(1);
  });
}
