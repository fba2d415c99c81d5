// Whole migrations from MySQL and MariaDB to PostgreSQL under live clients, from nothing to applications that write to the target.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMariadb } from '../../fleet/mariadb.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { execute, sqlStateOf } from '../../fleet/text-client.ts';
import { Crossing, rootUrl } from './crossing.ts';

describe.each([
  { kind: 'mysql', start: startMysql },
  { kind: 'mariadb', start: startMariadb },
] as const)('$kind', ({ kind, start }) => {
  let fleet: MysqlServer;
  beforeAll(async () => {
    fleet = await start();
  }, 300_000);
  afterAll(() => fleet?.close());

  test('a run ends with everything on the target, equal at the switch, and with clients that have followed', async () => {
    const crossing = await Crossing.open({ source: { kind, url: rootUrl(fleet.port) } });
    const result = await crossing.run();
    await crossing.expectComplete(result);
    const means = kind === 'mysql' ? 'table-locks' : 'server-pair';
    expect(result.stderr).toMatch(new RegExp(`"subject":"${means}","ms":\\d+,"message":"the copy begins`));
    const late = "INSERT INTO work.ledger (token) VALUES ('late')";
    expect(await execute(crossing.source, [late]).catch(sqlStateOf)).toBe('25006');
    await execute(crossing.target, [late]);
    expect(await crossing.status()).toMatchObject({ stage: 'complete', writable: 'target' });
  });
});
