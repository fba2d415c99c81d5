// Runs through Debezium that a seed makes up: from which source, what happens to the broker, the Connect worker, the connector
// and a worker of the run while clients write, how far the run is then, and where in the cutover its runner dies. STORM_SEED
// chooses the seed, STORM_COUNT how many from there on.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConnectServer, startConnect } from '../../fleet/connect.ts';
import { type KafkaServer, startKafka } from '../../fleet/kafka.ts';
import { startMariadb } from '../../fleet/mariadb.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { openClient } from '../../fleet/text-client.ts';
import { Crossing, rootUrl } from '../../scenario/mysql/crossing.ts';
import { Random } from '../random.ts';
import { keepEvidence } from './evidence.ts';

let mysql: MysqlServer;
let mariadb: MysqlServer;
let kafka: KafkaServer;
/** Of one, what it wrote last comes again after a kill; the other writes each record exactly once. */
let workers: readonly [again: ConnectServer, once: ConnectServer];

beforeAll(async () => {
  [mysql, mariadb, kafka] = await Promise.all([startMysql(), startMariadb(), startKafka()]);
  workers = await Promise.all([startConnect(kafka), startConnect(kafka, { exactlyOnce: true })]);
}, 300_000);

afterAll(async () => {
  for (const server of [...(workers ?? []), kafka, mariadb, mysql]) await server?.close();
});

/** What somebody does to the connector through Connect itself. */
async function meddle(url: string, method: string, action: string, change?: Readonly<Record<string, string>>) {
  const ask = (path: string, init?: RequestInit) => fetch(`${url}/connectors${path}`, init);
  const [name] = (await (await ask('')).json()) as readonly string[];
  const options = change && { ...((await (await ask(`/${name}/config`)).json()) as object), ...change };
  const headers = { 'content-type': 'application/json' };
  await ask(`/${name}${action}`, { method, headers, ...(options && { body: JSON.stringify(options) }) });
}

const FAULTS: Readonly<Record<string, (connect: ConnectServer) => Promise<void>>> = {
  'the broker is killed': async () => {
    await kafka.kill9();
    await kafka.restart();
  },
  'the worker is killed': async (connect) => {
    await connect.kill9();
    await connect.restart();
  },
  'the connector is restarted': ({ url }) => meddle(url, 'POST', '/restart?includeTasks=true'),
  'the connector is paused': ({ url }) => meddle(url, 'PUT', '/pause'),
  'the connector is stopped': ({ url }) => meddle(url, 'PUT', '/stop'),
  'the connector is deleted': ({ url }) => meddle(url, 'DELETE', ''),
  'the connector is edited': ({ url }) => meddle(url, 'PUT', '/config', { 'max.batch.size': '10' }),
};

/** How far the run is when it happens: behind the copy, and ready for the cutover. */
const MOMENTS = [/"stage":"catch-up","message":"stage begins"/, /^failpoint cutover\.before_arm 1$/];
const IN_THE_CUTOVER = ['cutover.armed', 'cutover.closed', 'cutover.marked', 'cutover.permanent'];
const KINDS = ['mysql', 'postgres', 'mariadb'] as const;
/** So slow that a transaction is seldom written as a whole. */
const SLOW = { 'max.batch.size': '10', 'max.queue.size': '20', 'poll.interval.ms': '10' };

/** A transaction of several hundred rows, beside those of the clients. Resolves when it is over, however it ends. */
async function writeMany(url: string, label: string): Promise<void> {
  const client = await openClient(url);
  try {
    await client.query('BEGIN');
    for (let statement = 0; statement < 6; statement++) {
      const rows = Array.from({ length: 60 }, (_, row) => `('many ${label} ${statement} ${row}')`);
      await client.query(`INSERT INTO work.ledger (token) VALUES ${rows.join(', ')}`);
    }
    await client.query('COMMIT');
  } catch {
    // Where the fence is closed already nobody needs it.
  } finally {
    await client.close();
  }
}

interface Made {
  readonly crossing: Crossing;
  readonly connect: ConnectServer;
  readonly random: Random;
  readonly faults: readonly string[];
  readonly last: string;
  /** A further process of the run takes part, is killed with each fault, and another takes its place. */
  readonly isShared: boolean;
}

async function carryOut({ crossing, connect, random, faults, last, isShared }: Made): Promise<void> {
  const hold = `cutover.before_arm=pause(${crossing.path('never')})`;
  for (const fault of faults) {
    const process = crossing.start(hold);
    await process.waitFor(random.pick(MOMENTS));
    const helper = isShared ? crossing.work() : undefined;
    const many = writeMany(crossing.source, fault);
    await FAULTS[fault]?.(connect);
    if (random.chance(50)) helper?.kill('SIGKILL');
    await crossing.writers.more('source', random.between(1, 20));
    await many;
    process.kill('SIGKILL');
    await process.exited;
    helper?.kill('SIGKILL');
  }
  await crossing.dieAt(last);
  await crossing.expectComplete(await crossing.run());
  expect(await (await fetch(`${connect.url}/connectors`)).json()).toEqual([]);
}

const first = Number(process.env.STORM_SEED ?? 1);
const seeds = Array.from({ length: Number(process.env.STORM_COUNT ?? 1) }, (_, index) => first + index);

test.each(seeds)('storm %i loses and doubles nothing, whether the run lives through a fault or stops', async (seed) => {
  const random = new Random(seed);
  const kind = random.pick(KINDS);
  const [connect, isOnce] = random.chance(30) ? [workers[1], true] : [workers[0], false];
  // A transaction of Kafka's for every ten records would take minutes.
  const [isShared, isSlow] = [random.chance(40), random.chance(50) && !isOnce];
  const faults = random.sample(Object.keys(FAULTS), 3);
  const last = random.pick(IN_THE_CUTOVER);
  const url = { mysql: rootUrl(mysql.port), mariadb: rootUrl(mariadb.port), postgres: '' }[kind];
  const debezium = {
    brokers: [kafka.broker],
    connect: connect.url,
    replicationFactor: 1,
    ...(isSlow ? { connectorOptions: SLOW } : {}),
  };
  const how = [kind, isOnce ? 'once' : 'again', ...(isShared ? ['shared'] : []), ...(isSlow ? ['slow'] : [])];
  console.log(`STORM_SEED=${seed}: ${how.join(' ')}; ${faults.join('; ')}; the runner is killed at ${last}`);
  const apply = { lanes: 4, batchRows: 20, batchWait: '5ms', ...(isShared ? { shareAfter: '100ms' } : {}) };
  const plan = { stream: { via: 'debezium', debezium }, apply };
  const crossing = await Crossing.open({ source: { kind, url }, plan });
  try {
    await carryOut({ crossing, connect, random, faults, last, isShared });
  } catch (error) {
    const folder = await keepEvidence({ seed, crossing, broker: kafka.broker, connect: connect.url });
    // The next storm takes every connector for its own.
    await meddle(connect.url, 'DELETE', '').catch(() => undefined);
    throw new Error(`storm ${seed} went wrong: everything that explains it is in ${folder}`, { cause: error });
  }
});
