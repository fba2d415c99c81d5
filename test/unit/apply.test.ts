import { afterEach, expect, test, vi } from 'vitest';
import { Applier } from '../../src/apply/applier.ts';
import { createDeferred } from '../../src/apply/deferred.ts';
import type { ApplierOptions } from '../../src/apply/options.ts';
import { Gate } from '../../src/health/gate.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { at, createTable, insert, marker, remove, SILENT, transaction, update } from './apply-fixture.ts';
import { copiedAt, MemorySource, MemoryStream, MemoryTarget } from './apply-memory.ts';

const left = createTable('left_items');
const right = createTable('right_items');
const LIMITS = { batchRows: 100, batchBytes: 1_000_000, batchWait: 0, lanes: 2, maxTransactionRows: 1_000_000 };
const opened: Applier[] = [];

afterEach(async () => {
  for (const applier of opened.splice(0)) await applier.close();
});

function setUp(options: Partial<ApplierOptions> & { readonly positions?: readonly number[] } = {}) {
  const stream = new MemoryStream();
  const target = new MemoryTarget([left, right], (options.positions ?? [0, 0]).map(at));
  const status = new RunStatus('test');
  const gate = new Gate();
  const source = new MemorySource(
    () => at(0),
    () => undefined,
  );
  const applier = new Applier({
    stream,
    target,
    source,
    tables: [copiedAt(left, 0, at(0)), copiedAt(right, 1, at(0))],
    journal: { sendHome: async () => undefined },
    homeward: new Set(),
    limits: LIMITS,
    log: SILENT,
    gate,
    status,
    signal: new AbortController().signal,
    ...options,
  });
  opened.push(applier);
  return { stream, target, status, gate, applier };
}

test('changes are written, every lane moves, and the source is told after', async () => {
  const { stream, target, status, applier } = setUp();
  await applier.start();
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]), transaction(2, [insert(right, '1', 'c', 'd')]));
  await applier.passed(at(2));
  expect(target.rows(left).get('1')).toEqual(['1', 'a', 'b']);
  expect(target.rows(right).get('1')).toEqual(['1', 'c', 'd']);
  expect(target.positions).toEqual(['2', '2']);
  expect(stream.acked.at(-1)).toBe('2');
  expect(status.snapshot().stream.changes).toBe(2);
});

test('an empty lane moves in the transaction of a lane that writes', async () => {
  const { stream, target, applier } = setUp();
  await applier.start();
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]));
  await applier.passed(at(1));
  expect(target.commits).toBe(1);
  expect(target.positions).toEqual(['1', '1']);
});

test('whoever waits for a position gets it although no row comes with it', async () => {
  const { stream, target, applier } = setUp();
  await applier.start();
  stream.push(transaction(5, []));
  await applier.passed(at(4));
  expect(target.positions).toEqual(['5', '5']);
});

test('a marker is met when what stands before it is durable', async () => {
  const { stream, target, applier } = setUp();
  await applier.start();
  const met = applier.met('drained');
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]), transaction(2, [marker('drained')]));
  await met;
  expect(target.rows(left).size).toBe(1);
});

test('a large transaction is written in pieces and committed with its last one', async () => {
  const { stream, target, applier } = setUp({ limits: { ...LIMITS, batchRows: 1, batchBytes: 1_000 } });
  await applier.start();
  const met = applier.met('after');
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')], false));
  stream.push(transaction(1, [insert(right, '1', 'a', 'b'), marker('after')], false));
  stream.push(transaction(2, [insert(left, '2', 'a', 'b')]));
  await met;
  expect(target.positions).toEqual(['2', '2']);
  expect([target.commits, target.rows(left).size, target.rows(right).size]).toEqual([2, 2, 1]);
});

test('lanes that stand at different positions each drop what they have', async () => {
  const { stream, target, applier } = setUp({ positions: [1, 3] });
  target.tables.get(left.id)?.insert(['1', 'a', 'b']);
  target.tables.get(right.id)?.insert(['1', 'a', 'b']);
  await applier.start();
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]));
  stream.push(transaction(2, [insert(left, '2', 'a', 'b')]), transaction(3, [insert(right, '1', 'a', 'b')]));
  stream.push(transaction(4, [remove(right, '1'), remove(left, '1')]));
  await applier.passed(at(4));
  expect(stream.resumedAt).toBe('1');
  expect([...target.rows(left).keys()]).toEqual(['2']);
  expect(target.rows(right).size).toBe(0);
  expect(target.positions).toEqual(['4', '4']);
});

test('a checkpoint never moves back to a batch that its lane is past', async () => {
  const { stream, target, applier } = setUp({ positions: [1, 9] });
  await applier.start();
  stream.push(transaction(2, [insert(left, '2', 'a', 'b')]));
  const passed = applier.passed(at(3));
  stream.push(transaction(3, [insert(left, '3', 'a', 'b')]));
  await passed;
  expect(target.positions).toEqual(['3', '9']);
});

