// The lease as every writing transaction sees it: a row in database `migrate`, which it proves to be its own.

import { MigrateError } from '../../lib/errors.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { MysqlSession } from './connection.ts';
import { quoteLiteral } from './sql.ts';

/** Each commits by itself and may be run again. */
export const LEASE_SCHEMA: readonly string[] = [
  'CREATE DATABASE IF NOT EXISTS migrate',
  `CREATE TABLE IF NOT EXISTS migrate.lease (
    run varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    epoch bigint NOT NULL,
    holder varchar(400) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    taken_at datetime(6) NOT NULL,
    target varchar(400) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
  ) ENGINE=InnoDB`,
];

/**
 * Proves, inside the caller's transaction, that this runner still holds the lease: the row is locked in share mode, so a
 * takeover waits for this transaction, and a transaction that comes after a takeover is refused with LEASE.LOST.
 */
export async function proveLease(session: MysqlSession, claim: LeaseClaim): Promise<void> {
  const held = await session.query(
    `SELECT 1 FROM migrate.lease WHERE run = ${quoteLiteral(claim.run)} AND epoch = ${claim.epoch} LOCK IN SHARE MODE`,
  );
  if (held.length !== 1) throw new MigrateError('LEASE.LOST', `another runner took over run ${claim.run}`);
}
