// Cuts tables into the ranges that are compared, starting from the chunks they were copied in.

import type { TableProgress } from '../journal/journal.ts';
import type { KeyRange } from '../model/chunk.ts';
import type { Table } from '../model/table.ts';

export interface PlannedRange {
  readonly table: Table;
  readonly range: KeyRange;
  /** As counted by the copy; rows have come and gone since. */
  readonly rows: number;
}

/** Joins small neighbouring chunks up to about `chunkRows` rows. Larger ones are left to be cut when their turn comes. */
export function planRanges(
  table: Table,
  progress: TableProgress | undefined,
  chunkRows: number,
): readonly PlannedRange[] {
  const chunks = progress?.bounds === null ? [] : (progress?.chunks ?? []);
  const planned: PlannedRange[] = [];
  for (const chunk of chunks.toSorted((one, other) => one.ordinal - other.ordinal)) {
    const last = planned.at(-1);
    if (last !== undefined && last.rows + chunk.rows <= chunkRows) {
      const range = { lower: last.range.lower, upper: chunk.range.upper };
      planned[planned.length - 1] = { table, range, rows: last.rows + chunk.rows };
    } else planned.push({ table, range: chunk.range, rows: chunk.rows });
  }
  return planned.length > 0 ? planned : [{ table, range: { lower: null, upper: null }, rows: table.rowEstimate }];
}
