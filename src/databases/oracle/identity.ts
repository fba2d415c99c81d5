// Which database this is, whatever name or address leads to it.

import type { OracleSession } from './connection.ts';

/**
 * The database, within one that holds several the pluggable one, and when the account was made: what copies of a database may
 * have in common otherwise. Stable across restarts and switchovers; any account may ask.
 */
export async function readIdentity(session: OracleSession): Promise<string> {
  const [row] = await session.query(
    `SELECT SYS_CONTEXT('USERENV', 'DB_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'), USERNAME,
       TO_CHAR(CREATED, 'YYYYMMDDHH24MISS')
     FROM ALL_USERS WHERE USERNAME = SYS_CONTEXT('USERENV', 'SESSION_USER')`,
  );
  return `oracle/${(row ?? []).map((part) => part ?? '').join('/')}`;
}

/** `19.3.0.0.0`. */
export async function readVersion(session: OracleSession): Promise<string> {
  return session.version;
}
