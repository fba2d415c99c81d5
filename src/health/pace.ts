// Finds the size of a batch, and the pause after it, at which the target takes no longer than the goal: down at once and by half,
// up step by step.

/** Of the largest batch. */
const LEAST_SHARE = 1 / 64;
const STEP = 1 / 16;
const LONGEST_PAUSE_MS = 5_000;
/** A pause that is not worth it. */
const LEAST_PAUSE_MS = 5;

export class Pace {
  readonly #goalMs: number;
  #share = 1;
  #pauseMs = 0;

  constructor(goalMs: number) {
    this.#goalMs = goalMs;
  }

  /** How large a batch may be, as part of the largest. */
  get share(): number {
    return this.#share;
  }

  /** How long to wait before the next. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** A batch took so long. */
  took(ms: number): void {
    if (ms > this.#goalMs) {
      this.#share = Math.max(LEAST_SHARE, this.#share / 2);
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(2 * this.#pauseMs, (ms - this.#goalMs) / 2));
    } else {
      this.#share = Math.min(1, this.#share + STEP);
      this.#pauseMs = this.#pauseMs / 2 < LEAST_PAUSE_MS ? 0 : this.#pauseMs / 2;
    }
  }
}
