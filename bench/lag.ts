// How far the target is behind while the source is written to at a steady rate: for every transaction the time between
// its commit on the source and its commit on the target, by the clock that both servers share.
// Run: npx tsx bench/lag.ts [transactions per second] [seconds]

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PostgresServer } from '../src/databases/postgres/connection.ts';
import { follow, openPipeline } from './lib/pipeline.ts';
import { median, percentile, report, thousands } from './lib/results.ts';
import { withServers } from './lib/servers.ts';

const RATE = Number(process.argv[2] ?? 1_000);
const SECONDS = Number(process.argv[3] ?? 20);

const DDL = `
CREATE SCHEMA bank;
CREATE TABLE bank.accounts (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE bank.history (id int PRIMARY KEY, note text NOT NULL);
INSERT INTO bank.accounts SELECT g, 0 FROM generate_series(1, 100000) AS g`;
const COMMITS = `SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM bank.history ORDER BY id`;

await withServers(
  async (pair) => {
    const [source, target] = [
      new PostgresServer('source', pair.source.url(), 'bench'),
      new PostgresServer('target', pair.target.url(), 'bench'),
    ];
    for (const server of [source, target]) await server.with('schema', (session) => session.run(DDL, []));
    const pipeline = await openPipeline(source, target, { schema: 'bank', lanes: 2 });
    const following = await follow(pipeline);
    const load = fileURLToPath(new URL('lib/load.ts', import.meta.url));
    const args = ['--import', 'tsx', load, pair.source.url(), String(RATE), String(SECONDS)];
    const writer = spawn(process.execPath, args, { stdio: 'inherit' });
    const [code] = (await once(writer, 'exit')) as [number];
    if (code !== 0) throw new Error(`the writers ended with ${code}`);
    await following.applier.passed(await pipeline.log.head());
    const read = (server: PostgresServer): Promise<readonly number[]> =>
      server.with('read', async (session) => (await session.query(COMMITS)).map(({ at }) => Number(at)));
    const [made, applied] = await Promise.all([read(source), read(target)]);
    if (made.length !== RATE * SECONDS || applied.length !== made.length) throw new Error('transactions are missing');
    const lags = made.map((at, index) => (applied[index] ?? Number.POSITIVE_INFINITY) - at);
    const ms = (value: number): string => `${value.toFixed(0)} ms`;
    await report({
      title: `Lag at a steady ${thousands(RATE)} transactions/s for ${SECONDS} s, commit to commit`,
      header: ['', 'median', 'p99', 'worst'],
      rows: [['of all transactions', ms(median(lags)), ms(percentile(lags, 0.99)), ms(Math.max(...lags))]],
    });
    await following.close();
    await pipeline.log.release();
    await Promise.all([source.close(), target.close()]);
  },
  { settings: { track_commit_timestamp: 'on' } },
);
