// Ten kill -9 in two runs, at places that change from commit to commit. The same command is started again each time.

import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { FAILPOINTS, type Failpoint } from '../../src/lib/failpoint.ts';
import { expectKilledAtEach } from './killing.ts';
import { withMigration } from './migration.ts';

// Where rows are easiest to lose or to double.
const ALWAYS: readonly Failpoint[] = [
  'chunk.after_commit',
  'apply.before_commit',
  'apply.after_commit',
  'cutover.closed',
  'cutover.permanent',
];

/** A number that is the same for everyone who tests the same commit. MIGRATE_TEST_SEED repeats another one. */
function seedOfCommit(): number {
  const given = Number(process.env.MIGRATE_TEST_SEED ?? Number.NaN);
  if (Number.isInteger(given)) return given;
  try {
    const head = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number.parseInt(head.toString('latin1').slice(0, 6), 16);
  } catch {
    // Not a checkout.
    return 1;
  }
}

/** Five besides those, in steps that meet each of the rest before any comes again. */
function rotating(seed: number): readonly Failpoint[] {
  const rest = FAILPOINTS.filter((point) => !ALWAYS.includes(point));
  return Array.from({ length: 5 }, (_, index) => rest[(seed + index * 5) % rest.length] ?? 'copy.done');
}

const SEED = seedOfCommit();
const CHOSEN = [...ALWAYS, ...rotating(SEED)].sort((a, b) => FAILPOINTS.indexOf(a) - FAILPOINTS.indexOf(b));

describe(`kill -9, seed ${SEED}`, () => {
  for (const [run, workload] of (['shop', 'torture'] as const).entries()) {
    const points = CHOSEN.filter((_, index) => index % 2 === run);
    it(`at ${points.join(', ')} loses and doubles nothing (${workload})`, async () => {
      expect(points).toHaveLength(5);
      const plan = { cutover: { when: 'auto', reverse: 'off', budget: '3s' } };
      await withMigration({ workload, rows: 200, seed: SEED % 1_000, plan }, async (migration) => {
        await expectKilledAtEach(migration, points);
        await migration.expectComplete(await migration.run());
      });
    });
  }
});
