// How many empty values of the source are something else on the target, as each range had them when it was compared.

import { emptyOf } from '../databases/conversion.ts';
import { keyText } from '../model/change.ts';
import type { KeyRange } from '../model/chunk.ts';
import type { EmptyCount, EmptyValues } from '../model/empty-values.ts';
import type { Table, TableId } from '../model/table.ts';

export class EmptyCounts {
  readonly #tables = new Map<TableId, { readonly table: Table; readonly ranges: Map<string, readonly EmptyCount[]> }>();

  /** In the place of what was counted in this range before. */
  put(table: Table, { lower }: KeyRange, counts: readonly EmptyCount[]): void {
    const { ranges } = this.#tables.get(table.id) ?? { ranges: new Map<string, readonly EmptyCount[]>() };
    const name = lower === null ? '' : `from ${keyText(lower)}`;
    if (counts.length > 0) ranges.set(name, counts);
    else ranges.delete(name);
    this.#tables.set(table.id, { table, ranges });
  }

  remove(table: TableId): void {
    this.#tables.delete(table);
  }

  /** By table, in the order of its columns. */
  list(): readonly EmptyValues[] {
    return [...this.#tables.values()]
      .toSorted((one, other) => (one.table.id < other.table.id ? -1 : 1))
      .flatMap(({ table, ranges }) => {
        const sums = new Map<string, number>();
        for (const { column, values } of [...ranges.values()].flat()) {
          sums.set(column, (sums.get(column) ?? 0) + values);
        }
        return table.columns.flatMap((column) => {
          const values = sums.get(column.name);
          if (values === undefined) return [];
          const empty = emptyOf(column);
          const became = typeof empty === 'object' ? empty.sentinel : null;
          return [{ table: table.id, column: column.name, values, became }];
        });
      });
  }
}
