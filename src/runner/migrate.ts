// The stages from an empty target to an open one: those that are done once, then those around the running apply.

import type { RecoveryOptions } from '../cutover/options.ts';
import type { Pulse } from '../health/pulse.ts';
import type { RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { type RunOutcome, stoppedResult } from '../report/partial.ts';
import { catchUpStage } from '../stages/catch-up.ts';
import { enter, enterEach } from '../stages/enter.ts';
import { copyOnlyStages, migrationStages, onceStages } from '../stages/pipeline.ts';
import { copyAgain } from '../stages/recopy.ts';
import type { Workers } from '../stages/workers.ts';
import { whileApplying } from './applying.ts';
import { showConditions } from './conditions.ts';
import { type Division, divideTables } from './division.ts';
import type { Endpoints } from './endpoints.ts';
import { copiedOutcome } from './outcome.ts';
import type { Runner } from './runner.ts';
import { applyTogether, canShare, farBehind } from './together.ts';

export interface BegunRun {
  readonly record: RunRecord;
  readonly recovery: RecoveryOptions;
  readonly pulse: Pulse;
  readonly workers: Workers;
}

/** So long the lanes stay in one hand when they were shared before: taking them back and forth costs more than it brings. */
const SHARE_AGAIN_MS = 30_000;

/** Resolves with undefined when the target is open, with a result when the run was asked for less than a migration. */
export async function migrate(runner: Runner, endpoints: Endpoints, begun: BegunRun): Promise<RunOutcome | undefined> {
  const { request, gate, status } = runner;
  const { record, recovery, workers } = begun;
  const { plan, until } = request;
  if (until === 'preflight') return stoppedResult(record.name, until);
  const { source, target, journal } = endpoints;
  const { covers } = endpoints.stream(record.catalog);
  const division = await divideTables({ record, journal, target, covers, lanes: plan.apply.lanes });
  const { catalog, carried } = division;
  const shared = { ...recovery, source, target, journal, catalog, carried, plan, gate, status };
  const once = onceStages({ ...shared, startPosition: record.startPosition });
  const copied = await workers.whileInviting(() => enterEach(once, shared, until));
  if (copied !== undefined) return stoppedResult(record.name, copied);
  await showConditions(journal, carried, status);
  const { signal } = recovery;
  const stream = () => endpoints.stream(record.catalog);
  const parts = { ...endpoints, record, division, stream, workers, signal };
  for (let notBeforeMs = 0; ; notBeforeMs = performance.now() + SHARE_AGAIN_MS) {
    const outcome = await applying(runner, endpoints, { ...begun, division, notBeforeMs });
    if (outcome !== 'share') return outcome;
    await applyTogether(runner, parts);
  }
}

/** With all lanes in this process; `share` when they are to be shared with workers. */
async function applying(
  runner: Runner,
  endpoints: Endpoints,
  {
    record,
    recovery,
    pulse,
    workers,
    division,
    notBeforeMs,
  }: BegunRun & {
    readonly division: Division;
    /** When lanes may be shared, by performance.now(). */
    readonly notBeforeMs: number;
  },
): Promise<RunOutcome | undefined | 'share'> {
  const { request, operator, gate, status, verification } = runner;
  const { plan, until, only } = request;
  const { source, target, journal, lease } = endpoints;
  const { catalog, carried, recopied } = division;
  const { signal } = recovery;
  const stream = endpoints.stream(record.catalog);
  // What was shared came back with another epoch.
  const run = { ...recovery.run, epoch: lease.epoch };
  return whileApplying(runner, { ...endpoints, stream, division, signal }, async (applied) => {
    const { forget } = endpoints;
    const { applier } = applied;
    const shared = { ...recovery, run, source, target, journal, catalog, carried, plan, gate, status };
    const parts = { ...shared, ...applied, forget, record, stream, pulse, verification, permission: operator };
    if (recopied.length > 0) {
      await enter(catchUpStage(parts), shared);
      return await copyAgain({ ...parts, tables: recopied });
    }
    const sharing = new AbortController();
    const staged = { ...parts, signal: AbortSignal.any([signal, sharing.signal]) };
    const stages = only === 'snapshot' ? copyOnlyStages(staged) : migrationStages(staged);
    const ended = enterEach(stages, shared, until);
    const wanted = canShare(stream, { division, record }, plan.apply.onBadRow)
      ? farBehind(runner, { workers, journal, notBeforeMs, signal: applier.signal })
      : Promise.resolve(false);
    const stopped = await Promise.race([ended, wanted.then((is) => (is ? ('share' as const) : ended))]);
    if (stopped === 'share') {
      sharing.abort(new MigrateError('INTERRUPTED', 'the lanes are to be shared'));
      await applier.close();
      await ended.catch(() => undefined);
      return stopped;
    }
    if (stopped !== undefined) return stoppedResult(record.name, stopped);
    if (only === undefined) return undefined;
    status.enter('copied');
    return await copiedOutcome(journal, record);
  });
}
