// What the databases of a plan are opened with, and what they have in common.

import type { PairConversion } from '../convert/pair.ts';
import type { ServerHealth } from '../databases/health.ts';
import type { LeaseClaim, LeaseStore } from '../databases/lease-store.ts';
import type { Source } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Side } from '../model/side.ts';
import type { Plan } from '../plan/plan.ts';
import type { OpenOptions } from '../runner/endpoints.ts';
import type { ChangeStream } from '../stream/change-stream.ts';

export interface Opening extends Pick<OpenOptions, 'onWaiting'> {
  /** The run as journalled; undefined for a first run. */
  readonly record: RunRecord | undefined;
  /** The run's, part of every object it makes. */
  readonly id: string;
  /** Throws while no lease is held; only what writes asks. */
  readonly claim: () => LeaseClaim;
  /** False without the lock, for a worker or who looks on: it reads the log as one of several, and leaves what writes it alone. */
  readonly leads: boolean;
  /** Undefined where both sides write everything alike. */
  readonly conversion: PairConversion | undefined;
  /** The other side. */
  readonly peer: Database;
}

/** A server of a plan. */
export interface Database {
  readonly lease: LeaseStore;
  readonly health: ServerHealth;
  /** Cuts every connection at once; whatever waits for an answer rejects. */
  destroy(reason: Error): void;
  /** Safe to call twice. */
  close(): Promise<void>;
}

export interface OpenedSource {
  readonly source: Source;
  stream(catalog: Catalog): ChangeStream;
}

export interface SourceDatabase extends Database {
  open(opening: Opening): OpenedSource;
}

export interface TargetDatabase extends Database {
  journal(claim: () => LeaseClaim): Journal;
  open(opening: Opening): Target;
}

/** The replicas of a side that the plan names, by host and port. */
export function replicasOf<Server>(
  { health }: Plan,
  side: Side,
  serverOf: (url: string) => Server,
): readonly { readonly name: string; readonly server: Server }[] {
  return health[side].replicas.map((url) => ({ name: new URL(url).host, server: serverOf(url) }));
}

export async function closeAll(servers: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
}
