// How many lanes a run has, and which of them each table belongs to: decided together, journalled together.

import { createHash } from 'node:crypto';
import { assignLanes } from '../../../journal/assign-lanes.ts';
import type { LaneTable } from '../../../journal/journal.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { OracleSession } from '../connection.ts';
import { ownTable } from '../own-tables.ts';
import { execute, inLists, sql } from '../statement.ts';
import { columns, executeRows, insertRows, own, select, type TextRecord, truth } from './session.ts';

/** What a position is compared by: one can be longer than what Oracle compares. */
export function positionHash(position: string): string {
  return createHash('sha256').update(position).digest('hex');
}

/** The run's number of lanes, locked until the transaction ends; undefined without the run. */
export async function lockLanes(session: OracleSession, run: string): Promise<number | undefined> {
  const [row] = await select(session, columns('lanes'), sql`${own('RUN')} WHERE "NAME" = ${run} FOR UPDATE`);
  return row && Number(row.lanes);
}

interface NewCheckpoint {
  readonly lane: number;
  readonly position: string;
  /** Digits; 0 by default, as `splits`. */
  readonly changes?: string;
  readonly splits?: string;
}

/** Leaves those that are there. Within a transaction that has locked the run's number of lanes. */
export async function insertCheckpoints(
  session: OracleSession,
  run: string,
  checkpoints: readonly NewCheckpoint[],
  prefix?: string,
): Promise<void> {
  const there = await select(
    session,
    columns('lane'),
    sql`${own('CHECKPOINT', prefix)} WHERE "RUN" = ${run} AND "DIRECTION" = 'forward'`,
  );
  const lanes = new Set(there.map(({ lane }) => Number(lane)));
  const rows = checkpoints
    .filter(({ lane }) => !lanes.has(lane))
    .map(({ lane, position, changes = '0', splits = '0' }) => [
      run,
      'forward',
      lane,
      position,
      positionHash(position),
      Number(changes),
      Number(splits),
    ]);
  const names = ['run', 'direction', 'lane', 'position', 'position_hash', 'changes', 'splits'];
  await insertRows(session, ownTable('CHECKPOINT', prefix), names, rows);
}

/**
 * Within a transaction that has proved the lease. False, with nothing changed, while the lanes do not stand at one position.
 * What one lane has and another does not would, divided anew, be lost or doubled.
 */
export async function changeLanes(
  session: OracleSession,
  run: string,
  count: number,
  tables: readonly LaneTable[],
): Promise<boolean> {
  const lanes = await lockLanes(session, run);
  const forward = sql`${own('CHECKPOINT')} WHERE "RUN" = ${run} AND "DIRECTION" = 'forward'`;
  // Waits for transactions of lanes that are still ending.
  const checkpoints = await select(
    session,
    columns('lane', 'position', 'changes', 'splits'),
    sql`${forward} FOR UPDATE`,
  );
  if (lanes === count && checkpoints.every(({ lane }) => Number(lane) < count)) return true;
  const positions = [...new Set(checkpoints.map(({ position }) => position ?? ''))];
  if (positions.length > 1) return false;
  await execute(session, sql`UPDATE ${own('RUN')} SET "LANES" = ${count} WHERE "NAME" = ${run}`);
  await mergeApart(session, run, tables);
  await reassign(session, run, count, tables);
  for (const position of positions) {
    await execute(session, sql`DELETE FROM ${forward}`);
    const [changes, splits] = [total(checkpoints, 'changes'), total(checkpoints, 'splits')];
    const rows = Array.from({ length: count }, (_, lane) =>
      lane === 0 ? { lane, position, changes, splits } : { lane, position },
    );
    await insertCheckpoints(session, run, rows);
  }
  return true;
}

/** Tables that were copied again are carried like all others from here on. */
async function mergeApart(session: OracleSession, run: string, tables: readonly LaneTable[]): Promise<void> {
  const copying = await select(
    session,
    columns('table_id'),
    sql`${own('TABLE_STATE')} WHERE "RUN" = ${run} AND "STATE" = 'copying' FOR UPDATE`,
  );
  const merged = new Set(copying.map(({ table_id }) => table_id));
  const ids = tables.filter(({ id, spread }) => spread && merged.has(id)).map(({ id }) => id);
  for (const piece of inLists(ids)) {
    await execute(
      session,
      sql`UPDATE ${own('TABLES')} SET "SPREAD" = 1 WHERE "RUN" = ${run} AND "TABLE_ID" IN ${piece}`,
    );
  }
  await execute(session, sql`DELETE FROM ${own('TABLE_STATE')} WHERE "RUN" = ${run} AND "STATE" = 'copying'`);
  await failpoint('table.merging');
}

async function reassign(
  session: OracleSession,
  run: string,
  count: number,
  tables: readonly LaneTable[],
): Promise<void> {
  const rows = await select(
    session,
    { ...columns('table_id'), spread: truth('spread') },
    sql`${own('TABLES')} WHERE "RUN" = ${run} FOR UPDATE`,
  );
  const spread = new Map(rows.map((row) => [row.table_id ?? '', row.spread === 't']));
  // A table that was sent home once weighs on its lane alone.
  const weighed = tables.map(({ id, byteEstimate }) => ({ byteEstimate, spread: spread.get(id) ?? false }));
  const lanes = assignLanes(weighed, count);
  await executeRows(
    session,
    `UPDATE ${ownTable('TABLES')} SET "LANE" = :1 WHERE "RUN" = :2 AND "TABLE_ID" = :3`,
    tables.map(({ id }, index) => [lanes[index] ?? 0, run, id]),
  );
}

function total(rows: readonly TextRecord[], column: 'changes' | 'splits'): string {
  return String(rows.reduce((sum, row) => sum + BigInt(row[column] ?? 0), 0n));
}
