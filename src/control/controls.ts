// What an operator can ask of a running process. Declared here, implemented by the runner.

import type { CutoverDecision } from '../cutover/options.ts';
import type { StatusSnapshot } from '../observe/status.ts';

export interface Controls {
  status(): StatusSnapshot;
  /** Holds snapshot and apply; survives restarts. Idempotent. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Allows the cutover to begin as soon as it can; with `decision` it only settles an ambiguous switch. */
  cutover(decision?: CutoverDecision): Promise<void>;
  /** Takes back the permission to cut over; refused once the freeze has begun. */
  cancelCutover(): Promise<void>;
  /** Begins to end the process, as Ctrl-C would. It is gone when nobody answers at the socket any more. */
  stop(): Promise<void>;
}
