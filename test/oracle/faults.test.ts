// A target that has no room, holds rows back or refuses them, in whole runs. What arrived is read from PostgreSQL below the
// stand-in.

import { beforeEach, describe, expect, test } from 'vitest';
import type { StatusSnapshot } from '../../src/observe/status.ts';
import type { OracleServer } from '../fleet/oracle.ts';
import { withOracle } from '../fleet/oracle.ts';
import { openOracle, REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { MANUAL, openScene, rowsOf, type Scene, type Sections } from '../scenario/scene.ts';

const SCHEMA = `CREATE SCHEMA app;
CREATE TABLE app.texts (id int PRIMARY KEY, merged text, relaxed text NOT NULL DEFAULT '', kept varchar(20) NOT NULL,
  refused varchar(20), u varchar(20) UNIQUE, n int NOT NULL DEFAULT 0);
INSERT INTO app.texts SELECT i, CASE i % 3 WHEN 0 THEN '' WHEN 1 THEN 'm' END, CASE i % 2 WHEN 0 THEN '' ELSE 'r' END,
  CASE i % 5 WHEN 0 THEN '' ELSE 'k' END, NULLIF(i % 4, 0)::text, 'u' || i FROM generate_series(1, 40) i;
CREATE TABLE app.notes (id int PRIMARY KEY, item int REFERENCES app.texts, t text);
INSERT INTO app.notes SELECT i, i, 'note ' || i FROM generate_series(1, 20) i;`;

const EMPTY = {
  convert: { emptySentinel: '(none)', emptyColumns: { 'app.texts.kept': 'sentinel', 'app.texts.refused': 'refuse' } },
};

let oracle: OracleServer;

beforeEach(async () => {
  oracle = await openOracle({ schemas: ['APP'] });
  return () => oracle.close();
});

async function open(
  sections: Sections = {},
): Promise<{ readonly scene: Scene; write(more: Sections): Promise<string> }> {
  const scene = await openScene({ schema: SCHEMA });
  const write = (more: Sections): Promise<string> =>
    scene.write({
      target: { kind: 'oracle', url: oracle.url },
      cutover: MANUAL,
      snapshot: { chunkRows: 20 },
      apply: { lanes: 1, batchWait: '5ms' },
      ...EMPTY,
      ...more,
    });
  await write(sections);
  return { scene, write };
}

/** As `Scene.ready`, which looks for a word that is the password here, and is not shown. */
function ready(scene: Scene, run: ReturnType<Scene['start']>): Promise<StatusSnapshot> {
  return scene.until(run, ({ waiting }) => waiting?.startsWith('ready: waiting') === true);
}

/** Lets the run cut over, and compares what it left with the source. */
async function expectAlike(scene: Scene, run: ReturnType<Scene['start']>): Promise<void> {
  await ready(scene, run);
  expect(await scene.run(['cutover'])).toMatchObject({ code: 0 });
  const done = await run.exited;
  const wanted = await rowsOf(
    scene.sourceUrl,
    `SELECT id, NULLIF(merged, ''), NULLIF(relaxed, ''), CASE kept WHEN '' THEN '(none)' ELSE kept END, refused, u, n
     FROM app.texts ORDER BY id`,
  );
  const there = await rowsOf(
    oracle.below,
    'SELECT id::int, merged::text, relaxed::text, kept, refused, u, n::int FROM app.texts ORDER BY id',
  );
  expect(there).toEqual(wanted);
  expect(done, done.stderr).toMatchObject({
    code: 0,
    json: { result: 'complete', verify: { differences: 0 } },
  });
  // What changed later was compared again.
  const verified = done.json?.verify as { readonly rowsCompared: number } | undefined;
  expect(verified?.rowsCompared).toBeGreaterThanOrEqual(wanted.length + 20);
}

describe.skipIf(REAL_ORACLE !== undefined)('a run', () => {
  test('waits while there is no room for rows, indexes or undo, and while others hold rows, says why, and goes on alone', async () => {
    const { scene } = await open();
    await oracle.fault({
      pattern: '^INSERT INTO "APP"."TEXTS"',
      action: { oraCode: 1653, message: 'unable to extend table APP.TEXTS by 128 in tablespace USERS' },
      skip: 1,
    });
    await oracle.fault({ pattern: '^ALTER TABLE "APP"."TEXTS" ADD CONSTRAINT', action: { oraCode: 1652 } });
    const run = scene.start();
    const full = await scene.until(run, ({ lastError }) => lastError?.code === 'TARGET.FULL');
    expect(full.lastError?.message).toContain('ORA-01653: unable to extend table APP.TEXTS');
    expect(full.lastError?.fix).toContain('ADD DATAFILE');
    await ready(scene, run);
    expect(run.stderr.join('\n')).toContain('ORA-01652');
    await oracle.fault({ pattern: '^UPDATE "APP"."TEXTS"', action: { oraCode: 30036 } });
    await scene.onSource("UPDATE app.texts SET n = n + 1, merged = '' WHERE id < 10");
    await scene.until(run, ({ stream }) => stream.changes >= 9);
    expect(run.stderr.join('\n')).toContain('ORA-30036');
    const { restarts } = await ready(scene, run);
    await withOracle(oracle.url, async (holder) => {
      await holder.execute('SELECT * FROM "APP"."TEXTS" WHERE "ID" = 3 FOR UPDATE', []);
      await scene.onSource("UPDATE app.texts SET n = n + 1, kept = '' WHERE id < 10");
      await scene.until(run, ({ waiting }) => /session '\d+,\d+,@1' on the target/.test(waiting ?? ''));
      await holder.rollback();
    });
    // Nothing was begun again for it.
    expect(await scene.until(run, ({ stream }) => stream.changes >= 18)).toMatchObject({ restarts });
    await expectAlike(scene, run);
  });

  test('stops at a row that only Oracle refuses, or keeps it by plan, and nothing is lost or doubled once it is settled', async () => {
    const { scene, write } = await open();
    const stopped = scene.start();
    await ready(scene, stopped);
    await withOracle(oracle.url, async (operator) => {
      await operator.execute(`ALTER TABLE "APP"."TEXTS" ADD CONSTRAINT "OPS" CHECK ("N" < 100)`, []);
      await operator.execute('ALTER TABLE "APP"."TEXTS" MODIFY ("U" VARCHAR2(8 CHAR))', []);
    });
    await scene.onSource('UPDATE app.texts SET n = 100 WHERE id = 1');
    const refused = await stopped.exited;
    expect(refused.json).toMatchObject({ result: 'failed', code: 'APPLY.CONSTRAINT' });
    expect(refused.stderr).toMatch(/app\.texts refused a row: .* \(ORA-02290\)/);
    await write({ apply: { lanes: 1, batchWait: '5ms', onBadRow: 'deadLetter' } });
    const run = scene.start();
    await scene.onSource(
      "UPDATE app.texts SET u = 'a secret too long' WHERE id = 2",
      "UPDATE app.texts SET merged = '', relaxed = '', kept = '' WHERE id = 5",
    );
    await scene.until(run, ({ deadLetters }) => deadLetters.open === 2);
    const { json, stdout, stderr } = await scene.run(['dead-letters', 'list', '--json']);
    expect(stdout + stderr).not.toContain('secret');
    const letters = json?.letters as readonly { readonly refusal: object }[];
    expect(letters.map(({ refusal }) => refusal)).toEqual([
      expect.objectContaining({ sqlState: '23000' }),
      expect.objectContaining({ sqlState: '22001' }),
    ]);
    await withOracle(oracle.url, async (operator) => {
      await operator.execute('ALTER TABLE "APP"."TEXTS" DROP CONSTRAINT "OPS"', []);
      await operator.execute('ALTER TABLE "APP"."TEXTS" MODIFY ("U" VARCHAR2(20 CHAR))', []);
    });
    const retried = await scene.run(['dead-letters', 'retry', '--all']);
    expect(retried, retried.stderr).toMatchObject({ code: 0 });
    await scene.until(run, ({ deadLetters }) => deadLetters.open === 0);
    await expectAlike(scene, run);
  });
});
