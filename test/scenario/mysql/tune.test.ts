// `migrate tune` beside a run from MySQL to MySQL that is at work and paused: its log can be read by others as well.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { type MigrateResult, runMigrate } from '../../fleet/runner.ts';
import { execute, openClient } from '../../fleet/text-client.ts';
import { said } from '../migration.ts';
import { Crossing, rootUrl } from './crossing.ts';

let source: MysqlServer;
let target: MysqlServer;

beforeAll(async () => {
  source = await startMysql();
  target = await startMysql(['--local-infile=ON']);
}, 300_000);
afterAll(() => Promise.all([source?.close(), target?.close()]));

const NUMBERS = 'WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 800) SELECT';
/** What comes out depends on the order, and each change finds a row or none. */
const BACKLOG = [
  `INSERT INTO work.accounts (id, owner, balance) ${NUMBERS} 1000 + n, CONCAT('new ', n), 0 FROM s`,
  'UPDATE work.accounts SET balance = balance + 1',
  'UPDATE work.accounts SET id = id + 100000 WHERE id BETWEEN 1001 AND 1100',
  'DELETE FROM work.`lines` WHERE account <= 30',
  `UPDATE work.accounts SET owner = CONCAT('renamed ', id) WHERE id <= 40`,
  'DELETE FROM work.accounts WHERE id BETWEEN 1101 AND 1200',
  `INSERT INTO work.ledger (token) ${NUMBERS} n FROM s`,
];
const CHANGES = 800 + 860 + 100 + 30 + 40 + 100 + 800;

const rows = async (query: string): Promise<readonly unknown[]> => {
  const client = await openClient(rootUrl(target.port));
  const { rows: found } = await client.query(query);
  await client.close();
  return found;
};

/** What nobody but the run may change. */
const ofRun = (): Promise<unknown> =>
  Promise.all(
    [
      'SELECT lane, changes FROM migrate.checkpoint ORDER BY lane',
      'SELECT run, epoch FROM migrate.lease',
      'SELECT table_id, lane, spread FROM migrate.`tables` ORDER BY table_id',
      'SELECT * FROM work.accounts ORDER BY id',
      'SELECT * FROM work.`lines` ORDER BY account, line',
      'SELECT count(*) FROM work.ledger',
    ].map(rows),
  );

const scratch = (): Promise<readonly unknown[]> =>
  rows(`SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'migrate\\_tune%'`);

test('beside a run that is paused the backlog is applied with each setting; the run then applies it itself, and giving it up removes what a killed measurement left', async () => {
  const crossing = await Crossing.open({
    source: { kind: 'mysql', url: rootUrl(source.port) },
    target: { kind: 'mysql', url: rootUrl(target.port) },
    accounts: 60,
    clients: 0,
    plan: { cutover: { when: 'manual', reverse: 'off' } },
  });
  const migrate = (args: readonly string[], failpoints?: string): Promise<MigrateResult> =>
    runMigrate([...args, '-p', crossing.plan, '--json'], failpoints === undefined ? {} : { failpoints });
  await crossing.start().waitFor(/"stage":"cutover","message":"stage begins"/);
  expect(await migrate(['tune'])).toMatchObject({ code: 2, json: { code: 'TUNE.NO_BACKLOG' } });

  expect(await migrate(['pause'])).toMatchObject({ code: 0 });
  await execute(rootUrl(source.port), BACKLOG);
  const before = await ofRun();
  const tuned = await migrate(['tune', '--settings', '1x200,3x50']);
  expect(tuned.code, said(tuned)).toBe(0);
  expect(tuned.json).toMatchObject({
    sample: { rows: CHANGES, tables: 3, filled: 60 + 30 },
    settings: [
      { lanes: 1, batchRows: 200, rows: CHANGES, isWhole: true },
      { lanes: 3, batchRows: 50, rows: CHANGES, isWhole: true },
    ],
    written: false,
  });
  expect(await ofRun()).toEqual(before);
  expect(await scratch()).toEqual([]);

  const killed = await migrate(['tune', '--settings', '2x100'], 'apply.before_commit@9=kill9');
  expect(killed.signal, said(killed)).toBe('SIGKILL');
  expect(await scratch()).toHaveLength(1);
  expect(await ofRun()).toEqual(before);

  expect(await migrate(['resume'])).toMatchObject({ code: 0 });
  const ledger = 'SELECT count(*) FROM work.ledger';
  while (JSON.stringify(await rows(ledger)) !== '[["800"]]') await sleep(50);
  await crossing.compareAtRest();
  expect(await migrate(['abort', '--yes'])).toMatchObject({ code: 0 });
  expect(await scratch()).toEqual([]);
});
