// What every journal must do, whatever database it lives in. A test file opens one and registers these tests.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { CheckpointMove } from '../../src/databases/target.ts';
import type { NewDeadLetter } from '../../src/journal/dead-letters.ts';
import type { Journal, TableProgress } from '../../src/journal/journal.ts';
import { tableId } from '../../src/model/table.ts';
import {
  at,
  attempt,
  catalogOf,
  HOSTILE,
  type JournalWorld,
  letter,
  NONE,
  newRun,
  tableNamed,
  type Writing,
} from './journal-fixture.ts';
import { workerJournalContract } from './worker-journal-contract.ts';

const SLOW = { apply: { rowsPerSecond: 5, bytesPerSecond: null } };

export function journalContract(open: () => Promise<JournalWorld>): void {
  let world: JournalWorld;
  let run: string;
  let runs = 0;
  let journal: Journal;
  const orders = tableNamed('orders', { byteEstimate: 500 });
  const hostile = tableNamed(HOSTILE[0] ?? '', { spread: false, byteEstimate: 100 });
  const tables = [orders, hostile];

  beforeAll(async () => {
    world = await open();
  }, 300_000);
  afterAll(() => world?.close());
  beforeEach(async () => {
    run = `run ${++runs}`;
    await world.takeOver(run, 7);
    journal = world.journal(run, 7);
    await journal.create(newRun(run, catalogOf(tables)));
  });

  /** In one transaction that commits. */
  async function write(work: (writing: Writing) => Promise<void>): Promise<void> {
    const writing = await world.begin(run, 7);
    try {
      await work(writing);
    } catch (error) {
      await writing.rollback();
      throw error;
    }
    await writing.commit();
  }

  const everything = async (): Promise<unknown> => [
    await journal.load(),
    await journal.stages.list(),
    await journal.tables.list(),
    await journal.states.list(),
    await journal.cutovers.latest(),
    await journal.deadLetters.list(),
    await world.checkpoints(run),
    await world.rowsOf(run),
  ];
  const byId = async (): Promise<ReadonlyMap<string, TableProgress>> =>
    new Map((await journal.tables.list()).map((table) => [table.id, table]));

  workerJournalContract(() => world);

  test('what a run is recorded with comes back as it was, and so does what changes later', async () => {
    expect(await world.journal('nobody', 1).load()).toBeUndefined();
    const record = await journal.load();
    expect(record).toMatchObject({
      ...newRun(run, catalogOf(tables)),
      outcome: 'running',
      ended: null,
      paused: [],
      throttling: {},
      startPosition: null,
      settled: null,
      sourceLineage: '',
      added: [],
      joining: [],
    });
    expect(record?.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const ended = { at: '2024-01-01T00:00:00.000Z', error: { code: 'X.Y', message: `it's "\\"`, fix: '' } };
    await journal.setStart(at(5));
    await journal.setSettled(at(6));
    await journal.setLineage('line');
    await journal.setPaused(['run']);
    await journal.setThrottling(SLOW);
    await journal.setOutcome('copied');
    await journal.setEnded(ended);
    expect(await world.journal(run, 7).load()).toEqual({
      ...record,
      startPosition: at(5),
      settled: at(6),
      sourceLineage: 'line',
      paused: ['run'],
      throttling: SLOW,
      outcome: 'copied',
      ended,
    });
    await journal.setEnded(null);
    await journal.setThrottling({});
    expect(await journal.load()).toMatchObject({ ended: null, throttling: {} });
    await expect(journal.create(newRun(run, catalogOf([])))).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
  });

  test('the audit trail comes back newest first, only of its run, and outlives the record', async () => {
    const entries = [`it's "\\"`, 'throttle --apply-rows 5', ''].map((command) => ({
      by: 'Ada ✓',
      command,
      result: `'`,
    }));
    for (const entry of entries) await journal.audit(entry);
    const other = `${run} other`;
    await world.takeOver(other, 1);
    await world.journal(other, 1).create(newRun(other, catalogOf([])));
    await world.journal(other, 1).audit({ by: 'x', command: 'y', result: '' });
    const trail = await world.journal(run, 1).auditTrail(10);
    expect(trail).toMatchObject(entries.toReversed());
    for (const { at } of trail) expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect((await journal.auditTrail(2)).map(({ command }) => command)).toEqual(['', 'throttle --apply-rows 5']);
    await journal.forget();
    await journal.create(newRun(run, catalogOf([])));
    expect(await journal.auditTrail(10)).toEqual(trail);
  });

  test('names that differ only in case, accents or a space at the end are different runs and tables', async () => {
    const names = HOSTILE.map((name) => tableNamed(name));
    for (const name of HOSTILE) {
      await world.takeOver(name, 1);
      await world.journal(name, 1).create(newRun(name, catalogOf(names)));
      await world.journal(name, 1).tables.plan(tableId('shop', name), [[name]]);
    }
    for (const name of HOSTILE) {
      const other = world.journal(name, 1);
      expect((await other.load())?.name).toBe(name);
      const progress = await other.tables.list();
      expect(progress.map(({ id }) => id).sort()).toEqual(names.map(({ id }) => id).sort());
      expect(progress.flatMap(({ id, bounds }) => (bounds === null ? [] : [[id, bounds]]))).toEqual([
        [tableId('shop', name), [[name]]],
      ]);
    }
  });

  test('who has lost the lease writes nothing', async () => {
    await journal.tables.openLanes(at(1));
    await journal.stages.start('snapshot');
    await write((writing) => writing.letters(at(1), { ...NONE, kept: [letter(orders, 'delete', '1')] }));
    const before = await everything();
    const zombie = world.journal(run, 6);
    const writes: readonly (() => Promise<unknown>)[] = [
      () => zombie.create(newRun('other', catalogOf([]))),
      () => zombie.setStart(at(9)),
      () => zombie.setLineage('x'),
      () => zombie.setPaused(['run']),
      () => zombie.setThrottling(SLOW),
      () => zombie.setOutcome('aborted'),
      () => zombie.setEnded({ at: '', error: null }),
      () => zombie.forget(),
      () => zombie.audit({ by: 'x', command: 'y', result: '' }),
      () => zombie.stages.start('verify'),
      () => zombie.stages.note('snapshot', { a: 1 }),
      () => zombie.stages.finish('snapshot', {}),
      () => zombie.tables.plan(orders.id, [['1']]),
      () => zombie.tables.openLanes(at(2)),
      () => zombie.tables.sendHome([orders.id]),
      () => zombie.tables.setLanes(3, tables),
      () => zombie.states.skip(orders.id, { by: '', reason: '' }),
      () => zombie.states.askCopy(orders.id),
      () => zombie.states.carry(orders.id),
      () => zombie.states.askJoin(orders),
      () => zombie.states.withdrawJoin(orders),
      () => zombie.cutovers.write(attempt),
      () => zombie.deadLetters.waive([1], 'x', 'y'),
    ];
    for (const each of writes) await expect(each(), each.toString()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    const writing = await world.begin(run, 6);
    await expect(writing.move([{ lane: 0, from: at(1), position: at(2), changes: 1 }])).rejects.toMatchObject({
      code: 'LEASE.LOST',
    });
    await writing.rollback();
    expect(await everything()).toEqual(before);
  });

  test('stages are listed as they began, with what they left, and begin anew', async () => {
    await journal.stages.start('verify');
    await journal.stages.start('snapshot');
    await journal.stages.note('verify', { differing: [`'"\\`, '🐘'], n: 12345678901 });
    await journal.stages.finish('snapshot', { z: 1, a: { b: null } });
    const [verify, snapshot] = await journal.stages.list();
    expect(verify).toMatchObject({
      stage: 'verify',
      finishedAt: null,
      result: { differing: [`'"\\`, '🐘'], n: 12345678901 },
    });
    expect(snapshot).toMatchObject({ stage: 'snapshot', result: { z: 1, a: { b: null } } });
    expect(snapshot?.finishedAt).toMatch(/Z$/);
    await journal.stages.start('snapshot');
    expect((await journal.stages.list())[1]).toMatchObject({ startedAt: snapshot?.startedAt, finishedAt: null });
  });

  test('a table is divided into chunks once, also into thousands', async () => {
    const bounds = Array.from({ length: 3_000 }, (_, n) => [`${n}'\\`]);
    await journal.tables.plan(hostile.id, bounds);
    const planned = (await byId()).get(hostile.id);
    expect(planned?.bounds).toEqual(bounds);
    expect(planned?.chunks).toHaveLength(3_001);
    const range = { lower: bounds.at(-1), upper: null };
    expect(planned?.chunks.at(-1)).toEqual({ ordinal: 3_000, range, at: null, rows: 0 });
    await expect(journal.tables.plan(hostile.id, [['1']])).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
    expect((await byId()).get(hostile.id)).toEqual(planned);
    expect((await byId()).get(orders.id)).toMatchObject({ bounds: null, chunks: [], spread: true });
  });

  test('a row that was read again is kept once, at where it was read last', async () => {
    const key = ["x'\\".repeat(2_000), 'ä'];
    await write((writing) => writing.keyChunk(orders, key, at(1)));
    await write((writing) => writing.keyChunk(orders, key, at(2)));
    await write((writing) => writing.keyChunk(orders, ['X'], at(3)));
    const chunks = (await byId()).get(orders.id)?.keyChunks ?? [];
    expect([...chunks].sort((a, b) => a.at.localeCompare(b.at))).toEqual([
      { key, at: at(2) },
      { key: ['X'], at: at(3) },
    ]);
  });

  test('checkpoints move only from where they are, all or none', async () => {
    await journal.tables.openLanes(at(1));
    await journal.tables.openLanes(at(9));
    const level = [0, 1].map((lane) => ({ lane, position: at(1) }));
    expect(await world.checkpoints(run)).toEqual(level);
    const move = (lane: number, from: number, to: number): CheckpointMove => ({
      lane,
      from: at(from),
      position: at(to),
      changes: 3,
      splits: lane,
    });
    await expect(write((writing) => writing.move([move(0, 1, 2), move(1, 5, 6)]))).rejects.toMatchObject({
      code: 'LEASE.LOST',
    });
    await expect(write((writing) => writing.move([move(0, 1, 2), move(2, 1, 2)]))).rejects.toMatchObject({
      code: 'LEASE.LOST',
    });
    expect(await world.checkpoints(run)).toEqual(level);
    await write((writing) => writing.move([move(0, 1, 2), move(1, 1, 3)]));
    expect(await world.checkpoints(run)).toEqual([
      { lane: 0, position: at(2) },
      { lane: 1, position: at(3) },
    ]);
    // An idle source's position may be one that the lane has already.
    await write((writing) => writing.move([{ lane: 0, from: at(2), position: at(2), changes: 0 }]));
    expect([await journal.tables.changesApplied(), await journal.tables.splitTransactions()]).toEqual([6, 1]);
  });

  test('a takeover waits for a transaction that has moved checkpoints, and what comes after it is refused', async () => {
    await journal.tables.openLanes(at(1));
    const writing = await world.begin(run, 7);
    await writing.move([{ lane: 0, from: at(1), position: at(2), changes: 1 }]);
    const taken = world.takeOver(run, 8);
    await world.someoneWaits();
    await writing.commit();
    await taken;
    const late = await world.begin(run, 7);
    await expect(late.move([{ lane: 0, from: at(2), position: at(3), changes: 1 }])).rejects.toMatchObject({
      code: 'LEASE.LOST',
    });
    await late.rollback();
    expect((await world.checkpoints(run))[0]).toEqual({ lane: 0, position: at(2) });
  });

  test('checkpoints are read only after a transaction that is still ending', async () => {
    await journal.tables.openLanes(at(1));
    const writing = await world.begin(run, 7);
    await writing.move([{ lane: 1, from: at(1), position: at(2), changes: 1 }]);
    const read = world.checkpoints(run);
    await world.someoneWaits();
    await writing.commit();
    expect((await read).map(({ position }) => position)).toEqual([at(1), at(2)]);
  });

  test('the number of lanes changes only while they are level, and nothing of the totals is lost', async () => {
    await journal.tables.openLanes(at(1));
    const move = (lane: number, changes: number): CheckpointMove => ({
      lane,
      from: at(1),
      position: at(2),
      changes,
      splits: 1,
    });
    await write((writing) => writing.move([move(0, 5)]));
    expect(await journal.tables.setLanes(3, tables)).toBe(false);
    expect(await journal.tables.setLanes(2, tables)).toBe(true);
    expect((await journal.load())?.lanes).toBe(2);
    expect(await world.checkpoints(run)).toHaveLength(2);
    await write((writing) => writing.move([move(1, 6)]));
    await journal.tables.sendHome([orders.id]);
    await journal.states.skip(hostile.id, { by: 'me', reason: 'no' });
    expect(await journal.tables.setLanes(3, tables)).toBe(true);
    expect((await journal.load())?.lanes).toBe(3);
    expect(await world.checkpoints(run)).toEqual([0, 1, 2].map((lane) => ({ lane, position: at(2) })));
    expect([await journal.tables.changesApplied(), await journal.tables.splitTransactions()]).toEqual([11, 2]);
    // Sent home it is the largest of those that one lane writes.
    expect((await byId()).get(orders.id)).toMatchObject({ lane: 0, spread: false });
    expect((await byId()).get(hostile.id)).toMatchObject({ lane: 1, spread: false });
    expect(await journal.states.list()).toHaveLength(1);
    expect(await journal.tables.setLanes(1, tables)).toBe(true);
    expect([...(await byId()).values()].map(({ lane }) => lane)).toEqual([0, 0]);
    expect(await journal.tables.changesApplied()).toBe(11);
  });

  test('what operators ask for a table is kept until it is taken back', async () => {
    const reason = `it's "\\" 🐘`;
    await journal.states.skip(hostile.id, { by: 'me', reason: 'first' });
    await journal.states.skip(hostile.id, { by: 'you', reason });
    await journal.states.askCopy(orders.id);
    const states = await journal.states.list();
    expect(states).toEqual([
      { table: hostile.id, state: 'skipped', waiver: { by: 'you', reason, at: expect.stringMatching(/Z$/) } },
      { table: orders.id, state: 'asked', waiver: null },
    ]);
    await journal.states.carry(hostile.id);
    expect(await journal.states.list()).toEqual([states[1]]);
    const names = [orders, hostile].map(({ id, schema, name }) => ({ id, schema, name }));
    for (const name of names) await journal.states.askJoin(name);
    expect((await journal.load())?.joining).toEqual(names);
    for (const name of names.slice(0, 1)) await journal.states.withdrawJoin(name);
    expect((await journal.load())?.joining).toEqual(names.slice(1));
  });

  test('the latest attempt to cut over is the one that counts', async () => {
    expect(await journal.cutovers.latest()).toBeUndefined();
    const second = { ...attempt, attempt: 10, phase: 'freezing', frozenAt: 'then' } as const;
    await journal.cutovers.write(attempt);
    await journal.cutovers.write(second);
    expect(await journal.cutovers.latest()).toEqual(second);
    await journal.cutovers.write({ ...second, phase: 'committed', reason: null });
    expect(await journal.cutovers.latest()).toEqual({ ...second, phase: 'committed', reason: null });
  });

  test('letters are kept in order with every value as it was, and are settled once', async () => {
    const refusal = { sqlState: '23505', constraint: `u'"`, column: null };
    const values = ['1', null, undefined, '', '{}', `'"\\\n🐘`, Buffer.from([0, 255])];
    const kept: readonly NewDeadLetter[] = [
      { ...letter(orders, 'update', '1', values), newKey: ['2'], refusal },
      ...Array.from({ length: 1_200 }, (_, n) => letter(orders, 'insert', `${n}`, [`${n}`])),
      letter(hostile, 'delete', `k'\\`),
    ];
    await write((writing) => writing.letters(at(4), { ...NONE, kept }));
    const letters = await journal.deadLetters.list();
    expect(letters.map(({ key }) => key)).toEqual(kept.map(({ key }) => key));
    const ids = letters.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    const [first = 0, second = 0] = ids;
    const last = ids.at(-1) ?? 0;
    expect(letters[0]).toEqual({
      id: first,
      table: orders.id,
      key: ['1'],
      newKey: ['2'],
      position: at(4),
      op: 'update',
      refusal,
      state: 'open',
      by: null,
      reason: null,
      createdAt: expect.stringMatching(/Z$/),
      settledAt: null,
    });
    const rows = await journal.deadLetters.rows([first, last, 10 ** 9]);
    expect([...rows]).toEqual([
      [first, values],
      [last, null],
    ]);
    expect(await journal.deadLetters.waive([first, second, 10 ** 9], 'me', 'because')).toBe(2);
    expect(await journal.deadLetters.waive([first], 'you', 'again')).toBe(0);
    expect(await journal.deadLetters.list(['waived'])).toMatchObject([
      { id: first, by: 'me', reason: 'because' },
      { id: second },
    ]);
    const replayed = [
      { id: first, by: 'me' },
      { id: ids[2] ?? 0, by: 'you' },
    ];
    await write((writing) => writing.letters(at(4), { ...NONE, replayed }));
    expect((await journal.deadLetters.list(['replayed'])).map(({ id, by }) => ({ id, by }))).toEqual(replayed);
    await expect(
      write((writing) => writing.letters(at(4), { ...NONE, replayed: replayed.slice(0, 1) })),
    ).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await write((writing) =>
      writing.letters(at(5), { ...NONE, emptied: [orders.id], kept: [letter(orders, 'insert', 'new', ['new'])] }),
    );
    expect((await journal.deadLetters.list(['open'])).map(({ table, key }) => [table, key])).toEqual([
      [hostile.id, [`k'\\`]],
      [orders.id, ['new']],
    ]);
    expect(await journal.deadLetters.list(['superseded', 'waived'])).toHaveLength(1_199);
  });

  test('a run that is forgotten leaves nothing, and others stay', async () => {
    const other = `${run}0`;
    await world.takeOver(other, 1);
    await world.journal(other, 1).create(newRun(other, catalogOf(tables)));
    await world.givePass(run);
    await journal.cutovers.write(attempt);
    await journal.tables.plan(orders.id, [['1']]);
    await journal.tables.openLanes(at(1));
    await journal.stages.start('snapshot');
    await journal.states.askCopy(orders.id);
    await write((writing) => writing.keyChunk(orders, ['1'], at(1)));
    await write((writing) => writing.letters(at(1), { ...NONE, kept: [letter(orders, 'delete', '1')] }));
    const before = await world.rowsOf(other);
    expect(before).toBeGreaterThan(0);
    await journal.audit({ by: 'it', command: 'forget', result: '' });
    await journal.forget();
    expect([await journal.load(), await world.rowsOf(run), await world.rowsOf(other)]).toEqual([undefined, 0, before]);
    // The same name can begin again, and closing twice is safe.
    expect((await journal.create(newRun(run, catalogOf(tables)))).outcome).toBe('running');
    await journal.close();
    await journal.close();
  });
}
