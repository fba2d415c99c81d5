// What others write to the journal, in the transaction of their rows. Every reading locks, so that it sees what is committed,
// whatever the isolation of the transaction.

import { createHash } from 'node:crypto';
import { MigrateError } from '../../../lib/errors.ts';
import type { Key } from '../../../model/change.ts';
import type { Chunk, KeyChunk } from '../../../model/chunk.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { CheckpointMove, LaneCheckpoint } from '../../target.ts';
import type { MysqlSession } from '../connection.ts';
import { bytesLiteral, quoteName } from '../sql.ts';
import { sql } from '../statement.ts';

export type Direction = 'forward' | 'reverse';

/**
 * Moves checkpoints by compare-and-set and proves the lease. Rejects with LEASE.LOST when either does not hold: a checkpoint
 * that is not where this lane left it was moved by another runner.
 */
export async function moveCheckpoints(
  session: MysqlSession,
  owner: { readonly claim: LeaseClaim; readonly direction: Direction; readonly journal?: string },
  moves: readonly CheckpointMove[],
): Promise<void> {
  if (moves.length === 0) return;
  const { claim, direction, journal = 'migrate' } = owner;
  const within = quoteName(journal);
  // The lease is proved in the same statement: on a long network every round trip of a batch is lag.
  const moved = await session.execute(
    `UPDATE ${within}.checkpoint SET
       changes = changes + ${byLane(moves, ({ changes }) => sql`${changes}`)},
       splits = splits + ${byLane(moves, ({ splits = 0 }) => sql`${splits}`)},
       position = ${byLane(moves, ({ position }) => sql`${position}`)},
       updated_at = UTC_TIMESTAMP(6)
     WHERE ${sql`run = ${claim.run} AND direction = ${direction} AND lane IN ${moves.map(({ lane }) => lane)}`}
       AND position = ${byLane(moves, ({ from }) => sql`${from}`)}
       AND EXISTS (SELECT 1 FROM ${within}.lease WHERE ${sql`run = ${claim.run} AND epoch = ${claim.epoch}`} FOR SHARE)`,
  );
  if (moved !== moves.length) {
    throw new MigrateError('LEASE.LOST', `another runner has taken over run ${claim.run} or moved its checkpoints`);
  }
}

function byLane(moves: readonly CheckpointMove[], value: (move: CheckpointMove) => string): string {
  return `CASE lane ${moves.map((move) => `WHEN ${move.lane} THEN ${value(move)}`).join(' ')} END`;
}

/** Records a row that was read again, with the row. */
export async function writeKeyChunk(
  session: MysqlSession,
  run: string,
  { table, chunk }: { readonly table: Table; readonly chunk: KeyChunk },
): Promise<void> {
  const key = keyJson(chunk.key);
  const hash = bytesLiteral(createHash('sha256').update(key).digest());
  await session.execute(
    `INSERT INTO migrate.key_chunk (run, table_id, key_hash, \`key\`, \`at\`)
     VALUES (${sql`${run}, ${table.id}`}, ${hash}, ${sql`${key}, ${chunk.at}`})
     ON DUPLICATE KEY UPDATE ${sql`\`at\` = ${chunk.at}`}`,
  );
}

/**
 * The lanes' checkpoints, in order. The lock waits for a transaction of an earlier connection that is still ending: its
 * COMMIT may have arrived although the reply was lost.
 */
export async function readCheckpoints(
  session: MysqlSession,
  { run }: Pick<LeaseClaim, 'run'>,
  direction: Direction,
  isLocked = true,
): Promise<readonly LaneCheckpoint[]> {
  const all = sql`SELECT lane, position FROM migrate.checkpoint WHERE run = ${run} AND direction = ${direction} ORDER BY lane`;
  const rows = await session.query(isLocked ? `${all} FOR UPDATE` : all);
  return rows.map(([lane, position]) => ({ lane: Number(lane), position: position as Position }));
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
  session: MysqlSession,
  { run }: Pick<LeaseClaim, 'run'>,
  { table, chunk, at, rows }: ChunkName & { readonly at: Position; readonly rows: number },
): Promise<void> {
  const marked = await session.execute(
    sql`UPDATE migrate.chunk SET \`at\` = ${at}, \`rows\` = ${rows}, done_at = UTC_TIMESTAMP(6)
        WHERE run = ${run} AND table_id = ${table.id} AND ordinal = ${chunk.ordinal} AND \`at\` IS NULL`,
  );
  if (marked !== 1) {
    throw new MigrateError('LEASE.LOST', `chunk ${chunk.ordinal} of ${table.id} was copied by another runner`);
  }
}

/** What a chunk was read at; null while it is not done. Waits for a transaction that is still ending. */
export async function readChunk(
  session: MysqlSession,
  { run }: Pick<LeaseClaim, 'run'>,
  { table, chunk }: ChunkName,
): Promise<Position | null> {
  const [row] = await session.query(
    sql`SELECT \`at\` FROM migrate.chunk
        WHERE run = ${run} AND table_id = ${table.id} AND ordinal = ${chunk.ordinal} FOR UPDATE`,
  );
  return (row?.[0] ?? null) as Position | null;
}

function keyJson(key: Key): string {
  return JSON.stringify(key.map((value) => (Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value)));
}
