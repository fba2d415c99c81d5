// Servers that are unwell during a run: what loads them is held, the reason is told, nobody has to do anything for it to go on,
// and nothing is lost.

import { expect, test } from 'vitest';
import { give } from '../../src/control/client.ts';
import { MANUAL, openScene, rowsOf, type Scene } from './scene.ts';

const OURS = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'migrate test %'`;

/** A number that says how loaded a side is, as the plan's probe reads it. */
const makeLoad = (load: number): string => `CREATE TABLE public.load AS SELECT ${load} AS n`;
const probe = (side: string) => ({ kind: 'sql', name: 'load', side, max: 5, sql: 'SELECT n FROM public.load' });

async function open(): Promise<Scene> {
  const health = { interval: '200ms', recover: '600ms', probes: [probe('source'), probe('target')] };
  const snapshot = { chunkRows: 20, readers: 1, maxRowsPerSecond: 20 };
  const scene = await openScene({ sections: { cutover: MANUAL, tables: { include: ['app.*'] }, health, snapshot } });
  await scene.onSource(makeLoad(9));
  await scene.onTarget(makeLoad(0));
  return scene;
}

/** Whoever answers for the run on the target stands still, until the work is done. */
async function whileStopped(scene: Scene, work: () => Promise<void>): Promise<void> {
  const pids = (await rowsOf(scene.targetUrl, OURS)).map(([pid]) => Number(pid));
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
}

test('a side that is unwell is spared until it is well: the copy, then the apply, then the cutover wait, and say for what', async () => {
  const scene = await open();
  const run = scene.start();
  const LOADED = 'unwell: source: load 9, limit 5';
  const held = await scene.until(run, ({ waiting }) => waiting === LOADED);
  expect(held).toMatchObject({ stage: 'snapshot', snapshot: { rows: 0 } });
  // The operator's latch is another one.
  const socket = (await scene.socket()) ?? '';
  await give(socket, '/pause', { by: 'test' });
  await give(socket, '/resume', { by: 'test' });
  expect((await scene.run(['status'])).stdout).toMatch(
    /waiting +unwell: source: load 9, limit 5\nhealth +source: load 9, limit 5\n/,
  );
  await scene.onSource('UPDATE public.load SET n = 1');
  expect((await scene.ready(run)).throttle.snapshot.waitedSeconds).toBeGreaterThan(0);

  const slow = await give(socket, '/throttle', { apply: { rowsPerSecond: 20 }, by: 'test' });
  expect(slow?.status.throttle).toMatchObject({ apply: { rowsPerSecond: 20 }, snapshot: { rowsPerSecond: 20 } });
  for (const id of [1, 11, 21, 31]) {
    await scene.onSource(`UPDATE app.items SET n = n + 1 WHERE id BETWEEN ${id} AND ${id + 9}`);
  }
  const slowed = await scene.until(run, ({ stream }) => stream.changes >= 40);
  expect(slowed.throttle.apply.waitedSeconds).toBeGreaterThan(0);
  expect((await scene.run(['throttle', '--off'])).stdout).toMatch(
    /copy: as fast as it goes.*\n +apply: as fast as it goes/,
  );

  await whileStopped(scene, async () => {
    const silent = /^unwell: target: time to answer cannot be read: no answer for 300 ms/;
    await scene.until(run, ({ waiting }) => silent.test(waiting ?? ''));
    await scene.onSource('UPDATE app.items SET n = n + 1', 'DELETE FROM app.notes WHERE id < 10');
    // The log is read on.
    await scene.until(run, ({ stream }) => stream.read >= 89);
  });
  expect(await scene.until(run, ({ stream }) => stream.changes >= 89)).toMatchObject({ restarts: 0, stage: 'cutover' });

  await scene.onTarget('DROP TABLE public.load');
  const unreadable = (waiting: string | null): boolean =>
    waiting?.startsWith('unwell: target: load cannot be read: ') === true;
  await scene.until(run, ({ waiting }) => unreadable(waiting));
  const asked = await scene.run(['cutover', '--json']);
  expect(asked).toMatchObject({ code: 0, json: { forecast: { ready: false } } });
  expect(await scene.status()).toMatchObject({ writable: 'source', cutover: { attempt: 0 } });
  await scene.onTarget(makeLoad(0));
  const done = await run.exited;
  expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  expect(await rowsOf(scene.targetUrl, 'SELECT sum(n), count(*) FROM app.items')).toEqual(
    await rowsOf(scene.sourceUrl, 'SELECT sum(n), count(*) FROM app.items'),
  );
  expect(run.stderr.join('\n')).toContain('both sides are well again');
});
