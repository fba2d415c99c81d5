// What an account has to be given for a run: not what it has, so that the statements can be kept and run again.

import type { Catalog } from '../../model/catalog.ts';
import type { RoleGrants } from '../../model/grant.ts';
import { readServerFacts } from './check/facts.ts';
import type { OracleSession } from './connection.ts';
import { targetNeeds, toGrants } from './needs.ts';
import { reverseGrants } from './reverse.ts';
import { quoteLiteral } from './sql.ts';

export interface TargetGrantsQuery {
  readonly catalog: Catalog;
  /** As it is, not quoted; the session's own when absent. It need not exist yet. */
  readonly role?: string | undefined;
  /** True when the tables were made by hand. */
  readonly existing: boolean;
  /** The account that Debezium would log in with for a way back; none without one. */
  readonly reverse?: string | undefined;
}

export async function readTargetGrants(
  session: OracleSession,
  { catalog, role, existing, reverse }: TargetGrantsQuery,
): Promise<RoleGrants> {
  const facts = await readServerFacts(session);
  const account = role ?? facts.rights.account;
  const scope = { schemas: catalog.schemas, counts: catalog.sequences.length > 0, existing };
  return {
    role: account,
    database: catalog.schemas.join(', '),
    grants: [
      ...toGrants(targetNeeds(facts, account, scope), account),
      ...(reverse === undefined ? [] : reverseGrants(facts, reverse)),
    ],
    afterwards: `run ${applicationsScript(catalog.schemas)} and what it prints before the cutover, so that the applications may use the tables; drop the account when the journal is needed no more.`,
  };
}

/**
 * A statement that prints a grant for each table: to whom, only the operator knows. And for each sequence: whoever inserts draws
 * the default, but for the server's own behind identity columns.
 */
function applicationsScript(schemas: readonly string[]): string {
  const owners = schemas.map(quoteLiteral).join(', ');
  return [
    `SELECT 'GRANT SELECT, INSERT, UPDATE, DELETE ON "' || OWNER || '"."' || TABLE_NAME || '" TO <application>;' FROM ALL_TABLES WHERE OWNER IN (${owners})`,
    `SELECT 'GRANT SELECT ON "' || SEQUENCE_OWNER || '"."' || SEQUENCE_NAME || '" TO <application>;' FROM ALL_SEQUENCES WHERE SEQUENCE_OWNER IN (${owners}) AND SEQUENCE_NAME NOT LIKE 'ISEQ$$%'`,
  ].join(' UNION ALL ');
}
