// Whether the cutover may begin: the stage asks, the operator answers.

import type { Plan } from '../plan/plan.ts';

/** What the status says while only the permission is missing. */
export const READY = 'ready: waiting for `migrate cutover`';

/** What it says where the plan has no cutover. */
export const IN_STEP = 'in step: the target follows the source, and the plan has no cutover';

/** Why there is no cutover while letters are open. */
export function lettersObstacle(open: number): string {
  return `${open} dead letters are open: each must be replayed or waived (migrate dead-letters list)`;
}

export interface Permission {
  readonly granted: boolean;
  /** What the plan says: `auto` lets the run cut over by itself. */
  readonly when: Plan['cutover']['when'];
  /** Why a side is unwell; undefined when none is. */
  readonly unwell: string | undefined;
  /** Attempts of this process that failed since the permission was given. */
  readonly failures: number;
  /** Since the last of them; not to be read without one. */
  readonly sinceFailureMs: number;
  /** Resolves at the next grant; rejects with the signal's reason. */
  wish(signal: AbortSignal): Promise<void>;
  /** The freeze begins, or has ended: while frozen the permission cannot be taken back. Throws when it was before. */
  freezing(frozen: boolean): void;
  /** An attempt failed. A permission given by hand is used up. */
  failed(): void;
}
