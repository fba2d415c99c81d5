// A target, a source and a stream in memory: what the apply sees of a database, without one.

import { createDeferred, type Deferred } from '../../src/apply/deferred.ts';
import type { SourceChunks, SourceLog, Start } from '../../src/databases/source.ts';
import type { CheckpointMove, Lane, LaneCheckpoint, TableChanges } from '../../src/databases/target.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import { type Change, type Key, keyText, type LoggedValue, type Transaction } from '../../src/model/change.ts';
import type { KeyChunk, KeyRange } from '../../src/model/chunk.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table, TableId } from '../../src/model/table.ts';
import type { ChangeStream, Shard } from '../../src/stream/change-stream.ts';
import { covers, ModelTable } from './apply-fixture.ts';

/** Delivers what is pushed, from the resume position on. */
export class MemoryStream implements ChangeStream {
  readonly isShareable = true;
  readonly covers = covers;
  readonly acked: Position[] = [];
  readonly #log: (readonly Transaction[])[] = [];
  #more: Deferred<void> = createDeferred();
  #failure: Error | undefined;
  /** Where the last opening began. */
  resumedAt: Position | undefined;
  /** The newest position delivered. */
  delivered: Position | undefined;

  push(...run: Transaction[]): void {
    this.#log.push(run);
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  isWhole(position: Position): boolean {
    return Number.isInteger(Number(position));
  }

  async *open(resume: (shard: string) => Promise<Position>, signal: AbortSignal): AsyncIterable<Shard> {
    const from = await resume('log');
    this.resumedAt = from;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    yield { id: 'log', changes: this.#read(from, signal), ack: (position) => this.acked.push(position) };
  }

  distance(from: Position, to: Position): number {
    return Math.max(0, Number(to) - Number(from));
  }

  async check(): Promise<readonly []> {
    return [];
  }

  async retainedBytes(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {}

  async *#read(from: Position, signal: AbortSignal): AsyncIterable<readonly Transaction[]> {
    for (let index = 0; ; ) {
      if (signal.aborted) return;
      if (this.#failure !== undefined) throw this.#failure;
      const run = this.#log[index];
      if (run === undefined) await this.#more.promise;
      else {
        index++;
        const wanted = run.filter(({ position }) => !covers(from, position));
        if (wanted.length === 0) continue;
        this.delivered = wanted.at(-1)?.position;
        yield wanted;
      }
    }
  }

  #wake(): void {
    const more = this.#more;
    this.#more = createDeferred();
    more.resolve();
  }
}

/** What is durable on the target, and lanes that write to it. A lane buffers until its commit. */
export class MemoryTarget {
  readonly tables = new Map<TableId, ModelTable>();
  readonly keyChunks = new Map<TableId, Map<string, KeyChunk>>();
  positions: Position[];
  commits = 0;
  replayed = 0;
  /** False: everything is replayed. */
  takesSets = true;
  /** Is asked before and after each commit takes effect; may throw or wait. */
  onCommit: (moment: 'before' | 'after', moves: readonly CheckpointMove[]) => Promise<void> | void = () => undefined;

  constructor(tables: readonly Table[], positions: readonly Position[]) {
    for (const table of tables) this.tables.set(table.id, new ModelTable(table));
    this.positions = [...positions];
  }

  rows(table: Table): ReadonlyMap<string, readonly LoggedValue[]> {
    return this.#table(table).rows;
  }

  reached(): Promise<readonly LaneCheckpoint[]> {
    return this.checkpoints();
  }

  async checkpoints(): Promise<readonly LaneCheckpoint[]> {
    return this.positions.map((position, lane) => ({ lane, position }));
  }

  async lane(): Promise<Lane> {
    let work: (() => void)[] = [];
    return {
      begin: async () => undefined,
      attempt: async (sets) => {
        if (!this.takesSets) return false;
        work.push(() => {
          for (const set of sets) this.#writeSet(set);
        });
        return true;
      },
      replay: async (changes, keyChunks) => {
        this.replayed += changes.length;
        work.push(() => {
          for (const change of changes) this.#replayed(change);
          for (const { table, chunk } of keyChunks) this.#remember(table, chunk);
        });
      },
      truncate: async (tables) => {
        work.push(() => {
          for (const { table, ranges } of tables) this.#empty(table, ranges);
        });
      },
      commit: async (moves) => {
        await this.onCommit('before', moves);
        for (const { lane, from } of moves) if (this.positions[lane] !== from) throw new Error('checkpoint moved');
        for (const each of work) each();
        for (const { lane, position } of moves) this.positions[lane] = position;
        work = [];
        this.commits++;
        await this.onCommit('after', moves);
      },
      close: async () => {
        work = [];
      },
    };
  }

  #writeSet({ table, deletes, tolerant, updates, inserts, keyChunks }: TableChanges): void {
    const model = this.#table(table);
    for (const key of deletes) tolerant === true ? model.clear(key) : model.remove(key);
    for (const { columns, keys, rows } of updates) {
      for (const [index, key] of keys.entries()) {
        const row = table.columns.map((_, column) => (columns.includes(column) ? rows[index]?.[column] : undefined));
        model.update(key, row);
      }
    }
    for (const row of inserts) model.insert(row);
    for (const chunk of keyChunks) this.#remember(table, chunk);
  }

  #replayed(change: Change): void {
    if (change.op === 'marker' || change.op === 'truncate') throw new Error('only rows are replayed');
    this.#table(change.table).apply(change);
  }

