// Whether a server is a replica. No trigger fires for the rows that replication brings, so no fence stops them.

import { MigrateError } from '../../lib/errors.ts';
import type { MysqlSession } from './connection.ts';
import { serverErrno } from './errors.ts';

/** `stopped`: it has a source, and takes nothing from it. Who may not ask a server of MySQL is told `none`. */
export type Replication = 'running' | 'stopped' | 'none';

const ACCESS_DENIED = 1227;
/** Of what SHOW REPLICA STATUS tells: the same in all versions. */
const SQL_RUNNING = 11;

export async function readReplication(session: MysqlSession): Promise<Replication> {
  const [server] = await session.query('SELECT VERSION()');
  const version = server?.[0] ?? '';
  if (/mariadb/i.test(version)) {
    // The list of its sources needs a right of its own.
    const [running] = await session.query("SHOW GLOBAL STATUS LIKE 'Slaves_running'");
    return Number(running?.[1] ?? 0) > 0 ? 'running' : 'none';
  }
  try {
    const rows = await session.query(
      /^8\.0\.(?:1\d|2[01])\b/.test(version) ? 'SHOW SLAVE STATUS' : 'SHOW REPLICA STATUS',
    );
    // How members of a group hand on what they have is another matter.
    const channels = rows.filter((row) => !row.some((text) => text?.startsWith('group_replication_') === true));
    if (channels.length === 0) return 'none';
    return channels.some((row) => row[SQL_RUNNING] !== 'No') ? 'running' : 'stopped';
  } catch (error) {
    if (serverErrno(error) === ACCESS_DENIED) return 'none';
    throw error;
  }
}

/** Rejects with CUTOVER.REFUSED while replication writes to the server. */
export async function refuseReplication(session: MysqlSession): Promise<void> {
  if ((await readReplication(session)) !== 'running') return;
  throw new MigrateError(
    'CUTOVER.REFUSED',
    'replication writes to the source, and the fence does not stop what it brings',
    {
      fix: 'Stop it on the source when the server that it follows takes no more writes (STOP REPLICA, on MariaDB STOP ALL SLAVES).',
      disposition: 'retry',
    },
  );
}
