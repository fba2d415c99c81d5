// A run seen without a process that works on it, and the wishes that can be recorded meanwhile.

import { writableSide } from '../cutover/writable.ts';
import type { AuditRecord } from '../journal/audit.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { CutoverRecord, Journal, RunRecord, StageRecord, TableProgress } from '../journal/journal.ts';
import { noRun } from '../journal/no-run.ts';
import type { TableStateRecord } from '../journal/table-states.ts';
import type { WorkerRecord } from '../journal/workers.ts';
import { MigrateError } from '../lib/errors.ts';
import { person } from '../lib/person.ts';
import { type PauseRequest, pauseCommandText, pausing, resuming } from '../model/pause.ts';
import { type ThrottleRequest, type Throttling, throttling } from '../model/throttle.ts';
import type { WritableSide } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { throttleCommandText } from './command-text.ts';
import type { Endpoints, OpenEndpoints } from './endpoints.ts';

/** A run as the journal and the fences tell it. */
export interface RunView {
  readonly record: RunRecord;
  readonly stages: readonly StageRecord[];
  readonly cutover: CutoverRecord | undefined;
  readonly writable: WritableSide;
  readonly tables: readonly TableProgress[];
  readonly states: readonly TableStateRecord[];
  readonly letters: readonly DeadLetter[];
  readonly workers: readonly WorkerRecord[];
  readonly rowsCopied: number;
  readonly changesApplied: number;
  readonly splitTransactions: number;
}

const QUIET = { takeover: false, onWaiting: () => undefined } as const;

/** Reads only; undefined when there is no run of this name. */
export async function inspectRun(plan: Plan, open: OpenEndpoints): Promise<RunView | undefined> {
  const endpoints = await open(plan, { ...QUIET, lock: false });
  try {
    const { journal, record } = endpoints;
    if (record === undefined) return undefined;
    const tables = await journal.tables.list();
    return {
      record,
      stages: await journal.stages.list(),
      cutover: await journal.cutovers.latest(),
      writable: await readWritableSide(endpoints),
      tables,
      states: await journal.states.list(),
      letters: await journal.deadLetters.list(),
      workers: await journal.workers.list(),
      rowsCopied: tables.flatMap((table) => table.chunks).reduce((sum, chunk) => sum + chunk.rows, 0),
      changesApplied: await journal.tables.changesApplied(),
      splitTransactions: await journal.tables.splitTransactions(),
    };
  } finally {
    await endpoints.close();
  }
}

/** The latest of the audit trail, the newest first. */
export async function readAudit(plan: Plan, most: number, open: OpenEndpoints): Promise<readonly AuditRecord[]> {
  const endpoints = await open(plan, { ...QUIET, lock: false });
  try {
    if (endpoints.record === undefined) throw noRun(plan.name);
    return await endpoints.journal.auditTrail(most);
  } finally {
    await endpoints.close();
  }
}

/** Records a pause or its end in the journal. */
export async function recordPause(plan: Plan, { verb, part }: PauseRequest, open: OpenEndpoints): Promise<void> {
  const change = verb === 'pause' ? pausing : resuming;
  await record(plan, open, pauseCommandText({ verb, part }), (journal, { paused }) =>
    journal.setPaused(change(paused, part)),
  );
}

/** Records how fast the run may be; resolves with what holds from then on. */
export async function recordThrottle(plan: Plan, request: ThrottleRequest, open: OpenEndpoints): Promise<Throttling> {
  return record(plan, open, throttleCommandText(request), async (journal, before) => {
    const set = throttling(before.throttling, request);
    await journal.setThrottling(set);
    return set;
  });
}

/** Changes the record of a run that no process works on. */
async function record<T>(
  plan: Plan,
  open: OpenEndpoints,
  command: string,
  change: (journal: Journal, record: RunRecord) => Promise<T>,
): Promise<T> {
  const endpoints = await open(plan, { ...QUIET, lock: true });
  try {
    if (endpoints.record === undefined) {
      throw noRun(plan.name);
    }
    if (endpoints.record.outcome !== 'running') {
      throw new MigrateError('RUN.COMPLETE', `run ${plan.name} is ${endpoints.record.outcome}`);
    }
    await endpoints.claim();
    const changed = await change(endpoints.journal, endpoints.record);
    await endpoints.journal.audit({ by: person(), command, result: 'recorded; no process was running' });
    return changed;
  } finally {
    await endpoints.close();
  }
}

/** Which side applications can write to, as the fences say; unknown when a side cannot be asked. */
export async function readWritableSide({
  source,
  target,
}: Pick<Endpoints, 'source' | 'target'>): Promise<WritableSide> {
  try {
    const [onSource, onTarget] = await Promise.all([source.fence.state(), target.fence.state()]);
    return writableSide(onSource, onTarget);
  } catch {
    return 'unknown';
  }
}
