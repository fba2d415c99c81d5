// Compares one range or a set of keys of one table, narrowing down from range digests to single rows.

import type { Digests, RangeDigest, RowDigest } from '../databases/digests.ts';
import { type Key, keyText } from '../model/change.ts';
import type { KeyRange } from '../model/chunk.ts';
import type { Table } from '../model/table.ts';
import type { Differences } from './differences.ts';
import type { Pace } from './pace.ts';

/** Ranges of at most this many rows are compared row by row. */
const LEAF_ROWS = 2_000;
/** A leaf that has grown past this is cut again. */
const LEAF_LIMIT = 5 * LEAF_ROWS;
/** Keys per statement. */
export const KEY_BATCH = 5_000;
/** How often an unchanged source must disagree with the target before it counts. */
const STRIKES = 3;
/** Stands, as one key, for all rows of a table without a key. */
const ALL_ROWS: Key = [];

export interface Comparison {
  /** Rows of the source found equal on the target. */
  readonly matched: number;
  /** Keys that kept changing: to be compared when writes stand still. One key without values is a whole table. */
  readonly unstable: readonly Key[];
  readonly different: readonly Key[];
}

export interface ComparerOptions {
  readonly source: Digests;
  readonly target: Digests;
  readonly pace: Pace;
  /** How often a changing key is looked at before it is called unstable. */
  readonly rounds: number;
  /** Told of every difference found. */
  readonly differences: Differences;
  /** Told how long a table without a key took to be read, in ms. */
  readonly tookToRead?: (table: Table, ms: number) => void;
  /** True for a key that the apply has touched and that will be compared again anyway. */
  readonly touched: (table: Table, key: Key) => boolean;
  /** True for a key that is known not to be the source's: it is neither equal nor different, but unstable. */
  readonly excluded?: ((table: Table, key: Key) => boolean) | undefined;
}

export class Comparer {
  readonly #options: ComparerOptions;

  constructor(options: ComparerOptions) {
    this.#options = options;
  }

  /**
   * A range is equal when the target's digest is the source's before or after it was taken: the target then was at a
   * state the source also had. Anything else is cut smaller, since one busy row makes a whole range look different.
   */
  async range(table: Table, range: KeyRange): Promise<Comparison> {
    const { source, target, pace, differences } = this.#options;
    if (table.identity === 'row') return this.#rows(table, range);
    const [before, copy] = await pace.both(
      () => source.range(table, range),
      () => target.range(table, range),
    );
    if (sameRange(before, copy)) return matched(before.rows);
    const after = pace.atRest ? before : await source.range(table, range);
    if (sameRange(after, copy)) return matched(after.rows);
    if (Math.max(after.rows, copy.rows) <= LEAF_ROWS) return this.#leaf(table, range);
    if (differences.enough(table)) return matched(0);
    return after.rows > LEAF_ROWS ? this.#cut(table, range, after.rows) : this.#lopsided(table, range);
  }

  /** Without a key nothing can be cut smaller: the table is equal, or different, or it keeps changing. */
  async #rows(table: Table, range: KeyRange): Promise<Comparison> {
    const { source, target, pace, differences, touched, tookToRead, excluded } = this.#options;
    if (excluded?.(table, ALL_ROWS) === true) return { matched: 0, unstable: [ALL_ROWS], different: [] };
    let longest = 0;
    const read = async (side: Digests): Promise<RangeDigest> => {
      const began = performance.now();
      const digest = await side.range(table, range);
      longest = Math.max(longest, performance.now() - began);
      tookToRead?.(table, longest);
      return digest;
    };
    const rounds = pace.atRest ? 1 : Math.max(STRIKES, this.#options.rounds);
    let strikes = 0;
    for (let round = 0; round < rounds; round++) {
      const [before, copy] = await pace.both(
        () => read(source),
        () => read(target),
      );
      if (sameRange(before, copy)) return matched(before.rows);
      const after = pace.atRest ? before : await read(source);
      if (sameRange(after, copy)) return matched(after.rows);
      if (!pace.atRest && touched(table, ALL_ROWS)) break;
      strikes = sameRange(before, after) ? strikes + 1 : 0;
      if (!pace.atRest && strikes < STRIKES) continue;
      differences.add(table, [ALL_ROWS]);
      return { matched: 0, unstable: [], different: [ALL_ROWS] };
    }
    return { matched: 0, unstable: [ALL_ROWS], different: [] };
  }

  /** Compares rows by key; keys without a row on both sides are equal. */
  async keys(table: Table, all: readonly Key[]): Promise<Comparison> {
    const { excluded } = this.#options;
    const unstable = all.filter((key) => excluded?.(table, key) === true);
    const keys = unstable.length === 0 ? all : all.filter((key) => excluded?.(table, key) !== true);
    const total: Comparison[] = [{ matched: 0, unstable, different: [] }];
    for (let from = 0; from < keys.length; from += KEY_BATCH) {
      total.push(await this.#batch(table, keys.slice(from, from + KEY_BATCH)));
    }
    return sum(total);
  }

  /** Only ever by the source: two sides that sort keys differently would cut each other's pieces for ever. */
  async #cut(table: Table, range: KeyRange, rows: number): Promise<Comparison> {
    const bounds = await this.#options.source.split(table, range, Math.min(64, Math.ceil(rows / LEAF_ROWS)));
    // Rows may have gone meanwhile; what is left fits in a leaf.
    if (bounds.length === 0) return this.#leaf(table, range);
    const total: Comparison[] = [];
    for (const piece of cutRange(range, bounds)) total.push(await this.range(table, piece));
    return sum(total);
  }

