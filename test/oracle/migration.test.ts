// Whole migrations to Oracle under live clients. What arrived is read from PostgreSQL below the stand-in.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BANK } from '../fleet/bank.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { type OracleServer, withOracle } from '../fleet/oracle.ts';
import { openOracle, REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { type MigrateProcess, runMigrate } from '../fleet/runner.ts';
import { execute, sqlStateOf } from '../fleet/text-client.ts';
import { said } from '../scenario/migration.ts';
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

test.skipIf(REAL_ORACLE !== undefined)(
  'a run to a server of the oldest release ends as one to the newest',
  async () => {
    await oracle.close();
    oracle = await openOracle({ schemas: ['WORK'], presents: '12.1' });
    const crossing = await open('mysql', { convert: { longestName: 30 } });
    await crossing.expectComplete(await crossing.run());
  },
);

// Short, so that the fence of a dead runner opens soon.
const KILLED = { cutover: { when: 'auto', reverse: 'off', budget: '3s' } };
const DIRECT_PATH = { snapshot: { chunkRows: 60, directPath: true } };

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

/** What the server says to somebody who deletes the rows of a table, or adds one where it can tell its own. */
function writesTo(table: string): Promise<unknown> {
  return withOracle(oracle.url, async (session) => {
    await session.execute(
      table === 'ledger'
        ? `INSERT INTO "WORK"."LEDGER" ("ID", "TOKEN") VALUES (999999999, 'theirs')`
        : `DELETE FROM "WORK"."${table.toUpperCase()}"`,
      [],
    );
    await session.commit();
  }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function directInserts(): Promise<unknown> {
  const query = `SELECT 1000 - remaining FROM standin.faults WHERE pattern LIKE '%APPEND%'`;
  return (await rowsOf(oracle.below, query))[0]?.[0];
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

describe.skipIf(REAL_ORACLE !== undefined)('with the direct path', () => {
  test('kills between a copy and its fence leave every table closed before a change is applied', async () => {
    const crossing = await open('mysql', DIRECT_PATH);
    await oracle.fault({ pattern: '^INSERT .*APPEND_VALUES', action: { seconds: 0 }, times: 1_000 });
    await crossing.dieAt('schema.revealing@1', 'schema.revealing@2');
    expect(Number(await directInserts())).toBeGreaterThan(0);
    const held = crossing.path('applying');
    const closed = async (process: MigrateProcess): Promise<void> => {
      await process.waitFor(/^failpoint apply\.begin 1$/);
      for (const table of Object.keys(BANK)) {
        expect(await writesTo(table), table).toMatchObject({ errorNum: 20901 });
      }
      expect(await rowsOf(oracle.below, `SELECT * FROM migrate."migrate$made" WHERE kind = 'OPEN'`)).toEqual([]);
      await crossing.release(held);
    };
    await crossing.expectComplete(await crossing.run(`apply.begin=pause(${held})`, closed));
  });

  test('a row of somebody else stops the run, which goes on when its table is copied again', async () => {
    const crossing = await open('mysql', DIRECT_PATH);
    const held = crossing.path('reading');
    const process = crossing.start(`chunk.read=pause(${held})`);
    await process.waitFor(/^failpoint chunk\.read 1$/);
    expect(await writesTo('ledger')).toBeUndefined();
    await crossing.release(held);
    const stopped = await process.exited;
    expect(stopped.code, said(stopped)).not.toBe(0);
    expect(stopped.stderr).toMatch(/work\.ledger has \d+ rows where \d+ were copied: somebody wrote to it/);
    expect(await runMigrate(['table', 'copy', 'work.ledger', '--plan', crossing.plan])).toMatchObject({ code: 0 });
    await crossing.expectComplete(await crossing.run());
  });
});
