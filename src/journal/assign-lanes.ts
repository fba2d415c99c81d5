// Which lane each table belongs to.

import type { Table } from '../model/table.ts';

/**
 * Tables to lanes, the largest first onto the least loaded. Rows that are divided load all lanes alike; the lane of their
 * table counts only should it be sent home.
 */
export function assignLanes(
  tables: readonly Pick<Table, 'spread' | 'byteEstimate'>[],
  lanes: number,
): readonly number[] {
  const load = new Array<number>(lanes).fill(0);
  const assigned = new Array<number>(tables.length).fill(0);
  const order = tables
    .map(({ spread, byteEstimate }, index) => ({ index, spread, bytes: byteEstimate + 1 }))
    .sort((a, b) => Number(a.spread) - Number(b.spread) || b.bytes - a.bytes);
  for (const { index, bytes } of order) {
    const lane = load.indexOf(Math.min(...load));
    assigned[index] = lane;
    load[lane] = (load[lane] ?? 0) + bytes;
  }
  return assigned;
}
