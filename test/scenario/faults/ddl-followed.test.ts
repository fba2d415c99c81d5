// The source is altered during the run, in every stage: found within seconds, and followed where the plan says so.

import { expect, test } from 'vitest';
import type { MigrateProcess } from '../../fleet/runner.ts';
import { AUTO, MANUAL, openScene, refusal, rowsOf, type Scene, type Sections, SHOP } from '../scene.ts';

const FOLLOW: Sections = { schema: { changes: 'add-columns' } };
const SMALL: Sections = { snapshot: { chunkRows: 7 }, apply: { batchRows: 3 } };

function open(sections: Sections, schema = SHOP): Promise<Scene> {
  return openScene({ schema, sections: { ...SMALL, cutover: AUTO, ...sections } });
}

/** Rows of before, around and after; the new columns have values at once. */
const ALTERATION = [
  `UPDATE app.items SET n = n + 1, body = repeat('x', 3000) WHERE id % 4 = 0`,
  `BEGIN; INSERT INTO app.items (id, name) VALUES (900, 'before');
   ALTER TABLE app.items ADD COLUMN extra text; ALTER TABLE app.notes ADD COLUMN "Extra 2" numeric(9,2) DEFAULT NULL;
   INSERT INTO app.items (id, extra) VALUES (901, 'after'); UPDATE app.items SET extra = 'both' WHERE id = 900; COMMIT`,
  `UPDATE app.items SET extra = 'e' || id WHERE id % 3 = 0`,
  `UPDATE app.notes SET "Extra 2" = id WHERE id % 2 = 0`,
  `DELETE FROM app.items WHERE id IN (900) OR id > 1000`,
  `UPDATE app.items SET id = id + 2000, extra = 'moved' WHERE id = 901`,
];

const ALTERATION_ALONE = ['ALTER TABLE app.items ADD COLUMN extra text'];

interface Stage {
  readonly name: string;
  /** Where the process is held while the source is altered. */
  readonly point: string;
}

const COPYING: Stage = { name: 'snapshot', point: 'chunk.after_commit@3' };
const FOLLOWING: Stage = { name: 'catch-up', point: 'schema.before_complete' };
const READY: Stage = { name: 'cutover', point: 'cutover.before_arm' };
const FROZEN: Stage = { name: 'cutover', point: 'cutover.drained' };
const VERIFYING: Stage = { name: 'verify', point: 'verify.chunk' };
// The rows have values in the new columns when the first chunk is read.
const BEFORE: Stage = { name: 'snapshot', point: 'log.before_pin' };

/** Alters the source while the process is held. DDL passes a fence; writes do not, so those come when it is open again. */
async function alterAt(s: Scene, { point }: Stage, statements: readonly string[]): Promise<MigrateProcess> {
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `${point}=pause(${gate.path})` });
  await running.waitFor(new RegExp(`failpoint ${point.replace('@', ' ')}`));
  await s.onSource(...statements);
  await gate.release();
  return running;
}

test.each([COPYING, VERIFYING, FROZEN])(
  'columns added in stage $name at $point stop a run, which follows them when the plan says so',
  async (stage) => {
    const s = await open({ cutover: { ...AUTO, budget: '60s' } });
    const running = await alterAt(s, stage, stage === FROZEN ? ALTERATION_ALONE : ALTERATION);
    const stopped = await running.exited;
    expect(stopped).toMatchObject({ code: 2, json: { code: 'SCHEMA.CHANGED' } });
    expect(stopped.json?.message).toMatch(/column extra was added to app\.items/);
    expect(stopped.json?.fix).toMatch(/schema\.changes: add-columns/);
    expect(await refusal(s.sourceUrl, `UPDATE app.items SET extra = 'while stopped' WHERE id = 7`)).toBeUndefined();
    await s.write({ ...SMALL, ...FOLLOW, cutover: AUTO });
    expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
    expect((await s.compare()).differences).toEqual([]);
    expect(await rowsOf(s.targetUrl, 'SELECT extra FROM app.items WHERE id = 7')).toEqual([['while stopped']]);
  },
);

