// What a run is doing, as one value: filled by the parts that work, read by the terminal, the control socket and the metrics.

import type { RunError, StageName } from '../journal/journal.ts';
import type { Side } from '../model/side.ts';

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

export type WritableSide = 'source' | 'target' | 'none' | 'unknown';

export interface StatusSnapshot {
  readonly run: string;
  readonly stage: StageName | 'starting' | 'complete' | 'copied' | 'aborted';
  readonly stageStartedAt: string;
  /** Which side applications can write to. */
  readonly writable: WritableSide;
  /** Why nothing moves, or null when it does: `paused by operator`, `waiting for 2 open transactions`. */
  readonly waiting: string | null;
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
  };
  readonly verify: {
    readonly chunksDone: number;
    readonly chunks: number;
    readonly rowsCompared: number;
    readonly differences: number;
    /** Keys to compare again in the freeze. */
    readonly pendingKeys: number;
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
  /** Seconds that each database took to answer the last question; null while it is not asked. */
  readonly answerSeconds: { readonly [side in Side]: number | null };
  /** The last error that was retried; null once progress was made after it. */
  readonly lastError: (RunError & { readonly at: string }) | null;
  readonly restarts: number;
}

/** How long the rest of the copy takes if it goes on as so far; null when there is no rest, or too little to go by. */
export function copySecondsLeft({ snapshot }: Pick<StatusSnapshot, 'snapshot'>): number | null {
  const { rows, rowsBefore, rowsExpected, seconds } = snapshot;
  const now = rows - rowsBefore;
  // An estimate from too little says nothing.
  if (seconds <= 1 || rows >= rowsExpected || now <= rowsExpected / 100) return null;
  return ((rowsExpected - rows) * seconds) / now;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] };

/** The one mutable place; everything else sees snapshots. */
export class RunStatus {
  readonly #value: Mutable<StatusSnapshot>;

  constructor(run: string) {
    this.#value = {
      run,
      stage: 'starting',
      stageStartedAt: new Date().toISOString(),
      writable: 'unknown',
      waiting: null,
      tables: {},
      conditions: {},
      snapshot: { rows: 0, rowsExpected: 0, rowsBefore: 0, bytes: 0, seconds: 0 },
      stream: {
        ...{ changes: 0, read: 0, batches: 0, writeSeconds: 0, movedAtMs: null },
        ...{ splitTransactions: 0, lagSeconds: null, lagBytes: null, retainedBytes: null },
      },
      verify: { chunksDone: 0, chunks: 0, rowsCompared: 0, differences: 0, pendingKeys: 0 },
      deadLetters: { open: 0, waived: 0, total: 0 },
      cutover: { attempt: 0, step: null, frozenAt: null, writePauseMs: null },
      answerSeconds: { source: null, target: null },
      lastError: null,
      restarts: 0,
    };
  }

  /** A copy that does not change. */
  snapshot(): StatusSnapshot {
    return structuredClone(this.#value) as StatusSnapshot;
  }

  enter(stage: StatusSnapshot['stage']): void {
    this.#value.stage = stage;
    this.#value.stageStartedAt = new Date().toISOString();
    this.#value.waiting = null;
  }

  /** Says why nothing moves, or with null that it does again. */
  waitsFor(reason: string | null): void {
    this.#value.waiting = reason;
  }

  /** Changes one section; fields not named stay. */
  update(change: (value: Mutable<StatusSnapshot>) => void): void {
    change(this.#value);
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
