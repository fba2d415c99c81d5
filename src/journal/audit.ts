// The audit trail: who has asked what of a run, and what came of it. It outlives the record of the run.

export interface AuditEntry {
  /** Who has asked, as they say themselves. */
  readonly by: string;
  /** As a person types it, without `migrate`. */
  readonly command: string;
  /** What came of it, in words: done, or refused and why. Never values of rows. */
  readonly result: string;
}

export interface AuditRecord extends AuditEntry {
  /** ISO 8601, UTC, by the target's clock. */
  readonly at: string;
}
