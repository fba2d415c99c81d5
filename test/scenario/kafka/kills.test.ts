// A run through Debezium whose runner, worker and broker are killed: nothing is lost, and nothing is there twice; so with tables
// that join it. Where STORM_SEED is set it chooses the source.

import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEBEZIUM_FAILPOINTS } from '../../../src/lib/failpoint.ts';
import { type ConnectServer, startConnect } from '../../fleet/connect.ts';
import { type KafkaServer, startKafka } from '../../fleet/kafka.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { runMigrate } from '../../fleet/runner.ts';
import { said } from '../migration.ts';
import { Crossing, type Endpoint, rootUrl } from '../mysql/crossing.ts';

let mysql: MysqlServer;
let kafka: KafkaServer;
let connect: ConnectServer;

beforeAll(async () => {
  [mysql, kafka] = await Promise.all([startMysql(), startKafka()]);
  // What it wrote last comes again after a kill.
  connect = await startConnect(kafka, { exactlyOnce: false });
}, 300_000);

afterAll(async () => {
  await connect?.close();
  await kafka?.close();
  await mysql?.close();
});

const plan = (): Readonly<Record<string, unknown>> => ({
  stream: { via: 'debezium', debezium: { brokers: [kafka.broker], connect: connect.url, replicationFactor: 1 } },
});

test('a runner that dies at each step of pinning the log begins again', async () => {
  const crossing = await Crossing.open({ source: { kind: 'postgres', url: '' }, accounts: 50, plan: plan() });
  await crossing.dieAt(...DEBEZIUM_FAILPOINTS);
  await crossing.expectComplete(await crossing.run());
});

const KINDS = ['mysql', 'postgres'] as const;
const seed = Number(process.env.STORM_SEED ?? Number.NaN);
const chosen = Number.isInteger(seed) ? KINDS.slice(seed % KINDS.length).slice(0, 1) : KINDS;

test.each(chosen)('%s: the worker, the broker and the runner die under live clients', async (kind) => {
  const source: Endpoint = { kind, url: kind === 'mysql' ? rootUrl(mysql.port) : '' };
  const crossing = await Crossing.open({ source, plan: plan() });
  const go = crossing.path('go');
  const hold = `cutover.before_arm=pause(${go})`;
  const held = /^failpoint cutover\.before_arm 1$/;
  const first = crossing.start(hold);
  await first.waitFor(held);
  await connect.kill9();
  await crossing.writers.more('source', 10);
  await connect.restart();
  await crossing.writers.more('source', 10);
  first.kill('SIGKILL');
  await first.exited;
  const result = await crossing.run(hold, async (process) => {
    await process.waitFor(held);
    await kafka.kill9();
    await crossing.writers.more('source', 10);
    await kafka.restart();
    await crossing.writers.more('source', 10);
    await connect.kill9();
    await connect.restart();
    await writeFile(go, '');
  });
  await crossing.expectComplete(result);
  expect(await (await fetch(`${connect.url}/connectors`)).json()).toEqual([]);
});

test.each(chosen)('%s: tables join while their clients write and the worker and the runner die', async (kind) => {
  const source: Endpoint = { kind, url: kind === 'mysql' ? rootUrl(mysql.port) : '' };
  const tables = { include: ['work.accounts', 'work.lines'] };
  const crossing = await Crossing.open({ source, accounts: 40, clients: 1, plan: { ...plan(), tables } });
  const begun = await crossing.start(undefined, '--until', 'verify').exited;
  expect(begun.code, said(begun)).toBe(0);
  await connect.kill9();
  const up = connect.restart();
  for (const name of ['work.documents', 'work.ledger']) {
    const added = await runMigrate(['table', 'add', name, '--plan', crossing.plan, '--json']);
    expect(added.code, said(added)).toBe(0);
  }
  await up;
  // With the tables in the log and not in the connector, then with both and not in the journal.
  await crossing.dieAt('table.published', 'table.joining');
  const go = crossing.path('go');
  const result = await crossing.run(`table.copied=pause(${go})`, async (process) => {
    await process.waitFor(/^failpoint table\.copied 1$/);
    await connect.kill9();
    await crossing.writers.more('source', 10);
    await connect.restart();
    await writeFile(go, '');
  });
  await crossing.expectComplete(result);
});
