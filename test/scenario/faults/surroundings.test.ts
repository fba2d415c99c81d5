// What surrounds the runner: a clock that jumps, a network that hands over single bytes, stops and starts at any moment.

import { expect, test } from 'vitest';
import { MANUAL, openScene, rowsOf } from '../scene.ts';
import { inScene, SIDES } from './network-scene.ts';

/** Every look at the clock is an hour before or after the one before it. */
const WILD_CLOCK = `
const Real = Date; let looks = 0; const HOUR = 3_600_000;
const now = () => Real.now() + (looks++ % 2 === 0 ? HOUR : -HOUR);
globalThis.Date = class extends Real {
  constructor(...args) { if (args.length === 0) super(now()); else super(...args); }
  static now() { return now(); }
};`;

test('a clock that jumps by two hours at every look changes nothing: no wait, no lag and no order hangs on it', async () => {
  const scene = await openScene({ sections: { cutover: MANUAL, snapshot: { chunkRows: 10 } } });
  const preload = `--import "data:text/javascript,${encodeURIComponent(WILD_CLOCK)}"`;
  const run = scene.start(undefined, { env: { NODE_OPTIONS: preload } });
  await scene.ready(run);
  await scene.onSource('UPDATE app.items SET n = n + 1', 'DELETE FROM app.notes WHERE id < 5');
  const status = await scene.until(run, ({ stream }) => stream.changes === 44 && stream.lagSeconds !== null);
  expect(status.restarts).toBe(0);
  expect(status.stream.lagSeconds).toBeGreaterThanOrEqual(0);
  expect(status.stream.lagSeconds).toBeLessThan(60);
  await scene.complete(run);
});

test('a network that hands over byte by byte is slow and right', async () => {
  const cutover = { when: 'manual', reverse: 'off', maxLag: '60s', budget: '60s' };
  await inScene({ rows: 30, rate: 4, plan: { cutover } }, async (scene) => {
    for (const side of SIDES) scene.link(side).slice(1);
    const run = scene.run();
    await scene.ready();
    await scene.confirmed(60);
    await scene.complete(run);
  });
});

test('a run that is stopped and started again and again, wherever it is, ends as one that was left alone', async () => {
  const scene = await openScene({ sections: { cutover: MANUAL, snapshot: { chunkRows: 5 } } });
  const stops = ['lease.acquired', 'log.pinned', 'chunk.read@2', 'chunk.after_commit@3', 'copy.done', 'verify.chunk'];
  for (const [round, at] of [...stops, 'apply.begin', 'apply.after_commit', 'ack.before', 'verify.done'].entries()) {
    const gate = scene.hold(`stop-${round}`);
    const run = scene.start(undefined, { failpoints: `${at}=pause(${gate.path})` });
    await scene.onSource(
      `INSERT INTO app.items (id, name) VALUES (${1000 + round}, 'round ${round}')`,
      `UPDATE app.items SET n = n + 1 WHERE id <= ${round + 1}`,
    );
    const there = run.waitFor(new RegExp(`^failpoint ${at.replace('@', ' ')}`));
    there.catch(() => undefined);
    // A stop may have let the run before get past this place.
    await Promise.race([there, scene.ready(run)]);
    run.kill(round % 2 === 0 ? 'SIGTERM' : 'SIGINT');
    await gate.release();
    expect((await run.exited).code).toBe(round % 2 === 0 ? 143 : 130);
  }
  const slots = 'SELECT count(*) FROM pg_replication_slots WHERE database = current_database()';
  expect(await rowsOf(scene.sourceUrl, slots)).toEqual([['1']]);
  const run = scene.start();
  await scene.complete(run);
});
