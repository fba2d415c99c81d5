// What the target is to call things that have another name on the source.

import type { TableName } from './table.ts';

export interface ColumnRename {
  readonly from: string;
  readonly to: string;
  /** True when the column follows that of a table it is inherited from. */
  readonly inherited: boolean;
}

/** Its indexes, constraints, and the sequences of its columns move along and keep their names. */
export interface TableRename {
  readonly table: TableName;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly ColumnRename[];
}

export interface Renames {
  /** Tables of any kind that get another schema or name, or have a column that does. */
  readonly tables: readonly TableRename[];
  /** Where types, and sequences that belong to no table, move. */
  readonly schemas: readonly { readonly from: string; readonly to: string }[];
}
