// Empty texts of a source, which to Oracle are NULL: those that the plan refuses are found before the run, the others are counted,
// and a change that was refused for one is settled by the change that corrects it. What arrived is read from PostgreSQL below the
// stand-in.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { StatusSnapshot } from '../../src/observe/status.ts';
import { openPair } from '../fleet/databases.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import type { OracleServer } from '../fleet/oracle.ts';
import { openOracle, REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { openWorkspace } from '../fleet/runner.ts';
import { openClient, type TextClient } from '../fleet/text-client.ts';
import { rootUrl } from '../scenario/mysql/crossing.ts';
import { rowsOf, Scene } from '../scenario/scene.ts';

type Kind = 'mysql' | 'postgres';

const SENTINEL = '(none)';
const PLAN = {
  tables: { include: ['app.*'] },
  snapshot: { chunkRows: 20 },
  verify: { chunkRows: 20 },
  apply: { lanes: 1, batchWait: '5ms', onBadRow: 'deadLetter' },
  cutover: { when: 'manual', reverse: 'off' },
  convert: {
    emptySentinel: SENTINEL,
    emptyColumns: { 'app.users.kept': 'sentinel', 'app.users.code': 'refuse' },
  },
};

let mysql: MysqlServer;
let oracle: OracleServer;

beforeAll(async () => {
  mysql = await startMysql();
}, 300_000);
afterAll(() => mysql?.close());
beforeEach(async () => {
  oracle = await openOracle({ schemas: ['APP'] });
  return () => oracle.close();
});

/** Values that are nearly empty, or nearly the sentinel, are not. */
function schemaOf(kind: Kind): readonly string[] {
  const bytes = kind === 'mysql' ? 'varbinary(9)' : 'bytea';
  const empty = kind === 'mysql' ? "x''" : `'\\x'`;
  const zero = kind === 'mysql' ? "x'00'" : `'\\x00'`;
  const rows = Array.from({ length: 90 }, (_, id) => {
    const nick = ["''", 'NULL', "' '", `'n${id}'`][id % 4];
    const kept = id % 5 === 0 ? "''" : id % 5 === 1 ? "'(NONE)'" : "'k'";
    const raw = [empty, 'NULL', zero][id % 3];
    return `(${id}, ${nick}, ${kept}, ${id % 2 === 0 ? 'NULL' : "' '"}, ${raw})`;
  });
  return [
    kind === 'mysql' ? 'DROP DATABASE IF EXISTS app' : 'DROP SCHEMA IF EXISTS app CASCADE',
    ...(kind === 'mysql' ? ['DROP DATABASE IF EXISTS migrate'] : []),
    kind === 'mysql' ? 'CREATE DATABASE app' : 'CREATE SCHEMA app',
    `CREATE TABLE app.users (id int PRIMARY KEY, nick varchar(20), kept varchar(20) NOT NULL, code varchar(20), raw ${bytes})`,
    `INSERT INTO app.users VALUES ${rows.join(', ')}`,
    'CREATE TABLE app.keyed (k varchar(9) PRIMARY KEY, n int)',
    "INSERT INTO app.keyed VALUES ('a', 1)",
  ];
}

/** A run between a server of this kind and Oracle. */
async function open(kind: Kind): Promise<{ readonly scene: Scene; readonly source: TextClient }> {
  const pair = await openPair();
  const scene = new Scene(pair, await openWorkspace());
  onTestFinished(() => scene.close());
  const url = kind === 'mysql' ? rootUrl(mysql.port) : pair.sourceUrl;
  const source = await openClient(url);
  onTestFinished(() => source.close());
  for (const statement of schemaOf(kind)) await source.query(statement);
  await scene.write({ source: { kind, url }, target: { kind: 'oracle', url: oracle.url }, ...PLAN });
  return { scene, source };
}

async function ready(scene: Scene, run: ReturnType<Scene['start']>): Promise<StatusSnapshot> {
  return scene.until(run, ({ waiting }) => waiting?.startsWith('ready: waiting') === true);
}

/** Of each column that lets them be something else: values that are there, and empty. Counted here, not by a condition. */
async function emptyOnSource(source: TextClient): Promise<Readonly<Record<string, number>>> {
  const { rows } = await source.query('SELECT nick, kept, raw FROM app.users');
  const count = (index: number): number => rows.filter((row) => ['', '\\x'].includes(row[index] ?? 'NULL')).length;
  return { nick: count(0), kept: count(1), raw: count(2) };
}

const NULLS = `SELECT count(*) FILTER (WHERE nick IS NULL)::int, count(*) FILTER (WHERE raw IS NULL)::int,
  count(*) FILTER (WHERE kept = '${SENTINEL}')::int FROM app.users`;

describe.skipIf(REAL_ORACLE !== undefined).each(['postgres', 'mysql'] as const)('from %s', (kind) => {
  test('values that the plan refuses are named before the run begins, by column, and the run does not begin', async () => {
    const { scene, source } = await open(kind);
    const found = async () => {
      const { json } = await scene.run(['check', '--json']);
      const findings = json?.findings as readonly { code: string; level: string; subject: string; cure?: string }[];
      return findings.filter(({ code }) => code === 'PREFLIGHT.ORACLE_EMPTY');
    };
    expect(await found()).toEqual([]);
    await source.query("UPDATE app.users SET code = '' WHERE id = 80");
    await source.query(`UPDATE app.users SET kept = '${SENTINEL}' WHERE id = 81`);
    await source.query("INSERT INTO app.keyed VALUES ('', 2)");
    const refused = (await found()).map(({ level, subject, cure }) => [level, subject, cure?.replace(/ {2}#.*/, '')]);
    expect(refused.toSorted()).toEqual([
      ['error', 'app.keyed.k', 'convert: { emptyColumns: { "app.keyed.k": sentinel } }'],
      ['error', 'app.users.code', 'convert: { emptyColumns: { "app.users.code": sentinel } }'],
      ['error', 'app.users.kept', 'convert: { emptySentinel: "…" }'],
    ]);
    expect(await scene.run()).toMatchObject({ json: { result: 'failed', code: 'PREFLIGHT.FAILED' } });
    expect(await rowsOf(oracle.below, "SELECT to_regclass('app.users')")).toEqual([[null]]);
  });

  test('verification counts those that became NULL or the sentinel, and no NULL of the source', async () => {
    const { scene, source } = await open(kind);
    const run = scene.start();
    const { verify } = await ready(scene, run);
    const empty = await emptyOnSource(source);
    expect(Object.values(empty)).toEqual([23, 18, 30]);
    const counted = [
      { table: 'app.users', column: 'nick', values: empty.nick, became: null },
      { table: 'app.users', column: 'kept', values: empty.kept, became: SENTINEL },
      { table: 'app.users', column: 'raw', values: empty.raw, became: null },
    ];
    const line =
      'app.users: 53 empty values became NULL (23 of nick, 30 of raw), 18 empty values of kept became "(none)",' +
      ' as convert.emptyText says';
    expect(verify.emptyValues).toEqual(counted);
    expect((await scene.run(['status'])).stdout).toContain(`empty     ${line}`);
    expect(await scene.run(['cutover'])).toMatchObject({ code: 0 });
    const done = await run.exited;
    expect(done, done.stderr).toMatchObject({
      code: 0,
      json: { result: 'complete', verify: { differences: 0, emptyValues: counted } },
    });
    // What is NULL there and was not on the source.
    const { rows } = await source.query('SELECT count(*) - count(nick), count(*) - count(raw) FROM app.users');
    const [nick = 0, raw = 0] = rows[0]?.map(Number) ?? [];
    expect(await rowsOf(oracle.below, NULLS)).toEqual([[nick + empty.nick!, raw + empty.raw!, empty.kept]]);
    expect((await scene.run(['status'])).stdout).toContain(`empty     ${line}`);
    const report = await scene.run(['report', '--json']);
    expect(report.json).toMatchObject({ certificate: { verification: { emptyValues: counted } } });
    const compared = await scene.run(['run', '--only', 'verify', '--json']);
    expect(compared, compared.stderr).toMatchObject({ code: 0, json: { result: 'equal' } });
    expect(compared.json?.tables).toEqual([
      expect.objectContaining({ table: 'app.keyed', emptyValues: [] }),
      expect.objectContaining({ table: 'app.users', emptyValues: counted }),
    ]);
    expect((await scene.run(['run', '--only', 'verify'])).stdout).toContain(`  ${line}`);
  });

  test('a change that was refused for one is settled by the change that corrects it', async () => {
    const { scene, source } = await open(kind);
    const run = scene.start();
    await ready(scene, run);
    await source.query("UPDATE app.users SET code = '' WHERE id = 1");
    await source.query(`INSERT INTO app.users VALUES (100, 'new', '${SENTINEL}', NULL, NULL)`);
    await scene.until(run, ({ deadLetters }) => deadLetters.open === 2);
    const retry = () => scene.run(['dead-letters', 'retry', '--all', '--json']);
    expect((await retry()).json).toMatchObject({ replayed: [], refused: [{}, {}] });
    await source.query("UPDATE app.users SET code = 'c1' WHERE id = 1");
    await source.query("UPDATE app.users SET kept = '' WHERE id = 100");
    await scene.until(run, ({ deadLetters }) => deadLetters.open === 4);
    expect((await retry()).json).toMatchObject({ replayed: [1, 2, 3, 4], refused: [] });
    await scene.until(run, ({ deadLetters }) => deadLetters.open === 0);
    await ready(scene, run);
    expect(await scene.run(['cutover'])).toMatchObject({ code: 0 });
    const done = await run.exited;
    expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
    const there = 'SELECT id::int, code, kept FROM app.users WHERE id IN (1, 100) ORDER BY id';
    expect(await rowsOf(oracle.below, there)).toEqual([
      [1, 'c1', '(NONE)'],
      [100, null, SENTINEL],
    ]);
  });
});
