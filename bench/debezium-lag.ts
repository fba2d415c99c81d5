// How far the target is behind through Debezium and Kafka while the source is written to at a steady rate: for every transaction the
// time between its commit on the source and its commit on the target, by the clock that both servers share. A whole run of the command.
// Run: npx tsx bench/debezium-lag.ts [transactions per second] [seconds]. Needs Java 17 and Maven.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PostgresServer } from '../src/databases/postgres/connection.ts';
import { follow } from './lib/follower.ts';
import { withKafka } from './lib/kafka.ts';
import { median, percentile, report, thousands } from './lib/results.ts';
import { withServers } from './lib/servers.ts';

const RATE = Number(process.argv[2] ?? 1_000);
const SECONDS = Number(process.argv[3] ?? 20);
/** Before what is counted: the connector is slow at first. */
const WARM_SECONDS = 5;
const COUNTED = RATE * WARM_SECONDS;
const ALL = COUNTED + RATE * SECONDS;

const DDL = `
CREATE SCHEMA bank;
CREATE TABLE bank.accounts (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE bank.history (id int PRIMARY KEY, note text NOT NULL);
INSERT INTO bank.accounts SELECT g, 0 FROM generate_series(1, 100000) AS g`;
const COMMITS = `
  SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM bank.history WHERE id >= ${COUNTED} ORDER BY id`;

await withServers(
  (pair) =>
    withKafka(async (kafka) => {
      const [sourceUrl, targetUrl] = [pair.source.url(), pair.target.url()];
      const source = new PostgresServer('source', sourceUrl, 'bench');
      const target = new PostgresServer('target', targetUrl, 'bench');
      await source.with('schema', (session) => session.run(DDL, []));
      const plan = { tables: { include: ['bank.*'] } };
      const follower = await follow({ name: 'lag', sourceUrl, targetUrl, kafka, plan });
      try {
        const load = fileURLToPath(new URL('lib/load.ts', import.meta.url));
        const args = ['--import', 'tsx', load, sourceUrl, String(RATE), String(WARM_SECONDS + SECONDS)];
        const [code] = (await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit')) as [number];
        if (code !== 0) throw new Error(`the writers ended with ${code}`);
        const arrived = async (): Promise<number> =>
          Number(
            (await target.with('look', (session) => session.one('SELECT count(*) AS rows FROM bank.history')))?.rows,
          );
        while ((await arrived()) < ALL) await sleep(100);
        const read = (server: PostgresServer): Promise<readonly number[]> =>
          server.with('read', async (session) => (await session.query(COMMITS)).map(({ at }) => Number(at)));
        const [made, applied] = await Promise.all([read(source), read(target)]);
        const lags = made.map((at, index) => (applied[index] ?? Number.POSITIVE_INFINITY) - at);
        const ms = (value: number): string => `${value.toFixed(0)} ms`;
        await report({
          title: `Lag through Debezium at a steady ${thousands(RATE)} transactions/s for ${SECONDS} s, commit to commit`,
          header: ['', 'median', 'p99', 'worst', 'memory at most'],
          rows: [
            [
              'of all transactions',
              ...[median(lags), percentile(lags, 0.99), Math.max(...lags)].map(ms),
              `${follower.peakMegabytes().toFixed(0)} MB`,
            ],
          ],
        });
      } finally {
        await follower.close();
        await Promise.all([source.close(), target.close()]);
      }
    }),
  { settings: { track_commit_timestamp: 'on' } },
);
