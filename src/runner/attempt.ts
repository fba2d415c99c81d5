// One attempt: open both databases, walk the stages, close everything. It never repeats anything itself;
// a process that was killed and one that lost a connection take the same way in.

import { Applier } from '../apply/applier.ts';
import { DeadLetters } from '../apply/dead-letters.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import type { RecoveryOptions } from '../cutover/options.ts';
import { createSwitches } from '../cutover/switch/create.ts';
import type { Gate } from '../health/gate.ts';
import { Pulse } from '../health/pulse.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Key } from '../model/change.ts';
import type { Table, TableId } from '../model/table.ts';
import { withoutNeeding } from '../model/without.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import { copiedResult, type RunOutcome, stoppedResult } from '../report/partial.ts';
import { runResult } from '../report/result.ts';
import { catchUpStage } from '../stages/catch-up.ts';
import { recoverInterrupted } from '../stages/cutover.ts';
import { foreignKeysStage } from '../stages/foreign-keys.ts';
import { finishCopy } from '../stages/open.ts';
import { copyingStages, copyStages, followStages } from '../stages/pipeline.ts';
import { copyAgain } from '../stages/recopy.ts';
import type { Stage } from '../stages/stage.ts';
import type { Verification } from '../verify/verification.ts';
import { beginRun } from './begin.ts';
import { showConditions } from './conditions.ts';
import { divideTables } from './division.ts';
import type { Endpoints } from './endpoints.ts';
import { letterDesk } from './letters.ts';
import type { Operator } from './operator.ts';
import type { RunRequest } from './request.ts';
import { guardedSource, SchemaWatch } from './schema.ts';

export interface AttemptParts {
  readonly request: RunRequest;
  readonly endpoints: Endpoints;
  readonly operator: Operator;
  readonly gate: Gate;
  readonly status: RunStatus;
  /** Outlives the attempt: what was verified stays verified. */
  readonly verification: Verification;
  /** Outlives the attempt: tables that are to be written by one lane as soon as the lanes are at one position. */
  readonly homeward: Set<TableId>;
}

// Long enough for the work in hand to end by itself, for a freeze to be undone; then every connection is cut.
const SETTLE_MS = 8_000;

/** Walks the stages to the end. Rejects with what stopped it, after everything it started has stopped. */
export async function attempt(parts: AttemptParts): Promise<RunOutcome> {
  const { request, endpoints } = parts;
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(request.signal.reason);
  request.signal.addEventListener('abort', interrupt, { once: true });
  if (request.signal.aborted) interrupt();
  const pulse = new Pulse(request.plan.limits.networkTimeout);
  const schema = new SchemaWatch({ endpoints, plan: request.plan, status: parts.status, log: request.log });
  const work = walk(parts, { pulse, schema }, stop);
  try {
    return await Promise.race([work, endpoints.lease.lost, pulse.failed, aborted(stop.signal)]);
  } catch (error) {
    stop.abort(error);
    await settled(work, SETTLE_MS);
    const explained = await schema.explained(error);
    endpoints.destroy(new Error('the attempt ended'));
    await work.catch(() => undefined);
    throw explained;
  } finally {
    request.signal.removeEventListener('abort', interrupt);
    pulse.stop();
  }
}

interface Watches {
  readonly pulse: Pulse;
  readonly schema: SchemaWatch;
}

