// The operator's wishes: pause, cutover, stop. Commands arrive over the control socket at any time; the run asks here.

import type {
  Controls,
  Effect,
  LetterRequest,
  TableAnswer,
  TableRequest,
  ThrottleRequest,
} from '../control/controls.ts';
import type { CutoverDecision } from '../cutover/options.ts';
import type { Confirm } from '../cutover/switch/operator.ts';
import type { Monitor } from '../health/monitor.ts';
import type { RunGate } from '../health/run-gate.ts';
import type { Journal } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { type Pausable, type PauseRequest, pauseCommandText, pauseReason, pausing, resuming } from '../model/pause.ts';
import type { RunStatus, StatusSnapshot } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { lettersObstacle, type Permission, READY } from '../stages/permission.ts';
import type { LettersAnswer } from './letters.ts';

/** How long a command waits for the attempt after one that is ending. */
const PATIENCE_MS = 5_000;

const HELD: Readonly<Record<Pausable, string>> = {
  run: 'copy and apply hold',
  snapshot: 'the copy holds',
  apply: 'the apply holds',
};

export interface OperatorOptions {
  readonly gate: RunGate;
  readonly monitor: Pick<Monitor, 'exempt' | 'reasons'>;
  readonly status: RunStatus;
  /** What the plan says: `auto` lets the run cut over by itself. */
  readonly cutover: Pick<Plan['cutover'], 'when' | 'budget'>;
  /** Begins to end the run, as Ctrl-C would. */
  readonly stop: () => void;
}

/** What an attempt offers while it lives. */
export interface AttachedAttempt {
  readonly journal: Journal;
  /** Recorded earlier: takes effect at once. */
  readonly paused: readonly Pausable[];
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
    this.#granted = options.cutover.when === 'auto';
  }

  /** From here on wishes are recorded. */
  attach(attempt: AttachedAttempt): void {
    this.#journal = attempt.journal;
    this.#attempt = attempt;
    this.#wake();
    this.#hold(attempt.paused);
  }

  /** From here on, until undefined is given, dead letters can be settled. */
  serve(letters: ((request: LetterRequest) => Promise<LettersAnswer>) | undefined): void {
    this.#letters = letters;
  }

  /** A hold is shown over every other reason to wait: the parts that work do not know of it. */
  status(): StatusSnapshot {
    const { cutover, gate, status } = this.#options;
    const snapshot = status.snapshot();
    const waiting = gate.reasonAt(snapshot.stage) ?? snapshot.waiting;
    const ready = waiting?.startsWith(READY) === true;
    const permission = { when: cutover.when, granted: this.#granted, ready, budgetMs: cutover.budget };
    return { ...snapshot, permission, waiting, throttle: gate.throttles };
  }

  async pause(part: Pausable, by: string): Promise<Effect> {
    const changed = await this.#pauses({ verb: 'pause', part }, by, pausing(this.#options.gate.paused, part));
    return effect(changed, `paused: ${HELD[part]} after the work in hand`, 'it was paused before');
  }

  async resume(part: Pausable, by: string): Promise<Effect> {
    const left = resuming(this.#options.gate.paused, part);
    const changed = await this.#pauses({ verb: 'resume', part }, by, left);
    return effect(changed, ['resumed', ...left.map(pauseReason)].join('; '), 'it was not paused');
  }

  /** Resolves with whether it is anything new. */
  async #pauses(request: PauseRequest, by: string, paused: readonly Pausable[]): Promise<boolean> {
    const changed = paused.length !== this.#options.gate.paused.length;
    await this.#record(pauseCommandText(request), by, (journal) => journal.setPaused(paused));
    this.#hold(paused);
    return changed;
  }

  #holds(part: Pausable): boolean {
    return this.#options.gate.paused.includes(part);
  }

  #hold(paused: readonly Pausable[]): void {
    const { gate, status } = this.#options;
    gate.pause(paused);
    status.update((value) => {
      value.paused = [...paused];
    });
  }

  async throttle({ apply = {}, snapshot = {} }: ThrottleRequest, by: string): Promise<Effect> {
    await this.#record('throttle', by);
    this.#options.gate.apply.change(apply);
    this.#options.gate.snapshot.change(snapshot);
    return effect(true, 'as fast as now allowed, until the process ends');
  }

  async cutover(by: string, decision?: CutoverDecision): Promise<Effect> {
    if (decision === undefined && this.#options.cutover.when === 'never') throw noCutover();
    const { open } = this.#options.status.snapshot().deadLetters;
    if (decision === undefined && open > 0) throw new MigrateError('CUTOVER.REFUSED', lettersObstacle(open));
    const changed = decision !== undefined || !this.#granted;
    await this.#record(decision === undefined ? 'cutover' : `cutover --${decision}`, by);
    // An answer about a switch is no permission for the next cutover.
    if (decision !== undefined) this.#decision = decision;
    else this.#grant();
    this.#failures = 0;
    this.#wake();
    if (decision !== undefined) return effect(true, `the run goes on as answered: ${decision}`);
    return effect(changed, 'the cutover begins as soon as it can', 'it was allowed to cut over before');
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

  async cancelCutover(by: string): Promise<Effect> {
    if (this.#frozen)
      throw new MigrateError('CUTOVER.REFUSED', 'the freeze has begun; it ends within its budget either way');
    const changed = this.#granted;
    await this.#record('cutover --cancel', by);
    this.#granted = false;
    return effect(changed, 'the permission to cut over is taken back', 'there was no permission to cut over');
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
    if (this.#holds('run') || this.#holds('apply')) {
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

  async stop(by: string): Promise<Effect> {
    await this.#record('stop', by, undefined, AbortSignal.abort()).catch(() => undefined);
    this.#options.stop();
    return effect(true, 'the process ends; the run can go on later');
  }

  get granted(): boolean {
    return this.#granted;
  }

  get when(): Plan['cutover']['when'] {
    return this.#options.cutover.when;
  }

  get unwell(): string | undefined {
    return this.#options.monitor.reasons[0];
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
    if (frozen && this.unwell !== undefined) {
      throw new MigrateError('CUTOVER.REFUSED', this.unwell, { disposition: 'retry' });
    }
    this.#frozen = frozen;
    this.#options.monitor.exempt(frozen);
  }

  failed(): void {
    this.#failures++;
    this.#failedAt = performance.now();
    this.#granted = this.#options.cutover.when === 'auto';
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

  /** An attempt that ends meanwhile has cut its connections: then the next one does it, if it comes soon. */
  async #record(
    command: string,
    by: string,
    change?: (journal: Journal) => Promise<void>,
    patience = AbortSignal.timeout(PATIENCE_MS),
  ): Promise<void> {
    for (;;) {
      const [journal, attempt] = [this.#journal, this.#attempt];
      if (journal === undefined) throw new MigrateError('CONTROL.NOT_READY', 'the run is still starting');
      try {
        await change?.(journal);
        await journal.audit(command, `by ${by}`);
        return;
      } catch (error) {
        if (attempt?.signal.aborted !== true || patience.aborted) throw error;
        if (this.#attempt === attempt) await this.wish(patience).catch(() => undefined);
      }
    }
  }
}

function effect(changed: boolean, said: string, before = said): Effect {
  return { changed, said: changed ? said : before };
}

function noCutover(): MigrateError {
  return new MigrateError('CUTOVER.REFUSED', 'this run only keeps the target in step: cutover.when is never', {
    fix: 'To cut over after all, set cutover.when to manual and start the run again: it goes on from where it stands.',
  });
}
