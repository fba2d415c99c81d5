// What others write to the journal, in the transaction of their rows. What decides is read with a lock, so that it is as it is
// now.

import { createHash } from 'node:crypto';
import { MigrateError } from '../../../lib/errors.ts';
import type { Key } from '../../../model/change.ts';
import type { Chunk, KeyChunk } from '../../../model/chunk.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { CheckpointMove, LaneCheckpoint } from '../../target.ts';
import type { OracleSession } from '../connection.ts';
import { shareLease } from '../lease-proof.ts';
import { ownTable } from '../own-tables.ts';
import { execute, sql } from '../statement.ts';
import { positionHash } from './lanes.ts';
import { columns, executeRows, own, select } from './session.ts';

export type Direction = 'forward' | 'reverse';

/**
 * Moves checkpoints by compare-and-set and proves the lease. Rejects with LEASE.LOST when either does not hold: a checkpoint
 * that is not where this lane left it was moved by another runner. `journal`: what the names of the tables begin with.
 */
export async function moveCheckpoints(
  session: OracleSession,
  owner: { readonly claim: LeaseClaim; readonly direction: Direction; readonly journal?: string },
  moves: readonly CheckpointMove[],
): Promise<void> {
  if (moves.length === 0) return;
  const { claim, direction, journal } = owner;
  await shareLease(session, journal);
  // What is locked is proved in the statement itself: on a long network every round trip of a batch is lag.
  const moved = await executeRows(
    session,
    `UPDATE ${ownTable('CHECKPOINT', journal)} SET "CHANGES" = "CHANGES" + :1, "SPLITS" = "SPLITS" + :2, "POSITION" = :3,
       "POSITION_HASH" = :4, "UPDATED_AT" = LOCALTIMESTAMP
     WHERE "RUN" = :5 AND "DIRECTION" = :6 AND "LANE" = :7 AND "POSITION_HASH" = :8
       AND EXISTS (SELECT 1 FROM ${ownTable('LEASE', journal)} "L" WHERE "L"."RUN" = :9 AND "L"."EPOCH" = :10)`,
    moves.map(({ changes, splits = 0, position, lane, from }) => [
      changes,
      splits,
      position,
      positionHash(position),
      claim.run,
      direction,
      lane,
      positionHash(from),
      claim.run,
      claim.epoch,
    ]),
  );
  if (moved !== moves.length) {
    throw new MigrateError('LEASE.LOST', `another runner has taken over run ${claim.run} or moved its checkpoints`);
  }
}

/** Records a row that was read again, with the row. */
export async function writeKeyChunk(
  session: OracleSession,
  run: string,
  { table, chunk }: { readonly table: Table; readonly chunk: KeyChunk },
): Promise<void> {
  const key = keyJson(chunk.key);
  const hash = createHash('sha256').update(key).digest('hex');
  const written = await execute(
    session,
    sql`UPDATE ${own('KEY_CHUNK')} SET "AT" = ${chunk.at}
        WHERE "RUN" = ${run} AND "TABLE_ID" = ${table.id} AND "KEY_HASH" = ${hash}`,
  );
  if (written === 1) return;
  await execute(
    session,
    sql`INSERT INTO ${own('KEY_CHUNK')} ("RUN", "TABLE_ID", "KEY_HASH", "KEY", "AT")
        VALUES (${run}, ${table.id}, ${hash}, ${key}, ${chunk.at})`,
  );
}

/**
 * The lanes' checkpoints, in order. The lock waits for a transaction of an earlier connection that is still ending: its
 * COMMIT may have arrived although the reply was lost.
 */
export async function readCheckpoints(
  session: OracleSession,
  { run }: Pick<LeaseClaim, 'run'>,
  direction: Direction,
  isLocked = true,
): Promise<readonly LaneCheckpoint[]> {
  const all = sql`${own('CHECKPOINT')} WHERE "RUN" = ${run} AND "DIRECTION" = ${direction} ORDER BY "LANE"`;
  const rows = await select(session, columns('lane', 'position'), isLocked ? sql`${all} FOR UPDATE` : all);
  return rows.map(({ lane, position }) => ({ lane: Number(lane), position: position as Position }));
}

/** Which chunk: by its table and number. */
export interface ChunkName {
  readonly table: Pick<Table, 'id'>;
  readonly chunk: Pick<Chunk, 'ordinal'>;
}

/**
 * Marks a chunk as done, which only one transaction can: rejects with LEASE.LOST when it is done already. Within a
 * transaction that has proved the lease.
 */
export async function writeChunk(
  session: OracleSession,
  { run }: Pick<LeaseClaim, 'run'>,
  { table, chunk, at, rows }: ChunkName & { readonly at: Position; readonly rows: number },
): Promise<void> {
  const marked = await execute(
    session,
    sql`UPDATE ${own('CHUNK')} SET "AT" = ${at}, "ROWS" = ${rows}, "DONE_AT" = LOCALTIMESTAMP
        WHERE "RUN" = ${run} AND "TABLE_ID" = ${table.id} AND "ORDINAL" = ${chunk.ordinal} AND "AT" IS NULL`,
  );
  if (marked !== 1) {
    throw new MigrateError('LEASE.LOST', `chunk ${chunk.ordinal} of ${table.id} was copied by another runner`);
  }
}

/** What a chunk was read at; null while it is not done. Waits for a transaction that is still ending. */
export async function readChunk(
  session: OracleSession,
  { run }: Pick<LeaseClaim, 'run'>,
  { table, chunk }: ChunkName,
): Promise<Position | null> {
  const [row] = await select(
    session,
    columns('at'),
    sql`${own('CHUNK')} WHERE "RUN" = ${run} AND "TABLE_ID" = ${table.id} AND "ORDINAL" = ${chunk.ordinal} FOR UPDATE`,
  );
  return (row?.at ?? null) as Position | null;
}

function keyJson(key: Key): string {
  return JSON.stringify(key.map((value) => (Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value)));
}
