// A run that is paused, resumed, slowed down and killed at random moments ends as one that was left alone.

import { expect, test } from 'vitest';
import { give } from '../../src/control/client.ts';
import { Random } from '../storm/random.ts';
import { MANUAL, openScene, type Scene } from './scene.ts';

const SECTIONS = {
  cutover: MANUAL,
  snapshot: { chunkRows: 4, readers: 2 },
  apply: { batchRows: 7, batchWait: '5ms', batchPause: '2ms' },
};

/** One command as somebody at a keyboard might give it; caps are small, so that they bite. */
function draw(random: Random): readonly [string, Readonly<Record<string, unknown>>] {
  const only = random.pick([{}, { only: 'snapshot' }, { only: 'apply' }]);
  const cap = random.pick([null, 40, 200, 4_000]);
  const part = random.pick(['snapshot', 'apply']);
  return random.pick([
    ['/pause', only],
    ['/resume', only],
    ['/throttle', { [part]: { rowsPerSecond: cap } }],
    [
      '/throttle',
      { [part]: { bytesPerSecond: cap === null ? null : cap * 1_000, batchPauseMs: random.pick([1, 20]) } },
    ],
    ['/throttle', { asPlanned: true }],
  ] as const);
}

/** Changes of every kind, a row among them that each round changes. */
async function write(scene: Scene, round: number): Promise<void> {
  await scene.onSource(
    `INSERT INTO app.items (id, name, body) VALUES (${1_000 + round}, 'round ${round}', repeat('x', ${round * 100}))`,
    `UPDATE app.items SET n = n + ${round} WHERE id <= 20 OR id % 20 = ${round}`,
    `DELETE FROM app.notes WHERE id = ${round}`,
  );
}

test('a run that is steered at random, and killed in between, carries everything once', async () => {
  const random = new Random(Number(process.env.STEERING_SEED ?? 11));
  const scene = await openScene({ sections: SECTIONS });
  const steer = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      const [route, body] = draw(random);
      await give((await scene.socket()) ?? '', route, { ...body, by: 'test' });
      await write(scene, rounds + round);
    }
  };
  const first = scene.start(undefined, { failpoints: 'chunk.after_commit@3=delay(1)' });
  await first.waitFor(/^failpoint chunk\.after_commit 3$/);
  await steer(10);
  const slow = { apply: { rowsPerSecond: 900 }, snapshot: { bytesPerSecond: 5_000_000 } };
  await give((await scene.socket()) ?? '', '/throttle', { ...slow, asPlanned: true, by: 'test' });
  first.kill('SIGKILL');
  await first.exited;

  // What an operator set is kept, and can be changed, without a process.
  expect((await scene.run(['status', '--json'])).json).toMatchObject({ process: 'none', throttling: slow });
  const asked = await scene.run(['throttle', '--apply-mb', '3', '--json']);
  const pauses = { pauseMs: 2, asPlanned: false };
  expect(asked.json).toMatchObject({
    process: 'none',
    throttle: { apply: { rowsPerSecond: 900, bytesPerSecond: 3_145_728, ...pauses } },
  });
  const run = scene.start();
  const kept = await scene.until(run, ({ stage }) => stage !== 'starting' && stage !== 'preflight');
  expect(kept.throttle).toMatchObject({
    apply: { rowsPerSecond: 900, bytesPerSecond: 3_145_728, ...pauses },
    snapshot: { rowsPerSecond: null, bytesPerSecond: 5_000_000 },
  });
  await steer(20);
  await scene.run(['resume']);
  expect((await scene.run(['throttle', '--off'])).stdout).toMatch(/apply: as fast as it goes \(set by the operator\)/);
  await scene.complete(run);
});
