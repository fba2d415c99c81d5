import { expect, test } from 'vitest';
import { AUTO, catalogOf, MANUAL, openScene, rowsOf, type Scene } from '../scene.ts';

/** Everything a runner writes to: catalogs, rows, lease, and the journal without its clocks. */
async function contents({ sourceUrl, targetUrl }: Scene): Promise<readonly unknown[]> {
  const journal = `SELECT name, id, paused, outcome FROM migrate.run UNION ALL SELECT run, table_id || ordinal, done_at IS NULL, at FROM migrate.chunk`;
  return Promise.all([
    catalogOf(sourceUrl),
    catalogOf(targetUrl),
    rowsOf(sourceUrl, 'SELECT * FROM migrate.lease'),
    rowsOf(targetUrl, 'SELECT * FROM migrate.lease'),
    rowsOf(targetUrl, journal),
    rowsOf(targetUrl, 'SELECT count(*), max(id) FROM app.items'),
  ]);
}

test('a second runner of the same run gives way before it writes anything', async () => {
  const s = await openScene({ sections: { cutover: AUTO, snapshot: { chunkRows: 5, readers: 1 } } });
  const gate = s.hold('go');
  const first = s.start(undefined, { failpoints: `chunk.after_commit@3=pause(${gate.path})` });
  // The other loader of the pair has a chunk in its hands as well.
  await first.waitFor(/failpoint chunk.after_commit 4/);
  const before = await contents(s);
  const second = await s.run();
  expect(second).toMatchObject({ code: 2, json: { result: 'failed', code: 'LEASE.HELD' } });
  expect(second.stderr).toContain(`process ${first.pid}`);
  expect((await s.run(['status', '--json'])).json).toMatchObject({ process: 'alive', stage: 'snapshot' });
  expect(await contents(s)).toEqual(before);
});

test('a runner that was taken over in the middle of a commit is refused, ends, and does not come back', async () => {
  const s = await openScene({ sections: { cutover: MANUAL, limits: { networkTimeout: '1s' } } });
  const copied = s.hold('copied');
  const gate = s.hold('zombie');
  const zombie = s.start(undefined, {
    failpoints: `copy.done=pause(${copied.path});apply.before_commit@1=pause(${gate.path})`,
  });
  await zombie.waitFor(/failpoint copy.done 1/);
  await s.onSource(`UPDATE app.items SET n = n + 1000`, `INSERT INTO app.items (id, name) VALUES (900, 'late')`);
  await copied.release();
  await zombie.waitFor(/failpoint apply.before_commit 1/);
  zombie.kill('SIGSTOP');

  const next = s.start(['run', '--json', '--takeover']);
  // Until then the socket is the one of the process that stands still.
  await next.waitFor(/"stage":"cutover","message":"stage begins"/);
  await s.ready(next);
  expect((await s.compare()).differences).toEqual([]);
  await gate.release();
  zombie.kill('SIGCONT');
  const ended = await zombie.exited;
  expect(ended.code).toBe(2);
  expect(['LEASE.HELD', 'LEASE.LOST']).toContain(ended.json?.code);
  expect(ended.stderr).not.toContain('failpoint apply.after_commit');
  // The new runner still listens where the old one did.
  expect((await s.status())?.stage).toBe('cutover');
  await s.onSource(`UPDATE app.items SET n = n + 1 WHERE id <= 10`);
  await s.complete(next);
  expect(await rowsOf(s.targetUrl, 'SELECT count(*) FROM app.items WHERE n > 1000')).toEqual([['40']]);
});

test('a run is taken over from a runner that stands still in the commit of a chunk, and no row is there twice', async () => {
  const s = await openScene({ sections: { cutover: AUTO, snapshot: { chunkRows: 5, readers: 2 } } });
  const gate = s.hold('zombie');
  const zombie = s.start(undefined, { failpoints: `chunk.before_commit@4=pause(${gate.path})` });
  await zombie.waitFor(/failpoint chunk.before_commit 4/);
  zombie.kill('SIGSTOP');
  await s.onSource(
    'UPDATE app.items SET id = id + 500 WHERE id % 2 = 0 AND id > 40',
    'DELETE FROM app.notes WHERE id < 3',
  );
  const next = await s.run(['run', '--json', '--takeover']);
  expect(next.code, next.stderr).toBe(0);
  expect((await s.compare()).differences).toEqual([]);
  await s.onTarget(`INSERT INTO app.items (id, name) VALUES (901, 'after the cutover')`);
  const after = await contents(s);
  await gate.release();
  zombie.kill('SIGCONT');
  const ended = await zombie.exited;
  // It finds the run complete, which is the truth, or the lease gone; it writes nothing either way.
  expect([0, 2]).toContain(ended.code);
  expect(await contents(s)).toEqual(after);
});
