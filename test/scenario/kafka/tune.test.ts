// `migrate tune` beside a run that reads a topic: PostgreSQL's own log has one reader, a topic has as many as want to.

import { expect, test } from 'vitest';
import { openKafka } from '../../../src/stream/kafka/client.ts';
import { sharedKafka } from '../../fleet/kafka-shared.ts';
import { type MigrateResult, runMigrate } from '../../fleet/runner.ts';
import { execute } from '../../fleet/text-client.ts';
import { said } from '../migration.ts';
import { Crossing } from '../mysql/crossing.ts';

const BACKLOG = [
  `INSERT INTO work.accounts (id, owner, balance) SELECT 1000 + n, 'new ' || n, 0 FROM generate_series(1, 800) n`,
  'UPDATE work.accounts SET balance = balance + 1',
  'UPDATE work.accounts SET id = id + 100000 WHERE id BETWEEN 1001 AND 1100',
  'DELETE FROM work.lines WHERE account <= 30',
];
/** Debezium writes a change of key as two. */
const CHANGES = 800 + 860 + 2 * 100 + 30;

test('a topic is read beside the run, which is paused, without its consumer group or its connector being touched', async () => {
  const { broker, connect } = sharedKafka();
  const crossing = await Crossing.open({
    source: { kind: 'postgres', url: '' },
    accounts: 60,
    clients: 0,
    plan: {
      cutover: { when: 'manual', reverse: 'off' },
      stream: { via: 'debezium', debezium: { brokers: [broker], connect, replicationFactor: 1 } },
    },
  });
  const migrate = (...args: readonly string[]): Promise<MigrateResult> =>
    runMigrate([...args, '-p', crossing.plan, '--json']);
  const admin = (await openKafka({ brokers: [broker], clientId: 'test', networkTimeoutMs: 30_000 })).admin();
  await admin.connect();
  const beside = async (): Promise<unknown> => ({
    groups: (await admin.listGroups()).groups.map(({ groupId }) => groupId).sort(),
    connectors: await (await fetch(`${connect}/connectors?expand=status`)).json(),
  });

  await crossing.start().waitFor(/"stage":"cutover","message":"stage begins"/);
  expect(await migrate('pause')).toMatchObject({ code: 0 });
  await execute(crossing.source, BACKLOG);
  const before = await beside();
  const tuned = await migrate('tune', '--settings', '2x200', '--rows', String(CHANGES));
  expect(tuned.code, said(tuned)).toBe(0);
  expect(tuned.json).toMatchObject({
    sample: { rows: CHANGES, tables: 2, filled: 60 + 30 },
    settings: [{ lanes: 2, batchRows: 200, rows: CHANGES, isWhole: true }],
  });
  expect(await beside()).toEqual(before);
  await admin.disconnect();
  expect(await migrate('abort', '--drop', '--yes')).toMatchObject({ code: 0 });
});
