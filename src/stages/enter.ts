// Goes through stages: each is journalled when it begins and when it is done, and one that is done is not entered again.

import type { Journal, StageName } from '../journal/journal.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Stage } from './stage.ts';

export interface StageRecords {
  readonly journal: Pick<Journal, 'stages'>;
  readonly status: RunStatus;
  readonly log: Log;
}

export async function enter(stage: Stage, { journal, status, log }: StageRecords): Promise<void> {
  const known = await journal.stages.list();
  status.showStages(known);
  const done = known.some((entry) => entry.stage === stage.name && entry.finishedAt !== null);
  if (done && !stage.always) return;
  status.enter(stage.name);
  log.info('stage begins', { stage: stage.name });
  const began = performance.now();
  await journal.stages.start(stage.name);
  await journal.stages.finish(stage.name, await stage.run());
  status.finished();
  log.info('stage done', { stage: stage.name, seconds: Math.round(performance.now() - began) / 1000 });
}

/** One after another. Resolves with `until` when it stopped at the end of that stage, with undefined at the end of all. */
export async function enterEach(
  stages: readonly Stage[],
  records: StageRecords,
  until: StageName | undefined,
): Promise<StageName | undefined> {
  for (const stage of stages) {
    await enter(stage, records);
    if (stage.name === until) return until;
  }
  return undefined;
}
