// The operator's wishes: pause, cutover, stop. Commands arrive over the control socket at any time; the run asks here.

import type { Controls, LetterRequest, TableAnswer, TableRequest } from '../control/controls.ts';
import type { CutoverDecision } from '../cutover/options.ts';
import type { Confirm } from '../cutover/switch/operator.ts';
import type { Gate } from '../health/gate.ts';
import type { Journal } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import type { RunStatus, StatusSnapshot } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { lettersObstacle, type Permission, READY } from '../stages/permission.ts';
import type { LettersAnswer } from './letters.ts';

const PAUSED = 'paused by the operator';

export interface OperatorOptions {
  readonly gate: Gate;
  readonly status: RunStatus;
  /** What the plan says: `auto` lets the run cut over by itself. */
  readonly when: Plan['cutover']['when'];
  /** Begins to end the run, as Ctrl-C would. */
  readonly stop: () => void;
}

/** What an attempt offers while it lives. */
export interface AttachedAttempt {
  readonly journal: Journal;
  /** Recorded earlier: takes effect at once. */
  readonly paused: boolean;
  /** Records what is asked for a table. */
  readonly table: (request: TableRequest) => Promise<TableAnswer>;
  /** Aborted as soon as it ends, for whatever reason. */
  readonly signal: AbortSignal;
  /** Ends the attempt. */
  readonly restart: (reason: MigrateError) => void;
}

