// MariaDB servers for tests. The first on a machine downloads it and makes the first data, which takes ten seconds.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fleetCache, throughItsLoader, unpacked } from './debian.ts';
import { type MysqlServer, startProgram, templateIn } from './mysqld.ts';

// As small as it goes: the machine is shared with other servers.
const SMALL = ['--innodb-buffer-pool-size=32M', '--innodb-log-file-size=8M', '--performance-schema=OFF'];
// What a log that can be followed needs.
const LOGGED = [
  '--server-id=2',
  '--log-bin=mbinlog',
  '--binlog-format=ROW',
  '--binlog-row-metadata=FULL',
  '--gtid-strict-mode=1',
];
// Tests may lose everything with the machine.
const CARELESS = ['--innodb-flush-log-at-trx-commit=2', '--sync-binlog=0', '--skip-innodb-doublewrite'];

/** `settings`: flags of the server besides those that every test needs. */
export async function startMariadb(settings: readonly string[] = []): Promise<MysqlServer> {
  const cache = fleetCache('mariadb');
  const root = await unpacked({ label: 'MariaDB', suite: 'bookworm', name: 'mariadb-server-core' }, cache);
  const share = join(root, 'usr/share/mysql');
  const command = [
    ...throughItsLoader(root, 'usr/sbin/mariadbd'),
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--basedir=${join(root, 'usr')}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
  ];
  const template = await templateIn(cache, async (data) => {
    await mkdir(join(data, 'mysql'), { recursive: true });
    const files = ['mysql_system_tables.sql', 'mysql_system_tables_data.sql'];
    const texts = await Promise.all(files.map((file) => readFile(join(share, file), 'utf8')));
    await bootstrap([...command, ...SMALL, `--datadir=${data}`], `USE mysql;\n${texts.join('\n')}`);
  });
  return startProgram({
    label: 'MariaDB',
    command,
    settings: [...SMALL, ...LOGGED, ...CARELESS, ...settings],
    template,
  });
}

/** Runs the statements in a server that serves nobody else. */
async function bootstrap([program = '', ...flags]: readonly string[], sql: string): Promise<void> {
  const child = spawn(program, [...flags, '--bootstrap', '--log-warnings=0'], { stdio: ['pipe', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdin.end(sql);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`MariaDB could not make its first data\n${output.slice(-1_000)}`);
}
