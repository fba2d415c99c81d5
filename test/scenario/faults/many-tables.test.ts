import { afterEach, expect, test } from 'vitest';
import { openPair, type Pair } from '../../fleet/databases.ts';
import { startServer } from '../../fleet/postgres.ts';
import { openWorkspace } from '../../fleet/runner.ts';
import { AUTO, rowsOf, Scene } from '../scene.ts';

// More, by hand: MANY_TABLES=10000 and --testTimeout=1800000.
const TABLES = Number(process.env.MANY_TABLES ?? 600);
// Room for far fewer locks than these tables need, and for as many as one part of the work may take.
const SMALL = {
  max_locks_per_transaction: '32',
  max_connections: '50',
  max_wal_senders: '10',
  max_replication_slots: '10',
  max_prepared_transactions: '0',
};

let scene: Scene | undefined;
afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

async function openSmallPair(): Promise<Pair> {
  const servers = await Promise.all([startServer({ settings: SMALL }), startServer({ settings: SMALL })]);
  const [source, target] = servers.map((server) => server.url());
  return {
    sourceUrl: source ?? '',
    targetUrl: target ?? '',
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** A sequence, two indexes and a foreign key each. Made in batches, for the same reason. */
async function fill(on: Scene): Promise<void> {
  await on.onSource('CREATE SCHEMA many');
  for (let from = 1; from <= TABLES; from += 100) {
    await on.onSource(
      `DO $$ BEGIN FOR n IN ${from}..${Math.min(from + 99, TABLES)} LOOP
         EXECUTE format('CREATE TABLE many.t%s (id serial PRIMARY KEY, other int REFERENCES many.t%s, note text UNIQUE)', n,
                        greatest(1, n - 1));
         EXECUTE format('INSERT INTO many.t%s (note) VALUES (%L)', n, 'n' || n);
       END LOOP; END $$`,
    );
  }
}

test('tables by the thousand are moved with the locks of a small server', async () => {
  const pair = await (process.env.MANY_TABLES === undefined ? openSmallPair() : openPair());
  scene = new Scene(pair, await openWorkspace());
  await scene.write({ cutover: { ...AUTO, retries: 1 } });
  await fill(scene);
  const result = await scene.run(['run', '--json'], { limitMs: 1_500_000 });
  expect(result.code, result.stderr.slice(-3000)).toBe(0);
  expect(result.json).toMatchObject({ result: 'complete', verify: { differences: 0, rowsCompared: TABLES } });
  if (process.env.MANY_TABLES !== undefined) {
    console.log(JSON.stringify(result.json), result.stderr.replace(/^failpoint.*\n|.*building.*\n|^test: .*\n/gm, ''));
  }
  const made = await rowsOf(
    scene.targetUrl,
    "SELECT relkind::text, count(*)::int FROM pg_class WHERE relnamespace = 'many'::regnamespace GROUP BY 1 ORDER BY 1",
  );
  expect(made).toEqual([
    ['S', TABLES],
    ['i', 2 * TABLES],
    ['r', TABLES],
  ]);
  expect(
    await rowsOf(
      scene.targetUrl,
      "SELECT count(*)::int FROM pg_constraint WHERE connamespace = 'many'::regnamespace AND contype = 'f' AND convalidated",
    ),
  ).toEqual([[TABLES]]);
  expect(await rowsOf(scene.sourceUrl, 'SELECT pubname FROM pg_publication')).toEqual([]);
});
