// Servers of MySQL and MariaDB for a benchmark, with room for what is measured, and the tools of others that they are measured
// against, out of Debian's packages. Needs what the tests of MySQL need, on Debian 12.

import { createConnection } from 'mysql2/promise';
import { fleetCache, unpacked } from '../../test/fleet/debian.ts';
import { startMariadb } from '../../test/fleet/mariadb.ts';
import { startMysql } from '../../test/fleet/mysql.ts';
import type { MysqlServer } from '../../test/fleet/mysqld.ts';

const ROOMY = ['--innodb-buffer-pool-size=512M', '--log-bin-trust-function-creators=1', '--local-infile=ON'];

export interface BenchServer {
  readonly kind: 'mysql' | 'mariadb';
  readonly port: number;
  readonly url: string;
  /** Runs statements; resolves with the rows of the only one. */
  run(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): Promise<void>;
}

export async function startMysqlServer(kind: 'mysql' | 'mariadb'): Promise<BenchServer> {
  const server: MysqlServer =
    kind === 'mysql'
      ? await startMysql([...ROOMY, '--innodb-redo-log-capacity=1G'])
      : await startMariadb([...ROOMY, '--innodb-log-file-size=1G']);
  const { port } = server;
  return {
    kind,
    port,
    url: `${kind}://root@127.0.0.1:${port}/`,
    run: async (sql) => {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'root', multipleStatements: true });
      try {
        const [rows] = await connection.query(sql);
        return rows as unknown as Readonly<Record<string, unknown>>[];
      } finally {
        connection.destroy();
      }
    },
    close: () => server.close(),
  };
}

export interface Tool {
  readonly program: string;
  /** What makes it find its libraries. */
  readonly env: NodeJS.ProcessEnv;
}

/** A program of a package of Debian 12. Fetched when it is not there yet. */
export async function debianTool(name: string, program: string): Promise<Tool> {
  const root = await unpacked({ label: name, suite: 'bookworm', name }, fleetCache(name));
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((folder) => `${root}/${folder}`);
  const env = {
    ...process.env,
    LD_LIBRARY_PATH: libraries.join(':'),
    MARIADB_PLUGIN_DIR: `${libraries[0]}/libmariadb3/plugin`,
  };
  return { program: `${root}/usr/bin/${program}`, env };
}
