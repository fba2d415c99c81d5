// What a lane writes to the journal, in the transaction of its rows.

import { MigrateError } from '../../../lib/errors.ts';
import type { KeyChunk } from '../../../model/chunk.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { CheckpointMove, LaneCheckpoint } from '../../target.ts';
import type { Session } from '../connection.ts';
import { field } from '../row.ts';
import { arrayLiteral, quoteName, valueText } from '../sql.ts';

export type Direction = 'forward' | 'reverse';

// A checkpoint that is not where this lane left it was moved by another runner. The lease is proved in the same statement:
// on a long network every round trip of a batch is lag.
const moveIn = (schema: string): string => `
WITH held AS (SELECT 1 FROM ${schema}.lease WHERE run = $1 AND epoch = $7 FOR SHARE)
UPDATE ${schema}.checkpoint AS c
SET position = m.new, changes = c.changes + m.changes, splits = c.splits + m.splits, updated_at = now()
FROM unnest($3::int[], $4::text[], $5::text[], $6::bigint[], $8::bigint[]) AS m(lane, old, new, changes, splits)
WHERE c.run = $1 AND c.direction = $2 AND c.lane = m.lane AND c.position = m.old AND EXISTS (SELECT FROM held)`;
const MOVE = moveIn('migrate');

/** Moves checkpoints by compare-and-set and proves the lease. Rejects with LEASE.LOST when either does not hold. */
export async function moveCheckpoints(
  session: Session,
  owner: { readonly claim: LeaseClaim; readonly direction: Direction; readonly journal?: string },
  moves: readonly CheckpointMove[],
): Promise<void> {
  const move = owner.journal === undefined ? MOVE : moveIn(quoteName(owner.journal));
  const moved = await session.prepared('move_checkpoints', move, [
    owner.claim.run,
    owner.direction,
    arrayLiteral(moves.map(({ lane }) => String(lane))),
    arrayLiteral(moves.map(({ from }) => from)),
    arrayLiteral(moves.map(({ position }) => position)),
    arrayLiteral(moves.map(({ changes }) => String(changes))),
    owner.claim.epoch,
    arrayLiteral(moves.map(({ splits = 0 }) => String(splits))),
  ]);
  if (moved.rowCount !== moves.length) {
    throw new MigrateError(
      'LEASE.LOST',
      `another runner has taken over run ${owner.claim.run} or moved its checkpoints`,
    );
  }
}

/** Records a row that was read again, with the row. */
export async function writeKeyChunk(
  session: Session,
  run: string,
  written: { readonly table: Table; readonly chunk: KeyChunk },
): Promise<void> {
  await session.prepared(
    'write_key_chunk',
    `INSERT INTO migrate.key_chunk (run, table_id, key, at) VALUES ($1, $2, $3::jsonb, $4)
     ON CONFLICT (run, table_id, key) DO UPDATE SET at = excluded.at`,
    [run, written.table.id, JSON.stringify(written.chunk.key.map(valueText)), written.chunk.at],
  );
}

/**
 * The lanes' checkpoints, in order. The lock waits for a transaction of an earlier connection that is still ending: its
 * COMMIT may have arrived although the reply was lost.
 */
export async function readCheckpoints(
  session: Session,
  claim: Pick<LeaseClaim, 'run'>,
  direction: Direction,
  isLocked = true,
): Promise<readonly LaneCheckpoint[]> {
  const all = 'SELECT lane, position FROM migrate.checkpoint WHERE run = $1 AND direction = $2 ORDER BY lane';
  const rows = await session.query(isLocked ? `${all} FOR UPDATE` : all, [claim.run, direction]);
  return rows.map((row) => ({ lane: Number(field(row, 'lane')), position: field(row, 'position') as Position }));
}
