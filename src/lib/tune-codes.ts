// The part of the catalogue of error codes that is about measuring the apply. Sorted by code.

import { type CodeEntry, entry } from './code-entry.ts';

export const TUNE_CODES = {
  'TUNE.NO_BACKLOG': entry(
    2,
    'operator',
    'The log has no change of a carried table that the target does not have yet: there is nothing to replay.',
    'Let one grow: `migrate pause`, or stop the run, while the application writes for some minutes; then tune, then `migrate resume` or `migrate run`.',
  ),
  'TUNE.NOT_NOW': entry(
    2,
    'operator',
    'Where the run stands, its backlog cannot be replayed as the run would apply it.',
    'The message says what to wait for. The run goes on meanwhile.',
  ),
} as const satisfies Record<string, CodeEntry>;
