// Asks both databases every second whether they still answer. A black hole in the network shows nowhere else:
// the statements under way may rightly take minutes.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import type { Side } from '../model/side.ts';

const PERIOD_MS = 1_000;

export interface Probe {
  readonly side: Side;
  /** One question, answered within milliseconds by a healthy database. */
  ask(): Promise<void>;
  /** Told how long each answer took, and null when no more questions are asked. */
  readonly answered?: (seconds: number | null) => void;
}

export class Pulse {
  /** Rejects with the first probe that failed or did not answer in time; never resolves. */
  readonly failed: Promise<never>;
  readonly #timeoutMs: number;
  readonly #stop = new AbortController();
  #fail: (reason: unknown) => void = () => undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
  }

  /** Begins to ask, until `stop`, or until `signal` is aborted. */
  watch(probe: Probe, signal?: AbortSignal): void {
    const ended = signal === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, signal]);
    void this.#ask(probe, ended)
      .catch((error: unknown) => {
        if (!ended.aborted) this.#fail(toMigrateError(error));
      })
      .finally(() => probe.answered?.(null));
  }

  stop(): void {
    this.#stop.abort();
  }

  async #ask(probe: Probe, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          const code = probe.side === 'source' ? 'SOURCE.CONNECTION' : 'TARGET.CONNECTION';
          reject(new MigrateError(code, `${probe.side}: no answer for ${this.#timeoutMs} ms`));
        }, this.#timeoutMs);
      });
      const began = performance.now();
      try {
        await Promise.race([probe.ask(), late]);
        probe.answered?.((performance.now() - began) / 1_000);
      } finally {
        clearTimeout(timer);
      }
      await sleep(PERIOD_MS, undefined, { signal: ended, ref: false });
    }
  }
}
