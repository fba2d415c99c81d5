// What one run is asked to do, and who is told of it.

import type { Finding } from '../model/finding.ts';
import type { Log } from '../observe/log.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';

export interface RunRequest {
  readonly plan: Plan;
  readonly takeover: boolean;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Takes secrets out of a text. */
  readonly scrub: (text: string) => string;
  /** Called with the live status as soon as there is one. */
  readonly onStatus: (read: () => StatusSnapshot) => void;
  readonly onFindings: (findings: readonly Finding[]) => void;
}
