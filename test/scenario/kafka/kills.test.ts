// A run through Debezium whose runner, worker and broker are killed: nothing is lost, and nothing is there twice; so with tables
// that join it. Where STORM_SEED is set it chooses the source.

import { writeFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEBEZIUM_FAILPOINTS } from '../../../src/lib/failpoint.ts';
import { type ConnectServer, startConnect } from '../../fleet/connect.ts';
import { type KafkaServer, startKafka } from '../../fleet/kafka.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { runMigrate } from '../../fleet/runner.ts';
import { said } from '../migration.ts';
import { Crossing, type Endpoint, rootUrl } from '../mysql/crossing.ts';
import { rowsOf } from '../scene.ts';

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

const ask = async (path: string, init?: RequestInit): Promise<Response> => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${connect.url}/connectors${path}`, { ...init, headers });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
};

/** Connect keeps a connector's place before the connector tells the slot, which then learns of what was sent meanwhile, too. */
test('postgres: what a connector sends first that kept an older place than its slot is not taken for sent again', async () => {
  const crossing = await Crossing.open({ source: { kind: 'postgres', url: '' }, plan: plan() });
  const first = crossing.start(`cutover.before_arm=pause(${crossing.path('never')})`);
  await first.waitFor(/^failpoint cutover\.before_arm 1$/);
  const [name = ''] = (await (await ask('')).json()) as readonly string[];
  // The server keeps the log from here on, so that the connector may begin before where it had got to.
  const old = new pg.Client({ connectionString: crossing.source });
  await old.connect();
  await old.query('BEGIN');
  await old.query('SELECT pg_current_xact_id()');
  await crossing.writers.more('source', 20);
  const kept = await (await ask(`/${name}/offsets`)).text();
  const before = await flushed(crossing.source);
  await crossing.writers.more('source', 20);
  await expect.poll(() => flushed(crossing.source), { timeout: 60_000 }).toBeGreaterThan(before);
  first.kill('SIGKILL');
  await first.exited;
  await ask(`/${name}/stop`, { method: 'PUT' });
  const state = async () => (await (await ask(`/${name}/status`)).json()) as { connector: { state: string } };
  await expect.poll(async () => (await state()).connector.state, { timeout: 30_000 }).toBe('STOPPED');
  await ask(`/${name}/offsets`, { method: 'PATCH', body: kept });
  await old.end();
  await crossing.expectComplete(await crossing.run());
});

/** Up to where the slot of the run was told that everything is in the topic. */
async function flushed(url: string): Promise<number> {
  const slots = "SELECT min(confirmed_flush_lsn - '0/0') FROM pg_replication_slots WHERE slot_name LIKE 'migrate%'";
  return Number((await rowsOf(url, slots))[0]?.[0]);
}
