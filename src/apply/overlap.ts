// Judges changes against what the copy already contains. Chunks were read at different positions, so for a while the
// target is no past state of the source: a change is applied to a key only if its transaction is not visible in the
// read of the key's chunk. Where reads were not exact, of some transactions nobody knows whether they are visible in them: these
// are applied whatever is there.

import type { SourceChunks, SourceLog } from '../databases/source.ts';
import type { TableProgress } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { type Key, keyText, type RowChange, type Transaction, type Truncate, type Update } from '../model/change.ts';
import type { KeyChunk, KeyRange } from '../model/chunk.ts';
import type { Covers, Position } from '../model/position.ts';
import type { Table, TableId } from '../model/table.ts';
import { isComplete, isOfNoKnownRow, movesKey, newKey, oldKey, withKey } from './keys.ts';
import { type Reread, Rereader } from './reread.ts';
import type { Step } from './step.ts';

export interface OverlapOptions {
  readonly tables: readonly TableProgress[];
  readonly covers: Covers;
  /** Up to here reads may be ahead of their `at`; null (default) when all are exact. */
  readonly settled?: Position | null;
  readonly log: Pick<SourceLog, 'pair'>;
  readonly chunks: Pick<SourceChunks, 'locate'>;
}

/** What is known of one table's copy. */
interface CopiedTable {
  readonly bounds: readonly Key[];
  /** By ordinal. */
  readonly ats: readonly Position[];
  readonly oldest: Position;
  readonly newest: Position;
  /** Rows read again, by `keyText`. Their `at` is never before that of their chunk. */
  readonly keyChunks: Map<string, KeyChunk>;
}

/** Ordinals of chunks by `keyText`, of the tables where they are needed. */
type Located = ReadonlyMap<TableId, ReadonlyMap<string, number>>;

export class Overlap {
  readonly #options: OverlapOptions;
  readonly #tables = new Map<TableId, CopiedTable>();
  #newest: Position | undefined;

  constructor(options: OverlapOptions) {
    this.#options = options;
    if (options.settled) this.#reach(options.settled);
    for (const progress of options.tables) {
      const copied = copiedTable(progress, options.covers);
      if (copied === undefined) continue;
      this.#tables.set(progress.id, copied);
      this.#reach(copied.newest);
      for (const chunk of copied.keyChunks.values()) this.#reach(chunk.at);
    }
  }

  /** The newest moment of all reads; undefined when nothing was copied. */
  get newest(): Position | undefined {
    return this.#newest;
  }

  /** True when some read of the copy may contain this transaction. */
  involves(transaction: Transaction): boolean {
    return this.#newest !== undefined && this.#options.covers(this.#newest, transaction.position);
  }

