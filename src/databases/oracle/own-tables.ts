// What is kept on the target besides its rows, in the schema of the account that a run logs in with.

import type { OracleSession } from './connection.ts';
import { oraCode } from './errors.ts';
import { quoteLiteral, quoteName } from './sql.ts';

/** What the names of all of it begin with. */
export const OWN_PREFIX = 'MIGRATE$';

const NAME_TAKEN = 955;

/** One of our tables, quoted. `prefix`: another set of them, as a measurement has. */
export function ownTable(name: string, prefix = OWN_PREFIX): string {
  return quoteName(`${prefix}${name}`);
}

/** Makes a table unless it is there, also when several do at once. Commits. */
export async function ensureTable(session: OracleSession, definition: string): Promise<void> {
  await session.execute(definition).catch((error: unknown) => {
    if (oraCode(error) !== NAME_TAKEN) throw error;
  });
}

/** Our tables that are there, without the prefix. */
export async function readOwnTables(session: OracleSession, prefix = OWN_PREFIX): Promise<ReadonlySet<string>> {
  const rows = await session.query(
    `SELECT TABLE_NAME FROM USER_TABLES WHERE SUBSTR(TABLE_NAME, 1, ${prefix.length}) = ${quoteLiteral(prefix)}`,
  );
  return new Set(rows.map(([name]) => String(name).slice(prefix.length)));
}
