// A batch of transactions → what each lane has to write: divided among the lanes, judged, collapsed.

import { MigrateError } from '../lib/errors.ts';
import type { Change, Key, RefusedValue, RowChange, Transaction, Truncate } from '../model/change.ts';
import type { Covers, Position } from '../model/position.ts';
import type { Table, TableId } from '../model/table.ts';
import type { Batch } from './batch.ts';
import type { BatchEnd, CommitPoints } from './commit-points.ts';
import { isOfNoKnownRow, newKey, oldKey } from './keys.ts';
import type { Judge, Overlap } from './overlap.ts';
import type { Router } from './router.ts';
import { type Segment, segmentsOf } from './segment.ts';
import type { Step } from './step.ts';

export interface LaneWork {
  readonly lane: number;
  readonly segments: readonly Segment[];
  /** Row changes of the source in it. */
  readonly changes: number;
}

export interface PreparedBatch extends BatchEnd {
  /** Spread tables that their own lane writes from this batch on: to be journalled before it is written. */
  readonly sentHome: readonly TableId[];
  /** Only lanes with something to write. */
  readonly work: readonly LaneWork[];
  /** Row changes in `work`, and bytes of what was read for it. */
  readonly size: { readonly rows: number; readonly bytes: number };
  /** Contents of the markers met, in order. */
  readonly markers: readonly string[];
}

export interface PreparerOptions {
  readonly overlap: Overlap;
  readonly covers: Covers;
  readonly router: Router;
  readonly commitPoints: CommitPoints;
  /** Where each lane that is written here stood at the opening. Lanes may differ; each drops what it has. */
  readonly opened: ReadonlyMap<number, Position>;
  /** Other processes write lanes too: no table can change its lane. Default false. */
  readonly shared?: boolean;
  /** Outlives the apply: spread tables that turned out to need their own lane when the lanes were not at one position. */
  readonly homeward: Set<TableId>;
  /** Tables whose changes are not applied. */
  readonly dropped?: ReadonlySet<TableId>;
  /** True when lanes keep the changes that the target cannot hold; default false: the first one ends the apply. */
  readonly keepsRefused?: boolean;
}

/** What is collected of a batch. */
interface Sorted {
  readonly lanes: Map<number, { readonly steps: Step[]; changes: number }>;
  readonly markers: string[];
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
    const { commitPoints, covers, opened, overlap } = this.#options;
    const sentHome = this.#sendHome(batch);
    const sorted: Sorted = { lanes: new Map(), markers: [] };
    const judge = this.#pastOverlap ? undefined : await overlap.judge(batch.transactions);
    try {
      for (const transaction of batch.transactions) {
        this.#pastOpened ||= [...opened.values()].every((at) => !covers(at, transaction.position));
        this.#pastOverlap ||= !overlap.involves(transaction);
        if (this.#pastOverlap || judge === undefined) this.#sort(transaction, sorted);
        else await this.#sortJudged(transaction, judge, sorted);
      }
    } finally {
      await judge?.close();
    }
    const work = [...sorted.lanes].map(([lane, { steps, changes }]) => ({
      lane,
      segments: segmentsOf(steps),
      changes,
    }));
    const size = {
      rows: work.reduce((sum, { changes }) => sum + changes, 0),
      bytes: batch.transactions.reduce((sum, { bytes }) => sum + bytes, 0),
    };
    return { ...commitPoints.follow(batch), sentHome, work, size, markers: sorted.markers };
  }

