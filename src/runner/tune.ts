// Finds out which number of lanes and which size of batches apply a run's backlog fastest: a piece of it is applied with each of
// some settings to tables that only look like the run's. The run is read and never written: no lease, no checkpoint, no acknowledgement.

import { setTimeout as sleep } from 'node:timers/promises';
import { Overlap } from '../apply/overlap.ts';
import { bestOf, percentile } from '../apply/tune-choice.ts';
import { type Experiment, type Filled, type Measured, measure, type Setting } from '../apply/tune-measure.ts';
import { neededRows, readSample, SAMPLE_LIMITS } from '../apply/tune-sample.ts';
import { ScratchTables } from '../convert/scratch-tables.ts';
import type { Scratch, TargetMoment } from '../databases/scratch.ts';
import type { RunRecord, TableProgress } from '../journal/journal.ts';
import { noRun } from '../journal/no-run.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Covers, Position } from '../model/position.ts';
import type { TableId } from '../model/table.ts';
import type { Log } from '../observe/log.ts';
import type { Plan } from '../plan/plan.ts';
import type { Endpoints, OpenEndpoints } from './endpoints.ts';

export interface TuneRequest {
  readonly plan: Plan;
  readonly settings: readonly Setting[];
  /** Row changes of the backlog to replay. */
  readonly rows: number;
  /** How long one setting is measured at most, in ms. */
  readonly maxMs: number;
  /** Transactions of the best setting are durable within this time, in ms, 95 of 100. */
  readonly goalMs: number;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Told what is about to be done. */
  readonly progress: (doing: string) => void;
}

export interface TunedSetting extends Setting {
  /** Row changes that were applied, and how long it took. */
  readonly rows: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  /** What a transaction of a lane held on average. */
  readonly rowsPerCommit: number;
  /** From the begin of a lane's transaction until it was durable. */
  readonly commitMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** False when the time was over before the sample was. */
  readonly isWhole: boolean;
  readonly isBest: boolean;
  /** What the plan has now. */
  readonly isPlanned: boolean;
}

export interface TuneReport {
  readonly run: string;
  readonly sample: {
    /** Row changes. */
    readonly rows: number;
    readonly tables: number;
    /** Rows that had to be there before. */
    readonly filled: number;
    /** True when the backlog had no more. */
    readonly isAll: boolean;
  };
  /** As they were asked for. */
  readonly settings: readonly TunedSetting[];
  /** Null when none keeps to the goal. */
  readonly best: Setting | null;
}

const WARM_UP_MS = 3_000;
/** How often, and how many ms apart, the lanes are looked at until all stand at one position. */
const LOOKS = { times: 50, apartMs: 100 };
const FILLED_BYTES = 512 << 20;

/** What a measurement leaves on the target is dropped at its end; a killed one's by the next, by `dropScratch` and by `migrate abort`. */
export async function tunePlan(request: TuneRequest, open: OpenEndpoints): Promise<TuneReport> {
  const endpoints = await open(request.plan, { lock: false, takeover: false, onWaiting: () => undefined });
  try {
    const { record, target } = endpoints;
    if (record === undefined) throw noRun(request.plan.name);
    const reservation = await target.scratch.reserve();
    try {
      return await measureAll(request, await prepare(request, endpoints, record), target.scratch);
    } finally {
      await reservation.close();
    }
  } catch (error) {
    throw request.signal.aborted ? request.signal.reason : error;
  } finally {
    await endpoints.close();
  }
}

/** Removes what a measurement that was killed left. False when there is nothing. */
export async function dropScratch(plan: Plan, open: OpenEndpoints): Promise<boolean> {
  const endpoints = await open(plan, { lock: false, takeover: false, onWaiting: () => undefined });
  try {
    if (endpoints.record === undefined) throw noRun(plan.name);
    return await endpoints.target.scratch.drop();
  } finally {
    await endpoints.close();
  }
}

async function measureAll(request: TuneRequest, experiment: Experiment, scratch: Scratch): Promise<TuneReport> {
  try {
    return await measureEach(request, experiment);
  } finally {
    await scratch.drop().catch(() => {
      request.log.warn(`schema ${scratch.schema} of the target was not dropped: migrate tune --drop does that`);
    });
  }
}

async function measureEach(request: TuneRequest, experiment: Experiment): Promise<TuneReport> {
  const { plan, settings, maxMs, goalMs, progress } = request;
  const { sample, filled } = experiment;
  const [first] = settings;
  if (first === undefined) throw new MigrateError('INTERNAL.BUG', 'there is nothing to measure');
  progress('warming up');
  await measure(experiment, first, Math.min(maxMs, WARM_UP_MS));
  const measured: Measured[] = [];
  for (const setting of settings) {
    progress(`${setting.lanes} lanes, batches of ${setting.batchRows}`);
    measured.push(await measure(experiment, setting, maxMs));
  }
  const best = bestOf(measured, goalMs);
  const { lanes, batchRows } = plan.apply;
  return {
    run: plan.name,
    sample: {
      rows: sample.changes,
      tables: filled.length,
      filled: filled.reduce((sum, { rows }) => sum + rows.length, 0),
      isAll: sample.isAll,
    },
    settings: measured.map((each) => ({
      ...tuned(each),
      isBest: each === best,
      isPlanned: each.lanes === lanes && each.batchRows === batchRows,
    })),
    best: best === undefined ? null : { lanes: best.lanes, batchRows: best.batchRows },
  };
}

