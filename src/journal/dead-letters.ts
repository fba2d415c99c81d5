// The port of the dead letters: row changes that the target refused for what is in them. They are kept in the transaction
// of their batch, so that none is lost and none is there twice; what a lane writes of them goes through `Lane.commit`.

import type { Key, Row, RowChange } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { TableId } from '../model/table.ts';

/** `superseded`: its table was emptied on the source after it. */
export type LetterState = 'open' | 'replayed' | 'waived' | 'superseded';

/** Why the target refused a row: names only, never values. */
export interface Refusal {
  /** Of class 22 or 23. */
  readonly sqlState: string;
  readonly constraint: string | null;
  readonly column: string | null;
}

/** Two names of a row, the second when a change moves it from one key to another. */
export interface LetterKeys {
  /** The key that the change finds its row by, or inserts. */
  readonly key: Key;
  /** Null unless the change moves the row to this key. */
  readonly newKey: Key | null;
}

export interface NewDeadLetter extends LetterKeys {
  readonly change: RowChange;
  /** Null when it was only kept because an earlier change of its key was. */
  readonly refusal: Refusal | null;
}

export interface DeadLetter extends LetterKeys {
  /** Ascending in the source's order of each key. */
  readonly id: number;
  readonly table: TableId;
  /** Where its batch ended. */
  readonly position: Position;
  readonly op: RowChange['op'];
  readonly refusal: Refusal | null;
  readonly state: LetterState;
  /** Who settled it, and why; null while it is open. */
  readonly by: string | null;
  readonly reason: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly settledAt: string | null;
}

/** What a transaction of a lane does to letters, besides its rows. */
export interface LetterMoves {
  /** Written in this order. */
  readonly kept: readonly NewDeadLetter[];
  /** Tables that were emptied before any of `kept`: their letters are superseded. */
  readonly emptied: readonly TableId[];
  /** Letters, open or waived, whose changes this transaction has written; rejects with LEASE.LOST when one is neither. */
  readonly replayed: readonly { readonly id: number; readonly by: string }[];
}

export interface DeadLetterJournal {
  /** All letters in these states, by id. */
  list(states?: readonly LetterState[]): Promise<readonly DeadLetter[]>;
  /**
   * The rows that the changes of letters carry; null for a delete, and for a row with a value that the target cannot hold. A letter
   * that is not there is left out.
   */
  rows(ids: readonly number[]): Promise<ReadonlyMap<number, Row | null>>;
  /** Waives those that are open; resolves with how many were. */
  waive(ids: readonly number[], by: string, reason: string): Promise<number>;
}
