// One step of a run. A stage asks the journal what is done, works, and returns what the report needs of it.
// It never retries: whatever it throws ends the attempt, and the next attempt walks the stages again.

import type { StageName } from '../journal/journal.ts';

export interface Stage {
  readonly name: StageName;
  /** True when what the stage brings up dies with the process, so that it runs at every start. */
  readonly always: boolean;
  run(): Promise<Readonly<Record<string, unknown>>>;
}
