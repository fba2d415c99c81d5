// What an operator can ask of a running process. Declared here, implemented by the runner.

import type { CutoverDecision } from '../cutover/options.ts';
import type { AuditRecord } from '../journal/audit.ts';
import type { Finding } from '../model/finding.ts';
import type { Pausable } from '../model/pause.ts';
import type { ThrottleRequest } from '../model/throttle.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import type { LettersView } from './letter-view.ts';

/** What can be asked for one table, named as in the journal. */
export type TableRequest =
  | { readonly verb: 'skip'; readonly table: string; readonly reason: string; readonly by: string }
  | { readonly verb: 'add' | 'copy' | 'retry'; readonly table: string; readonly by: string };

export interface TableAnswer {
  /** False when everything was as wished before. */
  readonly changed: boolean;
  /** With `add`: what is to be known of the table; none of it is an error. */
  readonly findings: readonly Finding[];
}

/** What can be asked for dead letters. Without `ids` and `table` all open ones are retried. */
export type LetterRequest =
  | {
      readonly verb: 'retry';
      readonly ids?: readonly number[] | undefined;
      readonly table?: string | undefined;
      readonly by: string;
    }
  | { readonly verb: 'waive'; readonly ids: readonly number[]; readonly reason: string; readonly by: string };

/** What a command has done. */
export interface Effect {
  /** False when everything was as wished before. */
  readonly changed: boolean;
  /** One sentence for people. */
  readonly said: string;
}

/** `by` is who asks, for the audit trail, which also has what came of it. */
export interface Controls {
  status(): StatusSnapshot;
  /** The latest of the audit trail, the newest first. */
  audit(most: number): Promise<readonly AuditRecord[]>;
  /** Every dead letter, and the values of those named: the reading of values is audited. */
  readLetters(ids: readonly number[], by: string): Promise<LettersView>;
  /** Holds a part of the run, or all of it; survives restarts. Idempotent. */
  pause(part: Pausable, by: string): Promise<Effect>;
  /** With `run` everything goes on. */
  resume(part: Pausable, by: string): Promise<Effect>;
  /** In place of what the plan says; survives restarts. Idempotent. */
  throttle(request: ThrottleRequest, by: string): Promise<Effect>;
  /** Allows the cutover to begin as soon as it can; with `decision` it only settles an ambiguous switch. */
  cutover(by: string, decision?: CutoverDecision): Promise<Effect>;
  /** Takes back the permission to cut over; refused once the freeze has begun. */
  cancelCutover(by: string): Promise<Effect>;
  /** Records it; the attempt then begins anew with it. Refused once the freeze has begun. */
  table(request: TableRequest): Promise<TableAnswer>;
  /**
   * Replays or waives dead letters while nothing is applied, and resolves with what became of them. Refused once the freeze
   * has begun.
   */
  letters(request: LetterRequest): Promise<Readonly<Record<string, unknown>>>;
  /** Begins to end the process, as Ctrl-C would. It is gone when nobody answers at the socket any more. */
  stop(by: string): Promise<Effect>;
}
