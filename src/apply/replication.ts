// What the later stages may ask of the running apply. Implemented by Applier.

import type { Key } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { Table } from '../model/table.ts';

/** Is told of every key before its change is written; it may be told of changes that are then retried. */
export interface ChangeObserver {
  changed(table: Table, key: Key): void;
  truncated(table: Table): void;
}

export interface Replication {
  /** Resolves when every lane is durably at or past `position`; rejects when the apply fails or is closed. */
  passed(position: Position): Promise<void>;
  /** Resolves when the marker was met in the stream and everything before it is durable on the target. Call before the marker is written. */
  met(marker: string): Promise<void>;
  /**
   * Lets the batch in hand end, runs `work` while every lane stands at one position and nothing is applied, then goes on.
   * The log is kept by the source meanwhile.
   */
  atBarrier<T>(work: () => Promise<T>): Promise<T>;
  observe(observer: ChangeObserver): void;
  /** Rejects with what ended the apply; never resolves. */
  readonly failed: Promise<never>;
}
