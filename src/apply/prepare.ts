// A batch of transactions → what each lane has to write: judged, split by lane, collapsed.

import { MigrateError } from '../lib/errors.ts';
import type { Key, Transaction } from '../model/change.ts';
import type { Covers, Position } from '../model/position.ts';
import type { Table, TableId } from '../model/table.ts';
import type { Batch } from './batch.ts';
import { newKey, oldKey } from './keys.ts';
import type { Judge, Overlap } from './overlap.ts';
import { type Segment, segmentsOf } from './segment.ts';
import { type Step, tableOf } from './step.ts';

export interface LaneWork {
  readonly lane: number;
  readonly segments: readonly Segment[];
  /** Row changes of the source in it. */
  readonly changes: number;
}

export interface PreparedBatch {
  /** Where the last transaction stands; undefined when there is none. */
  readonly position: Position | undefined;
  /** False when the batch ends within a transaction. */
  readonly last: boolean;
  /** Only lanes with something to write. */
  readonly work: readonly LaneWork[];
  /** Contents of the markers met, in order. */
  readonly markers: readonly string[];
}

export interface PreparerOptions {
  readonly overlap: Overlap;
  readonly covers: Covers;
  /** Which lane writes a table. */
  readonly laneOf: ReadonlyMap<TableId, number>;
  /** Where each lane stood at the opening. Lanes may differ by a batch; each drops what it has. */
  readonly opened: readonly Position[];
}

export class Preparer {
  readonly #options: PreparerOptions;
  /** Positions only grow: what was passed once needs no more comparing. */
  #pastOpened = false;
  #pastOverlap = false;

  constructor(options: PreparerOptions) {
    this.#options = options;
  }

  async prepare(batch: Batch): Promise<PreparedBatch> {
    const steps = new Map<number, Step[]>();
    const markers: string[] = [];
    const judge = this.#pastOverlap ? undefined : await this.#options.overlap.judge(batch.transactions);
    try {
      for (const transaction of batch.transactions) {
        this.#pastOpened ||= this.#options.opened.every((at) => !this.#options.covers(at, transaction.position));
        this.#pastOverlap ||= !this.#options.overlap.involves(transaction);
        if (this.#pastOverlap || judge === undefined) this.#sort(transaction, steps, markers);
        else await this.#sortJudged(transaction, judge, { steps, markers });
      }
    } finally {
      await judge?.close();
    }
    const work = [...steps].map(([lane, list]) => ({ lane, segments: segmentsOf(list), changes: list.length }));
    return { position: batch.transactions.at(-1)?.position, last: batch.last, work, markers };
  }

  #sort(transaction: Transaction, steps: Map<number, Step[]>, markers: string[]): void {
    for (const change of transaction.changes) {
      if (change.op === 'marker') markers.push(change.content);
      else if (change.op === 'truncate') {
        for (const table of change.tables) {
          if (this.#isWanted(table, transaction)) this.#put(steps, { op: 'empty', table, ranges: 'all' });
        }
      } else if (this.#isWanted(change.table, transaction)) this.#put(steps, { op: 'change', change });
    }
  }

  async #sortJudged(
    transaction: Transaction,
    judge: Judge,
    into: { readonly steps: Map<number, Step[]>; readonly markers: string[] },
  ): Promise<void> {
    for (const change of transaction.changes) {
      if (change.op === 'marker') into.markers.push(change.content);
      else if (change.op === 'truncate') {
        for (const table of change.tables) {
          if (!this.#isWanted(table, transaction)) continue;
          for (const step of await judge.truncate(table, transaction.position)) this.#put(into.steps, step);
        }
      } else if (this.#isWanted(change.table, transaction)) {
        const step = await judge.row(change, transaction.position);
        if (step !== undefined) this.#put(into.steps, step);
      }
    }
  }

  /** False when the table's lane had this transaction already when it was opened. */
  #isWanted(table: Table, transaction: Transaction): boolean {
    if (this.#pastOpened) return true;
    const opened = this.#options.opened[this.#lane(table)];
    return opened === undefined || !this.#options.covers(opened, transaction.position);
  }

  #lane(table: Table): number {
    const lane = this.#options.laneOf.get(table.id);
    if (lane === undefined)
      throw new MigrateError('INTERNAL.BUG', `${table.id} has changes but is not part of the run`);
    return lane;
  }

  #put(steps: Map<number, Step[]>, step: Step): void {
    const lane = this.#lane(tableOf(step));
    const list = steps.get(lane);
    if (list === undefined) steps.set(lane, [step]);
    else list.push(step);
  }
}

/** Calls back for every key and every emptied table that the batch is going to touch. */
export function touched(
  work: readonly LaneWork[],
  onKey: (table: Table, key: Key) => void,
  onTable: (table: Table) => void,
): void {
  for (const segment of work.flatMap(({ segments }) => segments)) {
    if (segment.kind === 'empty') {
      for (const { table } of segment.tables) onTable(table);
      continue;
    }
    for (const { table, chunk } of segment.keyChunks) onKey(table, chunk.key);
    for (const change of segment.changes) {
      const [before, after] = [oldKey(change), newKey(change)];
      if (before !== undefined) onKey(change.table, before);
      if (after !== undefined) onKey(change.table, after);
    }
  }
}
