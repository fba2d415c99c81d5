// Where each table of a run stands, as the journal tells it.

import type { TableProgress } from '../journal/journal.ts';
import type { TableStateRecord } from '../journal/table-states.ts';
import type { TableId } from '../model/table.ts';
import type { TableCondition } from '../observe/status.ts';

/** `snapshotDone`: every table that is carried was copied once. */
export function conditionsOf(
  tables: readonly Pick<TableProgress, 'id' | 'chunks'>[],
  states: readonly TableStateRecord[],
  snapshotDone: boolean,
): Readonly<Record<TableId, TableCondition>> {
  const asked = new Map(states.map(({ table, state }) => [table, state]));
  return Object.fromEntries(
    tables.map(({ id, chunks }) => {
      const copied = chunks.length > 0 && chunks.every(({ at }) => at !== null);
      return [id, conditionOf(asked.get(id), copied, snapshotDone)];
    }),
  );
}

function conditionOf(
  state: TableStateRecord['state'] | undefined,
  copied: boolean,
  snapshotDone: boolean,
): TableCondition {
  if (state === 'skipped') return 'skipped';
  if (state === 'asked') return 'waiting';
  if (state === 'copying') return copied ? 'catching up' : 'copying';
  if (snapshotDone) return 'following';
  return copied ? 'copied' : 'copying';
}
