// What takes the direct path: all rows of a chunk in one statement, since nobody can write to or read from a table after such an insert
// before it is committed.

import type { ValueRow } from '../connection.ts';
import { SHORT } from '../driver.ts';
import { type Batch, bindColumns, sizeOf } from './batches.ts';
import type { WrittenColumn } from './columns.ts';

/** Ignored without a word where the server cannot. */
export const DIRECT_PATH = '/*+ APPEND_VALUES */';

/** Of the rows that one statement is given: they are kept here, and there. */
export const MOST_BYTES = 1 << 25;
/** What any value takes besides itself. */
const VALUE_BYTES = 16;

export interface Gathered {
  readonly rows: readonly ValueRow[];
  /** All in one; undefined when they are more than one statement is given, or of values that go another way. */
  readonly whole: Batch | undefined;
}

/** Takes pieces until they end or are too much for one statement; the others stay. */
export async function gather(
  places: readonly WrittenColumn[],
  pieces: AsyncIterator<Iterable<ValueRow>>,
  mostBytes = MOST_BYTES,
): Promise<Gathered> {
  const rows: ValueRow[] = [];
  for (let bytes = 0; bytes <= mostBytes; ) {
    const { done, value: piece } = await pieces.next();
    if (done === true) return { rows, whole: wholeOf(places, rows, bytes) };
    for (const row of piece) {
      rows.push(row);
      bytes += sizeOf(row) + VALUE_BYTES * row.length;
    }
  }
  return { rows, whole: undefined };
}

/** Longer values are bound as LONG where the server has no extended texts; whether an array of these is one insert, its manual does not say. */
function wholeOf(places: readonly WrittenColumn[], rows: readonly ValueRow[], bytes: number): Batch | undefined {
  const columns = bindColumns(places, rows);
  return columns.every(({ maxBytes }) => maxBytes <= SHORT) ? { rows, columns, bytes } : undefined;
}
