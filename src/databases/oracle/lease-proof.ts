// The lease as every writing transaction sees it: a row in the account's own schema, which it proves to be its own. Oracle has
// no lock on a row that several can share, so the table is locked: writers share it, and a takeover waits for all of them.

import { MigrateError } from '../../lib/errors.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { OracleSession } from './connection.ts';
import { ownTable } from './own-tables.ts';
import { query, raw, type Statement, sql } from './statement.ts';

export const LEASE_SCHEMA = `CREATE TABLE ${ownTable('LEASE')} (
  "RUN" VARCHAR2(200 CHAR) NOT NULL,
  "EPOCH" NUMBER(19) NOT NULL,
  "HOLDER" VARCHAR2(400 CHAR),
  "TAKEN_AT" TIMESTAMP(6) NOT NULL,
  "TARGET" VARCHAR2(400 CHAR),
  CONSTRAINT ${ownTable('LEASE_PK')} PRIMARY KEY ("RUN")
)`;

/**
 * Proves, inside the caller's transaction, that this runner still holds the lease: a takeover waits for this transaction, and
 * a transaction that comes after a takeover is refused with LEASE.LOST. `journal`: what the names of the tables begin with.
 */
export async function proveLease(session: OracleSession, claim: LeaseClaim, journal?: string): Promise<void> {
  await shareLease(session, journal);
  const held = await query(session, sql`SELECT 1 FROM ${heldLease(claim, journal)}`);
  if (held.length !== 1) throw new MigrateError('LEASE.LOST', `another runner took over run ${claim.run}`);
}

/** Keeps the lease as it is until the transaction ends. What is read of it from then on is true. */
export async function shareLease(session: OracleSession, journal?: string): Promise<void> {
  await session.execute(`LOCK TABLE ${ownTable('LEASE', journal)} IN SHARE MODE`);
}

/** What follows FROM: the row of the lease, while it is this claim's. */
export function heldLease({ run, epoch }: LeaseClaim, journal?: string): Statement {
  return sql`${raw(ownTable('LEASE', journal))} WHERE "RUN" = ${run} AND "EPOCH" = ${epoch}`;
}
