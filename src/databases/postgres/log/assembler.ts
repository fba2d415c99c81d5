// Puts changes together to transactions, large ones in pieces, and decides which positions may be told.

import type { Change } from '../../../model/change.ts';
import { formatLsn } from './lsn.ts';
import type { LogSink } from './pgoutput.ts';
import type { RunQueue } from './run-queue.ts';

const PIECE_CHANGES = 5_000;
const PIECE_BYTES = 4 * 1024 * 1024;

export class TransactionAssembler implements LogSink {
  readonly #queue: RunQueue;
  readonly #resume: bigint;
  /** The newest position that was told. */
  #told: bigint;
  #open = false;
  #skipping = false;
  #finalLsn = 0n;
  #changes: Change[] = [];
  #bytes = 0;
  #pieces = 0;

  /** Transactions that end at or before `resume` are already applied and are left out. */
  constructor(queue: RunQueue, resume: bigint) {
    this.#queue = queue;
    this.#resume = resume;
    this.#told = resume;
  }

  get skipping(): boolean {
    return this.#skipping;
  }

  begin(finalLsn: bigint): void {
    this.#open = true;
    this.#finalLsn = finalLsn;
    // A record that starts before a record's end also ends at or before it.
    this.#skipping = finalLsn < this.#resume;
    this.#pieces = 0;
  }

  change(change: Change, bytes: number): void {
    this.#changes.push(change);
    this.#bytes += bytes;
    if (this.#changes.length >= PIECE_CHANGES || this.#bytes >= PIECE_BYTES) {
      // One byte into the commit record: a snapshot, which stands between records, covers it exactly when it covers the
      // end, which is not known yet.
      this.#deliver(this.#finalLsn + 1n, false);
      this.#pieces += 1;
    }
  }

  commit(endLsn: bigint): void {
    this.#open = false;
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    this.#told = endLsn;
    if (this.#changes.length === 0 && this.#pieces === 0) this.#queue.pushIdle(formatLsn(endLsn));
    else this.#deliver(endLsn, true);
  }

  /**
   * The server has read its log up to here. Inside a transaction this lies before the transaction's end although parts
   * of it were delivered, so it is no place to resume from.
   */
  keepalive(walEnd: bigint): void {
    if (this.#open || walEnd <= this.#told) return;
    this.#told = walEnd;
    this.#queue.pushIdle(formatLsn(walEnd));
  }

  #deliver(lsn: bigint, last: boolean): void {
    this.#queue.push({ position: formatLsn(lsn), changes: this.#changes, bytes: this.#bytes, last });
    this.#changes = [];
    this.#bytes = 0;
  }
}
