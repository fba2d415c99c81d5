// What a run that is over tells of itself, read from the journal, so that every later call tells the same.

import type { Journal, RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import type { RunStatus } from '../observe/status.ts';
import { copiedResult, type RunOutcome } from '../report/partial.ts';
import { runResult } from '../report/result.ts';
import { finishCopy } from '../stages/open.ts';
import type { Endpoints } from './endpoints.ts';
import type { RunRequest } from './request.ts';

/** Undefined while the run is not over. The old server of a complete one may be gone: nothing is touched. */
export async function earlierOutcome(
  endpoints: Endpoints,
  only: RunRequest['only'],
  status: RunStatus,
): Promise<RunOutcome | undefined> {
  const { journal, record } = endpoints;
  if (record?.outcome === 'complete') {
    status.update((value) => {
      value.writable = 'target';
    });
    status.enter('complete');
    return completeOutcome(journal, record);
  }
  if (record?.outcome !== 'copied') return undefined;
  await finishOpening(endpoints);
  status.enter('copied');
  if (only !== 'snapshot') throw new MigrateError('RUN.COPIED', `run ${record.name} was made as a copy`);
  return copiedOutcome(journal, record);
}

/** The process that opened the copy may have been killed before it was done; nothing is copied or applied any more. */
async function finishOpening(endpoints: Endpoints): Promise<void> {
  const { stages } = endpoints.journal;
  const opening = (await stages.list()).find(({ stage }) => stage === 'open');
  if (opening?.finishedAt !== null) return;
  await endpoints.claim();
  await finishCopy(endpoints);
  await stages.finish('open', opening.result);
}

export async function completeOutcome(journal: Journal, record: RunRecord): Promise<RunOutcome> {
  return runResult({
    record,
    stages: await journal.stages.list(),
    cutover: await journal.cutovers.latest(),
    changesApplied: await journal.tables.changesApplied(),
    splitTransactions: await journal.tables.splitTransactions(),
    states: await journal.states.list(),
    letters: await journal.deadLetters.list(),
  });
}

export async function copiedOutcome(journal: Journal, record: RunRecord): Promise<RunOutcome> {
  return copiedResult({
    record,
    stages: await journal.stages.list(),
    changesApplied: await journal.tables.changesApplied(),
    states: await journal.states.list(),
    letters: await journal.deadLetters.list(),
  });
}
