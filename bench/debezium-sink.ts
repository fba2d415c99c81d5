// How fast a backlog in a topic is written to PostgreSQL, against Debezium's own JDBC sink: the same changes of the same source, an
// equal table, batches of the same size, one connection each, from the first commit to the last by the clock of the target. Each reads
// a topic of its own: the sink needs schemas in the messages, the program does not. All are at work before, and held while the
// backlog is made.
// Run: npx tsx bench/debezium-sink.ts [changes] [rounds]. Needs Java 17 and Maven.

import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresServer } from '../src/databases/postgres/connection.ts';
import { cpuSeconds } from './lib/cpu.ts';
import { type Follower, follow } from './lib/follower.ts';
import { type BenchKafka, withKafka } from './lib/kafka.ts';
import { median, report, thousands } from './lib/results.ts';
import { type ServerPair, withServers } from './lib/servers.ts';

const CHANGES = Number(process.argv[2] ?? 200_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const BATCH = 2_000;
const LOOK_MS = 100;

/** The last row of a round; the first one is 0. */
const LAST = CHANGES / 2;
const STRIDE = LAST + 1;
const DDL = `CREATE SCHEMA shop;
CREATE TABLE shop.events (id int PRIMARY KEY, v int, s varchar(60), n numeric(12,2), ts timestamp(6), j json)`;

/** Inserts, then nearly as many updates: the first row stays as its writer left it, and so tells when that was. */
const backlog = (round: number, rows: number): string => `DO $$
  BEGIN
    FOR i IN ${round * STRIDE}..${round * STRIDE + LAST} LOOP
      INSERT INTO shop.events
      VALUES (i, 0, 'a text of some thirty characters', i / 100.0, clock_timestamp(), '{"a": 1, "b": "two"}');
      IF i % ${rows} = 0 THEN COMMIT; END IF;
    END LOOP;
    FOR i IN ${round * STRIDE + 1}..${round * STRIDE + LAST - 1} LOOP
      UPDATE shop.events SET v = 1, n = n + 1 WHERE id = i;
      IF i % ${rows} = 0 THEN COMMIT; END IF;
    END LOOP;
  END $$`;
const within = (round: number): string => `id BETWEEN ${round * STRIDE} AND ${round * STRIDE + LAST}`;
const contents = (round: number): string => `
  SELECT count(*) || ' ' || coalesce(sum(hashtextextended(e::text, 0)), 0) AS digest
  FROM shop.events AS e WHERE ${within(round)}`;
const arrived = (round: number): string => `SELECT FROM shop.events WHERE id = ${round * STRIDE + LAST - 1} AND v = 1`;
const commits = (round: number): string => `
  SELECT extract(epoch FROM min(at)) AS first, extract(epoch FROM max(at)) AS last
  FROM (SELECT pg_xact_commit_timestamp(xmin) AS at FROM shop.events WHERE ${within(round)}) AS writers`;

interface Side {
  readonly name: string;
  readonly topic: string;
  /** Messages in its topic for each transaction, besides its changes. */
  readonly marks: number;
  readonly target: PostgresServer;
  pause(): Promise<void>;
  resume(): Promise<void>;
  peakMegabytes(): number;
}

/** Seconds. */
interface Took {
  /** From the first commit to the last. */
  readonly commits: number;
  /** From the moment at which it was let go to the last commit. */
  readonly all: number;
  /** Of CPU until then, of everything that runs. */
  readonly cpu: number;
}

const json = { 'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'key.converter.schemas.enable': 'true' };
const CONVERTERS = Object.fromEntries(
  Object.entries(json).flatMap(([name, value]) => [
    [name, value],
    [name.replace('key', 'value'), value],
  ]),
);

async function sink(kafka: BenchKafka, pair: ServerPair): Promise<Side> {
  const [name, topic] = ['sink', 'sink.shop.events'];
  const target = await database(pair, name);
  await target.with('table', (session) => session.run(DDL, []));
  await kafka.makeTopic(topic);
  await kafka.create('source', {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    ...{ 'database.hostname': '127.0.0.1', 'database.port': String(pair.source.port), 'database.dbname': 'postgres' },
    ...{ 'database.user': 'postgres', 'database.password': '-', 'topic.prefix': 'sink' },
    ...{ 'plugin.name': 'pgoutput', 'slot.name': 'sink', 'publication.name': 'sink' },
    ...{ 'table.include.list': 'shop.events', 'snapshot.mode': 'no_data', 'poll.interval.ms': '10' },
    // The program's own messages in the log.
    'message.prefix.include.list': 'none',
    ...{ 'max.batch.size': '8192', 'max.queue.size': '32768', 'producer.override.linger.ms': '20' },
    ...{ 'producer.override.batch.size': '524288', 'producer.override.compression.type': 'gzip' },
    ...CONVERTERS,
  });
  await kafka.create(name, {
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    ...{ 'tasks.max': '1', topics: topic, 'collection.name.format': 'shop.events' },
    'connection.url': `jdbc:postgresql://127.0.0.1:${pair.target.port}/${name}?reWriteBatchedInserts=true`,
    ...{ 'connection.username': 'postgres', 'connection.password': '-' },
    ...{ 'insert.mode': 'upsert', 'delete.enabled': 'true', 'primary.key.mode': 'record_key' },
    ...{ 'schema.evolution': 'none', 'batch.size': String(BATCH), 'use.reduction.buffer': 'true' },
    'consumer.override.max.poll.records': String(BATCH),
    'consumer.override.max.partition.fetch.bytes': '8388608',
    ...CONVERTERS,
  });
  return {
    ...{ name: 'JDBC sink, with schemas', topic, marks: 0, target, peakMegabytes: () => 0 },
    pause: () => kafka.pause(name),
    resume: () => kafka.resume(name),
  };
}

async function own(kafka: BenchKafka, pair: ServerPair, converter: 'json' | 'jsonWithSchemas'): Promise<Side> {
  const name = converter.toLowerCase();
  const target = await database(pair, name);
  const follower: Follower = await follow({
    ...{ name, kafka, converter, sourceUrl: pair.source.url(), targetUrl: pair.target.url(name) },
    plan: { tables: { include: ['shop.*'] }, apply: { lanes: 1, batchRows: BATCH } },
  });
  closing.push(() => follower.close());
  return { ...follower, name: `migrate, ${converter}`, marks: 2, target };
}

const closing: (() => Promise<void>)[] = [];

async function database(pair: ServerPair, name: string): Promise<PostgresServer> {
  const maintenance = new PostgresServer('target', pair.target.url(), 'bench');
  await maintenance.with('create', (session) => session.run(`CREATE DATABASE ${name}`, []));
  await maintenance.close();
  const server = new PostgresServer('target', pair.target.url(name), 'bench');
  closing.push(() => server.close());
  return server;
}

await withServers(
  (pair) =>
    withKafka(async (kafka) => {
      const source = new PostgresServer('source', pair.source.url(), 'bench');
      try {
        await source.with('table', (session) => session.run(DDL, []));
        await compare(kafka, source, [
          await sink(kafka, pair),
          await own(kafka, pair, 'json'),
          await own(kafka, pair, 'jsonWithSchemas'),
        ]);
      } finally {
        for (const close of closing.toReversed()) await close();
        await source.close();
      }
    }),
  { settings: { track_commit_timestamp: 'on' } },
);

async function compare(kafka: BenchKafka, source: PostgresServer, sides: readonly Side[]): Promise<void> {
  for (const side of sides) await side.pause();
  let round = 0;
  for (const rows of [1, 100]) {
    const took = new Map<Side, Took[]>(sides.map((side) => [side, []]));
    for (let count = 0; count <= ROUNDS; count++, round++) {
      await fill(kafka, source, sides, rows, round);
      // Each is the first one now and then.
      for (const index of sides.keys()) {
        const side = sides[(index + round) % sides.length];
        if (side === undefined) continue;
        const one = await measure(side, source, round);
        process.stderr.write(`${rows} ${side.name} ${JSON.stringify(one)}\n`);
        if (count > 0) took.get(side)?.push(one);
      }
    }
    await show(rows, took);
  }
}

/** The backlog, until it is in all topics. */
async function fill(
  kafka: BenchKafka,
  source: PostgresServer,
  sides: readonly Side[],
  rows: number,
  round: number,
): Promise<void> {
  const before = await Promise.all(sides.map(({ topic }) => kafka.end(topic)));
  await source.with('backlog', async (session) => {
    await session.run('SET synchronous_commit = off', []);
    await session.run(backlog(round, rows), [], { timeoutMs: 0 });
  });
  for (const [index, { topic, marks }] of sides.entries())
    await kafka.reached(topic, (before[index] ?? 0) + CHANGES + marks * Math.floor(CHANGES / rows));
}

async function measure(side: Side, source: PostgresServer, round: number): Promise<Took> {
  const read = (server: PostgresServer, sql: string) =>
    server.with('read', (session) => session.query(sql, [], { timeoutMs: 0 }));
  await read(side.target, 'CHECKPOINT');
  const [began, before] = [Date.now() / 1_000, cpuSeconds()];
  await side.resume();
  while ((await read(side.target, arrived(round))).length === 0) await sleep(LOOK_MS);
  const cpu = cpuSeconds() - before;
  const expected = (await read(source, contents(round)))[0]?.digest;
  if ((await read(side.target, contents(round)))[0]?.digest !== expected) throw new Error(`${side.name}: not the same`);
  await side.pause();
  const [row] = await read(side.target, commits(round));
  return { commits: Number(row?.last) - Number(row?.first), all: Number(row?.last) - began, cpu };
}

async function show(rows: number, took: ReadonlyMap<Side, readonly Took[]>): Promise<void> {
  const [theirs = []] = took.values();
  const rate = (all: readonly number[]): string => `${thousands(CHANGES / median(all))} changes/s`;
  await report({
    title: `A backlog of ${thousands(CHANGES)} changes in transactions of ${rows}, through Debezium to PostgreSQL, median of ${ROUNDS}`,
    header: ['', 'first to last commit', 'ratio', 'from the start', 'ratio', 'CPU', 'ratio', 'memory at most'],
    rows: [...took].map(([side, all]) => {
      const ratio = (what: keyof Took): string =>
        median(all.map((one, index) => (theirs[index]?.[what] ?? 0) / one[what])).toFixed(2);
      const peak = side.peakMegabytes();
      return [
        side.name,
        rate(all.map((one) => one.commits)),
        ratio('commits'),
        rate(all.map((one) => one.all)),
        ratio('all'),
        `${median(all.map((one) => one.cpu)).toFixed(1)} s`,
        ratio('cpu'),
        peak === 0 ? '' : `${peak.toFixed(0)} MB`,
      ];
    }),
  });
}
