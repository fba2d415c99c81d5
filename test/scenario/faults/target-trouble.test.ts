// A target that is slow, stuck or contended. The run holds what it has read within bounds, keeps the source's slot alive,
// repeats batches as a whole, and says what it waits for.

import { expect, test } from 'vitest';
import { peakMegabytes } from '../../fleet/memory.ts';
import { startServer } from '../../fleet/postgres.ts';
import { MANUAL, openScene, rowsOf, type Scene, waitsForLock } from '../scene.ts';

async function open(sections: Readonly<Record<string, unknown>> = {}): Promise<Scene> {
  return openScene({ sections: { cutover: MANUAL, ...sections } });
}

const LANES = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '% lane'`;
const SLOT = 'SELECT active FROM pg_replication_slots WHERE database = current_database()';

async function lanePids(scene: Scene): Promise<readonly number[]> {
  return (await rowsOf(scene.targetUrl, LANES)).map(([pid]) => Number(pid));
}

test('a target that stands still is waited for: the runner stays small, the slot stays its own, and it catches up', async () => {
  const scene = await open();
  const run = scene.start();
  await scene.ready(run);
  await scene.onSource('UPDATE app.items SET n = n + 1');
  await scene.until(run, ({ stream }) => stream.changes >= 40);
  const pids = await lanePids(scene);
  expect(pids.length).toBeGreaterThan(0);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    // Some 80 MB of changes, of which the run may hold 20 or so.
    await scene.onSource(
      `INSERT INTO app.items SELECT n, 'n' || n, repeat(md5(n::text), 125), n FROM generate_series(1000, 20999) n`,
    );
    const stuck = await scene.until(
      run,
      ({ stream }) => (stream.lagBytes ?? 0) > 60_000_000 && (stream.lagSeconds ?? 0) > 2,
    );
    expect(stuck).toMatchObject({ restarts: 0, stage: 'cutover', writable: 'source' });
    expect(await rowsOf(scene.sourceUrl, SLOT)).toEqual([[true]]);
    expect(await peakMegabytes(run.pid)).toBeLessThan(300);
    expect((await scene.run(['cutover', '--dry-run', '--json'])).json).toMatchObject({ forecast: { ready: false } });
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  await scene.until(run, ({ stream }) => stream.changes >= 20_040);
  expect(await rowsOf(scene.sourceUrl, SLOT)).toEqual([[true]]);
  await scene.complete(run);
});

test('a batch that is the victim of a deadlock on the target is repeated as a whole, and counted', async () => {
  const scene = await open({ apply: { lanes: 1 } });
  // Ours waits longer than theirs: the run is the one that finds the deadlock.
  await scene.onTarget(`ALTER DATABASE ${new URL(scene.targetUrl).pathname.slice(1)} SET deadlock_timeout = '3s'`);
  const run = scene.start();
  await scene.ready(run);
  const other = await scene.connect(scene.targetUrl);
  await other.query(`SET session_replication_role = replica; SET deadlock_timeout = '1h'; BEGIN`);
  await other.query('UPDATE app.items SET n = n WHERE id = 2');
  await scene.onSource(`BEGIN; UPDATE app.items SET n = n + 100 WHERE id = 1; UPDATE app.items SET n = n + 100 WHERE id = 2;
    INSERT INTO app.items (id, name) VALUES (500, 'with them'); COMMIT`);
  await waitsForLock(scene.targetUrl, '% lane');
  await other.query('UPDATE app.items SET n = n WHERE id = 1');
  await other.query('ROLLBACK');
  const after = await scene.until(run, ({ restarts, stream }) => restarts > 0 && stream.changes === 3);
  expect(after.restarts).toBe(1);
  expect(run.stderr.join('\n')).toContain('40P01');
  await scene.complete(run);
});

test('a database that is away when the command is given again costs the run nothing of what it recorded', async () => {
  const target = await startServer();
  try {
    const scene = await open({ limits: { giveUpAfter: '1s' } });
    await scene.write({
      targetUrl: target.url(),
      cutover: MANUAL,
      limits: { giveUpAfter: '1s' },
      snapshot: { chunkRows: 10 },
    });
    const first = scene.start(undefined, { failpoints: 'chunk.after_commit@3=kill9' });
    expect((await first.exited).signal).toBe('SIGKILL');
    const journal = 'SELECT table_id, ordinal, at, rows FROM migrate.chunk WHERE at IS NOT NULL ORDER BY 1, 2';
    const recorded = await rowsOf(target.url(), journal);
    expect(recorded.length).toBeGreaterThan(0);
    await target.stop();
    expect(await scene.run()).toMatchObject({ code: 2, json: { result: 'failed', code: 'RUN.STALLED' } });
    await target.start();
    expect(await rowsOf(target.url(), journal)).toEqual(recorded);
    const run = scene.start();
    await scene.ready(run);
    await scene.run(['cutover']);
    expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
    // What was copied before was not copied again.
    expect(await rowsOf(target.url(), journal)).toEqual(expect.arrayContaining([...recorded]));
  } finally {
    await target.close();
  }
});

test('while a run is paused, status says how many bytes of log the source keeps for it', async () => {
  const scene = await open();
  const run = scene.start();
  await scene.ready(run);
  expect(await scene.run(['pause'])).toMatchObject({ code: 0 });
  await scene.onSource(
    `INSERT INTO app.items (id, name, body) SELECT n, 'n' || n, repeat(md5(n::text), 125) FROM generate_series(1000, 2999) n`,
  );
  const paused = await scene.until(run, ({ stream }) => (stream.retainedBytes ?? 0) > 8_000_000);
  expect(paused.waiting).toContain('paused');
  await scene.run(['resume']);
  await scene.until(run, ({ stream }) => stream.changes >= 2_000);
  await scene.run(['cutover']);
  expect(await run.exited).toMatchObject({ code: 0 });
});

test('a cutover that is asked for while a comparison stands still begins right after it, not after the rest that follows', async () => {
  const scene = await open();
  const run = scene.start();
  await scene.ready(run);
  const [writer, holder] = [await scene.connect(scene.sourceUrl), await scene.connect(scene.sourceUrl)];
  await writer.query('BEGIN; LOCK app.notes IN ACCESS EXCLUSIVE MODE');
  // More keys than are left to the freeze, and the lock goes to the holder with the commit: no comparison is before it.
  await writer.query(`INSERT INTO app.notes (t) SELECT 'n' || n FROM generate_series(1, 1500) n`);
  const held = holder.query('BEGIN; LOCK app.notes IN ACCESS EXCLUSIVE MODE');
  await waitsForLock(scene.sourceUrl, '%');
  await writer.query('COMMIT');
  await held;
  await waitsForLock(scene.sourceUrl, '% verify');
  await scene.run(['cutover']);
  // The longer a comparison took, the longer nothing is compared after it: twenty times this.
  await holder.query('SELECT pg_sleep(6)');
  await holder.query('COMMIT');
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
}, 90_000);