test.each([BEFORE, COPYING, FOLLOWING, VERIFYING, READY, FROZEN])(
  'columns added in stage $name at $point are followed without a stop',
  async (stage) => {
    const s = await open({ ...FOLLOW, cutover: { ...AUTO, budget: '60s', retries: 3 } });
    const running = await alterAt(s, stage, stage === FROZEN ? ALTERATION_ALONE : ALTERATION);
    expect(await running.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
    const compared = await s.compare();
    expect(compared.differences).toEqual([]);
    expect(compared.rows).toBeGreaterThan(70);
  },
);

test('kill -9 around the transaction that adds columns on the target leaves journal and tables of one mind', async () => {
  const s = await open(FOLLOW);
  expect((await s.run(undefined, { failpoints: 'chunk.after_commit@3=kill9' })).signal).toBe('SIGKILL');
  await s.onSource(...ALTERATION);
  for (const point of ['schema.adding_columns', 'schema.columns_added']) {
    expect((await s.run(undefined, { failpoints: `${point}=kill9` })).signal).toBe('SIGKILL');
    const columns = `SELECT count(*) FROM pg_attribute WHERE attrelid = 'app.items'::regclass AND attname = 'extra'`;
    const journalled = `SELECT count(*) FROM migrate.run WHERE catalog::text LIKE '%"extra"%'`;
    const expected = [[point === 'schema.columns_added' ? '1' : '0']];
    expect(await rowsOf(s.targetUrl, columns)).toEqual(expected);
    expect(await rowsOf(s.targetUrl, journalled)).toEqual(expected);
  }
  await s.onSource(
    `UPDATE app.items SET extra = 'later' WHERE id > 30`,
    'ALTER TABLE app.items ADD COLUMN third app.mood',
  );
  await s.onSource(`UPDATE app.items SET third = 'sad' WHERE id > 20`);
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect((await s.compare()).differences).toEqual([]);
});

const FAMILY = `${SHOP}
CREATE TABLE app.logs (id int, at int, v text, PRIMARY KEY (id, at)) PARTITION BY LIST (at);
CREATE TABLE app.logs_1 PARTITION OF app.logs FOR VALUES IN (1);
CREATE TABLE app.logs_2 PARTITION OF app.logs FOR VALUES IN (2) PARTITION BY RANGE (id);
CREATE TABLE app.logs_2a PARTITION OF app.logs_2 FOR VALUES FROM (0) TO (100);
CREATE TABLE app.base (id int PRIMARY KEY, v text);
CREATE TABLE app.heir (more text, PRIMARY KEY (id)) INHERITS (app.base);
INSERT INTO app.logs SELECT n, 1 + n % 2, 'v' || n FROM generate_series(1, 30) n;
INSERT INTO app.base SELECT n, 'v' || n FROM generate_series(1, 20) n;
INSERT INTO app.heir SELECT n, 'v' || n, 'm' FROM generate_series(21, 40) n;`;

const FAMILY_ALTERATION = [
  'ALTER TABLE app.logs ADD COLUMN extra text',
  'ALTER TABLE app.base ADD COLUMN extra text',
  `ALTER TABLE app.heir ADD COLUMN own app.mood; COMMENT ON COLUMN app.heir.own IS 'its own'`,
  `UPDATE app.logs SET extra = 'e' || id WHERE id % 3 = 0`,
  `UPDATE app.base SET extra = 'e' || id WHERE id % 3 = 0`,
  `UPDATE app.heir SET own = 'sad' WHERE id % 2 = 0`,
  `INSERT INTO app.logs VALUES (50, 2, 'new', 'new')`,
];

test.each([COPYING, READY])(
  'columns of a partitioned table, of an heir and of what it inherits from are followed in stage $name',
  async (stage) => {
    const s = await open({ ...FOLLOW, cutover: { ...AUTO, budget: '60s' } }, FAMILY);
    const running = await alterAt(s, stage, FAMILY_ALTERATION);
    expect(await running.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
    expect((await s.compare()).differences).toEqual([]);
    expect(
      await rowsOf(
        s.targetUrl,
        `SELECT count(*) FROM pg_attribute WHERE attname IN ('extra', 'own') AND attrelid IN
        ('app.logs'::regclass, 'app.logs_1'::regclass, 'app.logs_2'::regclass, 'app.logs_2a'::regclass, 'app.base'::regclass, 'app.heir'::regclass)`,
      ),
    ).toEqual([['7']]);
  },
);

test('under other names columns are followed, but not those of a type that may have one, too', async () => {
  const s = await open({
    ...FOLLOW,
    cutover: MANUAL,
    tables: { map: { 'app.*': 'shop.*', 'app.notes': { to: 'shop.remarks', columns: { t: 'body' } } } },
  });
  const running = s.start();
  await s.ready(running);
  await s.onSource('ALTER TABLE app.notes ADD COLUMN extra int', 'UPDATE app.notes SET extra = id WHERE id < 9');
  await s.until(running, ({ restarts }) => restarts > 0);
  await s.ready(running);
  expect(await rowsOf(s.targetUrl, 'SELECT count(extra), sum(extra) FROM shop.remarks')).toEqual([['8', '36']]);
  await s.onSource('ALTER TABLE app.notes ADD COLUMN feeling app.mood');
  const stopped = await running.exited;
  expect(stopped).toMatchObject({ code: 2, json: { code: 'SCHEMA.CHANGED' } });
  expect(stopped.json?.message).toMatch(/Not followed: tables\.map renames tables, and column feeling/);
});

test('a column that came, was written and went again stops the run, also when it starts again', async () => {
  const s = await open(FOLLOW);
  const running = await alterAt(s, FOLLOWING, [
    'ALTER TABLE app.items ADD COLUMN extra text',
    `UPDATE app.items SET extra = 'x'`,
    'ALTER TABLE app.items DROP COLUMN extra',
  ]);
  for (const result of [await running.exited, await s.run()]) {
    expect(result).toMatchObject({ code: 2, json: { code: 'SCHEMA.CHANGED' } });
    expect(result.json?.message).toMatch(/undone since/);
  }
});

// Nothing of the table is written after it: only a look at the schema can find it.
const QUIET: readonly (readonly ['waits' | 'copies', string, RegExp, Sections])[] = [
  [
    'waits',
    'CREATE TABLE app.fresh (id int PRIMARY KEY)',
    /app\.fresh is a new table, and tables\.include selects it/,
    {},
  ],
  ['copies', `ALTER TYPE app.mood ADD VALUE 'new'`, /a label was added to type app\.mood/, FOLLOW],
  ['copies', 'ALTER TABLE app.items RENAME n TO m', /column n of app\.items was renamed to m/, {}],
  [
    'waits',
    'ALTER TABLE app.items ADD COLUMN x int DEFAULT 5',
    /Not followed: column x of app\.items has a def/,
    FOLLOW,
  ],
];

test.each(QUIET)('a run that %s is stopped by %s', async (where, statement, told, sections) => {
  const s = await open({ ...sections, cutover: MANUAL });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `chunk.after_commit@2=pause(${gate.path})` });
  await running.waitFor(/failpoint chunk.after_commit 2/);
  if (where === 'copies') await s.run(['pause']);
  await gate.release();
  if (where === 'waits') await s.ready(running);
  await s.onSource(statement);
  const stopped = await running.exited;
  expect(stopped).toMatchObject({ code: 2, json: { code: 'SCHEMA.CHANGED' } });
  expect(stopped.json?.message).toMatch(told);
  expect(await s.run(['status', '--json'])).toMatchObject({
    json: { writable: 'source', stage: where === 'copies' ? 'snapshot' : 'cutover' },
  });
});

