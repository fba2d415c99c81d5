// What a preflight check says.

export type FindingLevel = 'error' | 'warning' | 'info';

export interface Finding {
  readonly level: FindingLevel;
  /** Stable and greppable: `PREFLIGHT.WAL_LEVEL`. */
  readonly code: string;
  /** What it is about: a table, a setting, a role. */
  readonly subject: string;
  readonly message: string;
  /** The SQL or the setting that cures it, ready to paste; absent when nothing needs to be done. */
  readonly cure?: string;
}
