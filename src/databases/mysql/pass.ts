// How the run's own sessions write to the closed target: its fence lets pass who shows the run's secret. The triggers of the
// fence hold the secret itself: a digest of what is shown costs several microseconds for each row, and only who may drop a
// trigger may read it.

import { randomBytes } from 'node:crypto';
import type { MysqlSession } from './connection.ts';
import { quoteLiteral } from './sql.ts';

/** The session's variable that shows the secret. Any session may set it; only the value counts. */
export const PASS_VARIABLE = '@migrate_pass';

/** On the target. Each commits by itself and may be run again. A number: of texts, one that is none equals 0. */
export const PASS_SCHEMA: readonly string[] = [
  'CREATE DATABASE IF NOT EXISTS migrate',
  `CREATE TABLE IF NOT EXISTS migrate.pass (
    run varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    secret bigint NOT NULL
  ) ENGINE=InnoDB`,
];

/** Makes the run's secret where it has none, and resolves with what its fence asks for: a number, as text. */
export async function preparePass(session: MysqlSession, run: string): Promise<string> {
  for (const statement of PASS_SCHEMA) await session.query(statement);
  const fresh = randomBytes(8).readBigInt64BE();
  await session.execute(
    `INSERT INTO migrate.pass (run, secret) VALUES (${quoteLiteral(run)}, ${fresh}) ON DUPLICATE KEY UPDATE secret = secret`,
  );
  const [row] = await session.query(`SELECT secret FROM migrate.pass WHERE run = ${quoteLiteral(run)}`);
  return String(row?.[0]);
}

/** Lets this session write past the run's fence, until it ends. The run must have a secret. */
export async function passFence(session: MysqlSession, run: string): Promise<void> {
  // Copied inside the server: the text of a statement can be seen by other sessions of the same user.
  await session.query(`SELECT secret INTO ${PASS_VARIABLE} FROM migrate.pass WHERE run = ${quoteLiteral(run)}`);
}
