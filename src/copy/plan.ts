// Cuts the tables that have no chunks yet and journals them. The cut is made once: a resumed run keeps its chunks.

import type { SourceChunks } from '../databases/source.ts';
import type { TableJournal } from '../journal/journal.ts';
import type { Table } from '../model/table.ts';

export interface PlanChunksOptions {
  readonly tables: readonly Table[];
  readonly chunks: SourceChunks;
  readonly journal: Pick<TableJournal, 'plan' | 'list'>;
  /** Rows per chunk to aim at. */
  readonly rows: number;
  readonly signal: AbortSignal;
}

/** Afterwards the journal holds the chunks of every table. */
export async function planChunks({ tables, chunks, journal, rows, signal }: PlanChunksOptions): Promise<void> {
  const progress = await journal.list();
  const planned = new Set(progress.filter(({ bounds }) => bounds !== null).map(({ id }) => id));
  for (const table of tables) {
    if (planned.has(table.id)) continue;
    signal.throwIfAborted();
    await journal.plan(table.id, await chunks.plan(table, rows));
  }
}
