// Gives a run up: the source is as it was before, the target keeps its rows behind the fence unless they are dropped.

import { MigrateError } from '../lib/errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { Endpoints, OpenEndpoints } from './endpoints.ts';

export interface AbortResult {
  readonly result: 'aborted';
  readonly run: string;
  /** What was removed, for people. */
  readonly removed: readonly string[];
  /** What was left on purpose, for people. */
  readonly left: readonly string[];
}

export interface AbortOptions {
  readonly drop: boolean;
  readonly takeover: boolean;
}

/** Idempotent: a second call finds less to remove. Refused once the target is open. */
export async function abortRun(plan: Plan, options: AbortOptions, open: OpenEndpoints): Promise<AbortResult> {
  const endpoints = await open(plan, { lock: true, takeover: options.takeover, onWaiting: () => undefined });
  try {
    await refuseWhenOver(plan, endpoints);
    await endpoints.claim();
    // Only the holder of the lease may ask a fence. The target may be open although the journal does not know it yet.
    if ((await endpoints.target.fence.state()).kind === 'open') throw over(plan);
    await endpoints.journal.audit('abort', options.drop ? '--drop' : '');
    await cleanSource(endpoints);
    const onSource = ['the fence, the slot, the publication and schema migrate on the source'];
    if (!options.drop) {
      await endpoints.journal.setOutcome('aborted');
      await endpoints.forget('source');
      return {
        result: 'aborted',
        run: plan.name,
        removed: onSource,
        left: ['the copied tables on the target, closed to writes', 'the journal in schema migrate of the target'],
      };
    }
    await dropTarget(endpoints);
    return {
      result: 'aborted',
      run: plan.name,
      removed: [...onSource, 'the copied tables and the journal on the target'],
      left: [],
    };
  } finally {
    await endpoints.close();
  }
}

async function refuseWhenOver(plan: Plan, { record, journal }: Endpoints): Promise<void> {
  if (record === undefined) throw new MigrateError('RUN.NONE', `there is no run named ${plan.name} on the target`);
  const cutover = await journal.cutovers.latest();
  if (record.outcome === 'complete' || cutover?.phase === 'committed') throw over(plan);
}

function over(plan: Plan): MigrateError {
  return new MigrateError('RUN.COMPLETE', `run ${plan.name} has cut over: the target is open`);
}

// The fence first: whatever else fails, the applications can write again.
async function cleanSource({ source }: Endpoints): Promise<void> {
  await source.fence.open();
  await source.fence.disarm();
  await source.log.release();
}

async function dropTarget({ record, target, journal, forget }: Endpoints): Promise<void> {
  if (record !== undefined) await target.drop(record.catalog);
  await target.fence.disarm();
  await journal.forget();
  await forget('source');
  await forget('target');
}
