// What an interrupted attempt comes to. The journal says how far it was meant to go, the fences say how far it went.

import type { CutoverRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { Attempt } from './attempt.ts';
import { commit, goBack, goForward, reopen } from './forward.ts';
import type { RecoveryOptions } from './options.ts';

export type Recovery =
  /** Nothing was interrupted. */
  | { readonly outcome: 'none' }
  /** The source is open again. */
  | { readonly outcome: 'undone' }
  /** The target is open: the cutover is over. */
  | { readonly outcome: 'committed'; readonly record: CutoverRecord };

/**
 * Ends what a runner that died left behind, back or forward. To be called first of all by every runner, since the
 * source may stand closed. Rejects with CUTOVER.AMBIGUOUS when only a person can tell where the applications are.
 */
export async function recoverCutover(options: RecoveryOptions): Promise<Recovery> {
  const latest = await options.journal.cutovers.latest();
  if (latest === undefined || latest.phase === 'undone') return { outcome: 'none' };
  const attempt = new Attempt(options.journal.cutovers, options.status, latest);
  if (latest.phase === 'committed') {
    await commit(options, attempt, latest.writePauseMs);
    return { outcome: 'committed', record: attempt.record };
  }
  if (latest.phase === 'freezing') return undo(options, attempt);
  const target = await options.target.fence.state();
  if (target.kind === 'open') {
    // When it opened nobody noted; the time until now would count what the run was down as a pause.
    await commit(options, attempt, null);
    return { outcome: 'committed', record: attempt.record };
  }
  if ((await options.source.fence.state()).kind !== 'permanent') {
    // No switch is begun before the fence is permanent, and the fence opens only after all of them were undone. One that
    // is in force, with a fence that is not: the source was replaced.
    if (latest.switches.every(({ state }) => state === 'undone')) return undo(options, attempt);
    if (options.decision !== 'undo') {
      throw new MigrateError(
        'CUTOVER.AMBIGUOUS',
        'a switch was begun, and the fence of the source is not permanent any more: it can only be undone',
      );
    }
  }
  return resume(options, attempt);
}

/** The source is closed for good and the target not open yet. */
async function resume(options: RecoveryOptions, attempt: Attempt): Promise<Recovery> {
  options.status.update((value) => {
    value.writable = 'none';
  });
  const { reason } = attempt.record;
  if (options.decision === 'undo') {
    await goBack(options, attempt, 'the operator undid it', true);
    return { outcome: 'undone' };
  }
  if (options.decision === 'switched') await attempt.write({ reason: null });
  else if (reason !== null) {
    await goBack(options, attempt, reason);
    return { outcome: 'undone' };
  }
  options.log.info(`cutover attempt ${attempt.record.attempt} goes on where it stopped`);
  await goForward(options, attempt);
  return { outcome: 'committed', record: attempt.record };
}

async function undo(options: RecoveryOptions, attempt: Attempt): Promise<Recovery> {
  await reopen(options, attempt, 'the runner stopped');
  options.log.info(`cutover attempt ${attempt.record.attempt} was interrupted and is undone; the source is open`);
  return { outcome: 'undone' };
}
