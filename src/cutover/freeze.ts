// The clock of one attempt: from the closing of the source on, everything that is awaited is raced against the budget.

import { MigrateError } from '../lib/errors.ts';

export class Freeze {
  readonly budgetMs: number;
  readonly #abort = new AbortController();
  readonly #ended: Promise<never>;
  #timer: NodeJS.Timeout | undefined;
  #startedAt: number | undefined;

  /** `failed` rejects when the replication has ended: then nothing will ever be drained. */
  constructor(budgetMs: number, signal: AbortSignal, failed: Promise<never>) {
    this.budgetMs = budgetMs;
    const both = AbortSignal.any([signal, this.#abort.signal]);
    this.signal = both;
    const aborted = new Promise<never>((_, reject) => {
      if (both.aborted) reject(both.reason);
      both.addEventListener('abort', () => reject(both.reason), { once: true });
    });
    this.#ended = Promise.race([aborted, failed]);
    this.#ended.catch(() => undefined);
  }

  /** Aborts when the budget is used up or the run ends. */
  readonly signal: AbortSignal;

  /** Call just before the source is closed: then this deadline is never later than the fence's own. */
  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setTimeout(() => {
      this.#abort.abort(new MigrateError('CUTOVER.BUDGET', `the freeze used up its ${this.budgetMs} ms`));
    }, this.budgetMs);
  }

  /** The used part of the budget, from 0 to 1 and beyond. */
  get used(): number {
    return this.#startedAt === undefined ? 0 : (performance.now() - this.#startedAt) / this.budgetMs;
  }

  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#ended]);
  }

  /** Stops the clock, and what may still be at work for an attempt that is over. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#abort.abort(new MigrateError('CUTOVER.BUDGET', 'the freeze is over'));
  }
}