  /**
   * Begins to judge a batch: asks the source for the chunks of its keys, one question per table. The returned judge
   * takes the changes one by one, in order, and must be closed.
   */
  async judge(transactions: readonly Transaction[]): Promise<Judge> {
    const located = await this.#locate(transactions.filter((transaction) => this.involves(transaction)));
    const { covers, settled = null } = this.#options;
    return new Judge({
      covers,
      settled,
      table: (id) => this.#tables.get(id),
      located,
      rereader: new Rereader(this.#options.log),
      remember: (table, chunk) => {
        this.#tables.get(table)?.keyChunks.set(keyText(chunk.key), chunk);
        this.#reach(chunk.at);
      },
    });
  }

  async #locate(transactions: readonly Transaction[]): Promise<Located> {
    const wanted = new Map<Table, Map<string, Key>>();
    for (const transaction of transactions) {
      for (const change of transaction.changes) {
        if (change.op === 'marker' || isOfNoKnownRow(change)) continue;
        const tables = change.op === 'truncate' ? change.tables : [change.table];
        for (const table of tables) {
          if (!this.#needsLocating(table.id, transaction.position)) continue;
          const keys = wanted.get(table) ?? new Map<string, Key>();
          wanted.set(table, keys);
          for (const key of this.#keysToLocate(table, change)) keys.set(keyText(key), key);
        }
      }
    }
    const located = new Map<TableId, Map<string, number>>();
    for (const [table, keys] of wanted) {
      if (keys.size === 0) continue;
      const bounds = this.#tables.get(table.id)?.bounds ?? [];
      const ordinals = await this.#options.chunks.locate(table, bounds, [...keys.values()]);
      const known = located.get(table.id) ?? new Map<string, number>();
      located.set(table.id, known);
      let index = 0;
      for (const text of keys.keys()) {
        const ordinal = ordinals[index++];
        if (ordinal !== undefined) known.set(text, ordinal);
      }
    }
    return located;
  }

  /** Only a table whose chunks disagree about the transaction must be asked for. */
  #needsLocating(id: TableId, position: Position): boolean {
    const copied = this.#tables.get(id);
    if (copied === undefined) return false;
    return this.#options.covers(copied.newest, position) && !this.#options.covers(copied.oldest, position);
  }

  #keysToLocate(table: Table, change: RowChange | Truncate): readonly Key[] {
    if (change.op === 'truncate')
      return [...(this.#tables.get(table.id)?.keyChunks.values() ?? [])].map(({ key }) => key);
    return [oldKey(change), newKey(change)].filter((key) => key !== undefined);
  }

  #reach(at: Position): void {
    if (this.#newest === undefined || this.#options.covers(at, this.#newest)) this.#newest = at;
  }
}

interface JudgeOptions {
  readonly covers: Covers;
  readonly settled: Position | null;
  table(id: TableId): CopiedTable | undefined;
  readonly located: Located;
  readonly rereader: Rereader;
  remember(table: TableId, chunk: KeyChunk): void;
}

/** Judges the changes of one batch, in order. */
export class Judge {
  readonly #options: JudgeOptions;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /** What is left of a row change: nothing, all, or one half of a change of key. */
  async row(change: RowChange, position: Position): Promise<Step | undefined> {
    const step = await this.#left(change, position);
    const { covers, settled } = this.#options;
    if (step === undefined || settled === null || !covers(settled, position)) return step;
    if (step.op === 'reread' || step.op === 'empty') return step;
    return tolerated(step);
  }

  async #left(change: RowChange, position: Position): Promise<Step | undefined> {
    if (change.op === 'update' && movesKey(change)) return this.#keyChange(change, position);
    const key = oldKey(change) ?? newKey(change);
    if (key === undefined || this.#contains(change.table, key, position)) return undefined;
    return change;
  }

  /** What is left of a truncation for one of its tables. */
  async truncate(table: Table, position: Position): Promise<readonly Step[]> {
    const copied = this.#options.table(table.id);
    if (copied === undefined) return [{ op: 'empty', table, ranges: 'all' }];
    const emptied = copied.ats.map((at) => !this.#options.covers(at, position));
    if (!emptied.includes(true)) return [];
    const ranges = emptied.includes(false) ? rangesOf(copied.bounds, emptied) : 'all';
    const steps: Step[] = [{ op: 'empty', table, ranges }];
    const isEmptied = (key: Key): boolean => ranges === 'all' || emptied[this.#ordinal(table, copied, key)] === true;
    // Rows that were read again after this truncation must survive it.
    for (const { key, at } of [...copied.keyChunks.values()]) {
      if (this.#options.covers(at, position) && isEmptied(key)) steps.push(await this.#reread(table, key));
    }
    return steps;
  }

  /** True when the copy of every row of the table already contains the transaction. */
  containsAll(table: Table, position: Position): boolean {
    const copied = this.#options.table(table.id);
    return copied !== undefined && this.#options.covers(copied.oldest, position);
  }

  async close(): Promise<void> {
    await this.#options.rereader.close();
  }

  async #keyChange(change: Update, position: Position): Promise<Step | undefined> {
    const { table } = change;
    const key = newKey(change) ?? change.key;
    const goneAlready = this.#contains(table, change.key, position);
    const thereAlready = this.#contains(table, key, position);
    if (goneAlready && thereAlready) return undefined;
    if (thereAlready) return { op: 'delete', table, key: change.key };
    if (!goneAlready) return change;
    if (isComplete(table, change.row)) {
      return { op: 'insert', table, row: withKey(table, change.row, key) };
    }
    // The row that had the missing values was never copied: its chunk was read after it had moved away.
    return this.#reread(table, key);
  }

  async #reread(table: Table, key: Key): Promise<Step> {
    const { at, row }: Reread = await this.#options.rereader.read(table, key);
    const chunk = { key, at };
    this.#options.remember(table.id, chunk);
    return { op: 'reread', table, chunk, row };
  }

  /** True when the copy of this key already contains the transaction. */
  #contains(table: Table, key: Key, position: Position): boolean {
    const { covers } = this.#options;
    const copied = this.#options.table(table.id);
    if (copied === undefined) return false;
    const keyChunk = copied.keyChunks.size === 0 ? undefined : copied.keyChunks.get(keyText(key));
    if (keyChunk !== undefined && covers(keyChunk.at, position)) return true;
    if (!covers(copied.newest, position)) return false;
    if (covers(copied.oldest, position)) return true;
    const at = copied.ats[this.#ordinal(table, copied, key)];
    return at !== undefined && covers(at, position);
  }

  #ordinal(table: Table, copied: CopiedTable, key: Key): number {
    if (copied.bounds.length === 0) return 0;
    const ordinal = this.#options.located.get(table.id)?.get(keyText(key));
    if (ordinal === undefined) throw new MigrateError('INTERNAL.BUG', `a key of ${table.id} was not located`);
    return ordinal;
  }
}

function tolerated(change: RowChange): RowChange {
  const { table } = change;
  if (table.identity === 'row' || (change.op !== 'delete' && change.row.includes(undefined))) {
    throw new MigrateError(
      'INTERNAL.BUG',
      `${table.id} was not read exactly, and has no key or no whole rows in the log`,
    );
  }
  return { ...change, tolerant: true };
}

function copiedTable(progress: TableProgress, covers: Covers): CopiedTable | undefined {
  const ats = [...progress.chunks]
    .sort((left, right) => left.ordinal - right.ordinal)
    .map(({ at, ordinal }) => {
      if (at === null) throw new MigrateError('INTERNAL.BUG', `chunk ${ordinal} of ${progress.id} was not copied`);
      return at;
    });
  const [first, ...rest] = ats;
  if (first === undefined) return undefined;
  return {
    bounds: progress.bounds ?? [],
    ats,
    oldest: rest.reduce((oldest, at) => (covers(oldest, at) ? at : oldest), first),
    newest: rest.reduce((newest, at) => (covers(at, newest) ? at : newest), first),
    keyChunks: new Map(progress.keyChunks.map((chunk) => [keyText(chunk.key), chunk])),
  };
}

/** The ranges of the chunks marked; neighbours become one. */
function rangesOf(bounds: readonly Key[], marked: readonly boolean[]): readonly KeyRange[] {
  const ranges: KeyRange[] = [];
  for (const [ordinal, isMarked] of marked.entries()) {
    if (!isMarked) continue;
    const upper = bounds[ordinal] ?? null;
    const previous = marked[ordinal - 1] === true ? ranges.pop() : undefined;
    ranges.push({ lower: previous === undefined ? (bounds[ordinal - 1] ?? null) : previous.lower, upper });
  }
  return ranges;
}
