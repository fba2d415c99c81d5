// What this process has verified so far. It outlives a lost connection: the apply tells it of every key it touches,
// also of those that are applied again from the last checkpoint, so nothing that was compared is compared in vain.

import type { Applier } from '../apply/applier.ts';
import type { Table, TableId } from '../model/table.ts';
import { EmptyCounts } from './empty-counts.ts';
import { PendingKeys } from './pending.ts';

export class Verification {
  #pending = new PendingKeys();
  #emptyCounts = new EmptyCounts();
  #epoch: number | undefined;
  #observing = false;
  #complete = false;
  #rowsCompared = 0;

  get pending(): PendingKeys {
    return this.#pending;
  }

  get emptyCounts(): EmptyCounts {
    return this.#emptyCounts;
  }

  /** True when every range was compared equal once; what is pending must still be compared again. */
  get complete(): boolean {
    return this.#complete;
  }

  get rowsCompared(): number {
    return this.#rowsCompared;
  }

  /**
   * To be called for each new applier before it starts: goes on observing if the verification has begun. `epoch` is that
   * of the lease: when it has grown by more than our own claim, somebody else applied keys that were never told here.
   */
  follow(applier: Pick<Applier, 'observe'>, epoch: number): void {
    if (this.#epoch !== undefined && epoch !== this.#epoch + 1) this.startOver();
    this.#epoch = epoch;
    if (this.#observing) applier.observe(this.#pending);
  }

  /** To be called before the first row is read. */
  begin(applier: Pick<Applier, 'observe'>): void {
    if (this.#observing) return;
    this.#observing = true;
    applier.observe(this.#pending);
  }

  /** What was found of these tables counts for nothing. Those that are left out are not compared until they come again. */
  renew(tables: readonly Table[], leftOut: ReadonlySet<TableId>): void {
    for (const id of leftOut) this.#pending.remove(id);
    for (const id of [...leftOut, ...tables.map((table) => table.id)]) this.#emptyCounts.remove(id);
    // Before the first comparison there is nothing to take back.
    if (this.#observing) for (const table of tables) this.#pending.truncated(table);
  }

  /** Adds to what was compared equal. */
  compared(rows: number): void {
    this.#rowsCompared += rows;
  }

  completed(): void {
    this.#complete = true;
  }

  /** Forgets what was compared. To be called while nothing is applied. */
  startOver(): void {
    this.#pending = new PendingKeys();
    this.#emptyCounts = new EmptyCounts();
    this.#observing = false;
    this.#complete = false;
    this.#rowsCompared = 0;
  }
}
