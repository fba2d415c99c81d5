// The port of a server's health: which vital signs it has, and a session that can do nothing but ask.

import type { VitalName } from '../model/vital.ts';

/** One number that a server can be asked for. */
export interface Vital {
  readonly name: VitalName;
  /**
   * A statement whose only value is the number, in the unit of VITALS. NULL: this account may not know it, or the server has
   * no such thing.
   */
  readonly sql: string;
}

export interface ServerHealth {
  readonly vitals: readonly Vital[];
  /**
   * The first value of the first row, as text; null when there is none. In a session of its own, opened at the first question, that
   * cannot write; a statement that takes longer than a few seconds is ended. Rejects with *.CONNECTION when the server does not
   * answer.
   */
  ask(sql: string): Promise<string | null>;
}
