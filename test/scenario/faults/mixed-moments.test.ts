// The copy is killed between chunks, and goes on at a later moment: some chunks show the source as it was before what
// happens meanwhile, the others as it was after. Whatever moves between the two must come out right.

import { expect, test } from 'vitest';
import { withMigration } from '../migration.ts';
import { AUTO, openScene, rowsOf } from '../scene.ts';

const ROWS = 60;
const SCHEMA = `
CREATE SCHEMA app;
CREATE TABLE app.things (
  id bigint PRIMARY KEY, label text NOT NULL UNIQUE, body text, seat bigint UNIQUE DEFERRABLE INITIALLY DEFERRED, n int DEFAULT 0
);
ALTER TABLE app.things ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE app.words (word text COLLATE "en-x-icu" PRIMARY KEY, body text, n int DEFAULT 0);
ALTER TABLE app.words ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO app.things SELECT n * 10, 'label' || n, (SELECT string_agg(md5(n || '.' || m), '') FROM generate_series(1, 90) m), n
  FROM generate_series(1, ${ROWS}) n;
INSERT INTO app.words SELECT chr(97 + n % 26) || n, repeat(md5(n::text), 90) FROM generate_series(1, ${ROWS}) n;`;

// Chunks of six rows: keys up to 60, up to 120, and so on. Three of the first are copied when the process dies.
const SECTIONS = { cutover: AUTO, snapshot: { chunkRows: 6, readers: 1 }, apply: { batchRows: 3 } };

const swap = (column: string, left: number, right: number): readonly string[] => [
  `UPDATE app.things SET ${column} = 'free' WHERE id = ${left}`,
  `UPDATE app.things SET ${column} = 'label${left / 10}' WHERE id = ${right}`,
  `UPDATE app.things SET ${column} = 'label${right / 10}' WHERE id = ${left}`,
];
const transaction = (...statements: readonly string[]): string => `BEGIN; ${statements.join('; ')}; COMMIT`;

const MOVES: readonly (readonly [string, readonly string[]])[] = [
  [
    'unique values change places between rows of copied and of other chunks',
    [
      ...swap('label', 10, 590),
      transaction(...swap('label', 20, 300)),
      transaction(...swap('label', 400, 30)),
      'UPDATE app.things s SET seat = o.seat FROM app.things o WHERE (s.id, o.id) IN ((50, 580), (580, 50))',
      `UPDATE app.things SET label = 'passed on' WHERE id = 60`,
      `UPDATE app.things SET label = 'label6' WHERE id = 500`,
    ],
  ],
  [
    'keys move between chunks, both ways, with a large text that the log does not carry',
    [
      'UPDATE app.things SET id = 5001 WHERE id = 10',
      'UPDATE app.things SET id = 11 WHERE id = 600',
      'UPDATE app.things SET id = 12, n = 1 WHERE id = 590',
      'UPDATE app.things SET n = n + 1 WHERE id = 12',
      'UPDATE app.things SET id = 301 WHERE id = 20',
      'UPDATE app.things SET id = 21 WHERE id = 301',
      `UPDATE app.words SET word = 'a' || word WHERE word LIKE 'z%'`,
      `UPDATE app.words SET word = 'Z' || word WHERE word LIKE 'b%'`,
      `UPDATE app.words SET n = n + 1`,
    ],
  ],
  [
    'keys follow each other in chains and swap over a free one, across chunks',
    [
      transaction(
        'UPDATE app.things SET id = 601 WHERE id = 600',
        'UPDATE app.things SET id = 600 WHERE id = 300',
        'UPDATE app.things SET id = 300 WHERE id = 30',
        'UPDATE app.things SET id = 30 WHERE id = 601',
      ),
      transaction(
        'UPDATE app.things SET id = -1 WHERE id = 40',
        'UPDATE app.things SET id = 40 WHERE id = 450',
        'UPDATE app.things SET id = 450 WHERE id = -1',
      ),
      'UPDATE app.things SET id = 100000 - id',
      'UPDATE app.things SET id = 100000 - id',
    ],
  ],
  [
    'rows are deleted and come back, with other contents, elsewhere, and more than once',
    [
      transaction('DELETE FROM app.things WHERE id = 10', `INSERT INTO app.things VALUES (10, 'label1', 'new', 1)`),
      transaction('DELETE FROM app.things WHERE id = 590', `INSERT INTO app.things VALUES (590, 'label59', 'new', 59)`),
      'DELETE FROM app.things WHERE id IN (20, 580)',
      `INSERT INTO app.things VALUES (20, 'label58', 'moved', 58), (580, 'label2', 'moved', 2)`,
      'DELETE FROM app.things WHERE id IN (20, 580)',
      `INSERT INTO app.things SELECT id + 5, label || '+', body, seat + 1000 FROM app.things WHERE id % 50 = 0`,
      'UPDATE app.things SET id = id - 5 WHERE id % 10 = 5 AND id - 5 NOT IN (SELECT id FROM app.things)',
      'DELETE FROM app.things WHERE id > 550 OR id = 30',
    ],
  ],
];