  /**
   * Decided for the batch as a whole, before any of it is divided: while the lanes stand at one position there is nothing
   * that could be read again and go to other lanes than before.
   */
  #sendHome({ transactions }: Batch): readonly TableId[] {
    const { commitPoints, homeward, router, shared = false } = this.#options;
    const needed = new Set<TableId>();
    for (const { changes } of transactions) {
      for (const change of this.#kept(changes)) {
        if (change.op === 'marker' || isOfNoKnownRow(change)) continue;
        for (const { id } of router.homesNeeded(change)) needed.add(id);
      }
    }
    if (shared || !commitPoints.isLevel) {
      for (const id of needed) homeward.add(id);
      const [first] = needed;
      if (first === undefined) return [];
      throw new MigrateError('APPLY.REROUTE', `${first} must be written by one lane, and several have begun to`);
    }
    for (const id of homeward) if (router.isSpread(id)) needed.add(id);
    for (const id of needed) router.sendHome(id);
    return [...needed];
  }

  #sort(transaction: Transaction, sorted: Sorted): void {
    const { router } = this.#options;
    for (const change of this.#kept(transaction.changes)) {
      if (change.op === 'marker') sorted.markers.push(change.content);
      else if (change.op === 'truncate') {
        for (const table of change.tables) {
          const lane = router.home(table);
          if (this.#isWanted(lane, transaction)) put(sorted, lane, { op: 'empty', table, ranges: 'all' }, 1);
        }
      } else if (isOfNoKnownRow(change)) this.#expectUnwanted(change, transaction);
      else {
        const only = router.laneOf(change);
        if (only !== undefined) {
          if (this.#isWanted(only, transaction)) put(sorted, only, this.#held(change, change), 1);
          continue;
        }
        for (const { lane, change: part, counts } of router.route(change)) {
          if (this.#isWanted(lane, transaction)) put(sorted, lane, this.#held(part, change), counts);
        }
      }
    }
  }

  async #sortJudged(transaction: Transaction, judge: Judge, sorted: Sorted): Promise<void> {
    for (const change of this.#kept(transaction.changes)) {
      if (change.op === 'marker') sorted.markers.push(change.content);
      else if (change.op === 'truncate') await this.#judgeTruncate(change, transaction, judge, sorted);
      else if (isOfNoKnownRow(change)) {
        if (!judge.containsAll(change.table, transaction.position)) this.#expectUnwanted(change, transaction);
      } else await this.#judgeRow(change, transaction, judge, sorted);
    }
  }

  async #judgeTruncate(change: Truncate, transaction: Transaction, judge: Judge, sorted: Sorted): Promise<void> {
    for (const table of change.tables) {
      const lane = this.#options.router.home(table);
      if (!this.#isWanted(lane, transaction)) continue;
      for (const step of await judge.truncate(table, transaction.position)) put(sorted, lane, step, 1);
    }
  }

  // Divided before it is judged: a judgement may read a row again, which must not happen for a lane that has it.
  async #judgeRow(change: RowChange, transaction: Transaction, judge: Judge, sorted: Sorted): Promise<void> {
    for (const { lane, change: part, counts } of this.#options.router.route(change)) {
      if (!this.#isWanted(lane, transaction)) continue;
      const step = await judge.row(part, transaction.position);
      if (step !== undefined) put(sorted, lane, this.#held(step, change), counts);
    }
  }

  /** What is to be applied of a change, or kept because the target cannot hold it. Throws where nothing is kept. */
  #held<T extends Step>(step: T, { refused }: RowChange): T {
    // What is deleted, or was read again, needs none of its values.
    if (refused === undefined || (step.op !== 'insert' && step.op !== 'update')) return step;
    if (this.#options.keepsRefused !== true) throw unholdable(refused);
    return { ...step, refused };
  }

  /** A change of which nobody knows the row can be neither applied nor kept. */
  #expectUnwanted({ table, refused }: RowChange, transaction: Transaction): void {
    const { opened, router } = this.#options;
    const lanes = router.isSpread(table.id) ? opened.keys() : [router.home(table)];
    if (![...lanes].some((lane) => this.#isWanted(lane, transaction)) || refused === undefined) return;
    throw unholdable(refused);
  }

  /** Without what is dropped; most of the time that is nothing. */
  #kept(changes: readonly Change[]): readonly Change[] {
    const { dropped } = this.#options;
    if (dropped === undefined || dropped.size === 0) return changes;
    return changes.flatMap((change): readonly Change[] => {
      if (change.op === 'marker') return [change];
      if (change.op !== 'truncate') return dropped.has(change.table.id) ? [] : [change];
      const tables = change.tables.filter(({ id }) => !dropped.has(id));
      return tables.length === 0 ? [] : [{ ...change, tables }];
    });
  }

  /** False when another process writes the lane, or when it had this transaction already when it was opened. */
  #isWanted(lane: number, transaction: Transaction): boolean {
    if (this.#pastOpened && this.#options.shared !== true) return true;
    const opened = this.#options.opened.get(lane);
    return opened !== undefined && (this.#pastOpened || !this.#options.covers(opened, transaction.position));
  }
}

/** The change is in the log whatever becomes of the row. */
function unholdable({ error, isKey }: RefusedValue): MigrateError {
  const kept = isKey
    ? ''
    : ' Or set apply.onBadRow: deadLetter: then the change is kept until another one has corrected the row.';
  return new MigrateError(error.code, error.message, {
    cause: error,
    fix: `The log has this change for good. Correct the row on the source and copy the table again (\`migrate table copy\`), or leave the table out (\`migrate table skip\`); then run the same command again.${kept}`,
  });
}

function put({ lanes }: Sorted, lane: number, step: Step, counts: number): void {
  let of = lanes.get(lane);
  if (of === undefined) {
    of = { steps: [], changes: 0 };
    lanes.set(lane, of);
  }
  of.steps.push(step);
  of.changes += counts;
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
