// What is left to do for one change, once it was judged.

import type { Row, RowChange } from '../model/change.ts';
import type { KeyChunk, KeyRange } from '../model/chunk.ts';
import type { Table } from '../model/table.ts';

/** Put the row as the source has it now, if it has it. The target has no row of this key at that moment. */
export interface RereadStep {
  readonly op: 'reread';
  readonly table: Table;
  readonly chunk: KeyChunk;
  readonly row: Row | undefined;
}

/** Empty the table, or the given ranges of it. */
export interface EmptyStep {
  readonly op: 'empty';
  readonly table: Table;
  readonly ranges: readonly KeyRange[] | 'all';
}

/** A change by itself is applied as it is. */
export type Step = RowChange | RereadStep | EmptyStep;
