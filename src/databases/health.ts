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
  /** A statement whose first value says in words who or what makes the number high; asked when it is above its limit. */
  readonly behind?: string;
}

/** One number that this process knows of a server without asking it. */
export interface Measured {
  readonly name: VitalName;
  /** In the unit of VITALS, of the time since it was last called. */
  read(): number;
}

/** A replica that the plan names. */
export interface Replica {
  /** Host and port. */
  readonly name: string;
  /** How far behind it is, in ms, as it says itself; a text: why that is unknown. Rejects as `ask`. */
  lag(): Promise<number | string>;
}

export interface ServerHealth {
  readonly vitals: readonly Vital[];
  readonly replicas: readonly Replica[];
  /** Default none. */
  readonly measured?: readonly Measured[];
  /**
   * The first value of the first row, as text; null when there is none. In a session of its own, opened at the first question, that
   * cannot write; a statement that takes longer than a few seconds is ended. Rejects with *.CONNECTION when the server does not
   * answer.
   */
  ask(sql: string): Promise<string | null>;
  /** The same in another session: a statement of somebody else keeps no vital sign waiting. */
  askOwn(sql: string): Promise<string | null>;
}
