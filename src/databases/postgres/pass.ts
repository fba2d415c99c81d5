// How the run's own sessions write to the closed target. Where the role may, they switch triggers off; else the fence
// lets pass who knows the run's secret. Which of the two is decided once, in the transaction that closes the target.

import { createHash, randomBytes } from 'node:crypto';
import type { Session } from './connection.ts';
import { sqlState } from './errors.ts';

/** The setting by which a session shows the secret. Any role may set it; only the value counts. */
export const PASS_SETTING = 'migrate.pass';

/** True when the role may switch triggers and foreign keys off for its sessions. Inside a transaction of the caller's. */
export async function maySwitchOff(session: Session): Promise<boolean> {
  await session.query('SAVEPOINT replication_role');
  try {
    await session.query("SET LOCAL session_replication_role = 'replica'");
    return true;
  } catch (error) {
    if (sqlState(error) !== '42501') throw error;
    return false;
  } finally {
    await session.query('ROLLBACK TO SAVEPOINT replication_role');
  }
}

/**
 * Decides, in the transaction that makes the fence. Resolves with the digest that the fence asks for, or undefined where
 * triggers can be switched off. The secret stays in the journal: a function's text can be read by everyone.
 */
export async function preparePass(session: Session, run: string): Promise<string | undefined> {
  if (await maySwitchOff(session)) return undefined;
  const secret = randomBytes(32).toString('hex');
  await session.query(
    'INSERT INTO migrate.pass (run, secret) VALUES ($1, $2) ON CONFLICT (run) DO UPDATE SET secret = $2',
    [run, secret],
  );
  return createHash('sha256').update(secret).digest('hex');
}

/** Lets this session write past the run's fence, until it ends. */
export async function passFence(session: Session, run: string): Promise<void> {
  const secret = await readPass(session, run);
  // A parameter: the text of a statement can be seen by other sessions of the same role.
  if (secret === undefined) await session.query("SET session_replication_role = 'replica'");
  else await session.query(`SELECT set_config('${PASS_SETTING}', $1, false)`, [secret]);
}

/** True for a run that cannot switch triggers and foreign keys off. */
export async function needsPass(session: Session, run: string): Promise<boolean> {
  return (await readPass(session, run)) !== undefined;
}

async function readPass(session: Session, run: string): Promise<string | undefined> {
  const table = await session.one("SELECT to_regclass('migrate.pass') IS NOT NULL AS it");
  if (table?.it !== 't') return undefined;
  return (await session.one('SELECT secret FROM migrate.pass WHERE run = $1', [run]))?.secret ?? undefined;
}
