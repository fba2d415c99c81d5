// Shows what the journal knows of a run that goes on: where each table stands, and what was applied before.

import type { Journal } from '../journal/journal.ts';
import type { RunStatus } from '../observe/status.ts';
import { conditionsOf } from '../report/conditions.ts';

export async function showConditions(journal: Journal, status: RunStatus): Promise<void> {
  const snapshot = (await journal.stages.list()).find(({ stage }) => stage === 'snapshot');
  const done = snapshot !== undefined && snapshot.finishedAt !== null;
  const conditions = conditionsOf(await journal.tables.list(), await journal.states.list(), done);
  const changes = await journal.tables.changesApplied();
  const splits = await journal.tables.splitTransactions();
  status.update((value) => {
    value.conditions = conditions;
    value.stream.changes = changes;
    value.stream.splitTransactions = splits;
  });
}
