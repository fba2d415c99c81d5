// The order in which tables are given names: a table that joins a run must not take, or shift, what another has on the target.

import { type TableId, type TableName, tableId } from '../model/table.ts';

/** Tables that joined a run, in the order in which they did; none before it began. */
export type Joined = readonly Pick<TableName, 'schema' | 'name'>[];

export const idOf = ({ table }: { readonly table: TableName }): TableId => table.id;

/** Converts the tables that joined a run after all others, one by one in their order. The results are in the order of `tables`. */
export function inTurn<S, T>(
  tables: readonly S[],
  joined: Joined,
  idOf: (table: S) => TableId,
  convert: (table: S) => T,
): readonly T[] {
  const places = new Map(joined.map(({ schema, name }, place) => [tableId(schema, name), place]));
  const turn = (table: S): number => places.get(idOf(table)) ?? -1;
  return tables
    .map((table, index) => ({ table, index }))
    .sort((one, other) => turn(one.table) - turn(other.table))
    .map(({ table, index }) => ({ index, result: convert(table) }))
    .sort((one, other) => one.index - other.index)
    .map(({ result }) => result);
}
