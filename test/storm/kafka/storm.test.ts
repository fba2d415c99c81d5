// Runs through Debezium that a seed makes up: what happens to the broker, the Connect worker and the connector while clients
// write, how far the run is then, and where in the cutover its runner dies. STORM_SEED chooses the seed.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConnectServer, startConnect } from '../../fleet/connect.ts';
import { type KafkaServer, startKafka } from '../../fleet/kafka.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { Crossing, rootUrl } from '../../scenario/mysql/crossing.ts';
import { Random } from '../random.ts';

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

/** What somebody does to the connector through Connect itself. */
async function meddle(method: string, action: string, change?: Readonly<Record<string, string>>): Promise<void> {
  const ask = (path: string, init?: RequestInit) => fetch(`${connect.url}/connectors${path}`, init);
  const [name] = (await (await ask('')).json()) as readonly string[];
  const options = change && { ...((await (await ask(`/${name}/config`)).json()) as object), ...change };
  const headers = { 'content-type': 'application/json' };
  await ask(`/${name}${action}`, { method, headers, ...(options && { body: JSON.stringify(options) }) });
}

const FAULTS: Readonly<Record<string, () => Promise<void>>> = {
  'the broker is killed': async () => {
    await kafka.kill9();
    await kafka.restart();
  },
  'the worker is killed': async () => {
    await connect.kill9();
    await connect.restart();
  },
  'the connector is restarted': () => meddle('POST', '/restart?includeTasks=true'),
  'the connector is paused': () => meddle('PUT', '/pause'),
  'the connector is stopped': () => meddle('PUT', '/stop'),
  'the connector is deleted': () => meddle('DELETE', ''),
  'the connector is edited': () => meddle('PUT', '/config', { 'max.batch.size': '10' }),
};

/** How far the run is when it happens: behind the copy, and ready for the cutover. */
const MOMENTS = [/"stage":"catch-up","message":"stage begins"/, /^failpoint cutover\.before_arm 1$/];
const IN_THE_CUTOVER = ['cutover.armed', 'cutover.closed', 'cutover.marked', 'cutover.permanent'];
const KINDS = ['mysql', 'postgres'] as const;

test('a storm loses and doubles nothing, whether the run lives through a fault or stops and is started again', async () => {
  const seed = Number(process.env.STORM_SEED ?? 1);
  const random = new Random(seed);
  const kind = random.pick(KINDS);
  const source = { kind, url: kind === 'mysql' ? rootUrl(mysql.port) : '' };
  const debezium = { brokers: [kafka.broker], connect: connect.url, replicationFactor: 1 };
  const crossing = await Crossing.open({ source, plan: { stream: { via: 'debezium', debezium } } });
  const hold = `cutover.before_arm=pause(${crossing.path('never')})`;
  const faults = random.sample(Object.keys(FAULTS), 3);
  const last = random.pick(IN_THE_CUTOVER);
  console.log(`STORM_SEED=${seed}: from ${kind}; ${faults.join('; ')}; the runner is killed at ${last}`);
  for (const fault of faults) {
    const process = crossing.start(hold);
    await process.waitFor(random.pick(MOMENTS));
    await FAULTS[fault]?.();
    await crossing.writers.more('source', random.between(1, 20));
    process.kill('SIGKILL');
    await process.exited;
  }
  await crossing.dieAt(last);
  await crossing.expectComplete(await crossing.run());
  expect(await (await fetch(`${connect.url}/connectors`)).json()).toEqual([]);
});
