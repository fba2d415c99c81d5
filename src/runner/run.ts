// Runs a plan to its end: attempt after attempt, as the disposition of each error says.

import { setTimeout as sleep } from 'node:timers/promises';
import { Notifier } from '../control/notifier.ts';
import { openControls } from '../control/open.ts';
import { Monitor } from '../health/monitor.ts';
import { RunGate } from '../health/run-gate.ts';
import { backoffMs } from '../lib/backoff.ts';
import { Closer } from '../lib/closer.ts';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import { once } from '../lib/once.ts';
import { VERSION } from '../lib/version.ts';
import { Metrics } from '../observe/metrics.ts';
import { openMetricsServer } from '../observe/metrics-server.ts';
import { RunStatus, type StatusSnapshot } from '../observe/status.ts';
import type { RunOutcome } from '../report/partial.ts';
import { Verification } from '../verify/verification.ts';
import { attempt } from './attempt.ts';
import { runError } from './end.ts';
import type { OpenEndpoints } from './endpoints.ts';
import { Operator } from './operator.ts';
import type { RunRequest } from './request.ts';
import type { Runner } from './runner.ts';

export async function runPlan(request: RunRequest, open: OpenEndpoints): Promise<RunOutcome> {
  const closer = new Closer();
  const stop = new AbortController();
  const gate = new RunGate(request.plan);
  const status = new RunStatus(request.plan.name);
  const { health } = request.plan;
  const monitor = new Monitor({
    ...{ ...health, gate, status, log: request.log },
    ...(health.onCritical === 'pause' ? { pauseFor: (reading: string) => operator.critical(reading) } : {}),
  });
  const operator = new Operator({
    gate,
    monitor,
    status,
    log: request.log,
    cutover: request.plan.cutover,
    stop: () => stop.abort(new MigrateError('INTERRUPTED', 'stopped by a command')),
  });
  request.onStatus(() => operator.status());
  const notifier = new Notifier({ receivers: request.plan.notify, scrub: request.scrub, log: request.log });
  status.watch(notifier.look);
  closer.add(() => notifier.close());
  const runner: Runner = {
    request: { ...request, signal: AbortSignal.any([request.signal, stop.signal]) },
    operator,
    gate,
    monitor,
    status,
    verification: new Verification(),
    homeward: new Set(),
  };
  try {
    return await attempts(
      runner,
      open,
      once(() => listen(request, operator, closer)),
    );
  } catch (error) {
    // For whoever watches to the end.
    showError(status, toMigrateError(error), request.scrub);
    throw error;
  } finally {
    await closer.close();
  }
}

/** Starts the control socket and the metrics at its first call: no sooner, the socket may belong to another runner. */
type Listen = () => Promise<void>;

async function attempts(runner: Runner, open: OpenEndpoints, listen: Listen): Promise<RunOutcome> {
  const { gate, request, status } = runner;
  const progress = new ProgressClock(request.plan.limits.giveUpAfter);
  for (let count = 0; ; count++) {
    try {
      return await oneAttempt(runner, { open, listen, first: count === 0 });
    } catch (thrown) {
      const error = toMigrateError(thrown);
      if (request.signal.aborted) throw toMigrateError(request.signal.reason);
      if (error.disposition !== 'retry') throw error;
      const failures = progress.failed(status.snapshot(), gate.heldMs, error);
      const pauseMs = backoffMs(failures);
      showError(status, error, request.scrub);
      status.update((value) => {
        value.restarts = count + 1;
        // What the last attempt waited for is not what this one waits for.
        value.waiting = `trying again after ${error.code}`;
        value.stream.lagSeconds = null;
        value.stream.lagBytes = null;
      });
      request.log.warn('the attempt ended; trying again', { code: error.code, err: error, ms: Math.round(pauseMs) });
      await sleep(pauseMs, undefined, { signal: request.signal }).catch(() => undefined);
    }
  }
}

function showError(status: RunStatus, error: MigrateError, scrub: (text: string) => string): void {
  status.update((value) => {
    value.lastError = { ...runError(error, scrub), at: new Date().toISOString() };
  });
}

interface Opening {
  readonly open: OpenEndpoints;
  readonly listen: Listen;
  readonly first: boolean;
}

async function oneAttempt(runner: Runner, { open, listen, first }: Opening): Promise<RunOutcome> {
  const { request, status } = runner;
  const endpoints = await open(request.plan, {
    lock: true,
    // A takeover is meant once: a runner that was itself taken over must not fight back.
    takeover: request.takeover && first,
    onWaiting: (reason) => status.waitsFor(reason),
  });
  try {
    await listen();
    return await attempt(runner, endpoints);
  } finally {
    await endpoints.close().catch(() => undefined);
  }
}

/** Control socket, status page and metrics live as long as the process, not the attempt. */
async function listen(request: RunRequest, operator: Operator, closer: Closer): Promise<void> {
  const { plan, log, scrub } = request;
  const page = await openControls(plan, { controls: operator, scrub }, closer);
  if (page !== undefined) request.onPage?.(page);
  if (plan.control.metricsPort === 'off') return;
  const metrics = await openMetricsServer(
    plan.control.metricsPort,
    new Metrics({ snapshot: () => operator.status(), version: VERSION, cutoverBudgetMs: plan.cutover.budget }),
  );
  closer.add(() => metrics.close());
  log.info('metrics', { url: metrics.url });
}

const FULL = /\.FULL$/;

/** Tells a run that fails again and again from one that gets on between failures. */
class ProgressClock {
  readonly #patienceMs: number;
  #mark = '';
  #since = performance.now();
  #heldMs = 0;
  #failures = 0;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /**
   * Counts failures since the last progress; throws RUN.STALLED when there was none for too long. The time for which work was
   * held, `heldMs` so far, does not count: what is held does not stall.
   */
  failed(status: StatusSnapshot, heldMs: number, error: MigrateError): number {
    // An attempt that came as far as the cutover got on, even if the source was at rest and nothing moved.
    const ready = status.stage === 'cutover' ? status.stageStartedAt : '';
    const mark = `${status.stage} ${ready} ${status.snapshot.rows} ${status.stream.changes} ${status.verify.chunksDone}`;
    if (mark !== this.#mark) {
      this.#mark = mark;
      this.#since = performance.now();
      this.#heldMs = heldMs;
      this.#failures = 0;
    }
    // Somebody has to make room, however long that takes; the log is kept meanwhile, as in a pause.
    if (FULL.test(error.code)) this.#since = performance.now();
    if (performance.now() - this.#since - (heldMs - this.#heldMs) > this.#patienceMs) {
      throw new MigrateError(
        'RUN.STALLED',
        `no progress for ${Math.round(this.#patienceMs / 1000)} s; last: ${error.message}`,
        {
          cause: error,
          fix: error.fix,
        },
      );
    }
    return this.#failures++;
  }
}
