// A gate that also slows down: what was done is paid for with time, before the next passes.

import { pause } from '../lib/pause.ts';
import type { ThrottleStatus } from '../observe/status.ts';
import { Gate, type Work } from './gate.ts';
import { Pace } from './pace.ts';

/** On the average; null: as fast as it goes. */
export interface Caps {
  readonly rowsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
}

/** What is not named stays. */
export type CapsChange = { readonly [K in keyof Caps]?: Caps[K] | undefined };

export interface ThrottleOptions extends Caps {
  /** How long a batch should take, in ms; null, as by default: however long it takes. */
  readonly goalMs?: number | null;
  /** After each batch, in ms. Default 0. */
  readonly pauseMs?: number;
}

/** Who waits looks at least as often whether the caps have changed, in ms. */
const LOOK_MS = 200;
/** So much of a cap, in seconds, is one batch at most: what is slowed down stays smooth. */
const PIECE_SECONDS = 0.25;

export class Throttle extends Gate {
  readonly #pace: Pace | undefined;
  readonly #pauseMs: number;
  #caps: Caps;
  /** When all that was done so far is paid for. */
  #paidAtMs = 0;
  #waitedMs = 0;
  #isExempt = false;

  constructor(run: Gate, { rowsPerSecond, bytesPerSecond, goalMs = null, pauseMs = 0 }: ThrottleOptions) {
    super(run);
    this.#caps = { rowsPerSecond, bytesPerSecond };
    this.#pauseMs = pauseMs;
    this.#pace = goalMs === null ? undefined : new Pace(goalMs);
  }

  get status(): ThrottleStatus {
    const { share = 1, pauseMs = 0 } = this.#pace ?? {};
    return { ...this.#caps, share, pauseMs: pauseMs + this.#pauseMs, waitedSeconds: this.#waitedMs / 1_000 };
  }

  /** In place of those of the plan, until the process ends. What was done before is forgiven. */
  change({ rowsPerSecond = this.#caps.rowsPerSecond, bytesPerSecond = this.#caps.bytesPerSecond }: CapsChange): void {
    this.#caps = { rowsPerSecond, bytesPerSecond };
    this.#paidAtMs = 0;
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
    const pauseMs = this.#pauseMs + (this.#pace?.pauseMs ?? 0);
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
