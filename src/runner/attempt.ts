// One attempt: open both databases, walk the stages, close everything. It never repeats anything itself;
// a process that was killed and one that lost a connection take the same way in.

import { Applier } from '../apply/applier.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import type { RecoveryOptions } from '../cutover/options.ts';
import { createSwitches } from '../cutover/switch/create.ts';
import type { Gate } from '../health/gate.ts';
import { Pulse } from '../health/pulse.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import type { TableId } from '../model/table.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import { copiedResult, type RunOutcome, stoppedResult } from '../report/partial.ts';
import { runResult } from '../report/result.ts';
import { recoverInterrupted } from '../stages/cutover.ts';
import { foreignKeysStage } from '../stages/foreign-keys.ts';
import { finishCopy } from '../stages/open.ts';
import { copyingStages, copyStages, followStages } from '../stages/pipeline.ts';
import type { Stage } from '../stages/stage.ts';
import type { Verification } from '../verify/verification.ts';
import { beginRun } from './begin.ts';
import type { Endpoints } from './endpoints.ts';
import type { Operator } from './operator.ts';
import type { RunRequest } from './request.ts';

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
  const work = walk(parts, pulse, stop.signal);
  try {
    return await Promise.race([work, endpoints.lease.lost, pulse.failed, aborted(stop.signal)]);
  } catch (error) {
    stop.abort(error);
    await settled(work, SETTLE_MS);
    endpoints.destroy(new Error('the attempt ended'));
    await work.catch(() => undefined);
    throw error;
  } finally {
    request.signal.removeEventListener('abort', interrupt);
    pulse.stop();
  }
}

async function walk(parts: AttemptParts, pulse: Pulse, signal: AbortSignal): Promise<RunOutcome> {
  const { request, endpoints, operator, status } = parts;
  const { journal, source } = endpoints;
  if (endpoints.record?.outcome === 'complete') return reportComplete(parts, endpoints.record);
  if (endpoints.record?.outcome === 'copied') return reportCopied(parts, endpoints.record);
  pulse.watch({ side: 'source', ask: () => source.ping() });
  pulse.watch({ side: 'target', ask: () => endpoints.target.ping() });
  const record = await beginRun({ plan: request.plan, endpoints, onFindings: request.onFindings });
  operator.attach(journal, record.paused);
  const target = renamedTarget(endpoints.target, record.catalog);
  const named = { ...parts, endpoints: { ...endpoints, target } };
  const recovery = recoveryOptions(named, record, signal);
  const over = await recoverSettled(recovery, named);
  status.update((value) => {
    value.writable = over ? 'target' : 'source';
  });
  if (!over) {
    const ended = await migrate({ ...named, record, recovery, pulse });
    if (ended !== undefined) return ended;
  }
  await enter(foreignKeysStage({ ...recovery, target }), { ...recovery, journal });
  await journal.setOutcome('complete');
  status.enter('complete');
  return report(journal, record);
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
  const { catalog, startPosition } = record;
  const shared = { ...recovery, source, target, journal, catalog, plan: request.plan, gate, status };
  if (request.until === 'preflight') return stoppedResult(record.name, 'preflight');
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
  // While the lanes are apart it stays as it was; the apply says when they no longer are.
  await journal.tables.setLanes(
    request.plan.apply.lanes,
    catalog.tables.map(({ table }) => table),
  );
  const stream = endpoints.stream(catalog);
  const applier = new Applier({
    stream,
    target,
    source,
    journal: journal.tables,
    tables: await journal.tables.list(),
    homeward,
    limits: request.plan.apply,
    gate,
    status,
    log: request.log,
    signal: recovery.signal,
  });
  verification.follow(applier, endpoints.lease.epoch);
  try {
    const { forget } = endpoints;
    const parts = { ...shared, forget, record, applier, stream, pulse, verification, permission: operator };
    for (const stage of request.only === 'snapshot' ? copyingStages(parts) : followStages(parts)) {
      await enter(stage, shared);
      if (request.until === stage.name && stage.name !== 'cutover') return stoppedResult(record.name, stage.name);
    }
    if (request.only === undefined) return undefined;
    status.enter('copied');
    return await copied(journal, record);
  } catch (error) {
    throw await explained(error, async () => (await source.fingerprint(request.plan.tables)) !== record.fingerprint);
  } finally {
    await applier.close();
  }
}

/** What a side refuses may only be the sign of a change on the source, such as a value that the target's type lacks. */
async function explained(error: unknown, changed: () => Promise<boolean>): Promise<unknown> {
  const signs = ['SOURCE.REFUSED', 'TARGET.REFUSED', 'APPLY.CONSTRAINT'];
  const refused = error instanceof MigrateError && signs.includes(error.code);
  if (!refused || !(await changed().catch(() => false))) return error;
  return new MigrateError(
    'SCHEMA.CHANGED',
    `the schema of the source is not the one this run carries, which showed in: ${error.message}`,
    { cause: error },
  );
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
  });
}

async function copied(journal: Journal, record: RunRecord): Promise<RunOutcome> {
  return copiedResult({
    record,
    stages: await journal.stages.list(),
    changesApplied: await journal.tables.changesApplied(),
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