export class Operator implements Controls, Permission {
  readonly #options: OperatorOptions;
  #journal: Journal | undefined;
  #granted: boolean;
  #failures = 0;
  #failedAt = 0;
  #decision: CutoverDecision | undefined;
  #frozen = false;
  #attempt: AttachedAttempt | undefined;
  /** What is being recorded now changes what the attempt carries. */
  #changing = 0;
  #letters: ((request: LetterRequest) => Promise<LettersAnswer>) | undefined;
  readonly #waiters = new Set<() => void>();

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#granted = options.when === 'auto';
  }

  /** From here on wishes are recorded. */
  attach(attempt: AttachedAttempt): void {
    this.#journal = attempt.journal;
    this.#attempt = attempt;
    this.#wake();
    if (attempt.paused) this.#options.gate.hold(PAUSED);
  }

  /** From here on, until undefined is given, dead letters can be settled. */
  serve(letters: ((request: LetterRequest) => Promise<LettersAnswer>) | undefined): void {
    this.#letters = letters;
  }

  /** A pause is shown over every other reason to wait: the parts that work do not know of it. */
  status(): StatusSnapshot {
    const { gate, status } = this.#options;
    const snapshot = status.snapshot();
    return gate.reasons.includes(PAUSED) ? { ...snapshot, waiting: PAUSED } : snapshot;
  }

  async pause(): Promise<void> {
    await this.#record('pause', (journal) => journal.setPaused(true));
    this.#options.gate.hold(PAUSED);
  }

  async resume(): Promise<void> {
    await this.#record('resume', (journal) => journal.setPaused(false));
    this.#options.gate.release(PAUSED);
  }

  async cutover(decision?: CutoverDecision): Promise<void> {
    if (decision === undefined && this.#options.when === 'never') throw noCutover();
    const { open } = this.#options.status.snapshot().deadLetters;
    if (decision === undefined && open > 0) throw new MigrateError('CUTOVER.REFUSED', lettersObstacle(open));
    await this.#record(decision === undefined ? 'cutover' : `cutover --${decision}`);
    // An answer about a switch is no permission for the next cutover.
    if (decision !== undefined) this.#decision = decision;
    else this.#grant();
    this.#failures = 0;
    this.#wake();
  }

  /** Who waits for a wish looks again. */
  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const resolve of waiters) resolve();
  }

  #grant(): void {
    this.#granted = true;
    this.#options.status.update((value) => {
      if (value.waiting?.startsWith(READY) === true)
        value.waiting = 'cutover asked for: comparing first what has changed';
    });
  }

  async cancelCutover(): Promise<void> {
    if (this.#frozen)
      throw new MigrateError('CUTOVER.REFUSED', 'the freeze has begun; it ends within its budget either way');
    await this.#record('cutover --cancel');
    this.#granted = false;
  }

  async table(request: TableRequest): Promise<TableAnswer> {
    if (this.#frozen)
      throw new MigrateError('TABLE.REFUSED', 'the freeze has begun; it ends within its budget either way');
    this.#changing++;
    try {
      for (;;) {
        const attempt = await this.#living();
        try {
          const answer = await attempt.table(request);
          if (answer.changed) {
            attempt.restart(new MigrateError('TABLE.CHANGED', `${request.verb} of ${request.table} was asked for`));
          }
          return answer;
        } catch (error) {
          // Its connections were cut: the next one is asked.
          if (!attempt.signal.aborted) throw error;
        }
      }
    } finally {
      this.#changing--;
    }
  }

  /** One attempt ends and the next begins whenever something changes; who asks meanwhile waits. */
  async #living(): Promise<AttachedAttempt> {
    const forever = new AbortController().signal;
    for (;;) {
      const attempt = this.#attempt;
      if (attempt === undefined) throw new MigrateError('CONTROL.NOT_READY', 'the run is still starting');
      if (!attempt.signal.aborted) return attempt;
      await this.wish(forever);
    }
  }

  async letters(request: LetterRequest): Promise<Readonly<Record<string, unknown>>> {
    if (this.#frozen)
      throw new MigrateError('CUTOVER.REFUSED', 'the freeze has begun; it ends within its budget either way');
    if (this.#letters === undefined) throw new MigrateError('CONTROL.NOT_READY', 'the run does not apply changes yet');
    if (this.#options.gate.reasons.includes(PAUSED)) {
      throw new MigrateError('CONTROL.NOT_READY', 'the run is paused', { fix: 'Resume it first: `migrate resume`.' });
    }
    this.#changing++;
    try {
      return { ...(await this.#letters(request)) };
    } finally {
      this.#changing--;
      this.#wake();
    }
  }

  async stop(): Promise<void> {
    await this.#record('stop').catch(() => undefined);
    this.#options.stop();
  }

  get granted(): boolean {
    return this.#granted;
  }

  get when(): Plan['cutover']['when'] {
    return this.#options.when;
  }

  get failures(): number {
    return this.#failures;
  }

  get sinceFailureMs(): number {
    return performance.now() - this.#failedAt;
  }

  freezing(frozen: boolean): void {
    if (frozen && !this.#granted) {
      throw new MigrateError('CUTOVER.REFUSED', 'the permission to cut over was taken back', { disposition: 'retry' });
    }
    if (frozen && this.#changing > 0) {
      throw new MigrateError('CUTOVER.REFUSED', 'tables or dead letters are being settled', { disposition: 'retry' });
    }
    this.#frozen = frozen;
  }

  failed(): void {
    this.#failures++;
    this.#failedAt = performance.now();
    this.#granted = this.#options.when === 'auto';
    this.#decision = undefined;
  }

  /** Shows what a person has to do and waits for `migrate cutover --switched` or `--undo`. */
  readonly confirm: Confirm = async (message, signal) =>
    (await this.#answer(`${message} - then: migrate cutover --switched (or --undo)`, signal)) === 'switched';

  /** Waits until a person says on which side the applications are. Undone, the next cutover needs a new permission. */
  async settle(problem: string, signal: AbortSignal): Promise<CutoverDecision> {
    const decision = await this.#answer(
      `${problem} Find out where the applications write: migrate cutover --switched (or --undo)`,
      signal,
    );
    if (decision === 'undo') this.#granted = false;
    return decision;
  }

  async #answer(question: string, signal: AbortSignal): Promise<CutoverDecision> {
    this.#decision = undefined;
    this.#options.status.waitsFor(question);
    for (;;) {
      await this.wish(signal);
      const decision = this.#decision;
      if (decision === undefined) continue;
      this.#decision = undefined;
      this.#options.status.waitsFor(null);
      return decision;
    }
  }

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

  async #record(command: string, change?: (journal: Journal) => Promise<void>): Promise<void> {
    if (this.#journal === undefined) throw new MigrateError('CONTROL.NOT_READY', 'the run is still starting');
    await change?.(this.#journal);
    await this.#journal.audit(command, '');
  }
}

function noCutover(): MigrateError {
  return new MigrateError('CUTOVER.REFUSED', 'this run only keeps the target in step: cutover.when is never', {
    fix: 'To cut over after all, set cutover.when to manual and start the run again: it goes on from where it stands.',
  });
}