function tuned(measured: Measured): Omit<TunedSetting, 'isBest' | 'isPlanned'> {
  const { commitMs, lanes, batchRows, changes, seconds, rowsPerSecond, isWhole } = measured;
  const at = (of: number): number => Math.round(percentile(commitMs, of) * 10) / 10;
  return {
    ...{ lanes, batchRows, rows: changes, rowsPerSecond, isWhole },
    seconds: Math.round(seconds * 1_000) / 1_000,
    rowsPerCommit: Math.round(changes / Math.max(1, commitMs.length)),
    commitMs: { p50: at(50), p95: at(95), p99: at(99) },
  };
}

/** Reads the sample and what it needs. Everything of the target as it was at one moment, at which all lanes stood where the sample begins. */
async function prepare(
  { plan, rows, log, signal, progress }: TuneRequest,
  endpoints: Endpoints,
  record: RunRecord,
): Promise<Experiment> {
  const { journal, source, target } = endpoints;
  await refuseStage(endpoints, record);
  const without = await leftOut(endpoints);
  const stream = endpoints.stream(record.catalog);
  const standIns = new ScratchTables(target.scratch, record.catalog);
  const { moment, from } = await lookLevel(target.scratch, stream.covers, signal);
  try {
    const tables = (await journal.tables.list()).filter(({ id }) => !without.has(id));
    const { settled } = record;
    const { newest } = new Overlap({ tables, settled, covers: stream.covers, log: source.log, chunks: source.chunks });
    if (newest !== undefined && !stream.covers(from, newest)) throw notYet();
    progress('reading the backlog');
    const limits = { ...SAMPLE_LIMITS, rows };
    // What a connector has not written yet is not in its topic.
    const end = plan.stream.via === 'native' ? await source.log.head() : undefined;
    const sample = await readSample({ stream, from, end, without, limits, signal });
    if (sample === undefined) throw new MigrateError('TUNE.NO_BACKLOG', `the log of run ${plan.name} has no backlog`);
    progress('reading the rows that it changes');
    const filled: Filled[] = [];
    for (const { table, keys, rows: own } of neededRows(sample, without)) {
      signal.throwIfAborted();
      const found = await standIns.rows(moment, table, keys, FILLED_BYTES);
      filled.push({ table, spread: isSpread(tables, table.id), rows: [...own, ...found] });
    }
    return { sample, log: stream, standIns, filled, without, limits: plan.apply, announce: log, signal };
  } finally {
    await moment.close();
  }
}

function isSpread(tables: readonly TableProgress[], id: TableId): boolean {
  return tables.find((table) => table.id === id)?.spread ?? false;
}

/** Tables that the run does not carry now, or of which rows are kept as dead letters: their rows are not what the log goes on from. */
async function leftOut({ journal }: Endpoints): Promise<ReadonlySet<TableId>> {
  const states = await journal.states.list();
  const letters = await journal.deadLetters.list(['open']);
  return new Set([...states, ...letters].map(({ table }) => table));
}

async function refuseStage({ journal }: Endpoints, record: RunRecord): Promise<void> {
  const cutover = await journal.cutovers.latest();
  const phase = cutover?.phase ?? 'undone';
  if (record.outcome !== 'running' || phase === 'committed')
    throw new MigrateError('RUN.COMPLETE', `run ${record.name} is over: nothing will be applied any more`);
  if (phase !== 'undone') throw notNow('a cutover is under way, and must not wait for a measurement', 'it is over');
  const stages = await journal.stages.list();
  if (stages.some(({ stage, finishedAt }) => stage === 'snapshot' && finishedAt !== null)) return;
  throw notNow('the first copy is not done: what the log goes on from is not on the target', 'the run catches up');
}

function notYet(): MigrateError {
  return notNow('the rows of the target were not all copied at one moment', 'the run has caught up with that');
}

function notNow(why: string, when: string): MigrateError {
  return new MigrateError('TUNE.NOT_NOW', why, { fix: `Tune again when ${when}: \`migrate status\` tells.` });
}

/** Between two batches all lanes stand at one position. */
async function lookLevel(
  scratch: Scratch,
  covers: Covers,
  signal: AbortSignal,
): Promise<{ readonly moment: TargetMoment; readonly from: Position }> {
  for (let look = 1; ; look++) {
    const moment = await scratch.look();
    const positions = moment.checkpoints.map(({ position }) => position);
    const [from] = positions;
    if (from !== undefined && positions.every((one) => covers(one, from) && covers(from, one))) return { moment, from };
    await moment.close();
    if (look === LOOKS.times)
      throw notNow('the lanes stand at different positions', 'the run has gone on for a moment');
    await sleep(LOOKS.apartMs, undefined, { signal });
  }
}
