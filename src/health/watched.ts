// One probe under watch: its last reading, and what all of them mean.

import { MigrateError } from '../lib/errors.ts';
import { VITALS } from '../model/vital.ts';
import type { ProbeStatus } from '../observe/status.ts';
import type { Condition } from './condition.ts';
import { NoNumber, type Probe, type Reading } from './probe.ts';

export class Watched {
  readonly probe: Probe;
  readonly #condition: Condition;
  readonly #timeoutMs: number;
  #asked: Promise<Reading> | undefined;
  #value: number | null = null;
  #reason = '';

  /** A reading may take `timeoutMs`. */
  constructor(probe: Probe, condition: Condition, timeoutMs: number) {
    this.probe = probe;
    this.#condition = condition;
    this.#timeoutMs = timeoutMs;
  }

  get isUnwell(): boolean {
    return this.#condition.state !== 'well';
  }

  get isCertain(): boolean {
    return this.#condition.isCertain;
  }

  get reason(): string {
    return this.#condition.state === 'recovering'
      ? `${this.#reason}; well again, waiting whether it stays so`
      : this.#reason;
  }

  get status(): ProbeStatus {
    const { side, name, unit, limit, holds } = this.probe;
    const { state } = this.#condition;
    return { side, name, unit, limit, holds, state, value: this.#value, reason: this.#reason };
  }

  /** Resolves, when there is no reading, with what was in the way. */
  async read(): Promise<unknown> {
    const { side, name } = this.probe;
    try {
      const { value, level, reason } = await this.#ask();
      this.#value = value;
      this.#reason = reason;
      this.#condition.take(level, performance.now());
      return undefined;
    } catch (error) {
      this.#value = null;
      this.#reason = `${side}: ${labelOf(name)} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      this.#condition.take('warn', performance.now());
      return error;
    }
  }

  /** A question that is still under way is waited for, not asked again. */
  async #ask(): Promise<Reading> {
    this.#asked ??= this.probe.read().finally(() => {
      this.#asked = undefined;
    });
    this.#asked.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer for ${this.#timeoutMs} ms`)), this.#timeoutMs);
    });
    try {
      return await Promise.race([this.#asked, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

export function labelOf(name: string): string {
  return name in VITALS ? VITALS[name as keyof typeof VITALS].label : name;
}

/** True when the server itself, and not the way to it, says that there is no such reading. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof MigrateError) return !/\.(CONNECTION|AUTHENTICATION|TRANSIENT)$/.test(error.code);
  return error instanceof NoNumber;
}
