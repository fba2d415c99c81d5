// Values of one column that are empty texts, or no bytes at all, on the source, and something else on the target.

import type { TableId } from './table.ts';

/** Of one column: how many. NULLs of the source are none of them. */
export interface EmptyCount {
  readonly column: string;
  readonly values: number;
}

export interface EmptyValues extends EmptyCount {
  readonly table: TableId;
  /** What they are on the target: NULL, or the text that stands for them. */
  readonly became: string | null;
}
