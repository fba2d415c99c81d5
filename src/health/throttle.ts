// A gate that also slows down: what was done is paid for with time, before the next passes.

import { pause } from '../lib/pause.ts';
import type { Caps, CapsChange } from '../model/throttle.ts';
import type { ThrottleStatus } from '../observe/status.ts';
import { Gate, type Work } from './gate.ts';
import { Pace } from './pace.ts';

export interface ThrottleOptions extends Caps {
  /** How long a batch should take, in ms; null, as by default: however long it takes. */
  readonly goalMs?: number | null;
}

/** Who waits looks at least as often whether the caps have changed, in ms. */
const LOOK_MS = 200;
/** So much of a cap, in seconds, is one batch at most: what is slowed down stays smooth. */
const PIECE_SECONDS = 0.25;

export class Throttle extends Gate {
  readonly #pace: Pace | undefined;
  readonly #planned: Caps;
  #caps: Caps;
  #set: CapsChange = {};
  /** When all that was done so far is paid for. */
  #paidAtMs = 0;
  #waitedMs = 0;
  #isExempt = false;

  constructor(run: Gate, { goalMs = null, ...planned }: ThrottleOptions) {
    super(run);
    this.#planned = planned;
    this.#caps = planned;
    this.#pace = goalMs === null ? undefined : new Pace(goalMs);
  }

  get status(): ThrottleStatus {
    const { rowsPerSecond, bytesPerSecond } = this.#caps;
    return {
      ...{ rowsPerSecond, bytesPerSecond, pauseMs: this.#pauseMs, waitedSeconds: this.#waitedMs / 1_000 },
      share: this.#pace?.share ?? 1,
      asPlanned: Object.keys(this.#set).length === 0,
    };
  }

  get #pauseMs(): number {
    return (this.#caps.batchPauseMs ?? 0) + (this.#pace?.pauseMs ?? 0);
  }

  /** In place of those of the plan from now on; what is not named is as planned. What was done before a change is forgiven. */
  set(set: CapsChange): void {
    const { rowsPerSecond, bytesPerSecond, batchPauseMs } = this.#planned;
    const was = this.#caps;
    this.#set = set;
    this.#caps = {
      rowsPerSecond: set.rowsPerSecond === undefined ? rowsPerSecond : set.rowsPerSecond,
      bytesPerSecond: set.bytesPerSecond === undefined ? bytesPerSecond : set.bytesPerSecond,
      batchPauseMs: set.batchPauseMs === undefined ? batchPauseMs : set.batchPauseMs,
    };
    if (JSON.stringify(was) !== JSON.stringify(this.#caps)) this.#paidAtMs = 0;
  }

  exempt(isExempt: boolean): void {
    this.#isExempt = isExempt;
  }

  override async pass(signal: AbortSignal): Promise<void> {
    for (let now = performance.now(); !this.#isExempt && now < this.#paidAtMs; ) {
      await pause(Math.min(this.#paidAtMs - now, LOOK_MS), signal);
      signal.throwIfAborted();
      const before = now;
      now = performance.now();
      this.#waitedMs += now - before;
    }
    await super.pass(signal);
  }

  override spent({ rows, bytes, sinceMs }: Work): void {
    const now = performance.now();
    this.#pace?.took(now - sinceMs);
    const { rowsPerSecond, bytesPerSecond } = this.#caps;
    const costMs = Math.max(priceMs(rows, rowsPerSecond), priceMs(bytes, bytesPerSecond));
    const pauseMs = this.#pauseMs;
    // What was begun before the last was paid for comes after it.
    this.#paidAtMs = Math.max(Math.max(this.#paidAtMs, sinceMs) + costMs, pauseMs === 0 ? 0 : now + pauseMs);
  }

  /** The limits of a batch, as the caps and the pace have them at the time they are read. */
  limited<L extends { readonly batchRows: number; readonly batchBytes: number }>(limits: L): L {
    const now = (limit: number, cap: number | null): number => {
      if (this.#isExempt) return limit;
      const least = Math.min(limit * (this.#pace?.share ?? 1), cap === null ? limit : cap * PIECE_SECONDS);
      return Math.max(1, Math.floor(least));
    };
    return Object.defineProperties(
      { ...limits },
      {
        batchRows: { get: () => now(limits.batchRows, this.#caps.rowsPerSecond) },
        batchBytes: { get: () => now(limits.batchBytes, this.#caps.bytesPerSecond) },
      },
    );
  }
}

function priceMs(count: number, perSecond: number | null): number {
  return perSecond === null ? 0 : (count / perSecond) * 1_000;
}
