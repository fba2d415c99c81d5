// One probe under watch: its last reading, and what all of them mean.

import { MigrateError } from '../lib/errors.ts';
import type { ProbeStatus } from '../observe/status.ts';
import type { Condition } from './condition.ts';
import { NoNumber } from './number.ts';
import type { Probe, Reading } from './probe.ts';

export class Watched {
  readonly probe: Probe;
  readonly #condition: Condition;
  readonly #timeoutMs: number;
  #asked: Promise<Reading> | undefined;
  #value: number | null = null;
  #reason = '';
  #isCritical = false;
  #isTold = false;

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

  /** The reading if it is critical and was not told before; from when the side is well again it is told anew. */
  critical(): readonly string[] {
    if (!this.isUnwell) this.#isTold = false;
    if (!this.#isCritical || this.#isTold) return [];
    this.#isTold = true;
    return [this.#reason];
  }

  get status(): ProbeStatus {
    const { side, name, cure, unit, limit, holds } = this.probe;
    const { state } = this.#condition;
    return { side, name, cure, unit, limit, holds, state, value: this.#value, reason: this.#reason };
  }

  /** Resolves, when there is no reading, with what was in the way. */
  async read(): Promise<unknown> {
    const { side, label } = this.probe;
    try {
      const { value, level, reason } = await this.#ask();
      this.#value = value;
      this.#reason = reason;
      this.#condition.take(level, performance.now());
      this.#isCritical = level === 'critical';
      return undefined;
    } catch (error) {
      this.#value = null;
      this.#isCritical = false;
      this.#reason = `${side}: ${label} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
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

/** True when the server itself, and not the way to it, says that there is no such reading. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof MigrateError) return !/\.(CONNECTION|AUTHENTICATION|FULL|TRANSIENT)$/.test(error.code);
  return error instanceof NoNumber;
}
