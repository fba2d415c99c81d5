// The operator's wishes: pause, cutover, stop. Commands arrive over the control socket at any time; the run asks here.

import type { Controls, Effect, LetterRequest, TableAnswer, TableRequest } from '../control/controls.ts';
import type { LettersView } from '../control/letter-view.ts';
import type { CutoverDecision } from '../cutover/options.ts';
import type { Confirm } from '../cutover/switch/operator.ts';
import type { Monitor } from '../health/monitor.ts';
import type { RunGate } from '../health/run-gate.ts';
import type { AuditEntry, AuditRecord } from '../journal/audit.ts';
import { MigrateError } from '../lib/errors.ts';
import { Turns } from '../lib/turns.ts';
import { type Pausable, type PauseRequest, pauseCommandText, pauseReason, pausing, resuming } from '../model/pause.ts';
import { type ThrottleRequest, throttling } from '../model/throttle.ts';
import type { Log } from '../observe/log.ts';
import { nextSteps } from '../observe/next.ts';
import type { RunStatus, StatusSnapshot } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { lettersObstacle, type Permission, READY } from '../stages/permission.ts';
import { Attached, type AttachedAttempt } from './attached.ts';
import { idsText, letterCommandText, throttleCommandText } from './command-text.ts';
import { type LettersAnswer, viewLetters } from './letters.ts';

const HELD: Readonly<Record<Pausable, string>> = {
  run: 'copy and apply hold',
  snapshot: 'the copy holds',
  apply: 'the apply holds',
  critical: 'copy and apply hold',
};

export interface OperatorOptions {
  readonly gate: RunGate;
  readonly monitor: Pick<Monitor, 'exempt' | 'reasons'>;
  readonly status: RunStatus;
  readonly log: Log;
  /** What the plan says: `auto` lets the run cut over by itself. */
  readonly cutover: Pick<Plan['cutover'], 'when' | 'budget'>;
  /** Begins to end the run, as Ctrl-C would. */
  readonly stop: () => void;
}

