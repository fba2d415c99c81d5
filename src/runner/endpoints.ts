// The two databases of a run, opened: what the runner needs, put together in compose.ts.

import type { ServerHealth } from '../databases/health.ts';
import type { Source } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import type { Lease } from '../journal/lease.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Side } from '../model/side.ts';
import type { Plan } from '../plan/plan.ts';
import type { ChangeStream } from '../stream/change-stream.ts';

export interface Endpoints {
  /** The run as journalled; undefined for a first run. */
  readonly record: RunRecord | undefined;
  /** Part of every object the run makes on the source. */
  readonly id: string;
  readonly source: Source;
  readonly target: Target;
  readonly journal: Journal;
  readonly lease: Lease;
  /** Who holds the lease, whether it lives or not; undefined before anybody did. */
  leader(): Promise<Leader | undefined>;
  readonly health: Readonly<Record<Side, ServerHealth>>;
  /** Takes the lease: from here on this runner may write, and no other. Only after opening with `lock`. */
  claim(): Promise<void>;
  stream(catalog: Catalog): ChangeStream;
  /** Removes the lease from one side, and schema `migrate` with it when nothing else is in it. Last of all. */
  forget(side: Side): Promise<void>;
  /** Cuts every connection at once; whatever waits for an answer rejects. */
  destroy(reason: Error): void;
  /** Safe to call twice. */
  close(): Promise<void>;
}

export interface Leader {
  readonly epoch: number;
  /** For people: host and process id. */
  readonly holder: string;
}

export interface OpenOptions {
  /** Makes sure that no other runner lives; rejects with LEASE.HELD. Without it only reading is possible. */
  readonly lock: boolean;
  /** Fence another runner instead of giving way to it. */
  readonly takeover: boolean;
  /** Work for the runner that holds the lease: what is written proves the epoch that this gives at the time. */
  readonly following?: () => number;
  /** Told who a statement waits for, and null when it no longer does. */
  readonly onWaiting: (reason: string | null) => void;
}

/** Connects; writes nothing. Rejects with *.CONNECTION, *.AUTHENTICATION, LEASE.HELD. */
export type OpenEndpoints = (plan: Plan, options: OpenOptions) => Promise<Endpoints>;
