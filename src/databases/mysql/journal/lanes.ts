// How many lanes a run has, and which of them each table belongs to: decided together, journalled together.

import { assignLanes } from '../../../journal/assign-lanes.ts';
import type { LaneTable } from '../../../journal/journal.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { TableId } from '../../../model/table.ts';
import type { MysqlSession } from '../connection.ts';
import { inPieces, sql, tuple } from '../statement.ts';
import { columns, select, type TextRecord, truth } from './session.ts';

/** The run's number of lanes, locked until the transaction ends; undefined without the run. */
export async function lockLanes(session: MysqlSession, run: string): Promise<number | undefined> {
  const [row] = await select(session, columns('lanes'), sql`migrate.run WHERE name = ${run} FOR UPDATE`);
  return row && Number(row.lanes);
}

interface NewCheckpoint {
  readonly lane: number;
  readonly position: string;
  /** Digits; 0 by default, as `splits`. */
  readonly changes?: string;
  readonly splits?: string;
}

/** Leaves those that are there. */
export async function insertCheckpoints(
  session: MysqlSession,
  run: string,
  checkpoints: readonly NewCheckpoint[],
): Promise<void> {
  const rows = checkpoints.map(({ lane, position, changes = '0', splits = '0' }) =>
    tuple([run, 'forward', lane, position, changes, splits]),
  );
  for (const piece of inPieces(rows)) {
    await session.execute(
      `INSERT INTO migrate.checkpoint (run, direction, lane, position, changes, splits) VALUES ${piece}
       ON DUPLICATE KEY UPDATE lane = lane`,
    );
  }
}

/**
 * Within a transaction that has proved the lease. False, with nothing changed, while the lanes do not stand at one position.
 * What one lane has and another does not would, divided anew, be lost or doubled.
 */
export async function changeLanes(
  session: MysqlSession,
  run: string,
  count: number,
  tables: readonly LaneTable[],
): Promise<boolean> {
  const lanes = await lockLanes(session, run);
  // Waits for transactions of lanes that are still ending.
  const checkpoints = await select(
    session,
    columns('lane', 'position', 'changes', 'splits'),
    sql`migrate.checkpoint WHERE run = ${run} AND direction = 'forward' FOR UPDATE`,
  );
  if (lanes === count && checkpoints.every(({ lane }) => Number(lane) < count)) return true;
  const positions = [...new Set(checkpoints.map(({ position }) => position ?? ''))];
  if (positions.length > 1) return false;
  await session.execute(sql`UPDATE migrate.run SET lanes = ${count} WHERE name = ${run}`);
  await mergeApart(session, run, tables);
  await reassign(session, run, count, tables);
  for (const position of positions) {
    await session.execute(sql`DELETE FROM migrate.checkpoint WHERE run = ${run} AND direction = 'forward'`);
    const [changes, splits] = [total(checkpoints, 'changes'), total(checkpoints, 'splits')];
    const rows = Array.from({ length: count }, (_, lane) =>
      lane === 0 ? { lane, position, changes, splits } : { lane, position },
    );
    await insertCheckpoints(session, run, rows);
  }
  return true;
}

/** Tables that were copied again are carried like all others from here on. */
async function mergeApart(session: MysqlSession, run: string, tables: readonly LaneTable[]): Promise<void> {
  const copying = await select(
    session,
    columns('table_id'),
    sql`migrate.table_state WHERE run = ${run} AND state = 'copying' FOR UPDATE`,
  );
  const merged = new Set(copying.map(({ table_id }) => table_id));
  const ids = tables.filter(({ id, spread }) => spread && merged.has(id)).map(({ id }) => id);
  await session.execute(sql`UPDATE migrate.tables SET spread = true WHERE run = ${run} AND table_id IN ${ids}`);
  await session.execute(sql`DELETE FROM migrate.table_state WHERE run = ${run} AND state = 'copying'`);
  await failpoint('table.merging');
}

async function reassign(
  session: MysqlSession,
  run: string,
  count: number,
  tables: readonly LaneTable[],
): Promise<void> {
  const rows = await select(
    session,
    { ...columns('table_id'), spread: truth('spread') },
    sql`migrate.tables WHERE run = ${run} FOR UPDATE`,
  );
  const spread = new Map(rows.map((row) => [row.table_id ?? '', row.spread === 't']));
  // A table that was sent home once weighs on its lane alone.
  const weighed = tables.map(({ id, byteEstimate }) => ({ byteEstimate, spread: spread.get(id) ?? false }));
  const lanes = assignLanes(weighed, count);
  for (let lane = 0; lane < count; lane++) {
    const ids = tables.filter((_, index) => lanes[index] === lane).map(({ id }): TableId => id);
    await session.execute(sql`UPDATE migrate.tables SET lane = ${lane} WHERE run = ${run} AND table_id IN ${ids}`);
  }
}

function total(rows: readonly TextRecord[], column: 'changes' | 'splits'): string {
  return String(rows.reduce((sum, row) => sum + BigInt(row[column] ?? 0), 0n));
}
