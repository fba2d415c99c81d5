// MySQL servers for tests. The first on a machine downloads it, which takes half a minute.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { mysqlCache, mysqldCommand } from './mysql-binaries.ts';
import { type MysqlServer, startProgram, templateIn } from './mysqld.ts';

const run = promisify(execFile);

// As small as it goes: the machine is shared with two PostgreSQL servers.
const SMALL = [
  '--innodb-buffer-pool-size=32M',
  '--innodb-redo-log-capacity=8M',
  '--performance-schema=OFF',
  '--mysqlx=OFF',
];
// What a log that can be followed needs.
const LOGGED = [
  '--server-id=1',
  '--log-bin=binlog',
  '--binlog-row-metadata=FULL',
  '--gtid-mode=ON',
  '--enforce-gtid-consistency=ON',
];
// Tests may lose everything with the machine.
const CARELESS = ['--innodb-flush-log-at-trx-commit=2', '--sync-binlog=0', '--skip-innodb-doublewrite'];

/** `settings`: flags of the server besides those that every test needs. */
export async function startMysql(settings: readonly string[] = []): Promise<MysqlServer> {
  const command = await mysqldCommand();
  const template = await templateIn(mysqlCache(), async (data) => {
    const [program = '', ...flags] = [...command, ...SMALL, `--datadir=${data}`, '--initialize-insecure'];
    await run(program, flags, { maxBuffer: 1 << 24 });
  });
  return startProgram({
    label: 'MySQL',
    command,
    settings: [...SMALL, ...LOGGED, ...CARELESS, ...settings],
    template,
  });
}
