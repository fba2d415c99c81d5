// What a run is doing, as one value: filled by the parts that work, read by the terminal, the control socket and the metrics.

import { type RunError, STAGES, type StageName } from '../journal/journal.ts';
import type { EmptyValues } from '../model/empty-values.ts';
import type { Pausable } from '../model/pause.ts';
import type { Side } from '../model/side.ts';
import type { NextStep } from './next.ts';

export interface TableStatus {
  rowsExpected: number;
  rowsCopied: number;
  /** Read by this process, also of chunks that failed: it never becomes less. */
  bytesCopied: number;
  chunks: number;
  chunksDone: number;
}

/**
 * `waiting`: to be copied again. `copying`: its rows are being copied. `copied`: they are, the others not yet all. `catching up`:
 * copied again, and behind the other tables. `following`: as far as all others. `skipped`: left out by an operator.
 */
export type TableCondition = 'waiting' | 'copying' | 'copied' | 'catching up' | 'following' | 'skipped';

/** A further process of a run. */
export interface WorkerStatus {
  /** Host and process id. */
  readonly name: string;
  readonly doing: string;
  /** Since it last said that it lives. */
  readonly silentSeconds: number;
  /** The lanes that it writes now. */
  readonly lanes: readonly number[];
  /** Chunks that it has copied, and the rows in them. */
  readonly chunks: number;
  readonly rows: number;
  /** Row changes it has applied since it joined. */
  readonly changes: number;
}

/** One reading of a server's health. */
export interface ProbeStatus {
  readonly side: Side;
  readonly name: string;
  readonly unit: string;
  /** Null while it cannot be read. */
  readonly value: number | null;
  readonly limit: number;
  /** `recovering`: within its limit again, not yet for long enough. */
  readonly state: 'well' | 'unwell' | 'recovering';
  /** The reading in words. */
  readonly reason: string;
  /** What a person can do who does not want to wait. */
  readonly cure: string;
  /** What is held while it is not well. */
  readonly holds: readonly string[];
}

export interface HealthStatus {
  /** Empty while nothing is watched. */
  readonly probes: readonly ProbeStatus[];
  /** What the servers do not tell, each with the reason. */
  readonly leftOut: readonly string[];
}

/** The lag where the log comes through a topic. What is unknown is null. */
export interface TopicStatus {
  /** In the topic and not applied: changes, and what begins and ends their transactions. */
  readonly messages: number | null;
  /** Of the lag: on the way from the source to the topic. */
  readonly toSeconds: number | null;
  /** Of the lag: on the way from the topic to the target. */
  readonly fromSeconds: number | null;
  /** Why nothing may come into the topic; null when nothing is in the way. */
  readonly stalled: string | null;
}

/** A table of which one lane writes most of all changes. */
export interface HotTable {
  readonly table: string;
  readonly lane: number;
  /** Its changes in that lane, of those of all tables in the last minute: above 0.5. */
  readonly share: number;
  readonly changes: number;
  /** Why no other lane helps. */
  readonly why: string;
}

/** How a part of the run is slowed down. */
export interface ThrottleStatus {
  /** Null: as fast as it goes. */
  readonly rowsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  /** How large a batch may be, as part of `apply.batchRows` and `apply.batchBytes`. */
  readonly share: number;
  /** After each batch. */
  readonly pauseMs: number;
  /** Spent by this process on waiting for that. */
  readonly waitedSeconds: number;
  /** False where an operator set it. */
  readonly asPlanned: boolean;
}

export const UNTHROTTLED: ThrottleStatus = {
  ...{ rowsPerSecond: null, bytesPerSecond: null, share: 1, pauseMs: 0, waitedSeconds: 0, asPlanned: true },
};

export type WritableSide = 'source' | 'target' | 'none' | 'unknown';

