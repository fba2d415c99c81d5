// Shows what the journal knows of a run that goes on: where each table stands, and what was copied and applied before.

import { showCopied } from '../copy/copied.ts';
import type { Journal } from '../journal/journal.ts';
import type { Table } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';
import { conditionsOf } from '../report/conditions.ts';

export async function showConditions(journal: Journal, carried: readonly Table[], status: RunStatus): Promise<void> {
  const snapshot = (await journal.stages.list()).find(({ stage }) => stage === 'snapshot');
  const done = snapshot !== undefined && snapshot.finishedAt !== null;
  const progress = await journal.tables.list();
  showCopied({ tables: carried, progress, status });
  const conditions = conditionsOf(progress, await journal.states.list(), done);
  const changes = await journal.tables.changesApplied();
  const splits = await journal.tables.splitTransactions();
  status.update((value) => {
    value.conditions = conditions;
    value.stream.changes = changes;
    value.stream.splitTransactions = splits;
  });
}
