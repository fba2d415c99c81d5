// Databases that the run makes on a MySQL target, and drops when it is given up. What was there before is never dropped: it is
// journalled which were not, after each was made, so that a crash in between leaves an empty one behind.

import type { LeaseClaim } from '../lease-store.ts';
import { serverErrno } from './errors.ts';
import { proveLease } from './lease-proof.ts';
import { readRights } from './rights.ts';
import type { SchemaChanges } from './schema-session.ts';
import { quoteName } from './sql.ts';
import { sql } from './statement.ts';

const EXISTS = 1007;
/** Who has them is shown what a database holds besides tables. */
const SEEING = ['EXECUTE', 'EVENT'];

/** Nothing where it is there already. */
export async function makeDatabase({ session, run }: SchemaChanges, claim: LeaseClaim, name: string): Promise<void> {
  try {
    await run(`CREATE DATABASE ${quoteName(name)} CHARACTER SET utf8mb4`);
  } catch (error) {
    if (serverErrno(error) !== EXISTS) throw error;
    return;
  }
  await session.transaction(async () => {
    await proveLease(session, claim);
    await session.execute(sql`INSERT IGNORE INTO migrate.made_database (run, name) VALUES (${claim.run}, ${name})`);
  });
}

/** Leaves those that hold anything, or in which this account would not see it: routines and events need rights of their own. */
export async function dropMadeDatabases({ session, run }: SchemaChanges, claim: LeaseClaim): Promise<void> {
  const rows = await session.query(
    `${sql`SELECT name FROM migrate.made_database WHERE run = ${claim.run}`}
       AND name IN (SELECT SCHEMA_NAME FROM information_schema.SCHEMATA)
       AND name NOT IN (SELECT TABLE_SCHEMA FROM information_schema.TABLES)
       AND name NOT IN (SELECT ROUTINE_SCHEMA FROM information_schema.ROUTINES)
       AND name NOT IN (SELECT EVENT_SCHEMA FROM information_schema.EVENTS)`,
  );
  const [partialRevokes] = await session.query('SELECT @@partial_revokes');
  const rights = await readRights(session, partialRevokes?.[0] !== '1');
  for (const [name] of rows) {
    const schema = name ?? '';
    if (!SEEING.every((right) => rights.has(right, { schema }))) continue;
    await run(`DROP DATABASE ${quoteName(schema)}`);
  }
}
