import { afterEach, expect, test } from 'vitest';
import { openPair, type Pair } from '../../fleet/databases.ts';
import { AUTO, catalogOf, execute, MANUAL, openScene, refusal, rowsOf, type Scene, SHOP } from '../scene.ts';

let other: Pair | undefined;

afterEach(async () => {
  await other?.close();
  other = undefined;
});

/** A run that was killed after its third chunk. */
async function killedInTheCopy(): Promise<Scene> {
  const s = await openScene({ sections: { cutover: AUTO, snapshot: { chunkRows: 5 } } });
  const killed = await s.run(undefined, { failpoints: 'chunk.after_commit@3=kill9' });
  expect(killed.signal).toBe('SIGKILL');
  return s;
}

test('a plan that selects other tables is refused by field, and nothing is touched; limits and cutover may change', async () => {
  const s = await killedInTheCopy();
  const before = await Promise.all([catalogOf(s.sourceUrl), catalogOf(s.targetUrl)]);
  const leases = await rowsOf(s.targetUrl, 'SELECT * FROM migrate.lease');
  await s.write({ tables: { exclude: ['app.notes'] } });
  const refused = await s.run();
  expect(refused).toMatchObject({ code: 6, json: { code: 'PLAN.CHANGED' } });
  expect(refused.json?.message).toMatch(/changed in: tables\.exclude\./);
  expect(await Promise.all([catalogOf(s.sourceUrl), catalogOf(s.targetUrl)])).toEqual(before);
  expect(await rowsOf(s.targetUrl, 'SELECT * FROM migrate.lease')).toEqual(leases);

  await s.write({
    cutover: { ...AUTO, budget: '20s', maxLag: '2s' },
    limits: { networkTimeout: '20s', giveUpAfter: '1m' },
    snapshot: { chunkRows: 7, readers: 1 },
    apply: { batchRows: 3 },
  });
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect((await s.compare()).differences).toEqual([]);
});

test('another source is refused by name, whether its tables look the same or not', async () => {
  const s = await killedInTheCopy();
  other = await openPair();
  const strange = () =>
    s.workspace.writePlan({ name: 'test', sourceUrl: other?.sourceUrl ?? '', targetUrl: s.targetUrl });
  await strange();
  expect(await s.run()).toMatchObject({ code: 6, json: { code: 'SOURCE.IDENTITY' } });
  await execute(other.sourceUrl, [SHOP]);
  const before = await catalogOf(other.sourceUrl);
  expect(await s.run()).toMatchObject({ code: 6, json: { code: 'SOURCE.IDENTITY' } });
  expect(await catalogOf(other.sourceUrl)).toEqual(before);
  await s.write();
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
});

const CHANGES: readonly (readonly [string, readonly string[]])[] = [
  [
    'a column is added',
    ['ALTER TABLE app.items ADD COLUMN extra text', `INSERT INTO app.items (id, extra) VALUES (800, 'x')`],
  ],
  ['a column is dropped', ['ALTER TABLE app.items DROP COLUMN n', 'INSERT INTO app.items (id) VALUES (800)']],
  ['a column is renamed', ['ALTER TABLE app.items RENAME n TO m', 'INSERT INTO app.items (id, m) VALUES (800, 1)']],
  [
    'a type changes',
    ['ALTER TABLE app.items ALTER n TYPE bigint', 'INSERT INTO app.items (id, n) VALUES (800, 8000000000)'],
  ],
  ['a table is dropped', ['DROP TABLE app.notes']],
  [
    'a table is made that the plan selects',
    ['CREATE TABLE app.fresh (id int PRIMARY KEY)', 'INSERT INTO app.fresh VALUES (1)'],
  ],
  [
    'a label is added to an enum',
    [`ALTER TYPE app.mood ADD VALUE 'new'`, `UPDATE app.items SET feeling = 'new' WHERE id = 1`],
  ],
];

