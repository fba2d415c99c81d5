// `migrate tune` on a run between servers of PostgreSQL, whose log has one reader: while the run is stopped.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MANUAL, openScene, rowsOf, type Scene } from './scene.ts';

/** What comes out depends on the order, and each change finds a row or none. */
const BACKLOG = [
  `INSERT INTO app.items SELECT n, 'new' || n, 'b', n FROM generate_series(1001, 2500) n`,
  'UPDATE app.items SET n = n + 1 WHERE id <= 40 OR id > 1500',
  'DELETE FROM app.notes WHERE item <= 30',
  'UPDATE app.items SET id = id + 100000 WHERE id <= 30',
  `UPDATE app.items SET name = 'renamed' || id, body = 'short' WHERE id > 100020`,
  'DELETE FROM app.items WHERE id BETWEEN 1001 AND 1600',
  `INSERT INTO app.items VALUES (5, 'name5 again', NULL, 0)`,
];
const CHANGES = 1_500 + 1_040 + 30 + 30 + 10 + 600 + 1;

/** What nobody but the run may change: what it knows, its rows and how far its slot is. */
async function ofRun(scene: Scene): Promise<unknown> {
  const tables = ['migrate.run', 'migrate.checkpoint', 'migrate.tables', 'migrate.lease', 'app.items', 'app.notes'];
  const slots = `SELECT slot_name, active, confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()`;
  return {
    target: await Promise.all(
      tables.map((table) => rowsOf(scene.targetUrl, `SELECT * FROM ${table} ORDER BY 1, 2, 3`)),
    ),
    slots: await rowsOf(scene.sourceUrl, slots),
  };
}

const scratch = (scene: Scene): Promise<readonly unknown[]> =>
  rowsOf(scene.targetUrl, `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'migrate\\_tune%'`);

test('the backlog of a stopped run is applied with each setting and the best goes into the plan, after a kill as well, and the run goes on from where it was', async () => {
  const apply = { lanes: 2, batchRows: 1_000 };
  const scene = await openScene({ sections: { cutover: MANUAL, apply, snapshot: { chunkRows: 60 } } });
  expect(await scene.run(['run', '--until', 'snapshot', '--json'])).toMatchObject({ code: 0 });
  await scene.onSource(...BACKLOG);
  const before = await ofRun(scene);

  const hold = `apply.before_commit@9=pause(${scene.hold('never').path})`;
  const killed = scene.start(['tune', '--settings', '2x100'], { failpoints: hold });
  await killed.waitFor(/^failpoint apply\.before_commit 9$/);
  expect(await scene.run(['tune', '--json'])).toMatchObject({ code: 2, json: { code: 'TUNE.NOT_NOW' } });
  killed.kill('SIGKILL');
  await killed.exited;
  expect(await scratch(scene)).toHaveLength(1);
  expect(await ofRun(scene)).toEqual(before);

  const tuned = await scene.run(['tune', '--settings', '1x100,2x1000', '--write', '--json']);
  expect(tuned.code, tuned.stderr).toBe(0);
  const { settings, best, sample } = tuned.json as unknown as {
    readonly settings: readonly Record<string, unknown>[];
    readonly best: { readonly lanes: number; readonly batchRows: number };
    readonly sample: unknown;
  };
  expect(sample).toEqual({ rows: CHANGES, tables: 2, isAll: true, filled: 40 + 30 });
  expect(settings).toMatchObject([
    { lanes: 1, batchRows: 100, rows: CHANGES, isWhole: true, isPlanned: false },
    { lanes: 2, batchRows: 1_000, rows: CHANGES, isWhole: true, isPlanned: true },
  ]);
  expect(settings.filter(({ isBest }) => isBest)).toMatchObject([best]);
  expect(JSON.parse(readFileSync(scene.plan, 'utf8'))).toMatchObject({ apply: best });
  expect(await ofRun(scene)).toEqual(before);
  expect(await scratch(scene)).toEqual([]);

  const running = scene.start();
  await scene.ready(running);
  const refused = await scene.run(['tune', '--json']);
  expect(refused).toMatchObject({ code: 2, json: { code: 'TUNE.NOT_NOW' } });
  await scene.complete(running);
});