  async #leaf(table: Table, range: KeyRange): Promise<Comparison> {
    const { source, target, pace } = this.#options;
    const [ours, theirs] = await pace.both(
      () => source.rows(table, range, LEAF_LIMIT),
      () => target.rows(table, range, LEAF_LIMIT),
    );
    if (ours.length >= LEAF_LIMIT) return this.#cut(table, range, LEAF_LIMIT);
    if (theirs.length >= LEAF_LIMIT) return this.#lopsided(table, range);
    const { equal, suspects, strays } = matchRows(ours, theirs);
    return sum([matched(equal), await this.keys(table, suspects), await this.#strays(table, strays)]);
  }

  /** Few rows on the source and many on the target: too many, or it sorts keys differently and they belong to other ranges. */
  async #lopsided(table: Table, range: KeyRange): Promise<Comparison> {
    const { source, target, differences } = this.#options;
    const total: Comparison[] = [];
    for await (const keys of pages(source, table, range)) total.push(await this.keys(table, keys));
    for await (const keys of pages(target, table, range)) {
      total.push(await this.#strays(table, keys));
      if (differences.enough(table)) break;
    }
    return sum(total);
  }

  /** Keys found on the target: where the source has them, it counts them in their own range. */
  async #strays(table: Table, keys: readonly Key[]): Promise<Comparison> {
    return { ...(await this.keys(table, keys)), matched: 0 };
  }

  async #batch(table: Table, keys: readonly Key[]): Promise<Comparison> {
    const { source, target, pace, differences } = this.#options;
    const rounds = pace.atRest ? 1 : Math.max(STRIKES, this.#options.rounds);
    const strikes = new Map<string, number>();
    const different: Key[] = [];
    const unstable: Key[] = [];
    let open = keys;
    let equal = 0;
    for (let round = 0; open.length > 0 && round < rounds; round++) {
      const [before, copy] = await pace.both(
        () => source.keys(table, open),
        () => target.keys(table, open),
      );
      const doubtful = open.filter((key) => before.get(keyText(key)) !== copy.get(keyText(key)));
      equal += present(open, copy) - present(doubtful, copy);
      const after = pace.atRest || doubtful.length === 0 ? before : await source.keys(table, doubtful);
      const left: Key[] = [];
      for (const key of doubtful) {
        const text = keyText(key);
        const verdict = this.#judge(table, key, {
          before: before.get(text),
          copy: copy.get(text),
          after: after.get(text),
        });
        if (verdict === 'equal') equal += after.has(text) ? 1 : 0;
        else if (verdict === 'unstable') unstable.push(key);
        else {
          strikes.set(text, verdict === 'strike' ? (strikes.get(text) ?? 0) + 1 : 0);
          if (pace.atRest || strikes.get(text) === STRIKES) different.push(key);
          else left.push(key);
        }
      }
      open = left;
    }
    differences.add(table, different);
    return { matched: equal, unstable: [...unstable, ...open], different };
  }

  #judge(table: Table, key: Key, read: KeyReads): 'equal' | 'strike' | 'changed' | 'unstable' {
    if (read.copy === read.after) return 'equal';
    // A row that goes from A to B and back to A shows A, B, A: a difference only if the apply had no hand in it.
    if (!this.#options.pace.atRest && this.#options.touched(table, key)) return 'unstable';
    return read.before === read.after ? 'strike' : 'changed';
  }
}

/** One key's row digests, in the order they were read; undefined where there was no row. */
interface KeyReads {
  readonly before: string | undefined;
  readonly copy: string | undefined;
  readonly after: string | undefined;
}

/** The pieces between ascending inner bounds. */
export function cutRange(range: KeyRange, bounds: readonly Key[]): readonly KeyRange[] {
  const edges: readonly (Key | null)[] = [range.lower, ...bounds, range.upper];
  return edges.slice(1).map((upper, index) => ({ lower: edges[index] ?? null, upper }));
}

/** All keys of a range as one side sorts them. */
async function* pages(side: Digests, table: Table, range: KeyRange): AsyncGenerator<readonly Key[]> {
  let last: Key | undefined;
  for (;;) {
    const rows = await side.rows(table, { lower: last ?? range.lower, upper: range.upper }, KEY_BATCH);
    const seen = last === undefined ? undefined : keyText(last);
    yield rows.map(({ key }) => key).filter((key) => keyText(key) !== seen);
    last = rows.at(-1)?.key;
    if (rows.length < KEY_BATCH) return;
  }
}

/** Pairs rows by key as written. Suspects are rows of ours without an equal one, strays keys that only the others have. */
function matchRows(
  ours: readonly RowDigest[],
  theirs: readonly RowDigest[],
): { readonly equal: number; readonly suspects: readonly Key[]; readonly strays: readonly Key[] } {
  const copies = new Map(theirs.map((row) => [keyText(row.key), row]));
  const suspects: Key[] = [];
  let equal = 0;
  for (const row of ours) {
    const text = keyText(row.key);
    if (copies.get(text)?.digest === row.digest) equal++;
    else suspects.push(row.key);
    copies.delete(text);
  }
  return { equal, suspects, strays: [...copies.values()].map(({ key }) => key) };
}

function sameRange(one: RangeDigest, other: RangeDigest): boolean {
  return one.rows === other.rows && one.digest === other.digest;
}

function present(keys: readonly Key[], rows: ReadonlyMap<string, string>): number {
  let count = 0;
  for (const key of keys) if (rows.has(keyText(key))) count++;
  return count;
}

function matched(rows: number): Comparison {
  return { matched: rows, unstable: [], different: [] };
}

function sum(parts: readonly Comparison[]): Comparison {
  return {
    matched: parts.reduce((total, part) => total + part.matched, 0),
    unstable: parts.flatMap((part) => part.unstable),
    different: parts.flatMap((part) => part.different),
  };
}