test('a truncation keeps its place in the order', async () => {
  const { stream, target, applier } = setUp();
  await applier.start();
  stream.push(
    transaction(1, [insert(left, '1', 'a', 'b'), insert(right, '1', 'a', 'b')]),
    transaction(2, [{ op: 'truncate', tables: [left, right] }, insert(left, '2', 'a', 'b')]),
  );
  await applier.passed(at(2));
  expect([...target.rows(left).keys()]).toEqual(['2']);
  expect(target.rows(right).size).toBe(0);
});

test('a held gate holds the writing but not the reading', async () => {
  const { stream, target, gate, applier } = setUp();
  gate.hold('paused');
  await applier.start();
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]));
  const passed = applier.passed(at(1));
  await new Promise(setImmediate);
  expect(target.commits).toBe(0);
  gate.release('paused');
  await passed;
  expect(target.commits).toBe(1);
});

test('a barrier runs while no lane writes, and the apply goes on after it', async () => {
  const { stream, target, applier } = setUp();
  await applier.start();
  const release = createDeferred<void>();
  const entered = createDeferred<void>();
  const barrier = applier.atBarrier(async () => {
    entered.resolve();
    await release.promise;
    return target.commits;
  });
  await entered.promise;
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]));
  const passed = applier.passed(at(1));
  await new Promise(setImmediate);
  release.resolve();
  expect(await barrier).toBe(0);
  await passed;
  expect(target.commits).toBe(1);
});

test('a barrier waits until the lanes stand at one position', async () => {
  const { stream, target, applier } = setUp({ positions: [1, 2] });
  await applier.start();
  const barrier = applier.atBarrier(async () => target.positions);
  stream.push(transaction(2, [insert(left, '1', 'a', 'b')]));
  expect(await barrier).toEqual(['2', '2']);
});

test('a barrier waits for the end of a transaction that came in pieces', async () => {
  const { stream, target, applier } = setUp({ limits: { ...LIMITS, batchRows: 1, batchBytes: 1_000 } });
  await applier.start();
  const barrier = new Promise<unknown>((resolve) => {
    const changed = (): void => resolve(applier.atBarrier(async () => target.positions[0]));
    applier.observe({ changed, truncated: () => undefined });
  });
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')], false));
  await new Promise(setImmediate);
  stream.push(transaction(2, [insert(left, '2', 'a', 'b')]));
  expect(await barrier).toBe('2');
});

test('an error of the work at a barrier is its own and does not end the apply', async () => {
  const { stream, applier } = setUp();
  await applier.start();
  const refused = applier.atBarrier(() => Promise.reject(new Error('no')));
  await expect(refused).rejects.toThrow('no');
  stream.push(transaction(1, []));
  await applier.passed(at(1));
});

test('an error of the target ends the apply, and nothing is acknowledged', async () => {
  const { stream, target, applier } = setUp();
  target.onCommit = () => {
    throw new MigrateError('TARGET.CONNECTION', 'gone');
  };
  await applier.start();
  const passed = applier.passed(at(1));
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]));
  await expect(applier.failed).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await expect(passed).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await expect(applier.met('later')).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  expect(stream.acked).toEqual([]);
});

test('a transaction that is committed in parts is announced, and is no place for markers, barriers or acknowledgements', async () => {
  const warnings: unknown[] = [];
  const { stream, target, status, applier } = setUp({
    limits: { ...LIMITS, batchRows: 1, maxTransactionRows: 1 },
    log: { ...SILENT, warn: (_, fields) => warnings.push(fields) },
  });
  await applier.start();
  const seen: string[] = [];
  const met = applier.met('within').then(() => seen.push(`met at ${target.positions[0]}`));
  stream.push(transaction(1, [insert(right, '1', 'a', 'b')]));
  await applier.passed(at(1));
  const barrier = applier.atBarrier(async () => seen.push(`barrier at ${target.positions[0]}`));
  await barrier;
  stream.push(transaction(1.1, [insert(left, '1', 'a', 'b'), marker('within')], false));
  await applier.passed(at(1.1));
  const later = applier.atBarrier(async () => seen.push(`barrier at ${target.positions[0]}`));
  stream.push(transaction(1.2, [insert(left, '2', 'a', 'b'), insert(right, '2', 'a', 'b')], false));
  await applier.passed(at(1.2));
  expect(target.positions).toEqual(['1.2', '1.2']);
  expect(stream.acked.at(-1)).toBe('1');
  stream.push(transaction(2, [insert(left, '3', 'a', 'b')]));
  await Promise.all([met, later]);
  expect(seen.sort()).toEqual(['barrier at 1', 'barrier at 2', 'met at 2']);
  expect(stream.acked.at(-1)).toBe('2');
  expect(warnings).toEqual([{ position: '1.1', rows: 2 }]);
  expect(status.snapshot().stream.splitTransactions).toBe(1);
});

test('an apply that begins within a transaction waits for its end before barriers', async () => {
  const { stream, target, applier } = setUp({ positions: [1.1, 1.1] });
  await applier.start();
  const barrier = applier.atBarrier(async () => [...target.positions]);
  await new Promise(setImmediate);
  stream.push(transaction(2, [insert(left, '1', 'a', 'b')]));
  expect(await barrier).toEqual(['2', '2']);
});

