// Gives a run up: the source is as it was before, the target keeps its rows behind the fence unless they are dropped.

import { renamedTarget } from '../convert/renamed-target.ts';
import { noRun } from '../journal/no-run.ts';
import { MigrateError } from '../lib/errors.ts';
import { person } from '../lib/person.ts';
import type { Plan } from '../plan/plan.ts';
import { releaseSource } from '../stages/open.ts';
import type { Endpoints, OpenEndpoints } from './endpoints.ts';
import type { RunView } from './inspect.ts';

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
    const { record, journal } = endpoints;
    if (record === undefined) throw noRun(plan.name);
    refuseOver({ record, cutover: await journal.cutovers.latest() });
    await endpoints.claim();
    // Only the holder of the lease may ask a fence. The target may be open although the journal does not know it yet.
    if ((await endpoints.target.fence.state()).kind === 'open') throw over(plan.name, false);
    const command = options.drop ? 'abort --drop' : 'abort';
    await endpoints.journal.audit({ by: person(), command, result: 'the run is given up' });
    await releaseSource(endpoints.source);
    await endpoints.target.scratch.drop();
    const onSource = ['on the source: the fence, and what else the run had made'];
    if (!options.drop) {
      await endpoints.journal.setOutcome('aborted');
      await endpoints.forget('source');
      return {
        result: 'aborted',
        run: plan.name,
        removed: onSource,
        left: [
          'on the target: the copied tables, none of them open to applications',
          'on the target: the journal, in migrate',
        ],
      };
    }
    const dropped = await dropTarget(endpoints);
    return {
      result: 'aborted',
      run: plan.name,
      removed: [
        ...onSource,
        dropped ? 'on the target: the copied tables and the journal' : 'on the target: the fence and the journal',
      ],
      left: dropped ? [] : ['on the target: the tables, which the run did not make, with the rows it copied'],
    };
  } finally {
    await endpoints.close();
  }
}

/** Throws RUN.COMPLETE when there is nothing left to give up. */
export function refuseOver({ record, cutover }: Pick<RunView, 'record' | 'cutover'>): void {
  if (record.outcome === 'copied') throw over(record.name, true);
  if (record.outcome === 'complete' || cutover?.phase === 'committed') throw over(record.name, false);
}

function over(run: string, copy: boolean): MigrateError {
  const source = copy
    ? ''
    : " Its tables stay closed on the source: what opens them, and what removes the journal, is in docs/operating.md, 'After the cutover'.";
  return new MigrateError(
    'RUN.COMPLETE',
    `run ${run} ${copy ? 'has made its copy' : 'has cut over'}: the target is open`,
    {
      fix: `There is nothing to give up, and nothing was done. Where a process still works on it, let it end.${source}`,
    },
  );
}

async function dropTarget({ record, target, journal, forget }: Endpoints): Promise<boolean> {
  const dropped = record === undefined || (await renamedTarget(target, record.catalog).drop(record.catalog));
  await target.fence.disarm();
  await journal.forget();
  await forget('source');
  await forget('target');
  return dropped;
}
