// How far the copy has come, as the journal tells it: also what earlier processes copied.

import type { TableProgress } from '../journal/journal.ts';
import type { Table } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';

export interface CopiedParts {
  readonly tables: readonly Table[];
  /** Of every table. */
  readonly progress: readonly TableProgress[];
  readonly status: RunStatus;
}

/** Sets the copy's part of the status to what the journal says. */
export function showCopied({ tables, progress, status }: CopiedParts): void {
  const chunksOf = new Map(progress.map(({ id, chunks }) => [id, chunks]));
  status.update((value) => {
    let rows = 0;
    let rowsExpected = 0;
    for (const table of tables) {
      const chunks = chunksOf.get(table.id) ?? [];
      const done = chunks.filter(({ at }) => at !== null);
      const rowsCopied = done.reduce((sum, chunk) => sum + chunk.rows, 0);
      const bytesCopied = value.tables[table.id]?.bytesCopied ?? 0;
      value.tables[table.id] = {
        rowsExpected: Math.max(table.rowEstimate, rowsCopied),
        rowsCopied,
        bytesCopied,
        chunks: chunks.length,
        chunksDone: done.length,
      };
      rows += rowsCopied;
      rowsExpected += Math.max(table.rowEstimate, rowsCopied);
    }
    value.snapshot.rows = rows;
    value.snapshot.rowsExpected = rowsExpected;
    if (value.snapshot.seconds === 0) value.snapshot.rowsBefore = rows;
  });
}
