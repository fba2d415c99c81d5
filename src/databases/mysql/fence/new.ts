// The fence of a target: closed for good from the moment its tables exist, except for the run's own sessions.

import type { TableName } from '../../../model/table.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { MysqlSession } from '../connection.ts';
import { serverErrno } from '../errors.ts';
import { preparePass } from '../pass.ts';
import { defineProved } from './session.ts';
import { createTrigger, FENCE_SCHEMA, insertFence } from './text.ts';
import { refused, Standing } from './triggers.ts';

export interface NewFence {
  /** The run's id. */
  readonly id: string;
  /** Proved before every statement. */
  readonly claim: LeaseClaim;
}

const THERE_ALREADY = 1359;

/**
 * Puts the permanent fence on tables. Idempotent: an open fence, after the commit point, stays open. It commits statement by
 * statement: a table that nobody else has seen yet is what it is for.
 */
export async function closeNew(session: MysqlSession, fence: NewFence, tables: readonly TableName[]): Promise<void> {
  const { id, claim } = fence;
  const standing = await Standing.read(session, id, tables);
  if (standing.missing.length === 0) return;
  const pass = await prepareFence(session, fence);
  for (const trigger of standing.missing) {
    const statement = createTrigger(id, trigger, { first: standing.first(trigger), pass });
    await defineProved(session, claim, statement).catch((error: unknown) => {
      if (serverErrno(error) !== THERE_ALREADY) throw refused(error, trigger.table);
    });
  }
}

/** Makes the permanent fence, and the secret that `passFence` shows, and resolves with it. On no table yet. Idempotent. */
export async function prepareFence(session: MysqlSession, { id, claim }: NewFence): Promise<string> {
  for (const statement of FENCE_SCHEMA) await defineProved(session, claim, statement);
  const pass = await preparePass(session, claim.run);
  await session.execute(insertFence(id, 'permanent'));
  return pass;
}

/** Those tables that have the whole fence of a run. */
export async function fencedTables(
  session: MysqlSession,
  id: string,
  tables: readonly TableName[],
): Promise<readonly TableName[]> {
  const { missing } = await Standing.read(session, id, tables);
  const open = new Set(missing.map(({ table }) => table));
  return tables.filter((table) => !open.has(table));
}
