// The way of one attempt from wherever the journal says that the run is to its end: an interrupted cutover comes to its end
// first, then the source's changes of schema are followed and tables that were asked for join, then the stages.

import { renamedTarget } from '../convert/renamed-target.ts';
import type { RecoveryOptions } from '../cutover/options.ts';
import { createSwitches } from '../cutover/switch/create.ts';
import type { Source } from '../databases/source.ts';
import type { Pulse } from '../health/pulse.ts';
import type { RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Side } from '../model/side.ts';
import { withoutNeeding } from '../model/without.ts';
import type { RunStatus } from '../observe/status.ts';
import type { RunOutcome } from '../report/partial.ts';
import { recoverInterrupted } from '../stages/cutover.ts';
import { enter } from '../stages/enter.ts';
import { foreignKeysStage } from '../stages/foreign-keys.ts';
import { Workers } from '../stages/workers.ts';
import { beginRun } from './begin.ts';
import type { Endpoints } from './endpoints.ts';
import { whileWatched } from './health.ts';
import { joinTables } from './joining.ts';
import { migrate } from './migrate.ts';
import type { Operator } from './operator.ts';
import { completeOutcome, earlierOutcome } from './outcome.ts';
import type { Runner } from './runner.ts';
import { guardedSource, type SchemaWatch } from './schema.ts';
import { requestTable } from './tables.ts';

/** What watches over an attempt while it walks, and what ends it. */
export interface Watches {
  readonly pulse: Pulse;
  readonly schema: SchemaWatch;
  readonly stop: AbortController;
}

/** Resolves when the run is over, or has come as far as was asked. */
export async function walk(runner: Runner, opened: Endpoints, { pulse, schema, stop }: Watches): Promise<RunOutcome> {
  const { request, operator, status, verification } = runner;
  const earlier = await earlierOutcome(opened, request.only, status);
  if (earlier !== undefined) return earlier;
  const { journal, source, target } = opened;
  pulse.watch({ side: 'source', ask: () => source.ping(), answered: answering(status, 'source') });
  pulse.watch({ side: 'target', ask: () => target.ping(), answered: answering(status, 'target') });
  pulse.watch({ side: 'source', ask: schema.probe });
  const begun = await beginRun({ plan: request.plan, endpoints: opened, onFindings: request.onFindings });
  operator.attach({
    journal,
    paused: begun.paused,
    throttling: begun.throttling,
    table: (wish) => requestTable({ plan: request.plan, endpoints: opened }, wish),
    signal: stop.signal,
    restart: (reason) => stop.abort(reason),
  });
  const interrupted = recoveryOptions(runner, named(opened, begun), begun, stop.signal);
  const over = await recoverSettled(interrupted, source, operator);
  status.update((value) => {
    value.writable = over ? 'target' : 'source';
  });
  if (over) return complete(runner, named(opened, begun), begun);
  // Not sooner: whatever became of the source, a cutover that was interrupted comes to its end first.
  const carried = await schema.carry(begun);
  if (carried !== begun) verification.startOver();
  const record = await joinTables({ plan: request.plan, endpoints: opened, schema, log: request.log }, carried);
  const endpoints = { ...named(opened, record), source: guardedSource(source, schema.look) };
  const recovery = recoveryOptions(runner, endpoints, record, stop.signal);
  const workers = new Workers({
    journal: journal.workers,
    epoch: () => endpoints.lease.epoch,
    status,
    log: request.log,
  });
  pulse.watch({ side: 'target', ask: workers.look });
  const ended = await whileWatched({ monitor: runner.monitor, plan: request.plan, endpoints }, () =>
    migrate(runner, endpoints, { record, recovery, pulse, workers }),
  );
  if (ended !== undefined) return ended;
  schema.release();
  return complete(runner, endpoints, record);
}

function answering(status: RunStatus, side: Side): (seconds: number | null) => void {
  return (seconds) =>
    status.update((value) => {
      value.answerSeconds[side] = seconds;
    });
}

/** The target in the words of the catalog that the run carries. */
function named(endpoints: Endpoints, { catalog }: RunRecord): Endpoints {
  return { ...endpoints, target: renamedTarget(endpoints.target, catalog) };
}

function recoveryOptions(
  { request, operator, status }: Runner,
  { source, target, journal, lease }: Endpoints,
  { name, id, catalog }: RunRecord,
  signal: AbortSignal,
): RecoveryOptions {
  return {
    run: { name, id, epoch: lease.epoch },
    source,
    target,
    journal,
    catalog,
    switches: createSwitches(request.plan.cutover.switch, { confirm: operator.confirm, scrub: request.scrub }),
    status,
    log: request.log,
    signal,
  };
}

/** Ends what an earlier process left of a cutover; where only a person knows how, it waits for the answer. */
async function recoverSettled(recovery: RecoveryOptions, source: Source, operator: Operator): Promise<boolean> {
  for (let options = recovery; ; ) {
    try {
      return await recoverInterrupted(options, source);
    } catch (error) {
      if (!(error instanceof MigrateError && error.code === 'CUTOVER.AMBIGUOUS')) throw error;
      recovery.log.error('both sides are closed until a person decides', { code: error.code, reason: error.message });
      options = { ...recovery, decision: await operator.settle(error.message, recovery.signal) };
    }
  }
}

/** The target is open. */
async function complete({ request, status }: Runner, endpoints: Endpoints, record: RunRecord): Promise<RunOutcome> {
  const { journal, target } = endpoints;
  const catalog = withoutNeeding(record.catalog, new Set((await journal.states.list()).map((state) => state.table)));
  const { log } = request;
  await enter(foreignKeysStage({ target, catalog, status, log }), { journal, status, log });
  await journal.setOutcome('complete');
  status.enter('complete');
  return completeOutcome(journal, record);
}
