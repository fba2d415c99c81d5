// The rows of a set as one array per column, in statements of a size that a server and a string can hold.

import type { Key, LoggedValue, Row } from '../../../model/change.ts';
import { ArrayText } from '../sql.ts';
import { isFull, LARGEST_IN_SET, sizeOfValue } from './slices.ts';

/** The values at one place of many rows. */
export interface ValueColumn {
  readonly rows: readonly (Row | Key)[];
  readonly at: number;
}

export interface ColumnArrays {
  /** The index after the last row in them. */
  readonly to: number;
  /** Undefined when a row is too large for a set. */
  readonly arrays: readonly string[] | undefined;
}

export function columnsOf(rows: readonly (Row | Key)[], places: Iterable<number>): readonly ValueColumn[] {
  return Array.from(places, (at) => ({ rows, at }));
}

/** Takes row after row, not column after column: the values of a row lie near each other in memory, those of a column do not. */
export function* columnArrays(count: number, columns: readonly ValueColumn[]): Generator<ColumnArrays> {
  let arrays = columns.map(() => new ArrayText());
  let from = 0;
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const size = sizeOfRow(columns, index);
    if (size > LARGEST_IN_SET) {
      yield { to: index, arrays: undefined };
      return;
    }
    if (index > from && isFull(index - from, bytes + size)) {
      yield { to: index, arrays: arrays.map((array) => array.end()) };
      arrays = columns.map(() => new ArrayText());
      from = index;
      bytes = 0;
    }
    bytes += size;
    for (let place = 0; place < columns.length; place++) arrays[place]?.add(valueAt(columns[place], index));
  }
  if (count > from) yield { to: count, arrays: arrays.map((array) => array.end()) };
}

function sizeOfRow(columns: readonly ValueColumn[], index: number): number {
  let size = 0;
  for (let place = 0; place < columns.length; place++) size += sizeOfValue(valueAt(columns[place], index));
  return size;
}

function valueAt(column: ValueColumn | undefined, index: number): LoggedValue {
  return column?.rows[index]?.[column.at];
}
