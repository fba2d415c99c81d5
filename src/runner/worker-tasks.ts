// What a worker can be given to do: nothing, chunks to copy, or lanes to write.

import { renamedTarget } from '../convert/renamed-target.ts';
import { helpCopy } from '../copy/help.ts';
import type { RunGate, Scope } from '../health/run-gate.ts';
import type { RunRecord } from '../journal/journal.ts';
import type { WorkerId } from '../journal/workers.ts';
import { toMigrateError } from '../lib/errors.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import type { Endpoints } from './endpoints.ts';
import { openApplier } from './open-applier.ts';

/** What a worker is given, for one epoch. */
export interface Share {
  readonly id: WorkerId;
  readonly outcome: RunRecord['outcome'];
  readonly epoch: number;
  /** The lanes to write; none: chunks may be claimed; null: it was given nothing. */
  readonly lanes: readonly number[] | null;
}

export interface TaskParts {
  readonly endpoints: Endpoints;
  readonly plan: Plan;
  readonly gate: RunGate;
  readonly status: RunStatus;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface WorkerTask {
  /** For people. */
  readonly name: string;
  /** The gate that it passes; undefined where it passes none. */
  readonly scope?: Scope;
  /** Resolves when there is nothing left to do; rejects when `signal` is aborted. */
  run(parts: TaskParts): Promise<void>;
}

export function workOn({ id, lanes }: Share): WorkerTask {
  if (lanes === null) return { name: 'waits for work', run: async () => undefined };
  if (lanes.length === 0) return { name: 'copies chunks', scope: 'snapshot', run: (parts) => copyChunks(parts, id) };
  return { name: `writes lanes ${lanes.join(', ')}`, scope: 'apply', run: (parts) => writeLanes(parts, lanes) };
}

async function copyChunks({ endpoints, ...parts }: TaskParts, id: WorkerId): Promise<void> {
  const { source, target, journal } = endpoints;
  const record = await currentRecord(endpoints);
  const result = await helpCopy({
    ...parts,
    ...{ source, journal, gate: parts.gate.snapshot },
    target: renamedTarget(target, record.catalog),
    tables: record.catalog.tables.map(({ table }) => table),
    settled: record.settled,
    claims: { claim: (chunks) => journal.workers.claim(chunks, id) },
  });
  if (result !== 'done') parts.log.debug('the chunks of this run are copied by one process', { subject: result });
}

async function writeLanes(
  { endpoints, plan, gate, status, log, signal }: TaskParts,
  lanes: readonly number[],
): Promise<void> {
  const { source, target, journal } = endpoints;
  const record = await currentRecord(endpoints);
  const { catalog } = record;
  const skipped = (await journal.states.list()).map(({ table }) => table);
  const stream = endpoints.stream(catalog);
  const applier = await openApplier({
    ...{ stream, source, journal, gate, status, log, signal },
    target: renamedTarget(target, catalog),
    homeward: new Set(),
    aside: { tables: new Set(skipped), lanes: record.lanes, waits: false },
    share: new Set(lanes),
    limits: { ...plan.apply, lanes: record.lanes },
  });
  try {
    await applier.start();
    await applier.failed;
  } catch (error) {
    // Who leads has met it, too, and takes the lanes back.
    if (toMigrateError(error).code !== 'APPLY.REROUTE') throw error;
  } finally {
    await applier.close();
    await stream.close();
  }
}

/** Not the one that the worker began with: what the run carries may have grown since. */
async function currentRecord({ journal, record }: Endpoints): Promise<RunRecord> {
  return (await journal.load()) ?? (record as RunRecord);
}
