// Waits for the permission, cuts over, and takes back from the source what only the run needed.

import type { DeadLetters } from '../apply/dead-letters.ts';
import { Cutover } from '../cutover/cutover.ts';
import type { CutoverOptions, RecoveryOptions } from '../cutover/options.ts';
import { recoverCutover } from '../cutover/recovery.ts';
import type { Source } from '../databases/source.ts';
import type { Pulse } from '../health/pulse.ts';
import type { RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Plan } from '../plan/plan.ts';
import { type LiveSettlement, settleFrozen, settleLive } from '../verify/settle.ts';
import { closeBehind } from './catch-up.ts';
import { IN_STEP, lettersObstacle, type Permission, READY } from './permission.ts';
import { selectionOf } from './selection.ts';
import type { Stage } from './stage.ts';
import { keepVerified, type VerifyParts, verifyContext } from './verify.ts';
import { nextWish, rest } from './wishes.ts';

export interface CutoverParts
  extends Omit<VerifyParts, 'plan'>,
    Omit<RecoveryOptions, 'source' | 'target' | 'journal'> {
  readonly plan: Pick<Plan, 'cutover' | 'verify'>;
  readonly record: RunRecord;
  readonly permission: Permission;
  readonly pulse: Pulse;
}

// Tables without a key are read as a whole each time: at most for this part of the time.
const SETTLE_SHARE = 0.05;
// Nor may they take more than this part of the budget in the freeze.
const ROWS_SHARE = 0.5;

export function cutoverStage(parts: CutoverParts): Stage {
  return {
    name: 'cutover',
    always: false,
    run: async () => {
      const { applier, permission, source } = parts;
      for (;;) {
        await waitForPermission(parts);
        await rest(parts);
        try {
          await shortenFreeze(parts);
          const result = await new Cutover(await cutoverOptions(parts)).run();
          await applier.close();
          // The heartbeat would find the publication gone and take that for a fault.
          parts.pulse.stop();
          await release(source);
          return { rowsCompared: result.rowsCompared, differences: 0 };
        } catch (error) {
          // Taken back before the freeze began: nothing has failed.
          if (!permission.granted && error instanceof MigrateError && error.code === 'CUTOVER.REFUSED') continue;
          permission.failed();
          throw error;
        }
      }
    },
  };
}

/**
 * Ends what an earlier process left of a cutover: before anything else, since the source may stand closed. True when
 * the target is open: then the run is over.
 */
export async function recoverInterrupted(options: RecoveryOptions, source: Source): Promise<boolean> {
  const recovery = await recoverCutover(options);
  if (recovery.outcome !== 'committed') return false;
  await release(source);
  return true;
}

async function release(source: Source): Promise<void> {
  await failpoint('cleanup.before_release');
  await source.log.release();
}

async function waitForPermission(parts: CutoverParts): Promise<void> {
  const { deadLetters, gate, permission, signal, status } = parts;
  const context = await verifyContext(parts);
  do {
    while (!permission.granted || deadLetters.open > 0) {
      const { open } = deadLetters;
      status.waitsFor(open > 0 ? lettersObstacle(open) : await readyText(parts));
      const began = performance.now();
      await keepVerified(parts, await settleLive(context));
      await nextWish(parts, (performance.now() - began) / SETTLE_SHARE);
    }
    status.waitsFor(null);
    await gate.passAll(signal);
    // It may have been taken back while the end of a pause was waited for.
  } while (!permission.granted);
}

/**
 * A burst of writes just before would be compared in the freeze, for as long as that takes: catch up with it first. What
 * cannot be brought down is left to the budget, except whole tables.
 */
async function shortenFreeze(parts: CutoverParts): Promise<void> {
  const { status } = parts;
  status.waitsFor('cutover waits until the target is close behind');
  await closeBehind(parts);
  status.waitsFor('cutover waits until what has changed is compared');
  const settled = await settleLive(await verifyContext(parts));
  await keepVerified(parts, settled);
  status.waitsFor(null);
  const obstacle = tableObstacle(settled, parts.plan.cutover.budget);
  if (obstacle !== undefined) throw new MigrateError('CUTOVER.REFUSED', obstacle, { disposition: 'retry' });
}

function tableObstacle({ pendingTables, pendingRows }: LiveSettlement, budgetMs: number): string | undefined {
  if (pendingTables > 0) return `${pendingTables} tables change faster than they can be compared while writes go on`;
  if (pendingRows.readMs <= ROWS_SHARE * budgetMs) return undefined;
  return (
    `${pendingRows.tables} tables without a key change all the time, and comparing them in the freeze takes about` +
    ` ${(pendingRows.readMs / 1_000).toFixed(1)} s, more than half of cutover.budget (${budgetMs} ms)`
  );
}

async function readyText(parts: CutoverParts): Promise<string> {
  return parts.permission.when === 'never' ? IN_STEP : `${READY}${await lastUndone(parts)}`;
}

/** Why the attempt before was undone: who is to give the next permission must know. */
async function lastUndone({ journal }: CutoverParts): Promise<string> {
  const latest = await journal.cutovers.latest();
  if (latest?.phase !== 'undone' || latest.reason === null) return '';
  return ` (attempt ${latest.attempt} was undone at ${latest.reason})`;
}

async function cutoverOptions(parts: CutoverParts): Promise<CutoverOptions> {
  const { applier, deadLetters, permission, plan, record, source, target } = parts;
  const context = await verifyContext(parts);
  return {
    ...parts,
    replication: applier,
    plan: plan.cutover,
    // By hand an attempt is made once, and after it the run follows the source again until the next permission.
    retriesLeft: permission.when === 'auto' ? Math.max(0, plan.cutover.retries - permission.failures) : 1,
    freezing: (frozen) => permission.freezing(frozen),
    openLetters: () => deadLetters.open,
    unwell: () => permission.unwell,
    firing: () => target.firing(record.catalog),
    fingerprint: async () => (await source.fingerprint(selectionOf(record))) === record.fingerprint,
    settle: async (signal) => {
      // One that came with the last writes.
      refuseOpenLetters(deadLetters);
      const found = await settleFrozen({ ...context, signal });
      await keepVerified(parts, found);
      return { ...found, differences: [] };
    },
  };
}

function refuseOpenLetters({ open }: DeadLetters): void {
  if (open > 0) throw new MigrateError('CUTOVER.REFUSED', lettersObstacle(open), { disposition: 'retry' });
}
