// Four writers on one table, killed wherever the apply can be killed, with another number of lanes at the next start. Keys
// swap and follow each other across lanes, tables are emptied, values stay behind in the log. Then transactions so large
// that they are committed in parts, killed between the parts.

import { expect, test } from 'vitest';
import type { Failpoint } from '../../../src/lib/failpoint.ts';
import { AUTO, openScene, rowsOf, type Scene } from '../scene.ts';

// `heavy` has a value that the log does not carry when a key changes.
const SCHEMA = `
CREATE SCHEMA app;
CREATE TABLE app.hot (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, note text);
CREATE TABLE app.heavy (part text, id bigint, body text, n int NOT NULL DEFAULT 0, PRIMARY KEY (part, id));
ALTER TABLE app.heavy ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE app.emptied (id uuid PRIMARY KEY, n int);
INSERT INTO app.hot SELECT n, n, 'first' FROM generate_series(1, 300) n;
INSERT INTO app.heavy SELECT 'p' || n % 3, n, repeat(md5(n::text), 100) FROM generate_series(1, 60) n;
INSERT INTO app.emptied SELECT gen_random_uuid(), n FROM generate_series(1, 60) n;`;

let scene: Scene;

const sections = (lanes: number, apply: Readonly<Record<string, unknown>>) => ({
  cutover: AUTO,
  snapshot: { chunkRows: 60 },
  apply: { lanes, batchWait: '1ms', ...apply },
});

const whole = (...statements: readonly string[]): string => `BEGIN; ${statements.join('; ')}; COMMIT`;

/** Small transactions; `round` keeps them apart. Only the later rounds empty tables or leave values behind. */
function work(round: number): readonly string[] {
  const from = 1_000 * (round + 1);
  const statements = [
    `INSERT INTO app.hot SELECT n, n, 'round ${round}' FROM generate_series(${from}, ${from + 60}) n`,
    `UPDATE app.hot SET n = n + 1 WHERE id % 2 = ${round % 2}`,
    ...[3, 7, 11].map((id) =>
      whole(
        `UPDATE app.hot SET id = 0 WHERE id = ${from + id}`,
        `UPDATE app.hot SET id = ${from + id} WHERE id = ${from + id + 1}`,
        `UPDATE app.hot SET id = ${from + id + 1}, n = -1 WHERE id = 0`,
      ),
    ),
    // A chain: each row takes the key that the one before it left.
    whole(
      `DELETE FROM app.hot WHERE id = ${from + 20}`,
      ...Array.from({ length: 12 }, (_, step) => `UPDATE app.hot SET id = id - 1 WHERE id = ${from + 21 + step}`),
    ),
    `UPDATE app.hot SET id = id + 500 WHERE id BETWEEN ${from + 40} AND ${from + 60}`,
    `DELETE FROM app.hot WHERE id % 17 = ${round}`,
    `UPDATE app.heavy SET n = n + 1`,
    `INSERT INTO app.emptied SELECT gen_random_uuid(), ${round} FROM generate_series(1, 20)`,
  ];
  if (round === 3) {
    statements.push(`UPDATE app.heavy SET id = id + 500`, `UPDATE app.heavy SET part = part || 'x' WHERE id % 3 = 0`);
    statements.push(
      whole('TRUNCATE app.emptied', `INSERT INTO app.emptied SELECT gen_random_uuid(), 7 FROM generate_series(1, 9)`),
    );
  }
  if (round === 6)
    statements.push(
      whole(`UPDATE app.hot SET n = 0`, 'TRUNCATE app.hot, app.heavy', `INSERT INTO app.hot VALUES (1, 1)`),
    );
  return statements;
}

async function killedAt(point: Failpoint, hit: number): Promise<void> {
  const { signal, stderr } = await scene.run(['run', '--json'], { failpoints: `${point}@${hit}=kill9` });
  expect(signal, stderr.slice(-3_000)).toBe('SIGKILL');
}