export class Operator implements Controls, Permission {
  readonly #options: OperatorOptions;
  readonly #attached = new Attached();
  /** What a command makes of how it stands must be the next one's state. */
  readonly #turns = new Turns();
  readonly #tableTurns = new Turns();
  #granted: boolean;
  #failures = 0;
  #failedAt = 0;
  #decision: CutoverDecision | undefined;
  /** Whether a person has to say where the applications write. */
  #isAsking = false;
  #frozen = false;
  /** The reading that the run is paused for. */
  #critical: string | undefined;
  /** What is being recorded now changes what the attempt carries. */
  #changing = 0;
  #letters: ((request: LetterRequest) => Promise<LettersAnswer>) | undefined;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#granted = options.cutover.when === 'auto';
  }

  /** From here on wishes are recorded. */
  attach(attempt: AttachedAttempt): void {
    this.#attached.attach(attempt);
    this.#hold(attempt.paused);
    // It could not be recorded when it was.
    if (this.#critical !== undefined && !attempt.paused.includes('critical')) this.critical(this.#critical);
    this.#options.gate.throttle(attempt.throttling);
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
    const shown = { ...snapshot, permission, waiting, throttle: gate.throttles };
    return { ...shown, next: nextSteps(shown) };
  }

  pause(part: Pausable, by: string): Promise<Effect> {
    return this.#turns.take(() => {
      const said = [`paused: ${HELD[part]} after the work in hand`, 'it was paused before'] as const;
      return this.#pauses({ verb: 'pause', part }, by, pausing(this.#options.gate.paused, part), said);
    });
  }

  resume(part: Pausable, by: string): Promise<Effect> {
    return this.#turns.take(() => {
      const left = resuming(this.#options.gate.paused, part);
      const said = ['resumed', ...left.map(pauseReason)].join('; ');
      return this.#pauses({ verb: 'resume', part }, by, left, [said, 'it was not paused']);
    });
  }

  /** Nothing goes on until somebody lets it, even while that cannot be recorded. */
  readonly critical = (reading: string): void => {
    const { gate, log } = this.#options;
    const paused = pausing(gate.paused, 'critical');
    this.#critical = reading;
    this.#hold(paused);
    log.error('paused until it is resumed: a reading was critical', { reason: reading });
    const entry = { by: 'health', command: 'pause', result: reading };
    this.#attached
      .record(entry, (journal) => journal.setPaused(paused))
      .catch((error: unknown) => log.warn('the pause is not recorded yet', { err: error }));
  };

  async #pauses(
    request: PauseRequest,
    by: string,
    paused: readonly Pausable[],
    said: readonly [string, string],
  ): Promise<Effect> {
    const done = effect(paused.length !== this.#options.gate.paused.length, ...said);
    const entry = { by, command: pauseCommandText(request), result: done.said };
    await this.#attached.record(entry, (journal) => journal.setPaused(paused));
    if (!paused.includes('critical')) this.#critical = undefined;
    this.#hold(paused);
    return done;
  }

  #holds(part: Pausable): boolean {
    return this.#options.gate.paused.includes(part);
  }

  #hold(paused: readonly Pausable[]): void {
    const { gate, status } = this.#options;
    gate.pause(paused, this.#critical);
    status.update((value) => {
      value.paused = [...paused];
    });
  }

  throttle(request: ThrottleRequest, by: string): Promise<Effect> {
    return this.#turns.take(async () => {
      const { gate } = this.#options;
      const set = throttling(gate.throttling, request);
      const changed = JSON.stringify(set) !== JSON.stringify(gate.throttling);
      const done = effect(changed, 'as fast as now allowed, until it is changed again', 'it was as fast before');
      const entry = { by, command: throttleCommandText(request), result: done.said };
      await this.#attached.record(entry, (journal) => journal.setThrottling(set));
      gate.throttle(set);
      return done;
    });
  }

  cutover(by: string, decision?: CutoverDecision): Promise<Effect> {
    const command = decision === undefined ? 'cutover' : `cutover --${decision}`;
    const work = () => this.#cutover({ by, command }, decision);
    return this.#turns.take(() => this.#attached.told(command, by, work));
  }

  async #cutover(asked: Omit<AuditEntry, 'result'>, decision?: CutoverDecision): Promise<Effect> {
    if (decision !== undefined && !this.#isAsking)
      throw new MigrateError('CUTOVER.REFUSED', 'no switch waits for an answer: there is nothing to settle');
    if (decision === undefined && this.#options.cutover.when === 'never') throw noCutover();
    const { open } = this.#options.status.snapshot().deadLetters;
    if (decision === undefined && open > 0) throw new MigrateError('CUTOVER.REFUSED', lettersObstacle(open));
    const done =
      decision === undefined
        ? effect(!this.#granted, 'the cutover begins as soon as it can', 'it was allowed to cut over before')
        : effect(true, `the run goes on as answered: ${decision}`);
    await this.#attached.record({ ...asked, result: done.said });
    // An answer about a switch is no permission for the next cutover.
    if (decision !== undefined) this.#decision = decision;
    else this.#grant();
    this.#failures = 0;
    this.#attached.wake();
    return done;
  }

  #grant(): void {
    this.#granted = true;
    this.#options.status.update((value) => {
      if (value.waiting?.startsWith(READY) === true)
        value.waiting = 'cutover asked for: comparing first what has changed';
    });
  }

  cancelCutover(by: string): Promise<Effect> {
    const command = 'cutover --cancel';
    const work = async (): Promise<Effect> => {
      if (this.#frozen) throw frozen('CUTOVER.REFUSED');
      const said = ['the permission to cut over is taken back', 'there was no permission to cut over'] as const;
      const done = effect(this.#granted, ...said);
      await this.#attached.record({ by, command, result: done.said });
      this.#granted = false;
      return done;
    };
    return this.#turns.take(() => this.#attached.told(command, by, work));
  }

  table(request: TableRequest): Promise<TableAnswer> {
    const work = () => this.#table(request);
    const command = `table ${request.verb} ${request.table}`;
    return this.#tableTurns.take(() => this.#attached.told(command, request.by, work));
  }

  async #table(request: TableRequest): Promise<TableAnswer> {
    if (this.#frozen) throw frozen('TABLE.REFUSED');
    this.#changing++;
    try {
      for (;;) {
        const attempt = await this.#attached.living();
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

  letters(request: LetterRequest): Promise<Readonly<Record<string, unknown>>> {
    return this.#attached.told(letterCommandText(request), request.by, () => this.#settle(request));
  }

  async #settle(request: LetterRequest): Promise<Readonly<Record<string, unknown>>> {
    if (this.#frozen) throw frozen('CUTOVER.REFUSED');
    if (this.#letters === undefined) throw new MigrateError('CONTROL.NOT_READY', 'the run does not apply changes yet');
    if (this.#holds('run') || this.#holds('apply') || this.#holds('critical')) {
      throw new MigrateError('CONTROL.NOT_READY', 'the run is paused', { fix: 'Resume it first: `migrate resume`.' });
    }
    this.#changing++;
    try {
      return { ...(await this.#letters(request)) };
    } finally {
      this.#changing--;
      this.#attached.wake();
    }
  }

  async audit(most: number): Promise<readonly AuditRecord[]> {
    return (await this.#attached.living()).journal.auditTrail(most);
  }

  async readLetters(ids: readonly number[], by: string): Promise<LettersView> {
    const { journal } = await this.#attached.living();
    const record = await journal.load();
    if (record === undefined) throw new MigrateError('RUN.NONE', 'the run has no journal any more');
    const command = `dead-letters show ${idsText(ids)}`;
    if (ids.length > 0) await this.#attached.record({ by, command, result: 'their values were read' });
    return viewLetters(journal, record, ({ id }) => ids.includes(id));
  }

  async stop(by: string): Promise<Effect> {
    const done = effect(true, 'the process ends; the run can go on later');
    await this.#attached
      .record({ by, command: 'stop', result: done.said }, undefined, AbortSignal.abort())
      .catch(() => undefined);
    this.#options.stop();
    return done;
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
    this.#isAsking = true;
    this.#options.status.waitsFor(question);
    try {
      while (this.#decision === undefined) await this.wish(signal);
      this.#options.status.waitsFor(null);
      return this.#decision;
    } finally {
      this.#isAsking = false;
    }
  }

  wish(signal: AbortSignal): Promise<void> {
    return this.#attached.wish(signal);
  }
}

function frozen(code: 'CUTOVER.REFUSED' | 'TABLE.REFUSED'): MigrateError {
  return new MigrateError(code, 'the freeze has begun; it ends within its budget either way');
}

function effect(changed: boolean, said: string, before = said): Effect {
  return { changed, said: changed ? said : before };
}

function noCutover(): MigrateError {
  return new MigrateError('CUTOVER.REFUSED', 'this run only keeps the target in step: cutover.when is never', {
    fix: 'To cut over after all, set cutover.when to manual and start the run again: it goes on from where it stands.',
  });
}
