// A further process of a run: it copies chunks and writes lanes for the runner that leads, proving the epoch of that one's lease with
// everything that it writes. What it is given holds for one epoch; when another comes it drops what it has and asks again.

import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Monitor } from '../health/monitor.ts';
import { RunGate } from '../health/run-gate.ts';
import type { RunRecord } from '../journal/journal.ts';
import { noRun } from '../journal/no-run.ts';
import type { WorkerId } from '../journal/workers.ts';
import { backoffMs } from '../lib/backoff.ts';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import type { Log } from '../observe/log.ts';
import { RunStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { refuseChangedPlan } from './begin.ts';
import type { Endpoints, OpenEndpoints } from './endpoints.ts';
import { whileWatched } from './health.ts';
import { type Share, type WorkerTask, workOn } from './worker-tasks.ts';

export interface WorkRequest {
  readonly plan: Plan;
  readonly signal: AbortSignal;
  readonly log: Log;
}

export interface WorkResult {
  readonly run: string;
  /** How the run ended, as far as this process saw. */
  readonly outcome: RunRecord['outcome'];
  readonly chunks: number;
  readonly rows: number;
  readonly changes: number;
}

const LOOK_MS = 1_000;
const IDLE = { name: 'waits for work' };
const CUT_OFF: ReadonlySet<string> = new Set(['LEASE.LOST', 'TARGET.CONNECTION', 'TARGET.COMMIT_UNKNOWN']);

/** Resolves when the run is over. Rejects with what only a person can cure, and when there was no connection for too long. */
export async function workPlan(request: WorkRequest, open: OpenEndpoints): Promise<WorkResult> {
  const worker = new Worker(request, open);
  const { log, plan, signal } = request;
  for (let failures = 0, since = performance.now(); ; ) {
    try {
      return await worker.session(() => {
        failures = 0;
        since = performance.now();
      });
    } catch (thrown) {
      const error = toMigrateError(thrown);
      if (signal.aborted) throw toMigrateError(signal.reason);
      if (error.code !== 'LEASE.LOST' && error.disposition !== 'retry') throw error;
      if (performance.now() - since > plan.limits.giveUpAfter) throw error;
      const pauseMs = backoffMs(failures++);
      if (!isCutOff(error) || failures > 1)
        log.warn('the worker stopped; trying again', { code: error.code, err: error, ms: Math.round(pauseMs) });
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The epoch was raised, which ends the sessions of all others, or the target is gone. */
function isCutOff(error: unknown): boolean {
  return CUT_OFF.has(toMigrateError(error).code);
}

class Worker {
  readonly #request: WorkRequest;
  readonly #open: OpenEndpoints;
  readonly #gate: RunGate;
  readonly #monitor: Monitor;
  readonly #status: RunStatus;
  #id: WorkerId | undefined;
  #epoch = 0;
  /** The epoch in which a copy broke off. */
  #unfinished: number | undefined;
  #doing: Pick<WorkerTask, 'name' | 'scope'> = IDLE;

  constructor(request: WorkRequest, open: OpenEndpoints) {
    this.#request = request;
    this.#open = open;
    this.#status = new RunStatus(request.plan.name);
    this.#gate = new RunGate(request.plan);
    const { log, plan } = request;
    this.#monitor = new Monitor({ ...plan.health, gate: this.#gate, status: this.#status, log });
  }

  /** From opening both databases to the end of the run, or of a connection. `well` is called while the work goes well. */
  async session(well: () => void): Promise<WorkResult> {
    const { plan, signal } = this.#request;
    const endpoints = await this.#open(plan, {
      ...{ lock: false, takeover: false },
      following: () => this.#epoch,
      onWaiting: (reason) => this.#status.waitsFor(reason),
    });
    try {
      const { record } = endpoints;
      if (record === undefined) throw noRun(plan.name);
      refuseChangedPlan(record, plan);
      return await whileWatched({ monitor: this.#monitor, plan, endpoints }, async () => {
        for (;;) {
          const share = await this.#look(endpoints);
          if (share.outcome !== 'running') return await this.#result(endpoints, share.outcome);
          // Nobody else copies what it has claimed in this epoch for as long as it is there, and it does not know any more what that is.
          if (share.epoch === this.#unfinished) {
            await this.#leave(endpoints);
            continue;
          }
          // Not at the look: what still works on an earlier share must not prove an epoch for which it was not given.
          this.#epoch = share.epoch;
          await this.#during(endpoints, share, workOn(share), well);
          signal.throwIfAborted();
        }
      });
    } catch (error) {
      // Who leads then takes over what is not done; a process that is killed is missed after a while. One that lost its connections,
      // as it does whenever the epoch is raised, comes back for what it was given.
      if (!isCutOff(error) || signal.aborted) await this.#leave(endpoints);
      endpoints.destroy(new Error('the worker stopped'));
      throw error;
    } finally {
      await endpoints.close().catch(() => undefined);
    }
  }

  /** What we do, and why we do not. */
  get #said(): string {
    const { name, scope } = this.#doing;
    const [reason] = scope === undefined ? [] : this.#gate[scope].reasons;
    return reason === undefined ? name : `${name}, held: ${reason}`;
  }

  /** Says that we live, and learns what we are to do. */
  async #look({ journal, leader }: Endpoints): Promise<Share> {
    const { plan, log } = this.#request;
    const beat = { doing: this.#said, changes: this.#status.snapshot().stream.changes };
    if (this.#id === undefined || !(await journal.workers.beat(this.#id, beat))) {
      this.#id = await journal.workers.join(`${hostname()} process ${process.pid}`);
      log.info('joined the run', { subject: plan.name });
    }
    const id = this.#id;
    const [standing, leading, workers] = await Promise.all([journal.standing(), leader(), journal.workers.list()]);
    if (standing === undefined) throw noRun(plan.name);
    this.#gate.pause(standing.paused);
    this.#gate.throttle(standing.throttling);
    const epoch = leading?.epoch ?? 0;
    const own = workers.find((worker) => worker.id === id);
    const isInvited = own !== undefined && own.epoch === epoch;
    return { id, outcome: standing.outcome, epoch, lanes: isInvited ? own.lanes : null };
  }

  /** Works on a share until it is done or another one is given; `well` is called once a second until then. */
  async #during(endpoints: Endpoints, share: Share, task: WorkerTask, well: () => void): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#request.signal, stop.signal]);
    const { plan, log } = this.#request;
    if (this.#doing.name !== task.name) log.info(task.name, { subject: plan.name });
    this.#doing = task;
    this.#unfinished = share.lanes?.length === 0 ? share.epoch : undefined;
    const work = task.run({ endpoints, plan, gate: this.#gate, status: this.#status, log, signal });
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    try {
      do {
        const time = sleep(LOOK_MS, undefined, { signal });
        time.catch(() => undefined);
        await Promise.race([time, done]);
        // A task that has nothing to do is not asked again at once.
        if (isDone) await time;
        else well();
      } while (!isDone && isSame(share, await this.#look(endpoints)));
      if (isDone) {
        await work;
        this.#unfinished = undefined;
      }
      well();
    } finally {
      stop.abort(new MigrateError('INTERRUPTED', 'the worker was given something else to do'));
      await done.catch(() => undefined);
    }
  }

  async #leave({ journal }: Endpoints): Promise<void> {
    const id = this.#id;
    this.#id = undefined;
    this.#unfinished = undefined;
    this.#doing = IDLE;
    if (id !== undefined) await journal.workers.leave(id).catch(() => undefined);
  }

  async #result(endpoints: Endpoints, outcome: RunRecord['outcome']): Promise<WorkResult> {
    const own = (await endpoints.journal.workers.list()).find(({ id }) => id === this.#id);
    const { stream } = this.#status.snapshot();
    await this.#leave(endpoints);
    return {
      run: this.#request.plan.name,
      outcome,
      chunks: own?.chunks ?? 0,
      rows: own?.rows ?? 0,
      changes: stream.changes,
    };
  }
}

function isSame(one: Share, other: Share): boolean {
  return (
    one.epoch === other.epoch &&
    one.outcome === other.outcome &&
    (one.lanes === null) === (other.lanes === null) &&
    (one.lanes ?? []).join() === (other.lanes ?? []).join()
  );
}