test('a client that writes all the time, and from the ALTER on to the new columns, loses nothing', async () => {
  // Batches of three rows could not keep up with it.
  const s = await open({ ...FOLLOW, cutover: { ...AUTO, budget: '20s' }, apply: { batchRows: 500 } });
  const client = await s.connect(s.sourceUrl);
  let written = 0;
  let columns = '';
  const writing = (async () => {
    for (;;) {
      const values = columns === '' ? '' : `, extra = 'w' || $1::int, more = ARRAY['sad', NULL]::app.mood[]`;
      try {
        await client.query(`UPDATE app.items SET n = $1${values} WHERE id = 1 + $1::int % 40`, [written]);
      } catch (error) {
        return error;
      }
      written++;
      if (written === 150) {
        await client.query('ALTER TABLE app.items ADD COLUMN extra text, ADD COLUMN more app.mood[]');
        columns = 'extra, more';
      }
    }
  })();
  const running = s.start(undefined, { failpoints: 'chunk.before_commit@2=delay(300)' });
  expect(await running.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  // The fence refused it.
  expect(await writing).toMatchObject({ code: '25006' });
  expect(written).toBeGreaterThan(150);
  expect((await s.compare()).differences).toEqual([]);
  expect(await rowsOf(s.targetUrl, 'SELECT max(n)::int, count(more) > 0 FROM app.items')).toEqual([
    [written - 1, true],
  ]);
});

test('values that rows were given by rewriting a table, which no log has, are found by comparing everything again', async () => {
  const s = await open({ ...FOLLOW, cutover: { ...AUTO, budget: '60s' } });
  const running = await alterAt(s, READY, [
    'ALTER TABLE app.notes ADD COLUMN extra float8 DEFAULT random()',
    'ALTER TABLE app.notes ALTER extra DROP DEFAULT',
  ]);
  const stopped = await running.exited;
  expect(stopped).toMatchObject({ code: 4, json: { code: 'VERIFY.DIFFERENCES' } });
  expect(stopped.json?.message).toMatch(/app\.notes/);
});

test('what becomes of the source after a cutover was interrupted does not keep it from coming to its end', async () => {
  const s = await open({});
  expect((await s.run(undefined, { failpoints: 'cutover.permanent=kill9' })).signal).toBe('SIGKILL');
  await s.onSource('ALTER TABLE app.items ADD COLUMN extra text');
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
});