/** The copy's chunks were read at more than one moment: else the test would prove nothing. */
async function expectMoments({ targetUrl }: { readonly targetUrl: string }, least: number): Promise<void> {
  const [[moments] = []] = await rowsOf(targetUrl, 'SELECT count(DISTINCT at)::int FROM migrate.chunk');
  expect(moments).toBeGreaterThanOrEqual(least);
}

test.each(MOVES)('nothing is lost or doubled when %s between two moments of the copy', async (_, statements) => {
  const scene = await openScene({ schema: SCHEMA, sections: SECTIONS });
  const killed = await scene.run(undefined, { failpoints: 'chunk.after_commit@3=kill9' });
  expect(killed.signal).toBe('SIGKILL');
  await scene.onSource(...statements);
  expect(await scene.run()).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  await expectMoments(scene, 2);
  expect((await scene.compare()).differences).toEqual([]);
});

test('the same again with a kill in each of three moments, and one while the two are brought together', async () => {
  const scene = await openScene({ schema: SCHEMA, sections: SECTIONS });
  const points = [
    'chunk.after_commit@3',
    'chunk.before_commit@3',
    'chunk.after_commit@4',
    'apply.before_commit@2',
    'apply.after_commit@3',
  ];
  for (const [index, point] of points.entries()) {
    const killed = await scene.run(undefined, { failpoints: `${point}=kill9` });
    expect([point, killed.signal]).toEqual([point, 'SIGKILL']);
    const moves = MOVES[index]?.[1] ?? [];
    await scene.onSource(...moves.filter((statement) => !/label\d+'/.test(statement)));
    await scene.onSource(
      `UPDATE app.things SET n = n + 1, body = CASE WHEN id % 3 = 0 THEN repeat(md5(id || 'x${index}'), 90) ELSE body END`,
    );
  }
  expect(await scene.run()).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  await expectMoments(scene, 3);
  expect((await scene.compare()).differences).toEqual([]);
});

test.each(['shop', 'torture'] as const)(
  'clients of the %s go on writing through a copy of several moments',
  async (workload) => {
    await withMigration({ workload, rows: 200, plan: { snapshot: { chunkRows: 40 } } }, async (migration) => {
      for (const point of ['chunk.after_commit@3', 'chunk.after_commit@4', 'apply.after_commit@2']) {
        await migration.writers.more('source', 40);
        const killed = await migration.start(`${point}=kill9`).exited;
        expect([point, killed.signal]).toEqual([point, 'SIGKILL']);
      }
      await migration.writers.more('source', 40);
      const finished = await migration.run();
      await expectMoments(migration.pair, 3);
      await migration.expectComplete(finished);
    });
  },
);
