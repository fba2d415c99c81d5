// Servers that stop and come back. The run waits, goes on by itself, or says that it gave up; the same command goes on.

import { expect, test } from 'vitest';
import { startServer } from '../../fleet/postgres.ts';
import { inScene, type LinkSide } from './network-scene.ts';

async function servers() {
  const [source, target] = await Promise.all([startServer(), startServer()]);
  return { source, target };
}

test.concurrent.each([
  ['source', 'fast'],
  ['source', 'immediate'],
  ['target', 'fast'],
  ['target', 'immediate'],
] as const)(
  'a %s restarted (%s) in the copy and in the apply delays the run, no more',
  async (side: LinkSide, mode) => {
    const both = await servers();
    await inScene({ servers: both }, async (scene) => {
      const run = scene.run();
      const server = both[side];
      await run.waitFor(/failpoint chunk\.after_commit 3/);
      await server.stop(mode);
      await server.start();
      await run.waitFor(/failpoint apply\.after_commit 5$/);
      await server.stop(mode);
      await server.start();
      const status = await scene.ready();
      expect(status.restarts).toBeGreaterThanOrEqual(2);
      await server.stop(mode);
      await server.start();
      await scene.readyAgain(status);
      await scene.complete(run);
    });
  },
);

test.concurrent('a target away for longer than the patience stops the run, and the same command completes it', async () => {
  const both = await servers();
  await inScene({ servers: both, plan: { limits: { giveUpAfter: '3s' } } }, async (scene) => {
    const run = scene.run();
    await run.waitFor(/failpoint apply\.after_commit 3$/);
    await both.target.stop('immediate');
    const { code, stderr } = await run.exited;
    expect(code, stderr.slice(-3_000)).toBe(2);
    expect(stderr).toContain('RUN.STALLED');
    await both.target.start();
    const again = scene.run();
    await scene.ready();
    await scene.complete(again);
  });
});
