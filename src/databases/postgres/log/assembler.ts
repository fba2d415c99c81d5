// Puts changes together to transactions, large ones in pieces, and decides which positions may be told.

import type { Change } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import { PIECE_BYTES, PIECE_CHANGES, VALUE_OVERHEAD } from '../../../stream/pieces.ts';
import type { RunQueue } from '../../../stream/run-queue.ts';
import { formatLsn, ordinalOf, parseLsn } from './lsn.ts';
import type { LogSink } from './pgoutput.ts';

export class TransactionAssembler implements LogSink {
  readonly #queue: RunQueue;
  readonly #resume: bigint;
  /** So many changes of the transaction whose commit record begins at `#resume` are applied already. */
  readonly #resumeOrdinal: number;
  /** The newest position that was told. */
  #told: bigint;
  #open = false;
  #skipping = false;
  #finalLsn = 0n;
  #changes: Change[] = [];
  /** Of the messages. */
  #logged = 0;
  /** In memory. */
  #bytes = 0;
  /** Changes of the open transaction so far, those that are left out included. */
  #ordinal = 0;
  #leftOut = 0;

  /** What `resume` covers is already applied and is left out. */
  constructor(queue: RunQueue, resume: Position) {
    this.#queue = queue;
    this.#resume = parseLsn(resume);
    this.#resumeOrdinal = ordinalOf(resume);
    this.#told = this.#resume;
  }

  get skipping(): boolean {
    return this.#skipping;
  }

  begin(finalLsn: bigint): void {
    this.#open = true;
    this.#finalLsn = finalLsn;
    // A record that starts before a record's end also ends at or before it.
    this.#skipping = finalLsn < this.#resume;
    this.#ordinal = 0;
    this.#leftOut = finalLsn === this.#resume ? this.#resumeOrdinal : 0;
  }

  change(change: Change, bytes: number): void {
    this.#ordinal++;
    if (this.#ordinal <= this.#leftOut) return;
    // A list that begins with one element has no room for more: most transactions are small, and thousands are held.
    if (this.#changes.length === 0) this.#changes = [change];
    else this.#changes.push(change);
    this.#logged += bytes;
    this.#bytes += bytes + ('table' in change ? VALUE_OVERHEAD * change.table.columns.length : 0);
    // The end is not known yet.
    if (this.#changes.length >= PIECE_CHANGES || this.#logged >= PIECE_BYTES)
      this.#deliver(formatLsn(this.#finalLsn, this.#ordinal), false);
  }

  commit(endLsn: bigint): void {
    this.#open = false;
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    this.#told = endLsn;
    if (this.#ordinal === 0) this.#queue.pushIdle(formatLsn(endLsn));
    else this.#deliver(formatLsn(endLsn), true);
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

  #deliver(position: Position, last: boolean): void {
    this.#queue.push({ position, changes: this.#changes, bytes: this.#bytes, last });
    this.#changes = [];
    this.#logged = 0;
    this.#bytes = 0;
  }
}
