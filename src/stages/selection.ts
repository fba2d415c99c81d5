// Which tables a run captures: the patterns that it began with, whatever the plan says now, and what joined it since.

import type { TableSelection } from '../databases/source.ts';
import type { RunRecord } from '../journal/journal.ts';
import { patternsOf } from '../plan/hash.ts';

/** What is to join is none of them, also where a pattern matches it. */
export function selectionOf({ planFields, added, joining }: RunRecord): Required<TableSelection> {
  return { ...patternsOf(planFields), names: added, without: joining };
}
