// The fence of a target: closed for good from the moment its tables exist, except for the run's own sessions.

import { MigrateError } from '../../../lib/errors.ts';
import type { TableName } from '../../../model/table.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { OracleSession } from '../connection.ts';
import { oraCode } from '../errors.ts';
import { proveLease } from '../lease-proof.ts';
import { ensureTable, ownTable } from '../own-tables.ts';
import { preparePass } from '../pass.ts';
import { query, raw, sql } from '../statement.ts';
import { createTrigger, FENCE_SCHEMA, type FenceMode, triggerName, triggerPrefix } from './text.ts';

export interface NewFence {
  /** The run's id. */
  readonly id: string;
  /** Proved before every statement. */
  readonly claim: LeaseClaim;
}

const NO_RIGHT = 1031;
const NO_TABLE = 942;
const TAKEN = 1;

/**
 * Puts the permanent fence on tables. Idempotent: an open fence, after the commit point, stays open. It commits statement by
 * statement: between a table and its trigger somebody may write to it.
 */
export async function closeNew(session: OracleSession, fence: NewFence, tables: readonly TableName[]): Promise<void> {
  const { id, claim } = fence;
  const standing = await readTriggers(session, id);
  const missing = tables.filter((table) => !standing.has(triggerName(id, table)));
  if (missing.length === 0) return;
  const pass = await prepareFence(session, fence);
  for (const table of missing) {
    await defineProved(session, claim, createTrigger(id, table, pass)).catch((error: unknown) => {
      throw refused(error, table);
    });
  }
  // What does not compile is made all the same, and then stops everybody, the run included.
  const sound = await readTriggers(session, id);
  const broken = missing.filter((table) => !sound.has(triggerName(id, table)));
  if (broken.length === 0) return;
  throw new MigrateError('TARGET.REFUSED', `the trigger of the fence on ${broken[0]?.id} does not compile`, {
    fix: `Ask the server why: SELECT TEXT FROM USER_ERRORS WHERE NAME = '${triggerName(id, broken[0] ?? { schema: '', name: '' })}'.`,
  });
}

/** Makes the permanent fence, and the secret that `passFence` shows, and resolves with it. On no table yet. Idempotent. */
export async function prepareFence(session: OracleSession, { id, claim }: NewFence): Promise<string> {
  await session.transaction(() => proveLease(session, claim));
  await ensureTable(session, FENCE_SCHEMA);
  const pass = await preparePass(session, claim.run);
  await session.transaction(async () => {
    await proveLease(session, claim);
    await insertFence(session, id, 'permanent');
  });
  return pass;
}

/** Those tables that have the fence of a run. */
export async function fencedTables<T extends Pick<TableName, 'schema' | 'name'>>(
  session: OracleSession,
  id: string,
  tables: readonly T[],
): Promise<readonly T[]> {
  const standing = await readTriggers(session, id);
  return tables.filter((table) => standing.has(triggerName(id, table)));
}

/** The row of a run's fence where it has none. */
export async function insertFence(session: OracleSession, id: string, mode: FenceMode): Promise<void> {
  await session
    .execute(`INSERT INTO ${ownTable('FENCE')} ("ID", "MODE") VALUES (:1, :2)`, [id, mode])
    .catch((error: unknown) => {
      if (oraCode(error) !== TAKEN) throw error;
    });
}

/** The run's triggers that do what they are there for, by name. */
async function readTriggers(session: OracleSession, id: string): Promise<ReadonlySet<string>> {
  const prefix = triggerPrefix(id);
  const rows = await query(
    session,
    sql`SELECT t.TRIGGER_NAME FROM USER_TRIGGERS t
        JOIN USER_OBJECTS o ON o.OBJECT_NAME = t.TRIGGER_NAME AND o.OBJECT_TYPE = 'TRIGGER'
        WHERE ${raw(`SUBSTR(t.TRIGGER_NAME, 1, ${prefix.length})`)} = ${prefix} AND t.STATUS = 'ENABLED' AND o.STATUS = 'VALID'`,
  );
  return new Set(rows.map(([name]) => String(name)));
}

/** All of the run's triggers, by name. */
export async function readOwnTriggers(session: OracleSession, id: string): Promise<readonly string[]> {
  const prefix = triggerPrefix(id);
  const rows = await query(
    session,
    sql`SELECT TRIGGER_NAME FROM USER_TRIGGERS WHERE ${raw(`SUBSTR(TRIGGER_NAME, 1, ${prefix.length})`)} = ${prefix} ORDER BY TRIGGER_NAME`,
  );
  return rows.map(([name]) => String(name));
}

/** A statement that commits by itself: the lease is proved just before. */
export async function defineProved(session: OracleSession, claim: LeaseClaim, statement: string): Promise<void> {
  await session.transaction(() => proveLease(session, claim));
  await session.execute(statement);
}

function refused(error: unknown, table: TableName): unknown {
  const code = oraCode(error);
  if (code === NO_TABLE) return new MigrateError('SCHEMA.CHANGED', `${table.id} is gone`, { cause: error });
  if (code !== NO_RIGHT) return error;
  return new MigrateError('TARGET.REFUSED', `the account may not put the trigger of the fence on ${table.id}`, {
    fix: 'GRANT CREATE TRIGGER, CREATE ANY TRIGGER to the account of target.url; `migrate check` prints every grant.',
    cause: error,
  });
}