async function expectComplete(): Promise<Readonly<Record<string, unknown>>> {
  const { code, json, stderr } = await scene.run();
  expect(code, stderr.slice(-3_000)).toBe(0);
  expect(json).toMatchObject({ result: 'complete', verify: { differences: 0 } });
  const { differences, rows } = await scene.compare();
  expect(differences).toEqual([]);
  expect(rows).toBeGreaterThan(0);
  return json ?? {};
}

const checkpoints = async (): Promise<readonly string[]> =>
  (await rowsOf(scene.targetUrl, 'SELECT position FROM migrate.checkpoint ORDER BY lane')).map(([position]) =>
    String(position),
  );

const spread = async (): Promise<readonly unknown[]> =>
  (await rowsOf(scene.targetUrl, 'SELECT table_id FROM migrate.tables WHERE spread ORDER BY 1')).flat();

const KILLS: readonly (readonly [lanes: number, Failpoint, number])[] = [
  [1, 'apply.before_commit', 2],
  [4, 'apply.mid', 6],
  [4, 'apply.before_commit', 3],
  [4, 'apply.before_checkpoint', 7],
  [4, 'apply.before_commit', 6],
  [2, 'apply.after_commit', 2],
  [2, 'apply.before_commit', 4],
  [3, 'apply.begin', 3],
  [4, 'ack.before', 2],
];

test('kill -9 in the apply, with four lanes on one table and another number of them at each start, loses and doubles nothing', async () => {
  scene = await openScene({ schema: SCHEMA, sections: sections(1, { batchRows: 40 }) });
  await killedAt('copy.done', 1);
  let apart = 0;
  for (const [round, [lanes, point, hit]] of KILLS.entries()) {
    await scene.write(sections(lanes, { batchRows: 40 }));
    await scene.onSource(...work(round));
    await killedAt(point, hit);
    if (new Set(await checkpoints()).size > 1) apart++;
  }
  // Else the kills have proved little.
  expect(apart).toBeGreaterThan(1);
  await expectComplete();
  expect(await checkpoints()).toHaveLength(4);
  expect(await spread()).toEqual([]);
});

/** One transaction of some 27,000 row changes. */
const LARGE = whole(
  `INSERT INTO app.hot SELECT n, n, 'large' FROM generate_series(100001, 115000) n`,
  `UPDATE app.hot SET id = id + 50000, n = n + 1 WHERE id > 109000`,
  `UPDATE app.hot SET n = n + 1 WHERE id > 109000`,
  `DELETE FROM app.hot WHERE id BETWEEN 101001 AND 101300`,
);

test('kill -9 within transactions that are committed in parts loses and doubles nothing, and verification waits for their end', async () => {
  const apply = { batchRows: 1_000, maxTransactionRows: 1_000 };
  scene = await openScene({ schema: SCHEMA, sections: sections(3, apply) });
  await killedAt('copy.done', 1);
  await scene.onSource(LARGE, `UPDATE app.heavy SET n = n + 1`, 'TRUNCATE app.emptied');
  const seen: number[] = [];
  const within = async (): Promise<void> => {
    const ordinals = (await checkpoints()).map((position) => Number(position.split('#')[1] ?? 0));
    seen.push(...ordinals);
    expect(
      ordinals.some((ordinal) => ordinal > 0),
      ordinals.join(),
    ).toBe(true);
  };
  // Three lanes commit each part: in the second part one has and two have not.
  await killedAt('apply.before_commit', 5);
  await within();
  await scene.write(sections(2, apply));
  await killedAt('apply.after_commit', 2);
  await within();
  await scene.write(sections(4, apply));
  await killedAt('apply.mid', 3);
  await within();
  expect(new Set(seen).size).toBeGreaterThan(2);
  expect(await expectComplete()).toMatchObject({ stream: { splitTransactions: 1 } });
  expect(await spread()).toEqual(['app.heavy', 'app.hot']);
});
