// Whether a freeze could succeed now. Waits a while for it, then says what stands in the way.

import { setTimeout as sleep } from 'node:timers/promises';
import { writerText } from '../databases/fence.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Freeze } from './freeze.ts';
import type { CutoverOptions } from './options.ts';

const POLL_MS = 100;
const PATIENCE_MS = 30_000;

export async function forecast(options: CutoverOptions, freeze: Freeze): Promise<void> {
  await requireClosedTarget(options);
  await refuseFiring(options);
  refuseOpenLetters(options);
  const end = performance.now() + (options.patienceMs ?? PATIENCE_MS);
  try {
    for (;;) {
      const obstacle = options.unwell?.() ?? lagObstacle(options) ?? (await writerObstacle(options, freeze));
      options.status.waitsFor(obstacle === undefined ? null : `cutover waits: ${obstacle}`);
      if (obstacle === undefined) return;
      if (performance.now() >= end) {
        throw new MigrateError('CUTOVER.REFUSED', obstacle, { disposition: 'retry' });
      }
      await freeze.race(sleep(POLL_MS, undefined, { signal: freeze.signal }));
    }
  } finally {
    options.status.waitsFor(null);
  }
}

/** A target that was open may hold writes of its own. */
async function requireClosedTarget({ target }: CutoverOptions): Promise<void> {
  const { kind } = await target.fence.state();
  if (kind === 'permanent') return;
  throw new MigrateError('CUTOVER.REFUSED', `the fence of the target is ${kind}: someone may have written to it`, {
    fix: 'Find out who opened it; if anything wrote to the target, abort with --drop and start again.',
  });
}

/** It ends the process: what has been compared before may be another thing by now, and a new one compares everything. */
async function refuseFiring({ firing }: CutoverOptions): Promise<void> {
  const [first, ...others] = (await firing?.()) ?? [];
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  throw new MigrateError('CUTOVER.REFUSED', `${first}${more} of the target may have acted on the rows of the run`, {
    fix: 'Disable or drop it on the target and start the run again, which compares every row. Enable it after the cutover.',
  });
}

/** Only a person can settle them: there is nothing to wait for. */
function refuseOpenLetters({ openLetters }: CutoverOptions): void {
  const open = openLetters?.() ?? 0;
  if (open > 0) throw new MigrateError('CUTOVER.REFUSED', `${open} dead letters are open`, { disposition: 'retry' });
}

function lagObstacle({ status, plan }: CutoverOptions): string | undefined {
  const { lagSeconds } = status.snapshot().stream;
  if (lagSeconds === null) return 'the lag is unknown';
  return lagSeconds * 1_000 > plan.maxLag
    ? `the target is ${lagSeconds.toFixed(1)} s behind, more than cutover.maxLag (${plan.maxLag} ms)`
    : undefined;
}

/** A transaction that is older than the budget will hardly end within it. */
async function writerObstacle({ source, plan }: CutoverOptions, freeze: Freeze): Promise<string | undefined> {
  if (plan.openTransactions === 'end') return undefined;
  const writers = await freeze.race(source.fence.openWriters());
  const old = writers.filter((writer) => writer.ageSeconds * 1_000 > plan.budget);
  if (old.length === 0) return undefined;
  return `transactions open for longer than cutover.budget: ${old.slice(0, 5).map(writerText).join(', ')}`;
}
