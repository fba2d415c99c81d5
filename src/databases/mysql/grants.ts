// What an account has to be given for a run: not what it has, so that the statements can be kept and run again.

import type { Catalog } from '../../model/catalog.ts';
import type { RoleGrants } from '../../model/grant.ts';
import type { TableSelection } from '../source.ts';
import { quoteAccount } from './account.ts';
import { readServerFacts } from './check/facts.ts';
import type { MysqlSession } from './connection.ts';
import { type Need, sourceNeeds, targetNeeds, toGrants } from './needs.ts';

export interface GrantsQuery {
  readonly catalog: Catalog;
  /** `user@host`, or a user from any host, not quoted; the session's own when absent. It need not exist yet. */
  readonly role?: string | undefined;
}

export interface SourceGrantsQuery extends GrantsQuery {
  readonly selection: TableSelection;
  /** True when the plan lets the run end transactions of others. */
  readonly endsTransactions: boolean;
}

export interface TargetGrantsQuery extends GrantsQuery {
  /** True when the tables were made by hand. */
  readonly existing: boolean;
}

export async function readSourceGrants(
  session: MysqlSession,
  { catalog, role, selection, endsTransactions }: SourceGrantsQuery,
): Promise<RoleGrants> {
  const facts = await readServerFacts(session);
  const tables = catalog.tables.map(({ table }) => table);
  // Tables may not be seen yet, and a lock is better than none.
  const needs = sourceNeeds(facts, { tables, isKeyed: false, selection, endsTransactions });
  return roleGrants(session, {
    role,
    schemas: catalog.schemas,
    needs,
    afterwards:
      'keep the account as long as the source is to refuse writes, since its triggers run with the rights of it.',
  });
}

export async function readTargetGrants(
  session: MysqlSession,
  { catalog, role, existing }: TargetGrantsQuery,
): Promise<RoleGrants> {
  const facts = await readServerFacts(session);
  const { schemas } = catalog;
  return roleGrants(session, {
    role,
    schemas,
    needs: targetNeeds(facts, { schemas, existing }),
    afterwards: 'set log_bin_trust_function_creators to what it was.',
  });
}

interface Printed {
  readonly role: string | undefined;
  readonly schemas: readonly string[];
  readonly needs: readonly Need[];
  readonly afterwards: string;
}

async function roleGrants(session: MysqlSession, { role, schemas, needs, afterwards }: Printed): Promise<RoleGrants> {
  const [row] = await session.query('SELECT CURRENT_USER()');
  const account = role ?? row?.[0] ?? '';
  return { role: account, database: schemas.join(', '), grants: toGrants(needs, quoteAccount(account)), afterwards };
}
