// How fast a sample is applied with one number of lanes and one size of batches: by the apply of a run, to tables that only look
// like the run's.

import type { Lane } from '../databases/target.ts';
import { Gate } from '../health/gate.ts';
import { assignLanes } from '../journal/assign-lanes.ts';
import type { TableProgress } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Row } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { Table, TableId } from '../model/table.ts';
import type { Log } from '../observe/log.ts';
import { RunStatus } from '../observe/status.ts';
import type { ChangeStream } from '../stream/change-stream.ts';
import { Applier } from './applier.ts';
import type { ApplyLimits } from './options.ts';
import type { Sample } from './tune-sample.ts';
import { SampleStream } from './tune-stream.ts';

export interface Setting {
  readonly lanes: number;
  readonly batchRows: number;
}

export interface Measured extends Setting {
  /** Row changes committed. */
  readonly changes: number;
  /** From the beginning to the last commit. */
  readonly seconds: number;
  readonly rowsPerSecond: number;
  /** How long each transaction of a lane took, from its begin until it was durable, in ms, in order of time. */
  readonly commitMs: readonly number[];
  /** False when the time was over before the sample was. */
  readonly isWhole: boolean;
}

/** The tables that are written to. */
export interface StandIns {
  make(tables: readonly Table[], lanes: number, position: Position): Promise<void>;
  lane(): Promise<Lane>;
}

/** A table of the sample with what must be in it before. */
export interface Filled {
  readonly table: Table;
  readonly spread: boolean;
  readonly rows: readonly Row[];
}

export interface Experiment {
  readonly sample: Sample;
  /** Where the sample was read. */
  readonly log: Pick<ChangeStream, 'covers' | 'isWhole'>;
  readonly standIns: StandIns;
  readonly filled: readonly Filled[];
  /** Tables whose changes are not applied. */
  readonly without: ReadonlySet<TableId>;
  /** Of the plan; lanes and batchRows come from the setting. */
  readonly limits: ApplyLimits;
  readonly announce: Log;
  readonly signal: AbortSignal;
}

/** Rows put in at once. */
const FILL_ROWS = 5_000;

/** Applies the sample once, or as much of it as `maxMs` allows. */
export async function measure(experiment: Experiment, setting: Setting, maxMs: number): Promise<Measured> {
  // Tables that turn out to need one lane, as in a run.
  for (const homeward = new Set<TableId>(); ; ) {
    const before = homeward.size;
    try {
      return await attempt(experiment, setting, maxMs, homeward);
    } catch (error) {
      const isRerouted = error instanceof MigrateError && error.code === 'APPLY.REROUTE' && homeward.size > before;
      if (!isRerouted) throw error;
    }
  }
}