test.each(CHANGES)(
  'when %s while the log is followed, the run stops and says so, and so does the next',
  async (_, statements) => {
    const s = await openScene();
    const gate = s.hold('go');
    const running = s.start(undefined, { failpoints: `schema.before_complete=pause(${gate.path})` });
    await running.waitFor(/failpoint schema.before_complete 1/);
    await s.onSource(...statements);
    await gate.release();
    expect(await running.exited).toMatchObject({ code: 2, json: { result: 'failed', code: 'SCHEMA.CHANGED' } });
    expect(await s.run()).toMatchObject({ code: 2, json: { result: 'failed', code: 'SCHEMA.CHANGED' } });
    expect(await refusal(s.targetUrl, 'DELETE FROM app.items')).toBe('25006');
    expect(await refusal(s.sourceUrl, `INSERT INTO app.items (id) VALUES (801)`)).toBeUndefined();
  },
);

test.each(CHANGES)('when %s between verification and cutover, the freeze is undone', async (_, [ddl = '']) => {
  const s = await openScene({ sections: { cutover: MANUAL } });
  const running = s.start();
  await s.ready(running);
  await s.onSource(ddl);
  // The run may have noticed already; if not, the freeze does.
  await s.run(['cutover']);
  expect(await running.exited).toMatchObject({ code: 2, json: { result: 'failed', code: 'SCHEMA.CHANGED' } });
  expect(await refusal(s.sourceUrl, `INSERT INTO app.items (id) VALUES (801)`)).toBeUndefined();
  expect(await s.run(['status', '--json'])).toMatchObject({ json: { writable: 'source', stage: 'cutover' } });
});

test('DDL in the freeze, which no fence stops, is seen before the target opens', async () => {
  const s = await openScene({ sections: { cutover: { ...AUTO, budget: '60s' } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.drained=pause(${gate.path})` });
  await running.waitFor(/failpoint cutover.drained 1/);
  await s.onSource('ALTER TABLE app.notes ADD COLUMN extra text');
  await gate.release();
  expect(await running.exited).toMatchObject({ code: 2, json: { code: 'SCHEMA.CHANGED' } });
  expect(await refusal(s.sourceUrl, `INSERT INTO app.items (id) VALUES (801)`)).toBeUndefined();
});

const TRUNCATION = [
  `UPDATE app.items SET n = -1`,
  'TRUNCATE app.items, app.notes',
  `INSERT INTO app.items (id, name, body) SELECT n, 'name' || n, repeat('c', 3000) FROM generate_series(3, 60, 4) n`,
  `INSERT INTO app.notes (item, t) SELECT id, 'again' FROM app.items`,
  'TRUNCATE app.notes',
  `INSERT INTO app.notes (item, t) SELECT id, 'once more' FROM app.items WHERE id % 2 = 1`,
];

test('TRUNCATE is applied in its place while the log is followed and after verification', async () => {
  const s = await openScene({ sections: { cutover: MANUAL } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `schema.before_complete=pause(${gate.path})` });
  await running.waitFor(/failpoint schema.before_complete 1/);
  await s.onSource(...TRUNCATION);
  await gate.release();
  await s.ready(running);
  expect((await s.compare()).differences).toEqual([]);
  await s.onSource(...TRUNCATION);
  await s.run(['cutover']);
  expect(await running.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect(await s.compare()).toMatchObject({ rows: 30, differences: [] });
});

test('TRUNCATE between two moments of the copy empties what was read before it and nothing that was read after it', async () => {
  const s = await killedInTheCopy();
  await s.onSource(...TRUNCATION, `UPDATE app.items SET id = id + 1 WHERE id NOT IN (SELECT item FROM app.notes)`);
  const again = await s.run(undefined, { failpoints: 'chunk.after_commit@4=kill9' });
  expect(again.signal).toBe('SIGKILL');
  await s.onSource(...TRUNCATION);
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect(await s.compare()).toMatchObject({ rows: 30, differences: [] });
});
