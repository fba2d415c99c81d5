// A chunk is a range of a table's primary key. The chunks of a table cover every possible key:
// the first has no lower bound and the last no upper one.

import type { Key } from './change.ts';
import type { Position } from './position.ts';

export interface KeyRange {
  /** Inclusive; null = open. */
  readonly lower: Key | null;
  /** Exclusive; null = open. */
  readonly upper: Key | null;
}

export interface Chunk {
  /** 0-based; the order of the ranges. */
  readonly ordinal: number;
  readonly range: KeyRange;
  /** The position the copy of this range is exact at; null until it has been copied. */
  readonly at: Position | null;
  readonly rows: number;
  /** By a worker, or with null by whoever leads, in the epoch of the lease. Absent: by nobody, or it has been copied. */
  readonly claimed?: { readonly by: number | null };
}

/** A single row read again after the copy, because the log did not carry one of its values. */
export interface KeyChunk {
  readonly key: Key;
  readonly at: Position;
}
