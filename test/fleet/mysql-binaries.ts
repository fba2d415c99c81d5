// MySQL's server program, which no npm package has.

import { join } from 'node:path';
import { fleetCache, throughItsLoader, unpacked } from './debian.ts';

export function mysqlCache(): string {
  return fleetCache('mysql');
}

/** The command line that starts the server program, without its data and ports. Fetches it when it is not there yet. */
export async function mysqldCommand(): Promise<readonly string[]> {
  // Only the unreleased distribution has MySQL; its C library comes along and is used through its own loader.
  const root = await unpacked({ label: 'MySQL', suite: 'sid', name: 'mysql-server-core' }, mysqlCache());
  return [
    ...throughItsLoader(root, 'usr/sbin/mysqld'),
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--basedir=${join(root, 'usr')}`,
    `--lc-messages-dir=${join(root, 'usr/share/mysql')}`,
    `--character-sets-dir=${join(root, 'usr/share/mysql/charsets')}`,
    `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
    '--secure-file-priv=',
  ];
}
