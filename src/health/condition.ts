// Whether one probe's readings mean that its side is unwell: not at the first that is too high, not well again at the first
// that is not.

/** `ok`: within its limit. `warn`: above it, or there is none. `critical`: so far above that nothing is waited for. */
export type Level = 'ok' | 'warn' | 'critical';

export interface Patience {
  /** Readings in a row that are not ok until it is unwell. */
  readonly after: number;
  /** How long, in ms, all must be ok until it is well again. */
  readonly recover: number;
}

export class Condition {
  readonly #patience: Patience;
  #bad = 0;
  #isUnwell = false;
  /** Of the first reading in a row that was ok while it is unwell. */
  #okSinceMs: number | undefined;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  get state(): 'well' | 'unwell' | 'recovering' {
    if (!this.#isUnwell) return 'well';
    return this.#okSinceMs === undefined ? 'unwell' : 'recovering';
  }

  /** False while readings were bad, but not yet often enough in a row to mean anything. */
  get isCertain(): boolean {
    return this.#isUnwell || this.#bad === 0;
  }

  /** `nowMs` must not go back. */
  take(level: Level, nowMs: number): void {
    const { after, recover } = this.#patience;
    if (level !== 'ok') {
      this.#bad++;
      this.#okSinceMs = undefined;
      this.#isUnwell ||= level === 'critical' || this.#bad >= after;
      return;
    }
    this.#bad = 0;
    if (!this.#isUnwell) return;
    this.#okSinceMs ??= nowMs;
    this.#isUnwell = nowMs - this.#okSinceMs < recover;
  }

  /** Nothing is known of the time until the next reading. */
  interrupt(): void {
    this.#okSinceMs = undefined;
  }
}
