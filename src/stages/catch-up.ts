// Follows the source's log until the target is close behind. Past the overlap, while every lane stands at one position,
// it builds what was left out of the schema: from then on the target is a past state of the source.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Applier } from '../apply/applier.ts';
import { heartbeat } from '../apply/heartbeat.ts';
import type { Source } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { Pulse } from '../health/pulse.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import type { ChangeStream } from '../stream/change-stream.ts';
import type { Stage } from './stage.ts';

export interface CatchUpParts {
  readonly source: Source;
  readonly target: Target;
  readonly catalog: Catalog;
  /** Started here, used by the stages after it. */
  readonly applier: Applier;
  readonly stream: ChangeStream;
  readonly pulse: Pulse;
  readonly plan: Pick<Plan, 'cutover'>;
  readonly status: RunStatus;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const BUILDING = 'building indexes and constraints';

export function catchUpStage(parts: CatchUpParts): Stage {
  return {
    name: 'catch-up',
    always: true,
    run: async () => {
      const { applier, catalog, log, pulse, source, status, stream, target } = parts;
      // A process that was killed while it opened a copy leaves what the apply cannot work with.
      await target.sequences.relax(catalog);
      await target.foreignKeys.remove(catalog);
      await applier.start();
      const beat = heartbeat({ log: source.log, stream, applier, status });
      pulse.watch({ side: 'source', ask: beat }, applier.signal);
      await applier.overlapPassed();
      await failpoint('schema.before_complete');
      await applier.atBarrier(async () => {
        status.waitsFor(BUILDING);
        await target.complete(catalog, (subject) => log.info('building', { subject }));
      });
      status.update((value) => {
        if (value.waiting === BUILDING) value.waiting = null;
      });
      await closeBehind(parts);
      return {};
    },
  };
}

/** Resolves when the lag is known and below the threshold. */
export async function closeBehind({
  applier,
  plan,
  status,
  signal,
}: Pick<CatchUpParts, 'applier' | 'plan' | 'status' | 'signal'>): Promise<void> {
  for (;;) {
    const { lagSeconds } = status.snapshot().stream;
    if (lagSeconds !== null && lagSeconds * 1000 <= plan.cutover.maxLag) return;
    await Promise.race([sleep(100, undefined, { signal }), applier.failed]);
  }
}
