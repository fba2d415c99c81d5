// Whether a second process helps with a backlog in a topic: the same run of four lanes, alone and with `migrate worker`, from the
// first commit to the last by the clock of the target. Each process reads all of the topic and writes its own lanes.
// Run: npx tsx bench/debezium-workers.ts [changes] [rounds]. Needs Java 17 and Maven.

import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresServer } from '../src/databases/postgres/connection.ts';
import { cpuSeconds } from './lib/cpu.ts';
import { follow } from './lib/follower.ts';
import { type BenchKafka, withKafka } from './lib/kafka.ts';
import { median, report, thousands } from './lib/results.ts';
import { type ServerPair, withServers } from './lib/servers.ts';

const CHANGES = Number(process.argv[2] ?? 600_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const TRANSACTION_ROWS = 10;
const LOOK_MS = 100;
const DDL = `DROP SCHEMA IF EXISTS shop CASCADE;
CREATE SCHEMA shop;
CREATE TABLE shop.events (id int PRIMARY KEY, v int, s varchar(60), n numeric(12,2), ts timestamp(6), j json)`;
const BACKLOG = `DO $$
  BEGIN
    FOR i IN 1..${CHANGES} LOOP
      INSERT INTO shop.events
      VALUES (i, 0, 'a text of some thirty characters', i / 100.0, clock_timestamp(), '{"a": 1, "b": "two"}');
      IF i % ${TRANSACTION_ROWS} = 0 THEN COMMIT; END IF;
    END LOOP;
  END $$`;
const CONTENTS = `SELECT count(*) || ' ' || coalesce(sum(hashtextextended(e::text, 0)), 0) AS value FROM shop.events AS e`;
const SECONDS = `
  SELECT extract(epoch FROM max(at) - min(at)) AS value
  FROM (SELECT pg_xact_commit_timestamp(xmin) AS at FROM shop.events) AS writers`;

/** Seconds from the first commit to the last, and of CPU of everything that ran. */
interface Took {
  readonly commits: number;
  readonly cpu: number;
}

async function measure(kafka: BenchKafka, pair: ServerPair, name: string, processes: number): Promise<Took> {
  const source = new PostgresServer('source', pair.source.url(), 'bench');
  const maintenance = new PostgresServer('target', pair.target.url(), 'bench');
  const target = new PostgresServer('target', pair.target.url(name), 'bench');
  const ask = (server: PostgresServer, sql: string): Promise<unknown> =>
    server.with('ask', async (session) => (await session.query(sql, [], { timeoutMs: 0 }))[0]?.value);
  try {
    await maintenance.with('create', (session) => session.run(`CREATE DATABASE ${name}`, []));
    await source.with('table', (session) => session.run(DDL, []));
    const urls = { sourceUrl: pair.source.url(), targetUrl: pair.target.url(name) };
    const plan = { tables: { include: ['shop.*'] }, apply: { lanes: 4, shareAfter: '100ms' } };
    const follower = await follow({ name, kafka, ...urls, plan });
    try {
      for (let count = 1; count < processes; count++) await follower.join();
      await follower.pause();
      const end = (await kafka.end(follower.topic)) + CHANGES;
      await source.with('backlog', async (session) => {
        await session.run('SET synchronous_commit = off', []);
        await session.run(BACKLOG, [], { timeoutMs: 0 });
      });
      await kafka.reached(follower.topic, end);
      const before = cpuSeconds();
      await follower.resume();
      while (Number(await ask(target, 'SELECT count(*) AS value FROM shop.events')) < CHANGES) await sleep(LOOK_MS);
      const cpu = cpuSeconds() - before;
      if ((await ask(source, CONTENTS)) !== (await ask(target, CONTENTS))) throw new Error(`${name}: not the same`);
      return { commits: Number(await ask(target, SECONDS)), cpu };
    } finally {
      await follower.close();
    }
  } finally {
    for (const server of [source, maintenance, target]) await server.close();
  }
}

await withServers(
  (pair) =>
    withKafka(async (kafka) => {
      const took = new Map<number, Took[]>([
        [1, []],
        [2, []],
      ]);
      for (let round = 0; round < ROUNDS; round++) {
        for (const [processes, all] of took) all.push(await measure(kafka, pair, `w${processes}r${round}`, processes));
      }
      const [alone = []] = took.values();
      await report({
        title: `A backlog of ${thousands(CHANGES)} changes in a topic, four lanes, median of ${ROUNDS}`,
        header: ['processes', 'first to last commit', 'ratio', 'CPU'],
        rows: [...took].map(([processes, all]) => [
          String(processes),
          `${thousands(CHANGES / median(all.map(({ commits }) => commits)))} changes/s`,
          median(all.map(({ commits }, index) => (alone[index]?.commits ?? 0) / commits)).toFixed(2),
          `${median(all.map(({ cpu }) => cpu)).toFixed(1)} s`,
        ]),
      });
    }),
  { settings: { track_commit_timestamp: 'on' } },
);
