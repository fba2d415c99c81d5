// Rows to be bound, in batches of what is worth a round trip.

import type { BindColumn, ValueRow } from '../connection.ts';
import { LONG, SHORT } from '../driver.ts';
import type { WrittenColumn } from './columns.ts';

export interface Batch {
  readonly rows: readonly ValueRow[];
  readonly columns: readonly BindColumn[];
  /** About so many. */
  readonly bytes: number;
}

/** Larger ones are no quicker, and hold the first rows back. */
const MOST_ROWS = 1_000;
const MOST_BYTES = 1 << 18;
/** The server parses a statement anew for longer values than it has met: there are few lengths. */
const LENGTHS = [128, 2_000, 4_000, 32_767];

/** Takes the rows as they are asked for. A row that is larger alone is a batch alone. */
export function* batches(places: readonly WrittenColumn[], rows: Iterable<ValueRow>): Generator<Batch> {
  let batch: ValueRow[] = [];
  let size = 0;
  for (const row of rows) {
    const bytes = sizeOf(row);
    if (batch.length > 0 && (batch.length >= MOST_ROWS || size + bytes > MOST_BYTES)) {
      yield { rows: batch, columns: bindColumns(places, batch), bytes: size };
      batch = [];
      size = 0;
    }
    batch.push(row);
    size += bytes;
  }
  if (batch.length > 0) yield { rows: batch, columns: bindColumns(places, batch), bytes: size };
}

export function bindColumns(places: readonly WrittenColumn[], rows: readonly ValueRow[]): readonly BindColumn[] {
  return places.map(({ kind, column }, index) => {
    const longest = longestOf(rows, index, kind.isBytes ? 1 : 3);
    // The server makes JSON of a text or of a large object, but not of what it takes for a LONG.
    if (column.type === 'JSON' && longest > SHORT) return { type: 'clob', maxBytes: longest };
    // Sent last, also where a text could be as long: nothing of some length may follow another LONG.
    const maxBytes =
      kind.isLarge && longest > SHORT
        ? Math.max(longest, LONG)
        : (LENGTHS.find((length) => longest <= length) ?? longest);
    return { type: kind.isBytes ? 'bytes' : 'text', maxBytes };
  });
}

/** In bytes, of which a unit takes at most so many; a little more where that is cheaper to say. */
function longestOf(rows: readonly ValueRow[], index: number, unit: 1 | 3): number {
  let units = 0;
  for (const row of rows) {
    const length = row[index]?.length ?? 0;
    if (length > units) units = length;
  }
  if (unit === 1 || unit * units <= SHORT) return unit * units;
  let bytes = 0;
  for (const row of rows) {
    const value = row[index] ?? null;
    if (value !== null && unit * value.length > bytes) bytes = Math.max(bytes, Buffer.byteLength(value));
  }
  return bytes;
}

export function sizeOf(row: ValueRow): number {
  let size = 0;
  for (const value of row) size += value?.length ?? 0;
  return size;
}