test('another number of lanes is asked for once the lanes that are apart have come to one position', async () => {
  const { stream, target, applier } = setUp({ positions: [1, 2], limits: { ...LIMITS, lanes: 3 } });
  await applier.start();
  stream.push(transaction(2, [insert(left, '1', 'a', 'b')]), transaction(3, [insert(left, '2', 'a', 'b')]));
  await expect(applier.failed).rejects.toMatchObject({ code: 'APPLY.LANES', disposition: 'retry' });
  expect(target.positions).toEqual(['2', '2']);
});

test('a table goes home in the journal before one lane empties it', async () => {
  const sent: string[] = [];
  const { stream, target, applier } = setUp({
    tables: [copiedAt(left, 0, at(0), true), copiedAt(right, 1, at(0), true)],
    journal: { sendHome: async (ids) => void sent.push(`${ids.join()} at ${target.positions.join()}`) },
  });
  await applier.start();
  const rows = ['1', '2', '3', '4', '5'].map((key) => insert(left, key, 'a', 'b'));
  stream.push(transaction(1, rows));
  await applier.passed(at(1));
  expect(target.commits).toBe(2);
  stream.push(transaction(2, [{ op: 'truncate', tables: [left] }, ...rows]));
  await applier.passed(at(2));
  expect(sent).toEqual(['public.left_items at 1,1']);
  expect(target.commits).toBe(3);
  expect(target.rows(left).size).toBe(5);
});

test('an error of the stream ends the apply', async () => {
  const { stream, applier } = setUp();
  await applier.start();
  stream.fail(new MigrateError('STREAM.GONE', 'dropped'));
  await expect(applier.failed).rejects.toMatchObject({ code: 'STREAM.GONE' });
});

test('a change of a table that is not part of the run ends the apply', async () => {
  const { stream, applier } = setUp();
  await applier.start();
  stream.push(transaction(1, [insert(createTable('other'), '1', 'a', 'b')]));
  await expect(applier.failed).rejects.toThrow('public.other');
});

test('the signal ends the apply with its reason, also while the gate is held', async () => {
  const controller = new AbortController();
  const { stream, gate, applier } = setUp({ signal: controller.signal });
  gate.hold('paused');
  await applier.start();
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]));
  controller.abort(new MigrateError('INTERRUPTED', 'stop'));
  await expect(applier.failed).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('closing lets a running commit finish and rejects whoever waits', async () => {
  const { stream, target, applier } = setUp();
  const entered = createDeferred<void>();
  const release = createDeferred<void>();
  target.onCommit = async (moment) => {
    if (moment === 'after') return;
    entered.resolve();
    await release.promise;
  };
  await applier.start();
  stream.push(transaction(1, [insert(left, '1', 'a', 'b')]));
  const waiting = applier.passed(at(2));
  await entered.promise;
  const closed = applier.close();
  release.resolve();
  await closed;
  await applier.close();
  expect(target.positions).toEqual(['1', '1']);
  await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('observers are told of every key before it is written', async () => {
  const { stream, target, applier } = setUp();
  const seen: string[] = [];
  applier.observe({
    changed: (table, key) => seen.push(`${table.name} ${key[0]} ${target.commits}`),
    truncated: (table) => seen.push(`${table.name} emptied`),
  });
  await applier.start();
  stream.push(
    transaction(1, [
      insert(left, '1', 'a', 'b'),
      update(left, '1', '2', 'a', 'b'),
      { op: 'truncate', tables: [right] },
    ]),
  );
  await applier.passed(at(1));
  expect(seen).toEqual(['left_items 1 0', 'left_items 1 0', 'left_items 2 0', 'right_items emptied']);
});

test('the lag is that of the newest heartbeat met, and grows while one is under way', async () => {
  const { stream, status, applier } = setUp();
  await applier.start();
  expect(status.snapshot().stream.lagSeconds).toBeNull();
  applier.noteHeartbeat('1', performance.now() - 3_000);
  expect(status.snapshot().stream.lagSeconds).toBeGreaterThanOrEqual(3);
  applier.noteHeartbeat('2', performance.now());
  const met = applier.met('heartbeat:2');
  stream.push(transaction(7, [marker('heartbeat:other'), marker('heartbeat:2')]));
  await met;
  await applier.passed(at(7));
  applier.setHead(at(10));
  expect(status.snapshot().stream.lagSeconds).toBeLessThan(3);
  expect(status.snapshot().stream.lagBytes).toBe(3);
});

test('a heartbeat that hangs shows as a lag that grows by itself, and an apply that ended knows no lag', async () => {
  const { stream, status, applier } = setUp();
  await applier.start();
  const met = applier.met('heartbeat:1');
  applier.noteHeartbeat('1', performance.now());
  stream.push(transaction(7, [marker('heartbeat:1')]));
  await met;
  applier.noteHeartbeat('2', performance.now());
  const before = status.snapshot().stream.lagSeconds ?? 0;
  await vi.waitUntil(() => (status.snapshot().stream.lagSeconds ?? 0) > before + 0.2);
  await applier.close();
  expect(status.snapshot().stream).toMatchObject({ lagSeconds: null, lagBytes: null });
});
