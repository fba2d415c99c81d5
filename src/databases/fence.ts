// The port of a fence: what stops applications from writing to the captured tables of one database.
// On the source it is armed before the cutover and closed for the freeze; on the target it is closed
// from the moment the tables exist until the commit point. Every method is idempotent.

import type { TableName } from '../model/table.ts';

export type FenceState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'open' }
  /** Closed until the deadline by the database's own clock, then open by itself. `expired` when it passed. */
  | { readonly kind: 'closed'; readonly expired: boolean; readonly remainingMs: number }
  /** Closed for good: opens only by `open`. */
  | { readonly kind: 'permanent' };

/** A transaction that may still write to a captured table. */
export interface Writer {
  /** What to end it by: a process id, or the name of a prepared transaction. */
  readonly id: string;
  readonly kind: 'session' | 'prepared';
  /** Identifies the transaction itself: a session that goes on to its next transaction is another writer. */
  readonly transaction: string;
  readonly user: string;
  readonly application: string;
  /** Since its first statement. */
  readonly ageSeconds: number;
  readonly tables: readonly string[];
}

export interface Fence {
  /**
   * Puts the fence on every table, open. It stops what names these tables, so a partitioned table must be among them as well
   * as its partitions. Short lock attempts with retries; rejects with FENCE.ARM naming who
   * holds the table.
   */
  arm(tables: readonly TableName[], signal: AbortSignal): Promise<void>;
  /** Closes for all tables at one instant, for `budgetMs` from now by the database's clock. Does not wait for open transactions. */
  close(budgetMs: number): Promise<void>;
  /**
   * The transactions that could write at the moment of the call. Those still present at the next call
   * with the previous result are the ones left: `previous` keeps newcomers, which the fence stops, out.
   */
  openWriters(previous?: readonly Writer[]): Promise<readonly Writer[]>;
  /** Ends the given sessions' transactions (never prepared ones). */
  end(writers: readonly Writer[]): Promise<void>;
  /**
   * Makes a closed fence permanent. With `reserveMs` it does so only if at least that much of the budget is left when it
   * takes effect, else it leaves the fence and rejects with FENCE.EXPIRED.
   */
  permanent(reserveMs?: number): Promise<void>;
  open(): Promise<void>;
  /** Removes every trace from the tables. */
  disarm(): Promise<void>;
  state(): Promise<FenceState>;
}

/** `session 4711 (user app, psql)` or `prepared transaction "x" (user app)`. */
export function writerText(writer: Writer): string {
  if (writer.kind === 'prepared') return `prepared transaction "${writer.id}" (user ${writer.user})`;
  const application = writer.application === '' ? '' : `, ${writer.application}`;
  return `session ${writer.id} (user ${writer.user}${application})`;
}
