// `migrate worker`: further processes that copy chunks for the one that leads.

import { expect, test } from 'vitest';
import { MANUAL, openScene, rowsOf } from './scene.ts';

const SCHEMA = `
CREATE SCHEMA app;
CREATE TABLE app.items (id int PRIMARY KEY, name text);
INSERT INTO app.items SELECT n, 'name' || n FROM generate_series(1, 400) n;
CREATE TABLE app.events (what text);
INSERT INTO app.events SELECT 'event' || n FROM generate_series(1, 50) n;`;

const FEW = { schema: SCHEMA, sections: { snapshot: { chunkRows: 20, readers: 1 }, cutover: MANUAL } };

test('a worker copies chunks at a snapshot of its own while the source is written to', async () => {
  const scene = await openScene(FEW);
  const held = scene.hold('leader');
  // The leader stands still with its first chunks, so that the worker has the others.
  const run = scene.start(['run', '--json'], { failpoints: `chunk.read=pause(${held.path})` });
  await run.waitFor(/^failpoint chunk\.read 1$/);
  await scene.onSource('UPDATE app.items SET name = name || id', "INSERT INTO app.items VALUES (1000, 'new')");
  await scene.run(['pause']);
  const worker = scene.start(['worker', '--json']);
  // Whoever asks the run is told that its worker holds, too.
  await scene.until(run, ({ workers }) => workers[0]?.doing === 'copies chunks, held: paused by the operator');
  await scene.run(['resume']);
  const seen = await scene.until(run, ({ workers }) =>
    workers.some(({ chunks, doing }) => chunks >= 10 && doing === 'copies chunks'),
  );
  expect(seen.workers).toMatchObject([{ doing: 'copies chunks', silentSeconds: expect.any(Number) }]);
  await scene.onSource('UPDATE app.items SET name = name || 1', 'DELETE FROM app.items WHERE id % 7 = 0');
  await held.release();
  await scene.complete(run);
  const done = await worker.exited;
  expect(done, done.stderr).toMatchObject({ code: 0, json: { run: 'test', outcome: 'complete' } });
  const copied = await rowsOf(
    scene.targetUrl,
    'SELECT count(*), sum(rows), count(DISTINCT at) FROM migrate.chunk WHERE claimed_by IS NOT NULL',
  );
  expect(copied).toEqual([[String(done.json?.chunks), String(done.json?.rows), '1']]);
});
