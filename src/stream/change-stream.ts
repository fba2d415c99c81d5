// The port of a source's change stream. Adapters: databases/postgres/log (the built-in log reader).

import type { Transaction } from '../model/change.ts';
import type { Finding } from '../model/finding.ts';
import type { Covers, Position } from '../model/position.ts';

/** One ordered part of a stream: the whole log of a database is a single shard named `log`. */
export type ShardId = string;

export interface Shard {
  readonly id: ShardId;
  /**
   * Transactions in commit order, in runs as they arrive (a run is never empty). Iterating is the only
   * way to read: what is not taken stays in the socket, so a held consumer holds the source's sender,
   * while keepalives go on. Throws STREAM.* when the log is lost, changed or silent; ends when aborted.
   */
  readonly changes: AsyncIterable<readonly Transaction[]>;
  /**
   * Says that everything up to `position` is durable on the target. The source may discard its log up
   * to here. Call only after the target committed, with whole positions; never moves backwards.
   */
  ack(position: Position): void;
}

/** What stands between the source's log and the apply, where others write and keep it: messages in a topic. */
export interface Backlog {
  /** That are not applied: changes, and what begins and ends their transactions. Null while unknown. */
  readonly messages: number | null;
  /**
   * How long the oldest of them has been there, by the clocks of who wrote it and of this process; 0 when there is none, null while
   * unknown.
   */
  readonly seconds: number | null;
  /** Why nothing may come in at present, as far as it is known; null when nothing is in the way. */
  readonly stalled: string | null;
}

export interface ChangeStream {
  /** True when other processes can read the same log at the same time, each from where it likes. */
  readonly isShareable: boolean;
  check(): Promise<readonly Finding[]>;
  /**
   * Starts reading. `resume` gives the position after which to read, per shard.
   * Transactions the position covers are not delivered again, nor are the changes before it of one that it stands in.
   */
  open(resume: (shard: ShardId) => Promise<Position>, signal: AbortSignal): AsyncIterable<Shard>;
  readonly covers: Covers;
  /** False for a position within a transaction. */
  isWhole(position: Position): boolean;
  /** Bytes between two positions, for lag; 0 when `to` is not ahead. */
  distance(from: Position, to: Position): number;
  /** Bytes of log the source holds back for this stream; undefined while unknown. */
  retainedBytes(): Promise<number | undefined>;
  /** Only where the log comes through a topic. `applied`: everything up to there is. Undefined before the stream is open. */
  backlog?(applied: Position): Backlog | undefined;
  /** Safe to call twice. Leaves the source's slot in place. */
  close(): Promise<void>;
}
