// What the catalogue of error codes says of each.

import type { ExitCode } from './exits.ts';

/**
 * retry: the runner starts the session again; operator: a person must act, then the same command goes on;
 * ambiguous: the outcome is unknown and nothing is repeated; bug: this should not have happened.
 */
export type Disposition = 'retry' | 'operator' | 'ambiguous' | 'bug';

export interface CodeEntry {
  readonly disposition: Disposition;
  readonly exit: Exclude<ExitCode, 0 | 7 | 130 | 143>;
  readonly why: string;
  readonly fix: string;
}

export const entry = (exit: CodeEntry['exit'], disposition: Disposition, why: string, fix: string): CodeEntry => ({
  disposition,
  exit,
  why,
  fix,
});
