// Looks after a connector while its topic is read: the topic does not tell that nothing will come any more.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError, toMigrateError } from '../../lib/errors.ts';
import { failedIn, isRunning } from './connector.ts';
import type { ConnectorStatus } from './rest.ts';
import { failureOf } from './trace.ts';

/** What is watched, as a connector has it. */
export interface Watched {
  readonly name: string;
  status(): Promise<ConnectorStatus | undefined>;
  changedOptions(): Promise<readonly string[] | undefined>;
  restart(): Promise<void>;
}

export interface WatchOptions {
  /** How often it looks. Default 1 s. */
  readonly intervalMs?: number;
  /** How long Connect may say nothing, or the connector be without a task at work, as while a worker is replaced. */
  readonly patienceMs: number;
}

interface Outcome {
  readonly error?: MigrateError;
  /** What may pass by itself, and nothing is written as long as it lasts. */
  readonly complaint?: string;
  readonly restart?: true;
}

/** What was seen at one time. */
export type Sight =
  | { readonly unreachable: MigrateError }
  | { readonly status: ConnectorStatus | undefined; readonly changed: readonly string[] | undefined };

const INTERVAL_MS = 1_000;
const RESTARTS = 3;
const RESTARTS_WITHIN_MS = 600_000;
/** A worker that has just come up does not know everything yet. */
const SURE_MS = 3_000;

export interface ConnectorWatch {
  /** Why the connector may write nothing at present, as far as it is known. */
  complaint(): string | undefined;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

/** Calls `failed` once when the connector needs somebody. */
export function watchConnector(
  connector: Watched,
  { intervalMs = INTERVAL_MS, patienceMs }: WatchOptions,
  failed: (error: MigrateError) => void,
): ConnectorWatch {
  const ended = new AbortController();
  const judge = new Judge(connector.name, patienceMs);
  let complaint: string | undefined;
  let askedAt = Date.now();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      askedAt = Date.now();
      const { error, restart, complaint: seen } = judge.judge(await see(connector), Date.now());
      if (ended.signal.aborted) return;
      complaint = seen;
      if (error !== undefined) return failed(error);
      // Whether it helped is seen next time.
      if (restart) await connector.restart().catch(() => undefined);
      await sleep(intervalMs, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  })();
  const unanswered = `Kafka Connect does not say how connector ${connector.name} is`;
  return {
    complaint: () => complaint ?? (Date.now() - askedAt > intervalMs + SURE_MS ? unanswered : undefined),
    close: async () => {
      ended.abort();
      await watching;
    },
  };
}

async function see(connector: Watched): Promise<Sight> {
  try {
    return { status: await connector.status(), changed: await connector.changedOptions() };
  } catch (error) {
    return { unreachable: toMigrateError(error) };
  }
}

/** Decides what a row of sights means. */
export class Judge {
  readonly #name: string;
  readonly #patienceMs: number;
  /** Since when each of the states that may pass lasts. */
  readonly #since = new Map<string, number>();
  #restarts: readonly number[] = [];

  constructor(name: string, patienceMs: number) {
    this.#name = name;
    this.#patienceMs = patienceMs;
  }

  /** `now` in ms. */
  judge(sight: Sight, now: number): Outcome {
    if ('unreachable' in sight) {
      const { unreachable } = sight;
      const passing = unreachable.disposition === 'retry';
      const isOver = this.#lasting('unreachable', now, passing ? this.#patienceMs : 0);
      return isOver ? { error: unreachable } : { complaint: unreachable.message };
    }
    const { status, changed } = sight;
    if (changed === undefined) {
      return this.#lasting('deleted', now, SURE_MS)
        ? { error: this.#changed('was deleted') }
        : this.#idleFor('is not there');
    }
    if (changed.length > 0) return { error: this.#changed(`was given other options: ${changed.join(', ')}`) };
    if (status === undefined) return this.#idle(now);
    const trace = failedIn(status);
    if (trace !== undefined) return this.#failure(failureOf(this.#name, trace), now);
    const { state } = status.connector;
    if (state === 'STOPPED' || state === 'PAUSED') {
      const is = `is ${state.toLowerCase()}`;
      return this.#lasting('stopped', now, SURE_MS) ? { error: this.#changed(is) } : this.#idleFor(is);
    }
    if (!isRunning(status)) return this.#idle(now);
    this.#since.clear();
    return {};
  }

  #idle(now: number): Outcome {
    if (!this.#lasting('idle', now, this.#patienceMs)) return this.#idleFor('has no task at work');
    const seconds = Math.round(this.#patienceMs / 1_000);
    return {
      error: new MigrateError('CONNECT.STUCK', `connector ${this.#name} has had no task at work for ${seconds} s`),
    };
  }

  /** Where the source or the brokers were away it is started again, a few times. */
  #failure(error: MigrateError, now: number): Outcome {
    if (error.disposition !== 'retry') return { error };
    this.#restarts = this.#restarts.filter((at) => now - at < RESTARTS_WITHIN_MS);
    // The failure before is told for a while after a restart.
    const again = { complaint: `${error.message}; it is started again` };
    if (now - (this.#restarts.at(-1) ?? -SURE_MS) < SURE_MS) return again;
    if (this.#restarts.length >= RESTARTS) return { error };
    this.#restarts = [...this.#restarts, now];
    return { ...again, restart: true };
  }

  #idleFor(what: string): Outcome {
    return { complaint: `connector ${this.#name} ${what}` };
  }

  #changed(what: string): MigrateError {
    return new MigrateError('CONNECT.CHANGED', `connector ${this.#name} ${what}`);
  }

  /** True when it has lasted for so long; another state ends it. */
  #lasting(state: string, now: number, ms: number): boolean {
    const since = this.#since.get(state) ?? now;
    this.#since.clear();
    this.#since.set(state, since);
    return now - since >= ms;
  }
}
