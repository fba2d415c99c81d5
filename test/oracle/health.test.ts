// What an Oracle server tells of its health: each bottleneck by its own vital sign, with who or what stands behind it.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ServerHealth } from '../../src/databases/health.ts';
import { OracleServer } from '../../src/databases/oracle/connection.ts';
import { oracleHealth } from '../../src/databases/oracle/health.ts';
import { probesOf } from '../../src/health/probe.ts';
import type { VitalName } from '../../src/model/vital.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { withClient } from '../fleet/databases.ts';
import type { OracleServer as StandIn } from '../fleet/oracle.ts';
import { openOracle, REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { Crossing } from '../scenario/mysql/crossing.ts';

let oracle: StandIn;
const opened: OracleServer[] = [];

beforeAll(async () => {
  oracle = await openOracle({ schemas: ['SHOP', 'WORK'] });
});
afterAll(() => oracle?.close());
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

function open(): OracleServer {
  const server = new OracleServer('target', oracle.url);
  opened.push(server);
  return server;
}

const below = (...statements: readonly string[]): Promise<void> =>
  withClient(oracle.below, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

async function read(health: ServerHealth, name: VitalName): Promise<number> {
  return Number((await health.ask(health.vitals.find((each) => each.name === name)?.sql ?? '')) ?? Number.NaN);
}

/** What status and log say of a vital sign whose limit is 10. */
async function told(health: ServerHealth, name: VitalName): Promise<string> {
  const ask = (): Promise<never> => Promise.reject(new Error('not asked'));
  const none: ServerHealth = { vitals: [], replicas: [], ask, askOwn: ask };
  const critical = {};
  const plan = { interval: 2_000, source: { critical }, target: { [name]: 10, critical }, probes: [] };
  const [, probe] = probesOf(plan as unknown as Plan['health'], { source: none, target: health });
  return (await probe?.read())?.reason ?? '';
}

test('every reading is a number, and that of a server at rest within any limit', async () => {
  const health = oracleHealth(open());
  for (const { name } of health.vitals) expect(await read(health, name), name).toBeGreaterThanOrEqual(0);
  expect(await read(health, 'lockWaits')).toBe(0);
  expect(await read(health, 'tablespace')).toBeLessThan(97);
  expect(await read(health, 'recoveryArea')).toBeLessThan(90);
  expect(await read(health, 'undo')).toBeLessThan(85);
});

test('who waits for a row is counted, and who holds it is named with its module', async () => {
  const health = oracleHealth(open());
  const [holder, waiter] = await Promise.all([open().session(), open().session()]);
  await holder.execute('CREATE TABLE "SHOP"."T" ("ID" NUMBER PRIMARY KEY)');
  await holder.execute('INSERT INTO "SHOP"."T" VALUES (1)');
  await holder.commit();
  holder.label('the nightly batch');
  await holder.query('SELECT "ID" FROM "SHOP"."T" WHERE "ID" = 1 FOR UPDATE');
  const waiting = waiter.execute('UPDATE "SHOP"."T" SET "ID" = 2');
  while ((await read(health, 'lockWaits')) === 0);
  expect(await read(health, 'lockWaits')).toBe(1);
  const behind = await health.ask(health.vitals.find(({ name }) => name === 'lockWaits')?.behind ?? '');
  expect(behind).toMatch(new RegExp(`^session \\d+,\\d+ \\(user \\S+, migrate/${holder.id}\\) blocks 1$`));
  await holder.rollback();
  await waiting;
  await waiter.rollback();
});

test.skipIf(REAL_ORACLE !== undefined)('commits are timed without any right', async () => {
  const server = open();
  const [measured] = oracleHealth(server).measured ?? [];
  expect(measured?.name).toBe('commitTime');
  const session = await server.session();
  await session.execute('CREATE TABLE "SHOP"."C" ("ID" NUMBER)');
  expect(measured?.read()).toBe(0);
  await oracle.fault({ pattern: '^COMMIT$', action: { seconds: 0.3 } });
  await session.transaction(() => session.execute('INSERT INTO "SHOP"."C" VALUES (1)'));
  expect(measured?.read()).toBeGreaterThanOrEqual(250);
  expect(measured?.read()).toBe(0);
});

describe.skipIf(REAL_ORACLE !== undefined)('on the stand-in, whose views a test fills', () => {
  test('waits for the redo log, the buffer cache and an index are told apart', async () => {
    const health = oracleHealth(open());
    const sids = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const [row] = await (await open().session()).query("SELECT SYS_CONTEXT('USERENV', 'SID') FROM DUAL");
        return Number(row?.[0]);
      }),
    );
    const waits = async (...events: readonly string[]): Promise<readonly number[]> => {
      await below('DELETE FROM standin.waits');
      for (const [index, event] of events.entries()) {
        await below(`INSERT INTO standin.waits VALUES (${sids[index]}, '${event}')`);
      }
      const names = ['redoWaits', 'bufferWaits', 'indexWaits'] as const;
      const counts: number[] = [];
      for (const name of names) counts.push(await read(health, name));
      return counts;
    };
    expect(await waits('log file sync', 'log file switch (archiving needed)', 'SQL*Net message from client')).toEqual([
      2, 0, 0,
    ]);
    expect(await waits('free buffer waits', 'gc buffer busy acquire', 'log buffer space')).toEqual([1, 2, 0]);
    expect(await waits('enq: TX - index contention', 'enq: TX - row lock contention')).toEqual([0, 0, 1]);
    expect(await waits()).toEqual([0, 0, 0]);
  });

  test('who waits for the writer of the redo log waits for no lock', async () => {
    const health = oracleHealth(open());
    const sids = await Promise.all(
      [open(), open()].map(async (server) => {
        const [row] = await (await server.session()).query("SELECT SYS_CONTEXT('USERENV', 'SID') FROM DUAL");
        return Number(row?.[0]);
      }),
    );
    await below(`INSERT INTO standin.waits VALUES (${sids[0]}, 'log file sync', ${sids[1]})`);
    expect([await read(health, 'lockWaits'), await read(health, 'redoWaits')]).toEqual([0, 1]);
    await below('DELETE FROM standin.waits');
  });

  test('undo counts what open transactions hold, and names who has the most', async () => {
    const health = oracleHealth(open());
    const session = await open().session();
    const [row] = await session.query("SELECT SYS_CONTEXT('USERENV', 'SID') FROM DUAL");
    await below(`INSERT INTO standin.v$transaction VALUES ('${row?.[0]}', 640), ('0', 250)`);
    expect(await told(health, 'undo')).toMatch(
      /^target: undo of open transactions 89 %, limit 10 %: session \d+,\d+ \(user MIGRATE, migrate\/\w+\) has the most$/,
    );
    await below('DELETE FROM standin.v$transaction');
    expect(await read(health, 'undo')).toBe(0);
  });

  test('of tablespaces only those that the run writes to count', async () => {
    const health = oracleHealth(open());
    expect(await read(health, 'tablespace')).toBe(0.6);
    await below("UPDATE standin.dba_tablespace_usage_metrics SET used_percent = 98.46 WHERE tablespace_name = 'USERS'");
    expect(await told(health, 'tablespace')).toBe('target: fullest tablespace 98.5 %, limit 10 %: USERS');
    await below("UPDATE standin.dba_tablespace_usage_metrics SET used_percent = 0.6 WHERE tablespace_name = 'USERS'");
  });

  test('what can be taken back of the recovery area is free, and a standby is as far behind as what it has applied', async () => {
    const health = oracleHealth(open());
    await below(
      "INSERT INTO standin.v$recovery_file_dest VALUES ('/fra', 1000, 990, 40)",
      `INSERT INTO standin.v$archive_dest VALUES (2, 'STANDBY', 'VALID', 'east', extract(epoch FROM now()) * 1000 - 1000),
         (3, 'STANDBY', 'VALID', 'west', extract(epoch FROM now()) * 1000 - 60000), (4, 'STANDBY', 'DEFERRED', 'old', 1)`,
    );
    expect(await told(health, 'recoveryArea')).toBe('target: recovery area in use 95 %, limit 10 %: /fra');
    const lag = await read(health, 'replicaLag');
    expect(lag).toBeGreaterThanOrEqual(59_000);
    expect(lag).toBeLessThan(600_000);
    expect(await told(health, 'replicaLag')).toContain(': west');
    await below(
      'DELETE FROM standin.v$recovery_file_dest',
      "DELETE FROM standin.v$archive_dest WHERE target = 'STANDBY'",
    );
  });

  test('a run holds while the tablespace is full, says so, and goes on when it is extended', async () => {
    const full = async (percent: number) =>
      below(
        `UPDATE standin.dba_tablespace_usage_metrics SET used_percent = ${percent} WHERE tablespace_name = 'USERS'`,
      );
    await full(99);
    const crossing = await Crossing.open({
      source: { kind: 'postgres', url: '' },
      target: { kind: 'oracle', url: oracle.url, readAt: oracle.below },
      accounts: 30,
      clients: 0,
      plan: { health: { after: 1, recover: '0ms' } },
    });
    const run = crossing.start(undefined, '--only', 'snapshot');
    const reason = 'target: fullest tablespace 99 %, limit 97 %: USERS';
    await run.waitFor(new RegExp(reason));
    let status = await crossing.status();
    while (status.waiting !== `unwell: ${reason}`) status = await crossing.status();
    expect(status).toMatchObject({ stage: 'snapshot', health: { leftOut: [] } });
    await full(50);
    expect((await run.exited).code).toBe(0);
    await crossing.compareAtRest();
  });

  test('what the account may not read is refused by itself, and leaves the others alone', async () => {
    const health = oracleHealth(open());
    await oracle.fault({
      pattern: 'V\\$OSSTAT',
      action: { oraCode: 942, message: 'ORA-00942: table or view does not exist' },
    });
    await expect(read(health, 'hostLoad')).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
    expect(await read(health, 'hostLoad')).toBe(25);
  });
});
