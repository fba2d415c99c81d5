// A source that no longer has the log the run needs. The gap cannot be closed: the run says so and stops, and neither
// makes a new slot nor calls anything complete.

import { expect, test } from 'vitest';
import { withClient } from '../../fleet/databases.ts';
import { startServer } from '../../fleet/postgres.ts';
import type { MigrateResult } from '../../fleet/runner.ts';
import { inScene, type Scene } from './network-scene.ts';

/** Ends whoever reads from the slot and drops it, before the reader is back. */
const DROP = `DO $$ DECLARE slot record; BEGIN
  LOOP
    SELECT slot_name, active_pid INTO slot FROM pg_replication_slots WHERE database = current_database();
    EXIT WHEN NOT FOUND;
    IF slot.active_pid IS NOT NULL THEN PERFORM pg_terminate_backend(slot.active_pid); END IF;
    BEGIN PERFORM pg_drop_replication_slot(slot.slot_name); EXCEPTION WHEN object_in_use THEN NULL; END;
  END LOOP; END $$`;

/** Said aloud, at once and again, with nothing made up for it. */
async function expectGone(scene: Scene, result: MigrateResult, slots: readonly string[] = []): Promise<void> {
  for (const { code, stderr, stdout } of [result, await scene.command('run')]) {
    expect(code, stderr.slice(-3_000)).toBe(2);
    expect(stdout + stderr).toContain('STREAM.GONE');
    expect(stdout).not.toContain('"result":"complete"');
  }
  expect(await scene.slots()).toEqual(slots);
  expect(await scene.status()).toMatchObject({ process: 'none', writable: 'source' });
}

test.concurrent('a slot dropped during the copy stops the run', async () => {
  await inScene({}, async (scene) => {
    const hold = scene.pause('copy');
    const run = scene.run({ failpoints: `chunk.before_commit@5=${hold.action}` });
    await run.waitFor(/failpoint chunk\.before_commit 5/);
    await withClient(scene.sourceUrl, (client) => client.query(DROP));
    hold.release();
    await expectGone(scene, await run.exited);
  });
});

test.concurrent('a slot dropped while no process runs stops the next one', async () => {
  await inScene({}, async (scene) => {
    const run = scene.run();
    await scene.ready();
    run.kill('SIGINT');
    expect((await run.exited).code).not.toBe(0);
    await withClient(scene.sourceUrl, (client) => client.query(DROP));
    await expectGone(scene, await scene.command('run'));
  });
});

test.concurrent('a slot dropped under the running process stops it', async () => {
  await inScene({}, async (scene) => {
    const run = scene.run();
    await scene.ready();
    await withClient(scene.sourceUrl, (client) => client.query(DROP));
    await expectGone(scene, await run.exited);
  });
});

test.concurrent('a slot that the source invalidates during a pause stops the run', async () => {
  const source = await startServer({ settings: { max_slot_wal_keep_size: '1MB' } });
  const target = await startServer();
  await inScene({ servers: { source, target } }, async (scene) => {
    const run = scene.run();
    await scene.ready();
    expect(await scene.command('pause')).toMatchObject({ code: 0 });
    await withClient(scene.sourceUrl, async (client) => {
      for (let count = 0; count < 4; count++) {
        await client.query(`SELECT pg_logical_emit_message(false, 'filler', repeat('x', 9000000))`);
        await client.query('SELECT pg_switch_wal()');
      }
      await client.query('CHECKPOINT');
    });
    await expectGone(scene, await run.exited, await scene.slots());
  });
});
