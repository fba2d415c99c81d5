// The attempt that is at work, for those who ask something of it: one ends and the next begins whenever something changes, and
// who asks meanwhile waits.

import type { TableAnswer, TableRequest } from '../control/controls.ts';
import type { AuditEntry } from '../journal/audit.ts';
import type { Journal } from '../journal/journal.ts';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import type { Pausable } from '../model/pause.ts';
import type { Throttling } from '../model/throttle.ts';

/** How long a command waits for the attempt after one that is ending. */
const PATIENCE_MS = 5_000;

/** What an attempt offers while it lives. */
export interface AttachedAttempt {
  readonly journal: Journal;
  /** Recorded earlier: takes effect at once. */
  readonly paused: readonly Pausable[];
  readonly throttling: Throttling;
  /** Records what is asked for a table. */
  readonly table: (request: TableRequest) => Promise<TableAnswer>;
  /** Aborted as soon as it ends, for whatever reason. */
  readonly signal: AbortSignal;
  /** Ends the attempt. */
  readonly restart: (reason: MigrateError) => void;
}

export class Attached {
  #journal: Journal | undefined;
  #attempt: AttachedAttempt | undefined;
  readonly #waiters = new Set<() => void>();

  attach(attempt: AttachedAttempt): void {
    this.#journal = attempt.journal;
    this.#attempt = attempt;
    this.wake();
  }

  /** The attempt at work. Rejects with CONTROL.NOT_READY before the first. */
  async living(): Promise<AttachedAttempt> {
    const forever = new AbortController().signal;
    for (;;) {
      const attempt = this.#attempt;
      if (attempt === undefined) throw new MigrateError('CONTROL.NOT_READY', 'the run is still starting');
      if (!attempt.signal.aborted) return attempt;
      await this.wish(forever);
    }
  }

  /**
   * Carries out `change` and records what came of it. An attempt that ends meanwhile has cut its connections: then the next one
   * does it, if it comes soon.
   */
  async record(
    entry: AuditEntry,
    change?: (journal: Journal) => Promise<void>,
    patience = AbortSignal.timeout(PATIENCE_MS),
  ): Promise<void> {
    for (;;) {
      const [journal, attempt] = [this.#journal, this.#attempt];
      if (journal === undefined) throw new MigrateError('CONTROL.NOT_READY', 'the run is still starting');
      try {
        await change?.(journal);
        await journal.audit(entry);
        return;
      } catch (error) {
        if (attempt?.signal.aborted !== true || patience.aborted) throw error;
        if (this.#attempt === attempt) await this.wish(patience).catch(() => undefined);
      }
    }
  }

  /** What is refused is recorded, too, where that can be done at once. */
  async told<T>(command: string, by: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const result = `refused: ${toMigrateError(error).code}`;
      await this.record({ by, command, result }, undefined, AbortSignal.abort()).catch(() => undefined);
      throw error;
    }
  }

  /** Who waits for a wish looks again. */
  wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const resolve of waiters) resolve();
  }

  /** Resolves when something was asked, or another attempt is at work. */
  async wish(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const granted = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = (): void => {
        // Who waits for days asks again and again; what was given up must not pile up.
        this.#waiters.delete(granted);
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.add(granted);
    });
  }
}
