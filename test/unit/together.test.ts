// Lanes are given to workers and taken back, as whoever leads does it; the workers and both databases are made up.

import { expect, test } from 'vitest';
import { RunGate } from '../../src/health/run-gate.ts';
import type { WorkerId, WorkerJournal, WorkerRecord } from '../../src/journal/workers.ts';
import { RunStatus } from '../../src/observe/status.ts';
import type { Runner } from '../../src/runner/runner.ts';
import { applyTogether, type SharedParts } from '../../src/runner/together.ts';
import { Workers } from '../../src/stages/workers.ts';
import { Verification } from '../../src/verify/verification.ts';
import { at, createTable, SILENT } from './apply-fixture.ts';
import { copiedAt, MemorySource, MemoryStream, MemoryTarget } from './apply-memory.ts';

const table = createTable('items');

/** `alive` gives who lives, each time that it is looked at after lanes were shared so many times. */
function setUp(alive: (shared: number) => readonly number[]) {
  const shared: (readonly number[])[] = [];
  const target = new MemoryTarget([table], [at(0), at(0), at(0)]);
  const { log, chunks } = new MemorySource(
    () => at(0),
    () => undefined,
  );
  const workersOf = (ids: readonly number[]) => ids.map((id) => ({ id, name: `process ${id}` }));
  let claims = 0;
  const verification = new Verification();
  const runner = {
    ...{ verification, gate: new RunGate(), status: new RunStatus('test'), homeward: new Set() },
    request: {
      log: SILENT,
      plan: {
        apply: { batchRows: 10, batchBytes: 1_000, batchWait: 0, lanes: 3, maxTransactionRows: 10 },
        cutover: { maxLag: 0 },
      },
    },
  };
  const parts = {
    ...{ target, record: { lanes: 3 }, division: { aside: undefined } },
    source: { chunks, log: { ...log, head: async () => at(1), mark: async () => undefined } },
    journal: { tables: { list: async () => [copiedAt(table, 0, at(0))] }, load: async () => undefined },
    stream: () => new MemoryStream(),
    workers: {
      get alive() {
        return workersOf(alive(shared.length));
      },
      share: async (_: number, members: readonly { readonly id: number }[]) => {
        shared.push(members.map(({ id }) => id));
        return new Set([0]);
      },
    },
    claim: async () => {
      claims++;
    },
    signal: new AbortController().signal,
  };
  const apply = () => applyTogether(runner as unknown as Runner, parts as unknown as SharedParts);
  return { apply, shared, verification, claims: () => claims };
}

test('lanes of a worker that is missed while they are given are taken back', async () => {
  const { apply, shared, claims } = setUp((times) => [[1, 2], [1], []][times] ?? []);
  await apply();
  expect(shared).toEqual([[1, 2], [1], []]);
  expect(claims()).toBe(3);
});

test('what was compared before lanes were shared counts for nothing', async () => {
  const { apply, verification } = setUp(() => []);
  const applier = { observe: () => undefined };
  verification.follow(applier, 1);
  verification.begin(applier);
  verification.compared(5);
  verification.completed();
  await apply();
  // As after any claim of our own.
  verification.follow(applier, 2);
  expect([verification.complete, verification.rowsCompared]).toEqual([false, 0]);
});

/** The one who leads looks at these; resolves with what the journal was told. */
async function look(...records: readonly Partial<WorkerRecord>[]) {
  const worker = { joinedAt: '', doing: '', changes: 0, chunks: 0, rows: 0, lanes: [], epoch: 7, silentSeconds: 0 };
  const told = { invited: [] as (readonly WorkerId[])[], removed: [] as (readonly WorkerId[])[] };
  const journal = {
    list: async () => records.map((record) => ({ ...worker, ...record })),
    share: async (lanes: ReadonlyMap<WorkerId, unknown>) => void told.invited.push([...lanes.keys()]),
    remove: async (ids: readonly WorkerId[]) => void told.removed.push(ids),
  };
  const workers = new Workers({
    ...{ epoch: () => 7, status: new RunStatus('test'), log: SILENT },
    journal: journal as unknown as WorkerJournal,
  });
  await workers.whileInviting(workers.look);
  return told;
}

test('a worker that is silent keeps what it was invited to when another one is', async () => {
  const { invited, removed } = await look({ id: 1, silentSeconds: 11 }, { id: 2, epoch: null });
  expect({ invited, removed }).toEqual({ invited: [[1, 2]], removed: [] });
});

test('a worker that was silent for a minute is not one any more', async () => {
  const { invited, removed } = await look({ id: 1, silentSeconds: 61 }, { id: 2, epoch: null });
  expect({ invited, removed }).toEqual({ invited: [[2]], removed: [[1]] });
});
