// Finds a table of which one lane writes so much that the other lanes are of little use. Counted by batch; of keys nothing is kept
// but how many there were.

import type { TableChanges } from '../databases/target.ts';
import type { Table, TableId } from '../model/table.ts';
import type { Log } from '../observe/log.ts';
import type { HotTable, RunStatus } from '../observe/status.ts';
import type { LaneWork } from './prepare.ts';
import type { Router } from './router.ts';

export interface HotSpotsOptions {
  /** How many there are. */
  readonly lanes: number;
  readonly router: Pick<Router, 'isSpread'>;
  readonly status: RunStatus;
  readonly log: Pick<Log, 'warn'>;
}

interface Count {
  readonly lane: number;
  readonly table: Table;
  changes: number;
  /** Rows that the batches came to: less than the changes where the same rows changed again and again. */
  rows: number;
}

type Counts = Map<number, Map<TableId, Count>>;

const WINDOW_MS = 60_000;
const SLICE_MS = 5_000;
const LOOK_MS = 1_000;
/** Fewer changes in the window than these keep no lane busy. */
const LEAST_CHANGES = 1_000;
/** So many changes of each row in a batch are no accident. */
const FEW_ROWS = 4;

export class HotSpots {
  readonly #options: HotSpotsOptions;
  /** Oldest first. */
  #slices: { readonly since: number; readonly counts: Counts }[] = [];
  readonly #told = new Set<string>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: HotSpotsOptions) {
    this.#options = options;
  }

  /** A batch is about to be written. `now`: by a monotonic clock, in ms. */
  count(work: readonly LaneWork[], now: number): void {
    if (this.#options.lanes < 2) return;
    let slice = this.#slices.at(-1);
    if (slice === undefined || now - slice.since >= SLICE_MS) {
      slice = { since: now, counts: new Map() };
      this.#slices.push(slice);
    }
    for (const { lane, segments } of work) {
      for (const segment of segments) {
        if (segment.kind === 'empty') continue;
        let count: Count | undefined;
        for (const { table } of segment.changes) {
          if (count?.table !== table) count = countOf(slice.counts, lane, table);
          count.changes++;
        }
        if (segment.sets === undefined) {
          for (const { table } of segment.changes) countOf(slice.counts, lane, table).rows++;
        } else for (const set of segment.sets) countOf(slice.counts, lane, set.table).rows += rowsOf(set);
      }
    }
  }

  /** Says which table it is in the last minute, at most once a second; the log is told of each once. */
  look(now: number): void {
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    this.#slices = this.#slices.filter(({ since }) => now - since < WINDOW_MS);
    const hot = this.#find();
    if (hot !== null) this.#tell(hot);
    this.#options.status.update((value) => {
      value.stream.hot = hot;
    });
  }

  #find(): HotTable | null {
    const sums: Counts = new Map();
    let all = 0;
    let most: Count | undefined;
    for (const { lane, table, changes, rows } of this.#slices.flatMap(({ counts }) => countsIn(counts))) {
      const sum = countOf(sums, lane, table);
      sum.changes += changes;
      sum.rows += rows;
      all += changes;
      if (most === undefined || sum.changes > most.changes) most = sum;
    }
    const { lanes } = this.#options;
    // Of two lanes one always writes more than half.
    if (most === undefined || all < LEAST_CHANGES || most.changes / all <= Math.max(0.5, 1.5 / lanes)) return null;
    const { lane, table, changes } = most;
    return { table: table.id, lane, share: changes / all, changes, why: this.#whyOf(most) };
  }

  #whyOf({ table, changes, rows }: Count): string {
    if (table.identity === 'row') return 'it has no key, so that one lane writes it';
    if (!table.spread) {
      return 'one lane writes it, because more than its key is unique or its keys may be equal though their texts are not';
    }
    if (!this.#options.router.isSpread(table.id)) {
      return 'one lane writes it since it was emptied, or a key moved without its large values, or because the target has more unique constraints';
    }
    return changes >= rows * FEW_ROWS ? 'few of its rows have most of the changes' : 'its keys fall to one lane';
  }

  #tell({ table, lane, share, why }: HotTable): void {
    const told = `${table} ${why}`;
    if (this.#told.has(told)) return;
    this.#told.add(told);
    const part = `${Math.round(share * 100)}% of all changes of the last minute`;
    this.#options.log.warn(`lane ${lane} writes ${part}, of one table`, { table, reason: why });
  }
}

function countOf(counts: Counts, lane: number, table: Table): Count {
  let tables = counts.get(lane);
  if (tables === undefined) {
    tables = new Map();
    counts.set(lane, tables);
  }
  let count = tables.get(table.id);
  if (count === undefined) {
    count = { lane, table, changes: 0, rows: 0 };
    tables.set(table.id, count);
  }
  return count;
}

function countsIn(counts: Counts): readonly Count[] {
  return [...counts.values()].flatMap((tables) => [...tables.values()]);
}

function rowsOf({ deletes, updates, inserts }: TableChanges): number {
  return deletes.length + inserts.length + updates.reduce((sum, { keys }) => sum + keys.length, 0);
}
