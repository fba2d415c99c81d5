// Where the lanes may commit: at the end of every batch that ends between transactions, and within a transaction where it
// has grown too large or where a lane committed before a crash.

import type { Covers, Position } from '../model/position.ts';
import type { Batch } from './batch.ts';

export interface CommitPointOptions {
  readonly covers: Covers;
  /** Where each lane stood at the opening. */
  readonly opened: readonly Position[];
  /** The lowest lane stands within a transaction, of which parts were committed. */
  readonly isWithin: boolean;
  /** Row changes of one transaction after which it is committed in parts. */
  readonly maxTransactionRows: number;
}

export interface BatchEnd {
  /** Where the batch is to be committed; undefined when it is not, or when it is empty. */
  readonly commitAt: Position | undefined;
  /** The batch ends within a transaction. */
  readonly isWithin: boolean;
  /** Row changes in the first part of a transaction, when this commits one. */
  readonly firstPart: number | undefined;
}

export class CommitPoints {
  readonly #covers: Covers;
  readonly #maxRows: number;
  /** The highest lane at the opening, until the others are sure to have reached it. */
  #ceiling: Position | undefined;
  #isWithin: boolean;
  /** The last batch was not committed. */
  #isOpen = false;
  /** Of the transaction that the last batch ended in: parts of it were committed; row changes since then. */
  #isSplit: boolean;
  #rows = 0;
  /** It touched a table without a key. */
  #isKeyless = false;

  constructor({ covers, opened, isWithin, maxTransactionRows }: CommitPointOptions) {
    this.#covers = covers;
    this.#maxRows = maxTransactionRows;
    const isLevel = opened.every((position) => opened.every((other) => covers(position, other)));
    this.#ceiling = isLevel ? undefined : opened.reduce((high, position) => (covers(high, position) ? high : position));
    this.#isWithin = isWithin;
    this.#isSplit = isWithin;
  }

  /** True when every lane will stand at one position, with no transaction open, once the batches so far are written. */
  get isLevel(): boolean {
    return !this.#isOpen && this.#ceiling === undefined;
  }

  /** What to do at the end of the next batch. */
  follow({ transactions }: Batch): BatchEnd {
    for (const { changes, last } of transactions) {
      this.#rows += changes.length;
      // Of whole transactions nothing need be known.
      this.#isKeyless ||= !last && changes.some((change) => 'table' in change && change.table.identity === 'row');
      if (!last) continue;
      this.#rows = 0;
      this.#isKeyless = false;
      this.#isSplit = false;
    }
    const end = transactions.at(-1);
    if (end === undefined) return { commitAt: undefined, isWithin: this.#isWithin, firstPart: undefined };
    this.#isWithin = !end.last;
    const isAtCeiling = this.#ceiling !== undefined && this.#covers(end.position, this.#ceiling);
    if (isAtCeiling) this.#ceiling = undefined;
    const isTooLarge = this.#rows > this.#maxRows && !this.#isKeyless;
    this.#isOpen = this.#isWithin && !isAtCeiling && !isTooLarge;
    if (this.#isOpen) return { commitAt: undefined, isWithin: true, firstPart: undefined };
    const firstPart = this.#isWithin && !this.#isSplit ? this.#rows : undefined;
    this.#isSplit = this.#isWithin;
    this.#rows = 0;
    return { commitAt: end.position, isWithin: this.#isWithin, firstPart };
  }

  /** True for a transaction that a batch must end with: the lanes stand at one position again. */
  reachesCeiling(position: Position): boolean {
    return this.#ceiling !== undefined && this.#covers(position, this.#ceiling);
  }
}
