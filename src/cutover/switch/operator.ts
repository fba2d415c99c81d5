// A switch that asks a person to point the applications at the target, and waits for the answer.

import { MigrateError } from '../../lib/errors.ts';
import type { SwitchContext, SwitchDriver } from './switch.ts';

/** Resolves true when the person says it is done, false when it cannot be done. Rejects with the signal's reason. */
export type Confirm = (message: string, signal: AbortSignal) => Promise<boolean>;

export class OperatorSwitch implements SwitchDriver {
  readonly name = 'operator';
  /** Asking again changes nothing. */
  readonly idempotent = true;
  readonly #message: string;
  readonly #confirm: Confirm;

  constructor(message: string, confirm: Confirm) {
    this.#message = message;
    this.#confirm = confirm;
  }

  async do({ signal }: SwitchContext): Promise<void> {
    if (!(await this.#confirm(this.#message, signal))) {
      throw new MigrateError('CUTOVER.SWITCH', 'the operator said that the applications could not be switched');
    }
  }

  readonly undo = async ({ signal }: SwitchContext): Promise<void> => {
    if (!(await this.#confirm(`Take this back: ${this.#message}`, signal))) {
      throw new MigrateError('CUTOVER.AMBIGUOUS', 'the operator could not point the applications back at the source');
    }
  };
}
