// What a preflight check says.

import type { Side } from './side.ts';

export type FindingLevel = 'error' | 'warning' | 'info';

export interface Finding {
  readonly level: FindingLevel;
  /** Where it was found; absent when it is about the plan or about both. */
  readonly side?: Side;
  /** Stable and greppable: `PREFLIGHT.WAL_LEVEL`. */
  readonly code: string;
  /** What it is about: a table, a setting, a role. */
  readonly subject: string;
  readonly message: string;
  /** The SQL or the setting that cures it, ready to paste; absent when nothing needs to be done. */
  readonly cure?: string;
}