export interface StatusSnapshot {
  readonly run: string;
  readonly stage: StageName | 'starting' | 'complete' | 'copied' | 'aborted';
  readonly stageStartedAt: string;
  /** Those that were begun, in the order of the pipeline, over all processes; `finishedAt` is null while one is under way. */
  readonly stages: readonly StageTimes[];
  /** Which side applications can write to. */
  readonly writable: WritableSide;
  /** Why nothing moves, or null when it does: `paused by operator`, `waiting for 2 open transactions`. */
  readonly waiting: string | null;
  /** What an operator holds. */
  readonly paused: readonly Pausable[];
  readonly tables: Readonly<Record<string, Readonly<TableStatus>>>;
  /** By table; empty until the run has begun. */
  readonly conditions: Readonly<Record<string, TableCondition>>;
  readonly snapshot: {
    readonly rows: number;
    readonly rowsExpected: number;
    /** Those of `rows` that earlier processes copied. */
    readonly rowsBefore: number;
    /** By this process. */
    readonly bytes: number;
    /** By this process. */
    readonly seconds: number;
    /** How position and snapshot were made, where the source has several ways: `table-locks`; `lower-bound` is not exact. */
    readonly means?: string;
    /** How long the source's writers were held up for that, in ms. */
    readonly lockMs?: number;
  };
  readonly stream: {
    /** Row changes committed on the target, over all restarts. */
    readonly changes: number;
    /** Row changes read from the log by this process, those that were read again included. */
    readonly read: number;
    /** Batches written to the target by this process. */
    readonly batches: number;
    /** How long this process waited for the target to write batches. */
    readonly writeSeconds: number;
    /** When this process last moved the checkpoints, in ms since 1970; null before. They move on an idle source, too. */
    readonly movedAtMs: number | null;
    /** Transactions of the source that were committed in parts, over all restarts. */
    readonly splitTransactions: number;
    /** Seconds between a commit on the source and its arrival on the target; null while unknown. */
    readonly lagSeconds: number | null;
    readonly lagBytes: number | null;
    readonly retainedBytes: number | null;
    /** Null where the log is read directly, and while it is not read. */
    readonly topic: TopicStatus | null;
    /** Null where the lanes share the work, or there is little. */
    readonly hot: HotTable | null;
  };
  readonly verify: {
    readonly chunksDone: number;
    readonly chunks: number;
    readonly rowsCompared: number;
    readonly differences: number;
    /** Keys to compare again in the freeze. */
    readonly pendingKeys: number;
    /** Empty values of the source that are something else on the target, when their rows were compared. */
    readonly emptyValues: readonly EmptyValues[];
  };
  /** Row changes that the target refused, with those that follow them on the same keys; `total` counts settled ones, too. */
  readonly deadLetters: { readonly open: number; readonly waived: number; readonly total: number };
  readonly cutover: {
    readonly attempt: number;
    readonly step: string | null;
    /** When applications were last stopped from writing; null before. */
    readonly frozenAt: string | null;
    readonly writePauseMs: number | null;
  };
  /** Whether the run may cut over. */
  readonly permission: {
    /** `cutover.when` of the plan. */
    readonly when: 'auto' | 'manual' | 'never';
    readonly granted: boolean;
    /** True while nothing but the permission is missing. */
    readonly ready: boolean;
    /** `cutover.budget` of the plan. */
    readonly budgetMs: number;
  };
  /** Further processes that work on the run. */
  readonly workers: readonly WorkerStatus[];
  readonly health: HealthStatus;
  readonly throttle: { readonly snapshot: ThrottleStatus; readonly apply: ThrottleStatus };
  /** Seconds that each database took to answer the last question; null while it is not asked. */
  readonly answerSeconds: { readonly [side in Side]: number | null };
  /** The last error that was retried; null once progress was made after it. */
  readonly lastError: (RunError & { readonly at: string }) | null;
  readonly restarts: number;
  /** What a person can do next, the most useful first; empty while the run needs nobody. */
  readonly next: readonly NextStep[];
}

export interface StageTimes {
  readonly stage: StageName;
  readonly startedAt: string;
  readonly finishedAt: string | null;
}

/** How long the rest of the copy takes if it goes on as so far; null when there is no rest, or too little to go by. */
export function copySecondsLeft({ snapshot }: Pick<StatusSnapshot, 'snapshot'>): number | null {
  const { rows, rowsBefore, rowsExpected, seconds } = snapshot;
  const now = rows - rowsBefore;
  // An estimate from too little says nothing.
  if (seconds <= 1 || rows >= rowsExpected || now <= rowsExpected / 100) return null;
  return ((rowsExpected - rows) * seconds) / now;
}

/** Lists are replaced as a whole. */
type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly unknown[] ? T[K] : T[K] extends object ? Mutable<T[K]> : T[K];
};

