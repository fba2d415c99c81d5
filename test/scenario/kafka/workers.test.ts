// Lanes that are shared with workers where the changes come through Debezium and Kafka: each process is a consumer of its own.

import { expect, test } from 'vitest';
import { openKafka } from '../../../src/stream/kafka/client.ts';
import { sharedKafka } from '../../fleet/kafka-shared.ts';
import type { MigrateProcess } from '../../fleet/runner.ts';
import { said } from '../migration.ts';
import { Crossing } from '../mysql/crossing.ts';

/** The first batch takes so long that the lanes are worth sharing, and nothing else is done before they are. */
const BEHIND = 'apply.begin=delay(1500);schema.before_complete=delay(4000)';

interface Shown {
  readonly workers: readonly { readonly name: string; readonly lanes: readonly number[]; readonly changes: number }[];
}

/** The connectors and the consumer groups of runs. */
async function ours(): Promise<readonly string[]> {
  const { broker, connect } = sharedKafka();
  const connectors = (await (await fetch(`${connect}/connectors`)).json()) as readonly string[];
  const admin = (await openKafka({ brokers: [broker], clientId: 'test', networkTimeoutMs: 30_000 })).admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  return [...connectors, ...groups.map(({ groupId }) => groupId)].filter((name) => name.startsWith('migrate-')).sort();
}

/** Until the worker has written something of its lanes. */
async function shared(crossing: Crossing, { pid }: MigrateProcess): Promise<void> {
  for (;;) {
    const { workers } = (await crossing.status()) as unknown as Shown;
    if (workers.some(({ name, lanes, changes }) => name.endsWith(` ${pid}`) && lanes.length > 0 && changes > 0)) return;
  }
}

test('a worker, then the one that leads, then its successor in the cutover die: nothing is lost, doubled or left', async () => {
  const before = await ours();
  const { broker, connect } = sharedKafka();
  const crossing = await Crossing.open({
    source: { kind: 'postgres', url: '' },
    accounts: 60,
    plan: {
      stream: { via: 'debezium', debezium: { brokers: [broker], connect, replicationFactor: 1 } },
      apply: { lanes: 4, batchRows: 20, batchWait: '5ms', shareAfter: '100ms' },
    },
  });
  const copied = await crossing.run(undefined, undefined, '--until', 'snapshot');
  expect(copied.code, copied.stderr).toBe(0);
  const first = crossing.work();
  await first.waitFor(/joined the run/);
  const died = crossing.start(`${BEHIND};lanes.shared=pause(${crossing.path('never')})`);
  await died.waitFor(/^failpoint lanes\.shared 1$/);
  await crossing.writers.more('source', 20);
  await shared(crossing, first);
  first.kill('SIGKILL');
  const second = crossing.work();
  await second.waitFor(/joined the run/);
  died.kill('SIGKILL');
  await died.exited;
  const held = crossing.path('held');
  const killed = [first.pid, died.pid];
  const stopped = await crossing.run(`${BEHIND};lanes.shared=pause(${held});cutover.marked=kill9`, async (leader) => {
    killed.push(leader.pid);
    // At first the dead one may be taken for one that lives, and have lanes.
    await leader.waitFor(/^failpoint lanes\.shared 1$/);
    await crossing.writers.more('source', 20);
    await shared(crossing, second);
    await crossing.release(held);
  });
  expect(stopped.signal, said(stopped)).toBe('SIGKILL');
  // With the worker that lived on.
  await crossing.expectComplete(await crossing.run());
  expect(await second.exited).toMatchObject({ code: 0, json: { outcome: 'complete', changes: expect.any(Number) } });
  // The broker holds the group of one that was killed for as long as it may yet come back, and nobody can remove it before.
  const left = (await ours()).filter((name) => !killed.some((pid) => name.includes(`.${pid}-`)));
  expect(left).toEqual(before);
});
