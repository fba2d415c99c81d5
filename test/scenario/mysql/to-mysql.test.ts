// Whole migrations to MySQL from PostgreSQL, MySQL and MariaDB under live clients.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMariadb } from '../../fleet/mariadb.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { execute, sqlStateOf } from '../../fleet/text-client.ts';
import { Crossing, rootUrl } from './crossing.ts';

let target: MysqlServer;

// The first time on a machine it has to be fetched.
beforeAll(async () => {
  target = await startMysql(['--local-infile=ON']);
}, 300_000);
afterAll(() => target?.close());

describe.each([
  { kind: 'postgres', start: undefined },
  { kind: 'mysql', start: startMysql },
  { kind: 'mariadb', start: startMariadb },
] as const)('from $kind', ({ kind, start }) => {
  let source: MysqlServer | undefined;

  beforeAll(async () => {
    source = await start?.();
  }, 300_000);
  afterAll(() => source?.close());

  test('a run ends with everything on the target, equal at the switch, and with clients that have followed', async () => {
    const crossing = await Crossing.open({
      source: { kind, url: rootUrl(source?.port ?? 0) },
      target: { kind: 'mysql', url: rootUrl(target.port) },
    });
    await crossing.expectComplete(await crossing.run());
    const late = "INSERT INTO work.ledger (token) VALUES ('late')";
    expect(await execute(crossing.source, [late]).catch(sqlStateOf)).toBe('25006');
    await execute(crossing.target, [late]);
    expect(await crossing.status()).toMatchObject({ stage: 'complete', writable: 'target' });
  });
});
