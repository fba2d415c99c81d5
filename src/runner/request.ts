// What one run is asked to do, and who is told of it.

import type { StageName } from '../journal/journal.ts';
import type { Finding } from '../model/finding.ts';
import type { Log } from '../observe/log.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';

export interface RunRequest {
  readonly plan: Plan;
  readonly takeover: boolean;
  /** Ends the run when this stage is done; a later request goes on. Default: goes on to the end. */
  readonly until?: StageName | undefined;
  /** `snapshot`: makes a copy, opens it and leaves the source in use. Default: moves the applications. */
  readonly only?: 'snapshot' | undefined;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Takes secrets out of a text. */
  readonly scrub: (text: string) => string;
  /** Called with the live status as soon as there is one. */
  readonly onStatus: (read: () => StatusSnapshot) => void;
  /** Called with the address of the status page, token included, once it can be opened; not when the plan has none. */
  readonly onPage?: (url: string) => void;
  readonly onFindings: (findings: readonly Finding[]) => void;
}
