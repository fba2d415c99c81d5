// The network between the run and its databases: lost replies, resets, black holes, distance. Nothing is lost or doubled,
// nothing hangs, and what is not known is not claimed.

import { expect, test } from 'vitest';
import { inScene, SIDES } from './network-scene.ts';

const RETRIES = /the attempt ended; trying again/g;

test.each(['before', 'after'] as const)('a COMMIT cut %s it takes effect is neither lost nor doubled', async (when) => {
  await inScene({}, async (scene) => {
    const hold = scene.pause('copy');
    const run = scene.run({ failpoints: `chunk.before_commit@5=${hold.action}` });
    await run.waitFor(/failpoint chunk\.before_commit 5/);
    const first = scene.target.cutOn('COMMIT', when);
    hold.release();
    await first;
    await scene.target.cutOn('COMMIT', when);
    expect(run.stderr.join('\n')).not.toContain('failpoint copy.done');
    for (let count = 0; count < 3; count++) {
      await run.waitFor(/failpoint apply\.before_commit/, { from: 'now' });
      await scene.target.cutOn('COMMIT', when);
    }
    await scene.ready();
    await scene.complete(run);
    const { stderr } = await run.exited;
    expect(stderr).toContain('TARGET.COMMIT_UNKNOWN');
  });
});

test('resets of either link in every stage are survived', async () => {
  await inScene({}, async (scene) => {
    const hold = scene.pause('verify');
    const run = scene.run({ failpoints: `verify.chunk@2=${hold.action}` });
    for (const line of [/failpoint copy\.planned/, /failpoint chunk\.after_commit/, /failpoint chunk\.read/]) {
      for (const side of SIDES) {
        await run.waitFor(line, { from: 'now' });
        scene.link(side).cut();
      }
    }
    for (const side of SIDES) {
      await run.waitFor(/failpoint apply\.after_commit/, { from: 'now' });
      scene.link(side).cut();
    }
    await run.waitFor(/failpoint verify\.chunk 2$/);
    for (const side of SIDES) scene.link(side).cut();
    hold.release();
    for (const side of SIDES) {
      const status = await scene.ready();
      scene.link(side).cut();
      await scene.readyAgain(status);
    }
    await scene.complete(run);
    const { stderr } = await run.exited;
    expect(stderr.match(RETRIES)?.length).toBeGreaterThanOrEqual(9);
  });
});

test('streams cut in the middle of a message are read again', async () => {
  await inScene({}, async (scene) => {
    const run = scene.run();
    await run.waitFor(/failpoint copy\.planned/);
    for (const bytes of [3_001, 20_011, 60_013]) await scene.source.limitBytes(bytes);
    for (const bytes of [3_001, 20_011, 60_013]) await scene.target.limitBytes(bytes);
    await run.waitFor(/failpoint apply\.after_commit/);
    for (const bytes of [1_003, 9_001, 30_011]) {
      await run.waitFor(/failpoint apply\.after_commit/, { from: 'now' });
      await scene.source.limitBytes(bytes);
      await run.waitFor(/failpoint apply\.after_commit/, { from: 'now' });
      await scene.target.limitBytes(bytes);
    }
    await scene.ready();
    await scene.complete(run);
  });
});

// These wait for timeouts most of the time: together they take as long as the longest.

test.concurrent.each(SIDES)(
  'a black hole on the %s link shows as a lag that grows, and nobody cuts over meanwhile',
  async (side) => {
    // Far longer than the test: the lag has to tell, not the restart.
    await inScene({ plan: { limits: { networkTimeout: '10m' } } }, async (scene) => {
      const run = scene.run();
      const before = await scene.ready();
      scene.link(side).blackhole(true);
      const blind = await scene.until(({ stream }) => stream.lagSeconds === null || stream.lagSeconds > 1.5);
      expect(blind.restarts).toBe(before.restarts);
      const { json } = await scene.command('cutover', '--dry-run');
      expect(json).toMatchObject({ result: 'forecast', forecast: { ready: false } });
      scene.link(side).blackhole(false);
      await scene.until(({ stream }) => stream.lagSeconds !== null && stream.lagSeconds < 1);
      await scene.complete(run);
    });
  },
);

test.concurrent.each(SIDES)(
  'a %s link that swallows everything is given up in the copy and in the apply, and taken up again',
  async (side) => {
    await inScene({ plan: { limits: { networkTimeout: '2s' } } }, async (scene) => {
      const run = scene.run();
      await run.waitFor(/failpoint chunk\.after_commit 3/);
      scene.link(side).blackhole(true);
      await scene.until(({ restarts }) => restarts === 1);
      scene.link(side).blackhole(false);
      const status = await scene.ready();
      scene.link(side).blackhole(true);
      const asked = scene.command('cutover');
      await scene.until(({ restarts, stream }) => restarts > status.restarts && stream.lagSeconds === null);
      // Nobody closed the source: its writers do not use the dead link.
      await scene.writers.more('source', 20);
      expect(scene.writers.progress.refused).toBe(0);
      scene.link(side).blackhole(false);
      await asked;
      await scene.complete(run);
    });
  },
);

test.concurrent.each(SIDES)(
  'when the %s link dies in the freeze, the source is writable again within the budget',
  async (side) => {
    const plan = { cutover: { when: 'auto', reverse: 'off', budget: '3s' }, limits: { networkTimeout: '3s' } };
    await inScene({ plan }, async (scene) => {
      const hold = scene.pause('closed');
      const run = scene.run({ failpoints: `cutover.closed=${hold.action}` });
      await run.waitFor(/failpoint cutover\.closed/);
      scene.link(side).blackhole(true);
      hold.release();
      await scene.refused();
      // Confirmed again while the link is still dead: the fence opened by itself.
      await scene.confirmed(20);
      scene.link(side).blackhole(false);
      const found = await scene.completed(run);
      expect(found.unknown).toBe(0);
    });
  },
);

test.concurrent('a run whose connections died unheard by the servers takes back its own lock and goes on', async () => {
  await inScene({}, async (scene) => {
    const run = scene.run();
    const status = await scene.ready();
    for (const side of SIDES) scene.link(side).strand();
    await scene.readyAgain(status);
    await scene.complete(run);
  });
});

test.concurrent('a network with a long way completes', async () => {
  // A batch is a few dozen ways there and back, so the lag stays above what the defaults ask for.
  const cutover = { when: 'manual', reverse: 'off', maxLag: '30s', budget: '40s' };
  await inScene({ rows: 100, rate: 5, plan: { snapshot: { readers: 2, chunkRows: 5000 }, cutover } }, async (scene) => {
    for (const side of SIDES) scene.link(side).latency(25);
    const run = scene.run();
    await scene.ready();
    await scene.complete(run);
  });
});
