// One cutover: the freeze, step by step, undone as a whole when any of it fails; then forward to the commit point.

import type { CutoverRecord } from '../journal/journal.ts';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import { Attempt } from './attempt.ts';
import { goForward } from './forward.ts';
import { Freeze } from './freeze.ts';
import type { CutoverOptions, CutoverResult } from './options.ts';
import { type Recovery, recoverCutover } from './recovery.ts';
import { FREEZE_STEPS, type Step, type StepContext } from './steps.ts';

export class Cutover {
  readonly #options: CutoverOptions;

  constructor(options: CutoverOptions) {
    this.#options = options;
  }

  /** Brings an interrupted attempt to its end. */
  recover(): Promise<Recovery> {
    return recoverCutover(this.#options);
  }

  /**
   * Makes one attempt, after bringing an interrupted one to its end. Resolves when the target is open. Whatever it
   * rejects with, the source is open again, unless the fence had become permanent: then the next call goes on.
   */
  async run(): Promise<CutoverResult> {
    const recovery = await this.recover();
    if (recovery.outcome === 'committed') return resultOf(recovery.record, 0);
    const { journal, status, plan, signal, replication } = this.#options;
    const attempt = Attempt.next(journal.cutovers, status, await journal.cutovers.latest());
    const freeze = new Freeze(plan.budget, signal, replication.failed);
    const context: StepContext = { options: this.#options, attempt, freeze, rowsCompared: 0 };
    try {
      await this.#freeze(context);
    } finally {
      freeze.stop();
    }
    try {
      await failpoint('cutover.permanent');
      await goForward(this.#options, attempt);
    } finally {
      this.#options.freezing?.(false);
    }
    return resultOf(attempt.record, context.rowsCompared);
  }

  async #freeze(context: StepContext): Promise<void> {
    const begun: Step[] = [];
    try {
      for (const step of FREEZE_STEPS) {
        begun.push(step);
        await context.attempt.step(step.name, () => step.do(context));
      }
    } catch (error) {
      const cause = toMigrateError(context.freeze.signal.aborted ? context.freeze.signal.reason : error);
      const at = begun.at(-1)?.name ?? '';
      await this.#undo(context, begun, `${at}: ${cause.message}`);
      throw this.#outcome(cause, at, context.attempt);
    }
  }

  /** Opens the source first of all; the record comes after, so that it is never ahead of the truth. */
  async #undo(context: StepContext, begun: readonly Step[], reason: string): Promise<void> {
    const { log, status, freezing } = this.#options;
    try {
      for (const step of begun) await step.undo?.(context);
      await context.attempt.write({ phase: 'undone', reason });
      log.warn(`cutover attempt ${context.attempt.record.attempt} was undone: ${reason}`);
    } catch (error) {
      // The fence opens by itself at its deadline, and the next runner reads from the journal that it must see to it.
      log.error('the cutover could not be undone completely; the next start does it', { err: error });
      status.update((value) => {
        value.writable = 'unknown';
      });
    }
    freezing?.(false);
    status.update((value) => {
      value.cutover.step = null;
      value.waiting = null;
    });
  }

  /** What another attempt may cure is reported as such while the plan allows one. */
  #outcome(cause: MigrateError, at: string, attempt: Attempt): MigrateError {
    if (cause.disposition !== 'retry' && cause.code !== 'CUTOVER.BUDGET') return cause;
    const code = attempt.record.frozenAt === undefined ? 'CUTOVER.REFUSED' : 'CUTOVER.BUDGET';
    const text = `cutover attempt ${attempt.record.attempt} was undone at ${at}: ${cause.message}`;
    return new MigrateError(code, text, {
      cause,
      fix: cause.fix,
      disposition: this.#options.retriesLeft > 0 ? 'retry' : 'operator',
    });
  }
}

function resultOf(record: CutoverRecord, rowsCompared: number): CutoverResult {
  const { attempt, writePauseMs, steps } = record;
  return { attempt, writePauseMs, steps, rowsCompared };
}