/** The one mutable place; everything else sees snapshots. */
export class RunStatus {
  readonly #value: Mutable<StatusSnapshot>;
  readonly #listeners = new Set<(value: StatusSnapshot) => void>();

  constructor(run: string) {
    this.#value = {
      run,
      stage: 'starting',
      stageStartedAt: new Date().toISOString(),
      stages: [],
      writable: 'unknown',
      waiting: null,
      paused: [],
      tables: {},
      conditions: {},
      snapshot: { rows: 0, rowsExpected: 0, rowsBefore: 0, bytes: 0, seconds: 0 },
      stream: {
        ...{ changes: 0, read: 0, batches: 0, writeSeconds: 0, movedAtMs: null },
        ...{ splitTransactions: 0, lagSeconds: null, lagBytes: null, retainedBytes: null, topic: null, hot: null },
      },
      verify: { chunksDone: 0, chunks: 0, rowsCompared: 0, differences: 0, pendingKeys: 0, emptyValues: [] },
      deadLetters: { open: 0, waived: 0, total: 0 },
      cutover: { attempt: 0, step: null, frozenAt: null, writePauseMs: null },
      permission: { when: 'manual', granted: false, ready: false, budgetMs: 0 },
      workers: [],
      health: { probes: [], leftOut: [] },
      throttle: { snapshot: { ...UNTHROTTLED }, apply: { ...UNTHROTTLED } },
      answerSeconds: { source: null, target: null },
      lastError: null,
      restarts: 0,
      next: [],
    };
  }

  /** A copy that does not change. */
  snapshot(): StatusSnapshot {
    const { waiting, stream } = this.#value;
    // What the stages wait for they say; that nothing comes only the stream knows.
    const reasons = [waiting, stream.topic?.stalled].filter((reason) => reason != null);
    return structuredClone({ ...this.#value, waiting: reasons.join('; ') || null }) as StatusSnapshot;
  }

  enter(stage: StatusSnapshot['stage']): void {
    const now = new Date().toISOString();
    this.#value.stage = stage;
    this.#value.stageStartedAt = now;
    this.#value.waiting = null;
    this.#begin(stage, now);
    this.#told();
  }

  /** One that is begun again, because the process or its connections were lost, keeps when it first was. */
  #begin(name: StatusSnapshot['stage'], now: string): void {
    const stage = STAGES.find((each) => each === name);
    if (stage === undefined) return;
    const begun = this.#value.stages.find((each) => each.stage === stage);
    this.#setStage({ stage, startedAt: begun?.startedAt ?? now, finishedAt: null });
  }

  #setStage(times: StageTimes): void {
    const { stages } = this.#value;
    const known = stages.some(({ stage }) => stage === times.stage);
    this.#value.stages = known ? stages.map((each) => (each.stage === times.stage ? times : each)) : [...stages, times];
  }

  /** The stage under way is done. */
  finished(): void {
    const begun = this.#value.stages.find(({ stage }) => stage === this.#value.stage);
    if (begun !== undefined) this.#setStage({ ...begun, finishedAt: new Date().toISOString() });
    this.#value.lastError = null;
    this.#told();
  }

  /** What earlier processes went through. */
  showStages(stages: readonly StageTimes[]): void {
    this.#value.stages = stages.map(({ stage, startedAt, finishedAt }) => ({ stage, startedAt, finishedAt }));
  }

  /** Calls `listener` after every change, until it is taken back: with the value itself, to look at and not to keep. */
  watch(listener: (value: StatusSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #told(): void {
    for (const listener of this.#listeners) listener(this.#value as StatusSnapshot);
  }

  /** Says why nothing moves, or with null that it does again. */
  waitsFor(reason: string | null): void {
    this.#value.waiting = reason;
    this.#told();
  }

  /** Changes one section; fields not named stay. */
  update(change: (value: Mutable<StatusSnapshot>) => void): void {
    change(this.#value);
    this.#told();
  }

  /** Adds to a table's copy progress, and to the totals. */
  copied(table: string, rows: number, bytes: number): void {
    const status = this.#value.tables[table];
    if (status !== undefined) {
      status.rowsCopied += rows;
      status.bytesCopied += bytes;
    }
    this.#value.snapshot.rows += rows;
    this.#value.snapshot.bytes += bytes;
  }
}