async function attempt(
  { sample, log, standIns, filled, without, limits, announce, signal }: Experiment,
  setting: Setting,
  maxMs: number,
  homeward: Set<TableId>,
): Promise<Measured> {
  const tables = filled.map(({ table }) => table);
  await standIns.make(tables, setting.lanes, sample.from);
  const clock = new Clock();
  const lanes: Lane[] = [];
  try {
    for (let lane = 0; lane < setting.lanes; lane++) lanes.push(await standIns.lane());
    await fill(lanes, filled, sample.from);
    signal.throwIfAborted();
    const waiting = [...lanes];
    const applier = new Applier({
      stream: new SampleStream(sample, log),
      target: {
        checkpoints: async () => lanes.map((_, lane) => ({ lane, position: sample.from })),
        lane: async () => timed(taken(waiting), clock),
      },
      source: NO_COPY,
      journal: { sendHome: async () => undefined },
      tables: progressOf(filled, setting.lanes),
      homeward,
      aside: { tables: without, lanes: setting.lanes, waits: false },
      limits: { ...limits, ...setting },
      gate: new Gate(),
      status: new RunStatus('tune'),
      log: announce,
      signal,
    });
    clock.start();
    try {
      await applier.start();
      const isWhole = await inTime(Promise.race([applier.passed(sample.to), applier.failed]), maxMs);
      return { ...setting, ...clock.read(), isWhole };
    } finally {
      await applier.close();
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}

function taken(waiting: Lane[]): Lane {
  const lane = waiting.shift();
  if (lane === undefined) throw new MigrateError('INTERNAL.BUG', 'more lanes were opened than there are');
  return lane;
}

/** By all lanes, so that each is connected when the clock starts; each commits at least once. */
async function fill(lanes: readonly Lane[], filled: readonly Filled[], position: Position): Promise<void> {
  const jobs = lanes.map(async (lane, index) => {
    const own = filled.filter((_, at) => at % lanes.length === index);
    const pieces = own.flatMap(({ table, rows }) => slices(rows).map((inserts) => ({ table, inserts })));
    for (const piece of pieces.length > 0 ? pieces : [undefined]) {
      await lane.begin();
      if (piece !== undefined) await insert(lane, piece);
      await lane.commit([{ lane: index, from: position, position, changes: 0 }]);
    }
  });
  await Promise.all(jobs);
}

async function insert(lane: Lane, piece: { readonly table: Table; readonly inserts: readonly Row[] }): Promise<void> {
  const { table, inserts } = piece;
  if (await lane.attempt([{ table, deletes: [], updates: [], inserts, keyChunks: [] }])) return;
  const changes = inserts.map((row) => ({ op: 'insert', table, row }) as const);
  await lane.replay(changes, []);
}

function slices(rows: readonly Row[]): readonly (readonly Row[])[] {
  const pieces = Math.ceil(rows.length / FILL_ROWS);
  return Array.from({ length: pieces }, (_, at) => rows.slice(at * FILL_ROWS, (at + 1) * FILL_ROWS));
}

function progressOf(filled: readonly Filled[], lanes: number): readonly TableProgress[] {
  const weighed = filled.map(({ table, spread }) => ({ byteEstimate: table.byteEstimate, spread }));
  const assigned = assignLanes(weighed, lanes);
  return filled.map(({ table, spread }, index) => ({
    ...{ id: table.id, lane: assigned[index] ?? 0, spread },
    ...{ bounds: null, chunks: [], keyChunks: [] },
  }));
}

/** Nothing was copied into these tables, so that nothing of the copy is asked. */
const NO_COPY = {
  log: { pair: () => Promise.reject(new MigrateError('INTERNAL.BUG', 'a measurement reads no row again')) },
  chunks: { locate: () => Promise.reject(new MigrateError('INTERNAL.BUG', 'a measurement has no chunks')) },
};

class Clock {
  #began = 0;
  #lastMs = 0;
  #changes = 0;
  readonly #commitMs: number[] = [];

  start(): void {
    this.#began = performance.now();
  }

  committed(changes: number, ms: number): void {
    // What only moves the checkpoints is no batch.
    if (changes === 0) return;
    this.#changes += changes;
    this.#lastMs = performance.now() - this.#began;
    this.#commitMs.push(ms);
  }

  read(): Omit<Measured, keyof Setting | 'isWhole'> {
    const seconds = this.#lastMs / 1_000;
    const rowsPerSecond = seconds === 0 ? 0 : Math.round(this.#changes / seconds);
    return { changes: this.#changes, seconds, rowsPerSecond, commitMs: [...this.#commitMs] };
  }
}

function timed(lane: Lane, clock: Clock): Lane {
  let began = 0;
  return {
    begin: () => {
      began = performance.now();
      return lane.begin();
    },
    attempt: (sets) => lane.attempt(sets),
    replay: (changes, keyChunks, refusals) => lane.replay(changes, keyChunks, refusals),
    truncate: (tables) => lane.truncate(tables),
    commit: async (moves, letters) => {
      await lane.commit(moves, letters);
      const changes = moves.reduce((sum, move) => sum + move.changes, 0);
      clock.committed(changes, performance.now() - began);
    },
    close: () => lane.close(),
  };
}

/** False when it takes longer; what rejects later is heard by nobody. */
async function inTime(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = work.then(() => true);
  done.catch(() => undefined);
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
