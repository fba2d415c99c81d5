// Which database this is, whatever name or address leads to it.

import type { Session } from './connection.ts';

/** The cluster's own identifier, which physical copies share, and the database in it. Stable across restarts and moves. */
export async function readIdentity(session: Session): Promise<string> {
  const row = await session.one(
    `SELECT s.system_identifier || '/' || d.oid || '/' || d.datname AS identity
     FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()`,
  );
  return row?.identity ?? '';
}

/** Without what the distributor adds to it. */
export async function readVersion(session: Session): Promise<string> {
  const row = await session.one("SELECT split_part(current_setting('server_version'), ' ', 1) AS version");
  return row?.version ?? '';
}
