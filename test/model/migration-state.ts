// What the model of a migration is about: the transactions of an application, the rows they leave, and the state of everything.

/** Known ways to get it wrong. Each breaks one rule. */
export const MUTANTS = [
  'ack before commit',
  'snapshot beside its position',
  'log discarded because the copier will read it',
  'epoch read without a lock',
  'no fencing of lanes',
  'unique constraint during the overlap',
  'verification during the overlap',
  'unique constraint over two lanes',
  'open writers not waited out',
  'resume at a row',
  'part of a transaction acknowledged',
  'permanent after the deadline',
  'fence without a deadline',
  'lower bound that is not visible',
  'settled forgotten in a crash',
  'verification before reads are settled',
] as const;
export type Mutant = (typeof MUTANTS)[number];

export interface Bounds {
  /** Which of the transactions below the application runs. */
  readonly transactions: readonly number[];
  readonly lanes: 1 | 2;
  /** The table has a unique constraint besides its key. */
  readonly unique: boolean;
  /** A transaction that changes both rows may be committed in two parts. One lane only. */
  readonly parts?: boolean;
  /** Nobody may lock: a snapshot is taken some time after its position was read. */
  readonly unlocked?: boolean;
  readonly crashes: number;
  readonly takeover: boolean;
}

export type Pair<T> = readonly [T, T];
/** A row: its unique value, then the transactions that changed it, in order: a lost or doubled change shows. */
export type Row = string;

interface Write {
  readonly key: 0 | 1;
  /** The unique value it sets, if any. */
  readonly unique?: string;
}

// 1 frees the value a, which 2 takes: copies of different moments may both hold it. 3 changes both rows.
export const TRANSACTIONS: Readonly<Record<string, readonly Write[]>> = {
  1: [{ key: 0, unique: 'c' }],
  2: [{ key: 1, unique: 'a' }],
  3: [{ key: 0 }, { key: 1 }],
};
const INITIAL: Pair<Row> = ['a', 'b'];

/** A process that migrates. Everything here is lost when it crashes. */
export interface Runner {
  readonly epoch: number;
  readonly step: 'recover' | 'idle' | 'closed' | 'waited' | 'marked' | 'drained' | 'permanent' | 'done';
  /** The snapshot it holds and the position that is its `at`. */
  readonly pair: { readonly at: number; readonly rows: Pair<Row> } | null;
  /** What it read as the position of the snapshot to come. */
  readonly bound: number | null;
  /** It remembers up to where its snapshots may be ahead of their positions. */
  readonly settled: number;
  readonly batch: { readonly lane: number; readonly from: number; readonly to: number } | null;
  readonly marker: number;
  /** It remembers that the first row of the next transaction is applied. */
  readonly half: boolean;
}

export interface State {
  /** Per transaction: - not begun, w written (past the fence), l in the log, v visible and acknowledged. */
  readonly app: Readonly<Record<string, '-' | 'w' | 'l' | 'v'>>;
  /** Committed transactions in the log's order; a position is a length of it. */
  readonly log: string;
  /** The source may forget its log up to here. */
  readonly acked: number;
  /** Where the stream begins; -1 until pinned. */
  readonly start: number;
  readonly fence: 'open' | 'closed' | 'permanent';
  readonly epoch: number;
  readonly rows: Pair<Row>;
  /** Per chunk (one key each): the position its copy is exact at, or -1. */
  readonly at: Pair<number>;
  /** Up to where copies may be ahead of `at`. */
  readonly settled: number;
  readonly checkpoints: readonly number[];
  /** The first row of the transaction after the checkpoint is applied: the ordinal in the checkpoint. */
  readonly half: boolean;
  readonly constraint: boolean;
  readonly targetOpen: boolean;
  readonly runners: readonly Runner[];
  readonly crashes: number;
}

export const FRESH = {
  step: 'recover',
  pair: null,
  bound: null,
  settled: 0,
  batch: null,
  marker: -1,
  half: false,
} as const;

const histories = new Map<string, Pair<Row>>();

/** The source's rows after the given transactions. */
export function rowsAfter(log: string): Pair<Row> {
  let rows = histories.get(log);
  if (rows !== undefined) return rows;
  if (log === '') rows = INITIAL;
  else {
    const transaction = log.slice(-1);
    rows = rowsAfter(log.slice(0, -1));
    for (const write of TRANSACTIONS[transaction]!) {
      const row: Row = rows[write.key];
      rows = put(rows, write.key, `${write.unique ?? row[0]}${row.slice(1)}${transaction}`);
    }
  }
  histories.set(log, rows);
  return rows;
}

export function put<T>(pair: Pair<T>, key: 0 | 1, value: T): Pair<T> {
  return key === 0 ? [value, pair[1]] : [pair[0], value];
}

export function clashes(rows: Pair<Row>): boolean {
  return rows[0] !== '' && rows[1] !== '' && rows[0][0] === rows[1][0];
}