async function walk(parts: AttemptParts, { pulse, schema }: Watches, stop: AbortController): Promise<RunOutcome> {
  const { request, endpoints, operator, status } = parts;
  const { journal, source } = endpoints;
  if (endpoints.record?.outcome === 'complete') return reportComplete(parts, endpoints.record);
  if (endpoints.record?.outcome === 'copied') return reportCopied(parts, endpoints.record);
  pulse.watch({ side: 'source', ask: () => source.ping() });
  pulse.watch({ side: 'target', ask: () => endpoints.target.ping() });
  pulse.watch({ side: 'source', ask: schema.probe });
  const begun = await beginRun({ plan: request.plan, endpoints, onFindings: request.onFindings });
  operator.attach(journal, begun.paused, (reason) => stop.abort(reason));
  let run = opened(parts, { record: begun, schema, signal: stop.signal });
  const over = await recoverSettled(run.recovery, run);
  status.update((value) => {
    value.writable = over ? 'target' : 'source';
  });
  if (!over) {
    // Not sooner: whatever became of the source, a cutover that was interrupted comes to its end first.
    const record = await schema.carry(begun);
    if (record !== begun) {
      parts.verification.startOver();
      run = opened(parts, { record, schema, signal: stop.signal });
    }
    const ended = await migrate({ ...run, pulse });
    if (ended !== undefined) return ended;
    schema.release();
  }
  const { record, recovery } = run;
  const catalog = withoutNeeding(record.catalog, new Set((await journal.states.list()).map((state) => state.table)));
  await enter(foreignKeysStage({ ...recovery, target: run.endpoints.target, catalog }), { ...recovery, journal });
  await journal.setOutcome('complete');
  status.enter('complete');
  return report(journal, record);
}

/** What an attempt works with: both sides in the words of the catalog that the run carries. */
function opened(
  parts: AttemptParts,
  {
    record,
    schema,
    signal,
  }: { readonly record: RunRecord; readonly schema: SchemaWatch; readonly signal: AbortSignal },
): AttemptParts & { readonly record: RunRecord; readonly recovery: RecoveryOptions } {
  const { endpoints } = parts;
  const target = renamedTarget(endpoints.target, record.catalog);
  const source = guardedSource(endpoints.source, schema.look);
  const named = { ...parts, endpoints: { ...endpoints, source, target } };
  return { ...named, record, recovery: recoveryOptions(named, record, signal) };
}

/** The old server may be gone by now: neither it nor anything else is touched. */
function reportComplete({ endpoints, status }: AttemptParts, record: RunRecord): Promise<RunOutcome> {
  status.update((value) => {
    value.writable = 'target';
  });
  status.enter('complete');
  return report(endpoints.journal, record);
}

/** Opened by an earlier process, which may have been killed before it was done; nothing is copied or applied any more. */
async function reportCopied({ request, endpoints, status }: AttemptParts, record: RunRecord): Promise<RunOutcome> {
  const { journal } = endpoints;
  const opening = (await journal.stages.list()).find(({ stage }) => stage === 'open');
  if (opening?.finishedAt === null) {
    await endpoints.claim();
    await finishCopy(endpoints);
    await journal.stages.finish('open', opening.result);
  }
  status.enter('copied');
  if (request.only !== 'snapshot') throw new MigrateError('RUN.COPIED', `run ${record.name} was made as a copy`);
  return copied(journal, record);
}

/** Ends what an earlier process left of a cutover; where only a person knows how, it waits for the answer. */
async function recoverSettled(
  recovery: RecoveryOptions,
  { request, endpoints, operator }: AttemptParts,
): Promise<boolean> {
  for (let options = recovery; ; ) {
    try {
      return await recoverInterrupted(options, endpoints.source);
    } catch (error) {
      if (!(error instanceof MigrateError && error.code === 'CUTOVER.AMBIGUOUS')) throw error;
      request.log.error('both sides are closed until a person decides', { code: error.code, reason: error.message });
      options = { ...recovery, decision: await operator.settle(error.message, recovery.signal) };
    }
  }
}

interface MigrateParts extends AttemptParts {
  readonly record: RunRecord;
  readonly recovery: RecoveryOptions;
  readonly pulse: Pulse;
}

