// kill -9 at every failpoint there is, at its first hit; some at later hits, some as a failure inside the process.
// The same command is started again each time.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAILPOINTS } from '../../../src/lib/failpoint.ts';
import { withClient } from '../../fleet/databases.ts';
import { expectKilledAt, expectKilledAtEach, type Kill } from '../killing.ts';
import { withMigration } from '../migration.ts';

// Neighbours go into different runs, so that a kill is mostly the first that its stage sees.
const RUNS = 6;
const GROUPS = Array.from({ length: RUNS }, (_, run) => FAILPOINTS.filter((_, index) => index % RUNS === run));

describe('kill -9 at the first hit', () => {
  for (const [run, points] of GROUPS.entries()) {
    const workload = run % 2 === 0 ? 'shop' : 'torture';
    it(`of ${points.join(', ')} loses and doubles nothing (${workload})`, async () => {
      // Short, so that the fence of a dead runner opens soon.
      const plan = { cutover: { when: 'auto', reverse: 'off', budget: '3s' } };
      await withMigration({ workload, rows: 120, plan }, async (migration) => {
        await expectKilledAtEach(migration, points);
        await migration.expectComplete(await migration.run());
      });
    });
  }
});

const LATER: readonly (readonly Kill[])[] = [
  [
    { point: 'chunk.read', hit: 2 },
    { point: 'chunk.before_commit', hit: 3 },
    { point: 'chunk.after_commit', hit: 2 },
    { point: 'apply.begin', hit: 3 },
    { point: 'apply.mid', hit: 2 },
    { point: 'apply.before_checkpoint', hit: 3 },
    { point: 'apply.before_commit', hit: 2 },
    { point: 'apply.after_commit', hit: 3 },
  ],
  [
    { point: 'chunk.read', hit: 3 },
    { point: 'chunk.before_commit', hit: 2 },
    { point: 'chunk.after_commit', hit: 3 },
    { point: 'apply.begin', hit: 2 },
    { point: 'apply.mid', hit: 3 },
    { point: 'apply.before_checkpoint', hit: 2 },
    { point: 'apply.before_commit', hit: 3 },
    { point: 'apply.after_commit', hit: 2 },
  ],
];

describe('kill -9 at a later hit', () => {
  for (const [run, kills] of LATER.entries()) {
    const workload = run % 2 === 0 ? 'torture' : 'shop';
    it(`in the middle of copy and apply loses and doubles nothing (${workload})`, async () => {
      await withMigration({ workload, rows: 150, seed: 2 }, async (migration) => {
        for (const kill of kills) await expectKilledAt(migration, kill);
        await migration.expectComplete(await migration.run());
      });
    });
  }
});

describe('a failure inside the process', () => {
  // The second throw of a copy must come in another attempt: of two failures at once only the first is told.
  const THROWS: readonly Kill[] = [
    { point: 'log.pinned', hit: 1 },
    { point: 'chunk.before_commit', hit: 1 },
    { point: 'chunk.after_commit', hit: 7 },
    { point: 'apply.before_commit', hit: 1 },
    { point: 'apply.after_commit', hit: 2 },
    { point: 'schema.completing', hit: 1 },
    { point: 'verify.chunk', hit: 1 },
    { point: 'cutover.drained', hit: 1 },
    { point: 'cutover.permanent', hit: 1 },
    { point: 'cutover.target_open', hit: 1 },
  ];

  it('is recovered by the same process, at each of ten places in one run', async () => {
    await withMigration({ workload: 'shop', rows: 150, seed: 3 }, async (migration) => {
      const result = await migration.run(THROWS.map(({ point, hit }) => `${point}@${hit}=throw`).join(';'));
      await migration.expectComplete(result);
      // By the hits, not by the errors: of two lanes that fail in the same batch only one is reported.
      const hits = new Set(result.stderr.split('\n'));
      expect(THROWS.filter(({ point, hit }) => !hits.has(`failpoint ${point} ${hit}`))).toEqual([]);
    });
  });
});

describe('a runner that is started again while the fence of a dead one is still closed', () => {
  it('opens the source itself and cuts over in another attempt', async () => {
    // Nothing opens by itself for as long as this test lasts.
    const plan = { cutover: { when: 'auto', reverse: 'off', budget: '10m' } };
    await withMigration({ workload: 'shop', rows: 120, plan }, async (migration) => {
      const { signal } = await migration.start('cutover.settled=kill9').exited;
      expect(signal).toBe('SIGKILL');
      expect(await migration.status()).toMatchObject({ writable: 'none', cutover: { phase: 'freezing' } });
      const process = migration.start('cutover.before_arm=kill9');
      await migration.writers.more('source', 5);
      await process.exited;
      expect(await migration.status()).toMatchObject({ writable: 'source', cutover: { phase: 'undone' } });
      const result = await migration.run();
      await migration.expectComplete(result);
      expect(result.json).toMatchObject({ cutover: { attempts: 2 } });
    });
  });
});

describe('changes that are still on their way when the source closes', () => {
  it('are on the target before the fence is permanent, even when the runner dies right then', async () => {
    const plan = { cutover: { when: 'auto', reverse: 'off', budget: '30s' } };
    await withMigration({ workload: 'shop', rows: 120, seed: 4, plan }, async (migration) => {
      const { writers, pair } = migration;
      const file = join(await mkdtemp(join(tmpdir(), 'migrate-held-')), 'go');
      const process = migration.start(`cutover.armed=pause(${file});cutover.permanent=kill9`);
      await process.waitFor(/^failpoint cutover\.armed 1$/);
      await withClient(pair.targetUrl, async (client) => {
        // Hardly anything can be applied while these are held. Not the ledger: the writers try it first, and are refused.
        const tables = 'work.customers, work.orders, work.order_lines, work.documents, work.events';
        await client.query(`BEGIN; LOCK TABLE ${tables} IN SHARE ROW EXCLUSIVE MODE`);
        await writers.more('source', 10);
        await writeFile(file, '');
        await process.waitFor(/^failpoint cutover\.marked 1$/);
        // As long as some dozens of refused writes take; a runner that did not wait would be done by then.
        const refused = writers.progress.refused + 60;
        while (writers.progress.refused < refused) await client.query('SELECT 1');
      });
      expect((await process.exited).signal).toBe('SIGKILL');
      await migration.compareAtRest();
      await migration.expectComplete(await migration.run());
      await rm(dirname(file), { recursive: true });
    });
  });
});
