// How many lanes a run has, and which of them each table belongs to: decided together, journalled together.

import { assignLanes } from '../../../journal/assign-lanes.ts';
import type { LaneTable } from '../../../journal/journal.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { TableId } from '../../../model/table.ts';
import type { Session, TextRow } from '../connection.ts';
import { field, isTrue } from '../row.ts';

/**
 * Within a transaction that has proved the lease. False, with nothing changed, while the lanes do not stand at one position.
 * What one lane has and another does not would, divided anew, be lost or doubled.
 */
export async function changeLanes(
  session: Session,
  run: string,
  count: number,
  tables: readonly LaneTable[],
): Promise<boolean> {
  const record = await session.one(
    `SELECT lanes, EXISTS (SELECT FROM migrate.checkpoint WHERE run = $1 AND lane >= lanes) AS apart
     FROM migrate.run WHERE name = $1 FOR UPDATE`,
    [run],
  );
  if (record?.lanes === String(count) && !isTrue(record, 'apart')) return true;
  // Waits for transactions of lanes that are still ending.
  const checkpoints = await session.query(
    `SELECT position, changes, splits FROM migrate.checkpoint WHERE run = $1 AND direction = 'forward' FOR UPDATE`,
    [run],
  );
  const positions = [...new Set(checkpoints.map((row) => field(row, 'position')))];
  if (positions.length > 1) return false;
  await session.execute('UPDATE migrate.run SET lanes = $2 WHERE name = $1', [run, count]);
  await mergeApart(session, run, tables);
  await reassign(session, run, count, tables);
  for (const position of positions) {
    await session.execute(`DELETE FROM migrate.checkpoint WHERE run = $1 AND direction = 'forward'`, [run]);
    await session.execute(
      `INSERT INTO migrate.checkpoint (run, direction, lane, position, changes, splits)
       SELECT $1, 'forward', n, $3, CASE n WHEN 0 THEN $4::bigint ELSE 0 END, CASE n WHEN 0 THEN $5::bigint ELSE 0 END
       FROM generate_series(0, $2::int - 1) AS n`,
      [run, count, position, total(checkpoints, 'changes'), total(checkpoints, 'splits')],
    );
  }
  return true;
}

/** Tables that were copied again are carried like all others from here on. */
async function mergeApart(session: Session, run: string, tables: readonly LaneTable[]): Promise<void> {
  const ids = tables.filter(({ spread }) => spread).map(({ id }) => id);
  await session.execute(
    `UPDATE migrate.tables AS t SET spread = true FROM migrate.table_state AS s
     WHERE t.run = $1 AND s.run = $1 AND s.table_id = t.table_id AND s.state = 'copying' AND t.table_id = ANY ($2::text[])`,
    [run, ids],
  );
  await session.execute(`DELETE FROM migrate.table_state WHERE run = $1 AND state = 'copying'`, [run]);
  await failpoint('table.merging');
}

async function reassign(session: Session, run: string, count: number, tables: readonly LaneTable[]): Promise<void> {
  const rows = await session.query('SELECT table_id, spread FROM migrate.tables WHERE run = $1', [run]);
  const spread = new Map(rows.map((row) => [field(row, 'table_id'), isTrue(row, 'spread')]));
  // A table that was sent home once weighs on its lane alone.
  const weighed = tables.map(({ id, byteEstimate }) => ({ byteEstimate, spread: spread.get(id) ?? false }));
  await session.execute(
    `UPDATE migrate.tables AS t SET lane = l.lane FROM unnest($2::text[], $3::int[]) AS l(id, lane)
     WHERE t.run = $1 AND t.table_id = l.id`,
    [run, tables.map(({ id }): TableId => id), assignLanes(weighed, count)],
  );
}

function total(rows: readonly TextRow[], column: string): string {
  return String(rows.reduce((sum, row) => sum + BigInt(field(row, column)), 0n));
}
