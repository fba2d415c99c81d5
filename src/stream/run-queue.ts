// What was read from the log and not yet taken by the apply. Bounded by asking the reader to stop, never by dropping.

import type { Transaction } from '../model/change.ts';
import type { Position } from '../model/position.ts';

/** From here on the reader is asked to stop. */
const FULL_BYTES = 4 * 1024 * 1024;
const FULL_CHANGES = 5_000;

export interface Pressure {
  /** Stop reading; what is on its way may still be pushed. */
  full(): void;
  /** Read on. */
  drained(): void;
}

export class RunQueue {
  readonly #pressure: Pressure;
  #run: Transaction[] = [];
  #bytes = 0;
  #changes = 0;
  #isFull = false;
  /** The last element carries nothing but a position, and a later one may replace it. */
  #idleTail = false;
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(pressure: Pressure) {
    this.#pressure = pressure;
  }

  push(transaction: Transaction): void {
    if (this.#ended) return;
    this.#run.push(transaction);
    this.#idleTail = false;
    this.#bytes += transaction.bytes;
    this.#changes += transaction.changes.length + 1;
    this.#pushed();
  }

  /** A later position without changes. Only the latest in a row is kept. */
  pushIdle(position: Position): void {
    if (this.#ended) return;
    if (this.#idleTail) this.#run.pop();
    else this.#changes += 1;
    this.#run.push({ position, changes: [], bytes: 0, last: true });
    this.#idleTail = true;
    this.#pushed();
  }

  /** Everything that is queued, at least one; undefined at the end. Throws what `fail` was given once the queue is empty. */
  async take(): Promise<readonly Transaction[] | undefined> {
    while (this.#run.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#run.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      return undefined;
    }
    const run = this.#run;
    this.#clear();
    if (this.#isFull) {
      this.#isFull = false;
      if (!this.#ended) this.#pressure.drained();
    }
    return run;
  }

  /** What `take` gives, until the end. */
  async *runs(): AsyncIterable<readonly Transaction[]> {
    for (let run = await this.take(); run !== undefined; run = await this.take()) yield run;
  }

  /** What is queued is still delivered, then the error is thrown. The first end counts. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#error = error;
    this.#end();
  }

  /** Nothing more is delivered. */
  end(): void {
    this.#clear();
    this.#error = undefined;
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  #clear(): void {
    this.#run = [];
    this.#bytes = 0;
    this.#changes = 0;
    this.#idleTail = false;
  }

  #pushed(): void {
    this.#wake?.();
    this.#wake = undefined;
    if (this.#isFull || (this.#bytes < FULL_BYTES && this.#changes < FULL_CHANGES)) return;
    this.#isFull = true;
    this.#pressure.full();
  }
}
