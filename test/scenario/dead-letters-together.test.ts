// Dead letters together with what else changes how rows are written: parts of a large transaction, tables that were made
// by hand, columns that come during the run.

import { afterEach, expect, test } from 'vitest';
import type { MigrateProcess } from '../fleet/runner.ts';
import { MANUAL, openScene, rowsOf, type Scene, type Sections } from './scene.ts';

let scene: Scene | undefined;

afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

const SCHEMA = `CREATE SCHEMA app;
CREATE TABLE app.items (id bigint PRIMARY KEY, name text, n integer NOT NULL);
INSERT INTO app.items SELECT n, 'name' || n, n FROM generate_series(1, 40) n;`;
const STRICTER = 'ALTER TABLE app.items ADD CONSTRAINT small CHECK (n < 1000)';
const RELAXED = 'ALTER TABLE app.items DROP CONSTRAINT small';

async function open(sections: Sections): Promise<Scene> {
  const apply = { onBadRow: 'deadLetter', lanes: 1, ...(sections.apply as object | undefined) };
  scene = await openScene({ schema: SCHEMA, sections: { cutover: MANUAL, ...sections, apply } });
  return scene;
}

const KEPT = `SELECT concat_ws(' ', key ->> 0, new_key ->> 0, coalesce("constraint", 'follows'))
  FROM migrate.dead_letter ORDER BY id`;

/** For each letter, in order: its key, the key it moves the row to, and which constraint refused it, if one did. */
async function kept(s: Scene): Promise<readonly unknown[]> {
  return (await rowsOf(s.targetUrl, KEPT)).flat();
}

/** The target takes the rows now: nothing is left that differs. */
async function settle(s: Scene, run: MigrateProcess): Promise<void> {
  expect((await s.run(['cutover'])).code).toBe(5);
  await s.onTarget(RELAXED);
  const replayed = await s.run(['dead-letters', 'retry', '--all', '--json']);
  expect(replayed, replayed.stderr).toMatchObject({ code: 0, json: { result: 'replayed', refused: [] } });
  await s.ready(run);
  expect(await s.run(['cutover'])).toMatchObject({ code: 0 });
  const done = await run.exited;
  expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
}

test('a row that is refused in one part of a large transaction stays dead in the parts that follow, through a kill', async () => {
  const s = await open({ apply: { maxTransactionRows: 1_000, batchRows: 5_000 } });
  expect(await s.run(['run', '--json', '--until', 'catch-up'])).toMatchObject({ code: 0 });
  await s.onTarget(STRICTER);
  // Two pieces of 5,000 changes and the beginning of a third.
  await s.onSource(`BEGIN;
    INSERT INTO app.items VALUES (101, 'bad', 5000);
    INSERT INTO app.items SELECT n, 'many', 1 FROM generate_series(1001, 11400) n;
    UPDATE app.items SET n = 6 WHERE id = 101;
    INSERT INTO app.items VALUES (102, 'bad', 5000);
    UPDATE app.items SET id = 103 WHERE id = 101;
    COMMIT`);
  const killed = await s.run(undefined, { failpoints: 'dlq.after@2=kill9' });
  expect(killed.signal, killed.stderr).toBe('SIGKILL');
  expect(await kept(s)).toEqual(['101 small']);
  const run = s.start();
  const there = await s.until(run, ({ deadLetters }) => deadLetters.open === 4);
  expect(there.stream.splitTransactions).toBeGreaterThan(0);
  expect(await kept(s)).toEqual(['101 small', '101 follows', '101 103 follows', '102 small']);
  await settle(s, run);
  expect((await s.compare()).differences).toEqual([]);
});

test('rows that a table made by hand refuses are kept, and replayed into its own order of columns', async () => {
  const s = await open({ schema: { target: 'existing' } });
  await s.onTarget(`CREATE SCHEMA app; CREATE TABLE app.items (
    extra text DEFAULT 'x', n integer NOT NULL, CONSTRAINT small CHECK (n < 1000), name text UNIQUE, id bigint PRIMARY KEY)`);
  const run = s.start();
  await s.ready(run);
  await s.onSource(
    'UPDATE app.items SET n = 5000 WHERE id = 1',
    "INSERT INTO app.items VALUES (101, 'name2', 1)",
    "UPDATE app.items SET name = 'free' WHERE id = 2",
    "UPDATE app.items SET name = 'late' WHERE id = 1",
    'DELETE FROM app.items WHERE id = 3',
  );
  await s.until(run, ({ deadLetters, stream }) => deadLetters.open === 3 && stream.changes === 5);
  expect(await kept(s)).toEqual(['1 small', '101 items_name_key', '1 follows']);
  await settle(s, run);
  const rows = 'SELECT id, name, n FROM app.items ORDER BY id';
  expect(await rowsOf(s.targetUrl, rows)).toEqual(await rowsOf(s.sourceUrl, rows));
  expect(await rowsOf(s.targetUrl, 'SELECT DISTINCT extra FROM app.items')).toEqual([['x']]);
});

test('rows that were refused before columns were followed are replayed without them, later ones with them', async () => {
  const s = await open({ schema: { changes: 'add-columns' } });
  const run = s.start();
  await s.ready(run);
  await s.onTarget(STRICTER);
  await s.onSource(
    'UPDATE app.items SET n = 5000 WHERE id IN (1, 2)',
    "INSERT INTO app.items VALUES (101, 'bad', 5000)",
  );
  await s.until(run, ({ deadLetters }) => deadLetters.open === 3);
  await s.onSource(
    'ALTER TABLE app.items ADD COLUMN extra text',
    "UPDATE app.items SET extra = 'later' WHERE id IN (1, 3)",
    "INSERT INTO app.items VALUES (102, 'bad', 5000, 'new')",
  );
  await s.until(run, ({ deadLetters, restarts }) => deadLetters.open === 5 && restarts > 0);
  expect(await kept(s)).toEqual(['1 small', '2 small', '101 small', '1 follows', '102 small']);
  await settle(s, run);
  expect((await s.compare()).differences).toEqual([]);
});
