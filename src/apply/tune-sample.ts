// A piece of the backlog, held in memory so that it can be applied again and again, and what has to be there for it to be applied.

import { MigrateError } from '../lib/errors.ts';
import { type Change, type Key, keyText, type Row, type Transaction } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { Table, TableId } from '../model/table.ts';
import type { ChangeStream } from '../stream/change-stream.ts';
import { newKey, oldKey } from './keys.ts';

export interface Sample {
  readonly from: Position;
  readonly to: Position;
  /** Whole ones, in order. */
  readonly transactions: readonly Transaction[];
  /** Row changes in them. */
  readonly changes: number;
  /** True when the log had nothing more for a while. */
  readonly isAll: boolean;
}

export interface SampleLimits {
  /** Row changes after which the transaction at hand is the last. */
  readonly rows: number;
  /** In memory. A transaction that goes beyond is left out, and with it all that follows. */
  readonly bytes: number;
  /** How long the first change may take to arrive, in ms: a consumer of Kafka needs some seconds to begin. */
  readonly firstMs: number;
  /** How long nothing may arrive before that counts as the end of the backlog, in ms. */
  readonly quietMs: number;
  /** How long is read at most, in ms. */
  readonly totalMs: number;
}

export const SAMPLE_LIMITS: Omit<SampleLimits, 'rows'> = {
  bytes: 256 << 20,
  firstMs: 15_000,
  quietMs: 3_000,
  totalMs: 60_000,
};

export interface SampleRequest {
  readonly stream: ChangeStream;
  readonly from: Position;
  /** Where the log ends; undefined where that is not known: then time tells. */
  readonly end: Position | undefined;
  /** Tables whose changes do not count. */
  readonly without: ReadonlySet<TableId>;
  readonly limits: SampleLimits;
  readonly signal: AbortSignal;
}

/**
 * Reads from a position on, and closes the stream. Nothing is acknowledged. Undefined when no change comes in time; rejects with
 * TUNE.NOT_NOW when the first transaction is too large.
 */
export async function readSample({
  stream,
  from,
  end,
  without,
  limits,
  signal,
}: SampleRequest): Promise<Sample | undefined> {
  const ended = new AbortController();
  const began = performance.now();
  const sample = new Collected(without);
  let heardAt = began;
  try {
    // Not `for await`: it could not be left while nothing arrives.
    const shard = await stream
      .open(async () => from, AbortSignal.any([signal, ended.signal]))
      [Symbol.asyncIterator]()
      .next();
    const runs = shard.done === true ? undefined : shard.value.changes[Symbol.asyncIterator]();
    const isAtEnd = (): boolean => end !== undefined && stream.covers(sample.reached ?? from, end);
    while (runs !== undefined && !sample.isFull(limits) && !isAtEnd()) {
      const patience = sample.hasChanges ? limits.quietMs : limits.firstMs;
      const until = Math.min(heardAt + patience, began + limits.totalMs);
      const next = await inTime(runs.next(), until - performance.now());
      if (next === undefined || next.done === true) break;
      // Markers and positions of an idle log are no backlog.
      if (sample.add(next.value)) heardAt = performance.now();
    }
    signal.throwIfAborted();
    const isFull = sample.isFull(limits);
    const whole = sample.whole(from, !isFull);
    if (whole === undefined && isFull) throw tooLarge();
    return whole;
  } finally {
    ended.abort();
    await stream.close();
  }
}

function tooLarge(): MigrateError {
  return new MigrateError('TUNE.NOT_NOW', 'the first transaction of the backlog is too large to be held in memory', {
    fix: 'Tune again when the run has applied it.',
  });
}

class Collected {
  readonly #without: ReadonlySet<TableId>;
  readonly #transactions: Transaction[] = [];
  #changes = 0;
  #bytes = 0;
  /** How many of the transactions, and of the changes, end with a whole one. */
  #whole = { transactions: 0, changes: 0 };

  constructor(without: ReadonlySet<TableId>) {
    this.#without = without;
  }

  /** What was read last. */
  get reached(): Position | undefined {
    return this.#transactions.at(-1)?.position;
  }

  get hasChanges(): boolean {
    return this.#changes > 0;
  }

  isFull({ rows, bytes }: SampleLimits): boolean {
    return this.#whole.changes >= rows || this.#bytes >= bytes;
  }

  /** True when there were row changes in it. */
  add(run: readonly Transaction[]): boolean {
    const before = this.#changes;
    for (const transaction of run) {
      this.#transactions.push(transaction);
      this.#bytes += transaction.bytes;
      for (const change of transaction.changes) if (this.#counts(change)) this.#changes++;
      if (transaction.last) this.#whole = { transactions: this.#transactions.length, changes: this.#changes };
    }
    return this.#changes > before;
  }

  #counts(change: Change): boolean {
    if (change.op === 'marker') return false;
    return change.op === 'truncate'
      ? change.tables.some(({ id }) => !this.#without.has(id))
      : !this.#without.has(change.table.id);
  }

  whole(from: Position, isAll: boolean): Sample | undefined {
    const transactions = this.#transactions.slice(0, this.#whole.transactions);
    const to = transactions.at(-1)?.position;
    const { changes } = this.#whole;
    return to === undefined || changes === 0 ? undefined : { from, to, transactions, changes, isAll };
  }
}

/** Undefined when it takes longer. */
async function inTime<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, ms));
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What must be in a table before a sample can be applied: rows by their keys, or of a table without a key the rows themselves. */
export interface Needed {
  readonly table: Table;
  readonly keys: readonly Key[];
  readonly rows: readonly Row[];
}

/** Of every table with a change in the sample, but those left out. */
export function neededRows(sample: Sample, without: ReadonlySet<TableId>): readonly Needed[] {
  const found = new Map<TableId, Sought>();
  const of = (table: Table): Sought | undefined => {
    if (without.has(table.id)) return undefined;
    const known = found.get(table.id) ?? new Sought(table);
    found.set(table.id, known);
    return known;
  };
  for (const change of sample.transactions.flatMap(({ changes }) => changes)) {
    if (change.op === 'marker') continue;
    // What is deleted or changed after that was inserted after that.
    if (change.op === 'truncate') for (const table of change.tables) of(table);
    else of(change.table)?.changed(oldKey(change), newKey(change));
  }
  return [...found.values()];
}

/** The first thing that happens to a key says whether its row was there. */
class Sought implements Needed {
  readonly table: Table;
  readonly keys: Key[] = [];
  readonly rows: Row[] = [];
  /** Keys of which something is known; without a key how many copies of a row the sample has made so far. */
  readonly #known = new Map<string, number>();

  constructor(table: Table) {
    this.table = table;
  }

  changed(before: Key | undefined, after: Key | undefined): void {
    if (before !== undefined) this.#gone(before);
    if (after === undefined) return;
    const text = keyText(after);
    this.#known.set(text, (this.#known.get(text) ?? 0) + 1);
  }

  #gone(key: Key): void {
    const text = keyText(key);
    const copies = this.#known.get(text);
    const isNeeded = this.table.identity === 'key' ? copies === undefined : (copies ?? 0) === 0;
    if (isNeeded) (this.table.identity === 'key' ? this.keys : this.rows).push(key);
    this.#known.set(text, Math.max(0, (copies ?? 0) - 1));
  }
}
