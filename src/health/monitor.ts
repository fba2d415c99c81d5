// Reads the probes of both sides, holds what loads a side that is unwell, and lets it go on when it has been well for a while.

import { pause } from '../lib/pause.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import { Condition, type Patience } from './condition.ts';
import { answerMs, type Probe } from './probe.ts';
import { type RunGate, SCOPES } from './run-gate.ts';
import { isRefusal, Watched } from './watched.ts';

export interface MonitorOptions extends Patience {
  /** Between two readings of a probe, in ms. */
  readonly interval: number;
  readonly gate: RunGate;
  readonly status: Pick<RunStatus, 'update'>;
  readonly log: Log;
  /** Told of a reading that is critical, once until its side is well again; not in a freeze. */
  readonly pauseFor?: (reading: string) => void;
}

const HOLDER = 'health';

/** Lives as long as the process: a side that was unwell when an attempt ended must be well for as long in the next one. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #conditions = new Map<string, Condition>();
  readonly #leftOut = new Set<string>();
  #watched: readonly Watched[] = [];
  #isExempt = false;
  #told = '';

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** Why work is held, or would be but for the freeze; empty when all is well. */
  get reasons(): readonly string[] {
    return this.#watched
      .filter(({ isUnwell, probe }) => isUnwell && probe.holds.length > 0)
      .map(({ reason }) => reason);
  }

  /** While a cutover keeps both sides closed nothing is held: to wait would only keep them closed for longer. */
  exempt(isExempt: boolean): void {
    this.#isExempt = isExempt;
    this.#options.gate.exempt(isExempt);
    this.#settle();
  }

  /** Reads the probes until `signal` is aborted. Resolves when it is known of each whether its side is well. */
  async watch(probes: readonly Probe[], signal: AbortSignal): Promise<void> {
    const { interval } = this.#options;
    const all = probes.map((probe) => new Watched(probe, this.#conditionOf(probe), answerMs({ interval })));
    const readable = await Promise.all(all.map((watched) => this.#begin(watched, signal)));
    if (signal.aborted) return;
    const watched = all.filter((_, index) => readable[index]);
    this.#watched = watched;
    this.#settle();
    void Promise.all(watched.map((each) => this.#loop(each, signal))).then(() => {
      // The next attempt may watch already.
      if (this.#watched !== watched) return;
      this.#watched = [];
      this.#settle();
    });
  }

  #conditionOf({ side, name }: Probe): Condition {
    const key = `${side} ${name}`;
    const condition = this.#conditions.get(key) ?? new Condition(this.#options);
    condition.interrupt();
    this.#conditions.set(key, condition);
    return condition;
  }

  /** Reads until it is known what the readings mean. False when the server does not tell this. */
  async #begin(watched: Watched, signal: AbortSignal): Promise<boolean> {
    const { side, label, isAsked } = watched.probe;
    const refusal = await watched.read();
    if (isAsked || !isRefusal(refusal)) {
      while (!watched.isCertain && !signal.aborted) {
        await pause(this.#options.interval, signal);
        await watched.read();
      }
      return true;
    }
    const reason = `${side}: ${label}: ${refusal instanceof Error ? refusal.message : String(refusal)}`;
    if (!this.#leftOut.has(reason)) this.#options.log.warn('the server does not tell this of its health', { reason });
    this.#leftOut.add(reason);
    return false;
  }

  async #loop(watched: Watched, signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(this.#options.interval, signal);
      if (signal.aborted) return;
      await watched.read();
      if (signal.aborted) return;
      this.#settle();
    }
  }

  /** Brings gates, status and log to what the readings mean now. */
  #settle(): void {
    const { gate, log, status, pauseFor } = this.#options;
    if (!this.#isExempt) for (const reading of this.#watched.flatMap((each) => each.critical())) pauseFor?.(reading);
    for (const scope of SCOPES) {
      const holding = this.#watched.filter(({ isUnwell, probe }) => isUnwell && probe.holds.includes(scope));
      if (holding.length === 0 || this.#isExempt) gate[scope].release(HOLDER);
      else gate[scope].hold(HOLDER, `unwell: ${inShort(holding)}`);
    }
    const unwell = this.#watched.filter(({ isUnwell }) => isUnwell);
    const names = unwell.map(({ probe }) => `${probe.side} ${probe.name}`).join(', ');
    if (names !== this.#told && unwell.length > 0)
      log.warn('unwell', { reason: unwell.map(({ reason }) => reason).join('; ') });
    if (names !== this.#told && unwell.length === 0) log.info('both sides are well again');
    this.#told = names;
    status.update((value) => {
      value.health = { probes: this.#watched.map((watched) => watched.status), leftOut: [...this.#leftOut] };
    });
  }
}

/** A server that does not answer has no readings at all: the first says it. */
function inShort(holding: readonly Watched[]): string {
  const [first, ...rest] = holding;
  return `${first?.reason ?? ''}${rest.length === 0 ? '' : ` (and ${rest.length} more)`}`;
}
