// Whole migrations from a MySQL server that lets the run's user lock nothing: its copy is ahead of the position it begins at.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { execute } from '../../fleet/text-client.ts';
import { Crossing, type Endpoint, rootUrl } from './crossing.ts';

const RIGHTS = [
  'SELECT, TRIGGER ON work.*',
  'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON migrate.*',
  'REPLICATION SLAVE, REPLICATION CLIENT, XA_RECOVER_ADMIN, PROCESS ON *.*',
];

let source: MysqlServer;

// The first time on a machine it has to be fetched.
beforeAll(async () => {
  // Commits take so long that every start has some of them under way.
  source = await startMysql(['--binlog-group-commit-sync-delay=60000', '--log-bin-trust-function-creators=ON']);
  const rights = RIGHTS.map((right) => `GRANT ${right} TO plain`);
  await execute(rootUrl(source.port), ['CREATE USER plain', ...rights]);
}, 300_000);
afterAll(() => source?.close());

async function open(target?: Endpoint): Promise<Crossing> {
  await execute(rootUrl(source.port), ['DROP DATABASE IF EXISTS work', 'DROP DATABASE IF EXISTS migrate']);
  return Crossing.open({
    source: { kind: 'mysql', url: rootUrl(source.port) },
    ...(target && { target }),
    plan: { source: { kind: 'mysql', url: `mysql://plain@127.0.0.1:${source.port}` } },
  });
}

test('to PostgreSQL: kill -9 where the copy is ahead of its position loses and doubles nothing', async () => {
  const crossing = await open();
  await crossing.dieAt('chunk.after_commit@2', 'copy.done', 'apply.after_commit');
  await crossing.expectComplete(await crossing.run());
});

test('to MySQL: a run ends with everything on the target, and says how it began', async () => {
  const target = await startMysql(['--local-infile=ON']);
  try {
    const crossing = await open({ kind: 'mysql', url: rootUrl(target.port) });
    const result = await crossing.run();
    await crossing.expectComplete(result);
    expect(result.stderr).toMatch(
      /"subject":"lower-bound","ms":0,"message":"the copy begins at a position that its reads/,
    );
    expect(result.stderr).toMatch(/LOCK TABLES on work\.\*/);
  } finally {
    await target.close();
  }
});
