// Transactions as they arrive → batches. Bounded: whoever adds waits until the batches catch up.

import type { Transaction } from '../model/change.ts';
import { createDeferred, type Deferred } from './deferred.ts';

export interface BatchLimits {
  readonly batchRows: number;
  readonly batchBytes: number;
  /** How long, in ms, a batch that is not full grows although the writer is free. */
  readonly batchWait: number;
}

export interface Batch {
  /** In order; whole ones, or up to a piece of a large one. Empty when the batcher was only nudged. */
  readonly transactions: readonly Transaction[];
  /** False when the batch ends within a transaction. True when empty. */
  readonly last: boolean;
}

export class Batcher {
  readonly #limits: BatchLimits;
  #queue: Transaction[] = [];
  /** Index of the next transaction in `#queue`: taking from the front must not move the rest. */
  #head = 0;
  #rows = 0;
  #bytes = 0;
  #nudged = false;
  #ended = false;
  #change: Deferred<void> = createDeferred();
  #room: Deferred<void> | undefined;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  /** Takes a run of transactions; resolves when there is room for more (two batches are held ahead). */
  async add(run: readonly Transaction[]): Promise<void> {
    for (const transaction of run) {
      this.#queue.push(transaction);
      this.#rows += weight(transaction);
      this.#bytes += transaction.bytes;
    }
    this.#wake();
    while (this.#isFull() && !this.#ended) {
      this.#room ??= createDeferred();
      await this.#room.promise;
    }
  }

  /** Lets `next` resolve although nothing arrived. */
  nudge(): void {
    this.#nudged = true;
    this.#wake();
  }

  /** No more will be added or is wanted: `next` resolves with undefined, what waits in `add` goes on. */
  end(): void {
    this.#ended = true;
    this.#room?.resolve();
    this.#wake();
  }

  /**
   * The next batch. It grows to the limits while the writer is busy. Once it is free, what has arrived is taken when its
   * first transaction has waited long enough, and at once when it holds a marker: somebody waits for that. A transaction
   * for which `endsBatch` is true is its last.
   */
  async next(
    writerFree: Promise<void>,
    endsBatch: (transaction: Transaction) => boolean = () => false,
  ): Promise<Batch | undefined> {
    const taken: Transaction[] = [];
    const size = { rows: 0, bytes: 0, isUrgent: this.#limits.batchWait === 0 };
    let free = false;
    void writerFree.then(() => {
      free = true;
      this.#wake();
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      for (;;) {
        if (this.#ended) return undefined;
        const full = this.#take(taken, size, endsBatch);
        if (full || (free && (this.#nudged || (taken.length > 0 && size.isUrgent)))) {
          this.#nudged = false;
          return { transactions: taken, last: taken.at(-1)?.last ?? true };
        }
        if (taken.length > 0) {
          timer ??= setTimeout(() => {
            size.isUrgent = true;
            this.#wake();
          }, this.#limits.batchWait);
        }
        await this.#change.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Moves what fits from the queue; true when the batch is full. */
  #take(
    taken: Transaction[],
    size: { rows: number; bytes: number; isUrgent: boolean },
    endsBatch: (transaction: Transaction) => boolean,
  ): boolean {
    let full = false;
    while (!full) {
      const transaction = this.#queue[this.#head];
      if (transaction === undefined) break;
      this.#head++;
      taken.push(transaction);
      size.rows += weight(transaction);
      size.bytes += transaction.bytes;
      size.isUrgent ||= transaction.changes.at(-1)?.op === 'marker';
      this.#rows -= weight(transaction);
      this.#bytes -= transaction.bytes;
      full = size.rows >= this.#limits.batchRows || size.bytes >= this.#limits.batchBytes || endsBatch(transaction);
    }
    // What was taken must not be held: each element may be megabytes. Half is often enough, and costs nothing per element.
    if (this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (!this.#isFull()) {
      this.#room?.resolve();
      this.#room = undefined;
    }
    return full;
  }

  #isFull(): boolean {
    return this.#rows >= 2 * this.#limits.batchRows || this.#bytes >= 2 * this.#limits.batchBytes;
  }

  #wake(): void {
    const change = this.#change;
    this.#change = createDeferred();
    change.resolve();
  }
}

/** Empty transactions count too: an endless run of them must not fill the memory. */
function weight(transaction: Transaction): number {
  return Math.max(1, transaction.changes.length);
}