/** Resolves with a result when the run was asked for less than a migration. */
async function migrate({
  request,
  endpoints,
  operator,
  gate,
  status,
  verification,
  homeward,
  record,
  recovery,
  pulse,
}: MigrateParts): Promise<RunOutcome | undefined> {
  const { source, target, journal } = endpoints;
  if (request.until === 'preflight') return stoppedResult(record.name, 'preflight');
  const stream = endpoints.stream(record.catalog);
  const division = await divideTables({
    record,
    journal,
    target,
    covers: stream.covers,
    lanes: request.plan.apply.lanes,
  });
  const { catalog, carried, recopied, aside } = division;
  const { startPosition } = record;
  const shared = { ...recovery, source, target, journal, catalog, carried, plan: request.plan, gate, status };
  for (const stage of copyStages({ ...shared, startPosition })) {
    await enter(stage, shared);
    if (request.until === stage.name) return stoppedResult(record.name, stage.name);
  }
  const changes = await journal.tables.changesApplied();
  const splits = await journal.tables.splitTransactions();
  status.update(({ stream }) => {
    stream.changes = changes;
    stream.splitTransactions = splits;
  });
  await showConditions(journal, status);
  const deadLetters = new DeadLetters({ journal: journal.deadLetters, limits: request.plan.apply, status });
  const applier = new Applier({
    stream,
    target,
    source,
    journal: journal.tables,
    tables: await journal.tables.list(),
    homeward,
    aside,
    deadLetters,
    limits: request.plan.apply,
    gate,
    status,
    log: request.log,
    signal: recovery.signal,
  });
  verification.follow(applier, endpoints.lease.epoch);
  verification.renew(division.renewed, aside.tables);
  try {
    const { forget } = endpoints;
    const parts = {
      ...shared,
      forget,
      record,
      applier,
      stream,
      pulse,
      verification,
      deadLetters,
      permission: operator,
    };
    const changed = (table: Table, key: Key): void => verification.pending.changed(table, key);
    operator.serve(letterDesk({ journal, target, tables: carried, changed, applier, deadLetters }));
    if (recopied.length > 0) {
      await enter(catchUpStage(parts), shared);
      return await copyAgain({ ...parts, tables: recopied });
    }
    for (const stage of request.only === 'snapshot' ? copyingStages(parts) : followStages(parts)) {
      await enter(stage, shared);
      if (request.until === stage.name && stage.name !== 'cutover') return stoppedResult(record.name, stage.name);
    }
    if (request.only === undefined) return undefined;
    status.enter('copied');
    return await copied(journal, record);
  } finally {
    operator.serve(undefined);
    await applier.close();
  }
}

function recoveryOptions(
  { request, endpoints, operator, status }: AttemptParts,
  record: RunRecord,
  signal: AbortSignal,
): RecoveryOptions {
  const { source, target, journal, lease } = endpoints;
  return {
    run: { name: record.name, id: record.id, epoch: lease.epoch },
    source,
    target,
    journal,
    catalog: record.catalog,
    switches: createSwitches(request.plan.cutover.switch, { confirm: operator.confirm, scrub: request.scrub }),
    status,
    log: request.log,
    signal,
  };
}

async function enter(stage: Stage, { journal, status, log }: StageSurroundings): Promise<void> {
  const done = (await journal.stages.list()).some((entry) => entry.stage === stage.name && entry.finishedAt !== null);
  if (done && !stage.always) return;
  status.enter(stage.name);
  log.info('stage begins', { stage: stage.name });
  const began = performance.now();
  await journal.stages.start(stage.name);
  await journal.stages.finish(stage.name, await stage.run());
  status.update((value) => {
    value.lastError = null;
  });
  log.info('stage done', { stage: stage.name, seconds: Math.round(performance.now() - began) / 1000 });
}

interface StageSurroundings {
  readonly journal: Journal;
  readonly status: RunStatus;
  readonly log: Log;
}

async function report(journal: Journal, record: RunRecord): Promise<RunOutcome> {
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

async function copied(journal: Journal, record: RunRecord): Promise<RunOutcome> {
  return copiedResult({
    record,
    stages: await journal.stages.list(),
    changesApplied: await journal.tables.changesApplied(),
    states: await journal.states.list(),
    letters: await journal.deadLetters.list(),
  });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason ?? new MigrateError('INTERRUPTED', 'stopped'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

async function settled(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work.then(() => undefined).catch(() => undefined), late]);
  clearTimeout(timer);
}
