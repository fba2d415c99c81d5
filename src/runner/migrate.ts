// The stages from an empty target to an open one: those that are done once, then those around the running apply.

import type { RecoveryOptions } from '../cutover/options.ts';
import type { Pulse } from '../health/pulse.ts';
import type { RunRecord } from '../journal/journal.ts';
import { type RunOutcome, stoppedResult } from '../report/partial.ts';
import { catchUpStage } from '../stages/catch-up.ts';
import { enter, enterEach } from '../stages/enter.ts';
import { copyOnlyStages, migrationStages, onceStages } from '../stages/pipeline.ts';
import { copyAgain } from '../stages/recopy.ts';
import { whileApplying } from './applying.ts';
import { showConditions } from './conditions.ts';
import { divideTables } from './division.ts';
import type { Endpoints } from './endpoints.ts';
import { copiedOutcome } from './outcome.ts';
import type { Runner } from './runner.ts';

export interface BegunRun {
  readonly record: RunRecord;
  readonly recovery: RecoveryOptions;
  readonly pulse: Pulse;
}

/** Resolves with undefined when the target is open, with a result when the run was asked for less than a migration. */
export async function migrate(
  runner: Runner,
  endpoints: Endpoints,
  { record, recovery, pulse }: BegunRun,
): Promise<RunOutcome | undefined> {
  const { request, operator, gate, status, verification } = runner;
  const { plan, until, only } = request;
  if (until === 'preflight') return stoppedResult(record.name, until);
  const { source, target, journal } = endpoints;
  const stream = endpoints.stream(record.catalog);
  const { covers } = stream;
  const division = await divideTables({ record, journal, target, covers, lanes: plan.apply.lanes });
  const { catalog, carried, recopied } = division;
  const shared = { ...recovery, source, target, journal, catalog, carried, plan, gate, status };
  const copied = await enterEach(onceStages({ ...shared, startPosition: record.startPosition }), shared, until);
  if (copied !== undefined) return stoppedResult(record.name, copied);
  await showConditions(journal, carried, status);
  const { signal } = recovery;
  return whileApplying(runner, { ...endpoints, stream, division, signal }, async (applying) => {
    const { forget } = endpoints;
    const parts = { ...shared, ...applying, forget, record, stream, pulse, verification, permission: operator };
    if (recopied.length > 0) {
      await enter(catchUpStage(parts), shared);
      return await copyAgain({ ...parts, tables: recopied });
    }
    const stages = only === 'snapshot' ? copyOnlyStages(parts) : migrationStages(parts);
    const stopped = await enterEach(stages, shared, until);
    if (stopped !== undefined) return stoppedResult(record.name, stopped);
    if (only === undefined) return undefined;
    status.enter('copied');
    return await copiedOutcome(journal, record);
  });
}
