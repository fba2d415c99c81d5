// Lanes that are shared with workers while the target is far behind: each process reads the log and writes its own.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { Crossing, rootUrl } from './crossing.ts';

let fleet: MysqlServer;
beforeAll(async () => {
  fleet = await startMysql();
}, 300_000);
afterAll(() => fleet?.close());

/** The first batch takes so long that the lanes are worth sharing, and nothing else is done before they are. */
const BEHIND = 'apply.begin=delay(1500);schema.before_complete=delay(4000)';

interface Shown {
  readonly workers: readonly { readonly lanes: readonly number[]; readonly changes: number }[];
}

/** With a backlog behind the copy. */
async function open(): Promise<Crossing> {
  const crossing = await Crossing.open({
    source: { kind: 'mysql', url: rootUrl(fleet.port) },
    plan: { apply: { lanes: 4, batchRows: 20, batchWait: '5ms', shareAfter: '100ms' } },
  });
  const copied = await crossing.run(undefined, undefined, '--until', 'snapshot');
  expect(copied.code, copied.stderr).toBe(0);
  await crossing.writers.more('source', 40);
  return crossing;
}

/** Until a worker has written something of its lanes. */
async function shared(crossing: Crossing): Promise<void> {
  for (;;) {
    const { workers } = (await crossing.status()) as unknown as Shown;
    if (workers.some(({ lanes, changes }) => lanes.length === 2 && changes > 0)) return;
  }
}

test('two processes share the lanes, and one of them alone cuts over', async () => {
  const crossing = await open();
  const worker = crossing.work();
  await worker.waitFor(/joined the run/);
  const held = crossing.path('held');
  const result = await crossing.run(`${BEHIND};lanes.shared=pause(${held})`, async (leader) => {
    await leader.waitFor(/^failpoint lanes\.shared 1$/);
    await crossing.writers.more('source', 10);
    await shared(crossing);
    await crossing.release(held);
  });
  await crossing.expectComplete(result);
  expect(await worker.exited).toMatchObject({ code: 0, json: { outcome: 'complete', changes: expect.any(Number) } });
});

test('whoever is killed while lanes are shared, nothing is lost or doubled', async () => {
  const crossing = await open();
  const first = crossing.work();
  await first.waitFor(/joined the run/);
  // Who leads dies while the worker goes on, then where it has taken the lanes back.
  for (const point of ['lanes.shared', 'lanes.taken_back']) {
    const died = await crossing.run(`${BEHIND};${point}=kill9`);
    expect(died.signal, `${point} was not reached\n${died.stderr}`).toBe('SIGKILL');
  }
  const held = crossing.path('held');
  const result = await crossing.run(`${BEHIND};lanes.shared=pause(${held})`, async (leader) => {
    await leader.waitFor(/^failpoint lanes\.shared 1$/);
    await shared(crossing);
    first.kill('SIGSTOP');
    await crossing.release(held);
    // It is silent: the lanes are taken back without it.
    await leader.waitFor(/^failpoint lanes\.taken_back 1$/);
    // Awake again it writes nothing for an epoch that is over.
    first.kill('SIGCONT');
  });
  await crossing.expectComplete(result);
});
