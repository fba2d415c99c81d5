// How the run's own sessions write to the closed target: its fence lets pass who shows the run's secret. The triggers of the
// fence hold the secret itself: there is no digest that PL/SQL may make without a right. Who owns a table may read its
// triggers: the fence is against writes by mistake.

import { randomBytes } from 'node:crypto';
import { MigrateError } from '../../lib/errors.ts';
import type { OracleSession } from './connection.ts';
import { oraCode } from './errors.ts';
import { ensureTable, ownTable } from './own-tables.ts';
import { query, raw, sql } from './statement.ts';

/** On the target. */
export const PASS_SCHEMA = `CREATE TABLE ${ownTable('PASS')} (
  "RUN" VARCHAR2(200 CHAR) NOT NULL,
  "SECRET" VARCHAR2(64) NOT NULL,
  CONSTRAINT ${ownTable('PASS_PK')} PRIMARY KEY ("RUN")
)`;
const TAKEN = 1;

/** Makes the run's secret where it has none, and resolves with it: hexadecimal digits. Commits. */
export async function preparePass(session: OracleSession, run: string): Promise<string> {
  await ensureTable(session, PASS_SCHEMA);
  const known = await readPass(session, run);
  if (known !== undefined) return known;
  const fresh = randomBytes(16).toString('hex');
  await session.transaction(() =>
    session
      .execute(`INSERT INTO ${ownTable('PASS')} ("RUN", "SECRET") VALUES (:1, :2)`, [run, fresh])
      .catch((error: unknown) => {
        if (oraCode(error) !== TAKEN) throw error;
      }),
  );
  return (await readPass(session, run)) ?? fresh;
}

/** Lets this session write past the run's fence, until it ends. The run must have a secret. */
export async function passFence(session: OracleSession, run: string): Promise<void> {
  const secret = await readPass(session, run);
  if (secret === undefined) throw new MigrateError('INTERNAL.BUG', 'the run has no pass for its fence yet');
  session.show(secret);
}

async function readPass(session: OracleSession, run: string): Promise<string | undefined> {
  const [row] = await query(session, sql`SELECT "SECRET" FROM ${raw(ownTable('PASS'))} WHERE "RUN" = ${run}`);
  return row?.[0] === undefined ? undefined : String(row[0]);
}
