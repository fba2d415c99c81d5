// A right that a run needs of a database, as the statement that gives it.

export const SOURCE_PHASES = ['check', 'copy', 'stream', 'freeze', 'cleanup'] as const;
export const TARGET_PHASES = ['schema', 'load', 'apply', 'cutover'] as const;

/** What needs the right first. What comes later needs it too. */
export type GrantPhase = (typeof SOURCE_PHASES)[number] | (typeof TARGET_PHASES)[number];

export interface Grant {
  readonly phase: GrantPhase;
  /** One SQL statement, complete; to be run by a superuser or the owner of what it names. */
  readonly statement: string;
  readonly why: string;
  /** True when a run works without it, though less well. */
  readonly optional: boolean;
}

/** What one database must give to one role. */
export interface RoleGrants {
  /** As it is, not quoted. */
  readonly role: string;
  readonly database: string;
  readonly grants: readonly Grant[];
  /** What to do once the run is over, in one sentence for people. */
  readonly afterwards?: string;
}