  #empty(table: Table, ranges: readonly KeyRange[] | 'all'): void {
    const { rows } = this.#table(table);
    for (const [text, row] of rows) {
      const key = Number(row[0]);
      const isIn = ({ lower, upper }: KeyRange): boolean =>
        (lower === null || key >= Number(lower[0])) && (upper === null || key < Number(upper[0]));
      if (ranges === 'all' || ranges.some(isIn)) rows.delete(text);
    }
  }

  #remember(table: Table, chunk: KeyChunk): void {
    const known = this.keyChunks.get(table.id) ?? new Map<string, KeyChunk>();
    known.set(keyText(chunk.key), chunk);
    this.keyChunks.set(table.id, known);
  }

  #table(table: Table): ModelTable {
    const model = this.tables.get(table.id);
    if (model === undefined) throw new Error(`no table ${table.id}`);
    return model;
  }
}

/** What the journal says of lanes and tables. */
export class MemoryJournal {
  readonly routes = new Map<TableId, { lane: number; spread: boolean }>();
  sentHome = 0;
  readonly #target: MemoryTarget;

  constructor(target: MemoryTarget, tables: readonly Pick<TableProgress, 'id'>[], spread: readonly boolean[]) {
    this.#target = target;
    for (const [index, { id }] of tables.entries()) this.routes.set(id, { lane: 0, spread: spread[index] ?? true });
    this.#assign();
  }

  async sendHome(tables: readonly TableId[]): Promise<void> {
    await this.#target.onCommit('before', []);
    if (!this.#isLevel) throw new Error('a table went home while the lanes were apart');
    for (const id of tables) {
      const route = this.routes.get(id);
      if (route !== undefined) route.spread = false;
    }
    this.sentHome += tables.length;
    await this.#target.onCommit('after', []);
  }

  setLanes(count: number): boolean {
    if (!this.#isLevel) return false;
    this.#target.positions = Array.from({ length: count }, () => this.#target.positions[0] as Position);
    this.#assign();
    return true;
  }

  get #isLevel(): boolean {
    return new Set(this.#target.positions).size === 1;
  }

  #assign(): void {
    for (const [index, route] of [...this.routes.values()].entries())
      route.lane = index % this.#target.positions.length;
  }
}

/** The source's answers: rows as of a position, and chunks of integer keys. */
export class MemorySource {
  located = 0;
  reread = 0;
  readonly log: Pick<SourceLog, 'pair'>;
  readonly chunks: Pick<SourceChunks, 'locate'>;

  /** `head` is where the source stands; `rowAt` what it had there. */
  constructor(
    head: () => Position,
    rowAt: (table: Table, key: Key, position: Position) => readonly LoggedValue[] | undefined,
  ) {
    this.log = {
      pair: async (): Promise<Start> => {
        const position = head();
        return {
          at: position,
          lost: new Promise<never>(() => undefined),
          reader: async () => ({
            read: () => {
              throw new Error('only rows are read again');
            },
            readRow: async (table, key) => {
              this.reread++;
              return rowAt(table, key, position);
            },
            close: async () => undefined,
          }),
          close: async () => undefined,
        };
      },
    };
    this.chunks = {
      locate: async (_, bounds, keys) => {
        this.located++;
        return keys.map(([key]) => bounds.filter(([bound]) => Number(bound) <= Number(key)).length);
      },
    };
  }
}

/** Progress of a table whose copy was exact at one position; its rows are not divided. */
export function copiedAt(table: Table, lane: number, position: Position, spread = false): TableProgress {
  const chunk = { ordinal: 0, range: { lower: null, upper: null }, at: position, rows: 0 };
  return { id: table.id, lane, spread, bounds: [], chunks: [chunk], keyChunks: [] };
}
