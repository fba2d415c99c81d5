// The lease as every writing transaction sees it: a row on both databases, which it proves to be its own.

import { MigrateError } from '../../lib/errors.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { Session } from './connection.ts';

/** On both databases. */
export const LEASE_SCHEMA = `
CREATE SCHEMA IF NOT EXISTS migrate;
CREATE TABLE IF NOT EXISTS migrate.lease (
  run text PRIMARY KEY,
  epoch bigint NOT NULL,
  holder text NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT now(),
  -- Which database the run writes to: two runs of one name from one source must not fence each other.
  target text NOT NULL DEFAULT ''
)`;

/**
 * Proves, inside the caller's transaction, that this runner still holds the lease: the row is locked FOR SHARE, so a
 * takeover waits for this transaction, and a transaction that comes after a takeover is refused.
 */
export async function proveLease(session: Session, claim: LeaseClaim): Promise<void> {
  const held = await session.prepared(
    'prove_lease',
    'SELECT 1 FROM migrate.lease WHERE run = $1 AND epoch = $2 FOR SHARE',
    [claim.run, claim.epoch],
  );
  if (held.rowCount !== 1) throw new MigrateError('LEASE.LOST', `another runner took over run ${claim.run}`);
}
