// Whole migrations to Oracle under live clients. What arrived is read from PostgreSQL below the stand-in.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import type { OracleServer } from '../fleet/oracle.ts';
import { openOracle, REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { execute, sqlStateOf } from '../fleet/text-client.ts';
import { Crossing, type EngineKind, rootUrl } from '../scenario/mysql/crossing.ts';
import { rowsOf } from '../scenario/scene.ts';

let mysql: MysqlServer;
let oracle: OracleServer;

beforeAll(async () => {
  mysql = await startMysql();
}, 300_000);
afterAll(() => mysql?.close());
beforeEach(async () => {
  oracle = await openOracle({ schemas: ['WORK'] });
  return () => oracle.close();
});

// Short, so that the fence of a dead runner opens soon.
const KILLED = { cutover: { when: 'auto', reverse: 'off', budget: '3s' } };

function open(kind: EngineKind, plan: Readonly<Record<string, unknown>> = {}): Promise<Crossing> {
  return Crossing.open({
    source: { kind, url: rootUrl(mysql.port) },
    target: { kind: 'oracle', url: oracle.url, readAt: oracle.below },
    // Every statement goes through two servers and a translation.
    accounts: 150,
    clients: 2,
    plan: { apply: { batchRows: 200, batchWait: '5ms' }, ...plan },
  });
}

describe.skipIf(REAL_ORACLE !== undefined).each(['mysql', 'postgres'] as const)('from %s', (kind) => {
  test('a run ends with everything on the target, equal at the switch, and with clients that have followed', async () => {
    const crossing = await open(kind);
    await crossing.expectComplete(await crossing.run());
    const late = "INSERT INTO work.ledger (token) VALUES ('late')";
    expect(await execute(crossing.source, [late]).catch(sqlStateOf)).toBe('25006');
    await execute(crossing.target, [late]);
    expect(await crossing.status()).toMatchObject({ stage: 'complete', writable: 'target' });
  });

  test('a kill during the copy, one while changes are applied and a commit without an answer lose and double nothing', async () => {
    const crossing = await open(kind, KILLED);
    await crossing.dieAt('chunk.before_commit@2', 'apply.before_checkpoint@8');
    await oracle.fault({ pattern: '^COMMIT$', moment: 'after', action: 'drop', skip: 12 });
    await oracle.fault({ pattern: '^COMMIT$', moment: 'before', action: 'drop', skip: 9 });
    await crossing.expectComplete(await crossing.run());
    // Both were met, and not only asked for.
    expect(await rowsOf(oracle.below, 'SELECT moment FROM standin.faults WHERE remaining > 0')).toEqual([]);
  });
});
