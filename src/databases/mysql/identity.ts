// Which server this is, whatever name or address leads to it.

import type { MysqlSession } from './connection.ts';

/**
 * MySQL's own identifier, which is kept with its data. MariaDB has none: it is told by its number, and by the machine and the port
 * that it serves. Stable across restarts. Databases are part of what is selected, not of this.
 */
export async function readIdentity(session: MysqlSession): Promise<string> {
  if (!(await readVersion(session)).endsWith('-MariaDB')) {
    const [row] = await session.query('SELECT @@server_uuid');
    return `mysql/${row?.[0] ?? ''}`;
  }
  const [row] = await session.query('SELECT @@server_id, @@hostname, @@port');
  return `mariadb/${row?.join('/') ?? ''}`;
}

/** `9.7.4`, `10.11.14-MariaDB`: without what the distributor adds to it. */
export async function readVersion(session: MysqlSession): Promise<string> {
  const [row] = await session.query('SELECT VERSION()');
  const version = row?.[0] ?? '';
  const [number = ''] = version.split('-');
  return /mariadb/i.test(version) ? `${number}-MariaDB` : number;
}
