// The chunks that other processes of the run copy: whoever leads waits for them, and gives them up when their worker is gone.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal, TableProgress } from '../journal/journal.ts';
import { SILENT_SECONDS, type WorkerId, type WorkerJournal, type WorkerRecord } from '../journal/workers.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Table } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';
import { showCopied } from './copied.ts';
import { pendingTasks } from './queue.ts';

const POLL_MS = 200;

export interface OthersOptions {
  readonly tables: readonly Table[];
  readonly journal: {
    readonly tables: Pick<Journal['tables'], 'list'>;
    readonly workers: Pick<WorkerJournal, 'list'>;
  };
  readonly status: RunStatus;
  readonly signal: AbortSignal;
}

/**
 * Resolves with how far each table of the run is when all of these are copied. Only when everything was asked for that is not copied:
 * then whatever is left was claimed by others. Rejects with WORKER.LOST (retry: the next epoch frees what was claimed) when one of
 * them is gone or silent.
 */
export async function othersDone({
  tables,
  journal,
  status,
  signal,
}: OthersOptions): Promise<readonly TableProgress[]> {
  for (;;) {
    // Before the chunks: a worker that leaves in between has copied what it claimed, or is missed the next time.
    const workers = await journal.workers.list();
    const progress = await journal.tables.list();
    showCopied({ tables, progress, status });
    const left = copiers(tables, progress);
    if (left.size === 0) {
      status.waitsFor(null);
      return progress;
    }
    status.waitsFor(waitingFor(left, workers));
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** How many chunks each has yet to copy; null: nobody, or whoever led. */
function copiers(tables: readonly Table[], progress: readonly TableProgress[]): ReadonlyMap<WorkerId | null, number> {
  const left = new Map<WorkerId | null, number>();
  for (const { chunk } of pendingTasks(tables, progress)) {
    const by = chunk.claimed?.by ?? null;
    left.set(by, (left.get(by) ?? 0) + 1);
  }
  return left;
}

function waitingFor(left: ReadonlyMap<WorkerId | null, number>, workers: readonly WorkerRecord[]): string {
  const known = new Map(workers.map((worker) => [worker.id, worker]));
  const names: string[] = [];
  let chunks = 0;
  for (const [by, count] of left) {
    const worker = by === null ? undefined : known.get(by);
    if (worker === undefined) throw lost(count, 'a process that is gone');
    if (worker.silentSeconds > SILENT_SECONDS)
      throw lost(count, `worker ${worker.name}, silent for ${Math.round(worker.silentSeconds)} s`);
    names.push(worker.name);
    chunks += count;
  }
  const [who, copy] = names.length === 1 ? ['worker', 'copies'] : ['workers', 'copy'];
  return `${who} ${names.join(', ')} ${copy} the last ${chunks === 1 ? 'chunk' : `${chunks} chunks`}`;
}

function lost(chunks: number, who: string): MigrateError {
  return new MigrateError('WORKER.LOST', `${chunks === 1 ? 'a chunk' : `${chunks} chunks`} claimed by ${who}`);
}
