// Runs that are asked for less than a migration: a stop after a stage, a copy, a comparison.

import { expect, test } from 'vitest';
import { FAILPOINTS } from '../../src/lib/failpoint.ts';
import { catalogOf, execute, openScene, refusal, rowsOf, type Scene } from './scene.ts';

async function open(sections: Readonly<Record<string, unknown>> = {}): Promise<Scene> {
  return openScene({ sections: { snapshot: { chunkRows: 10 }, ...sections } });
}

const SLOTS = 'SELECT count(*) FROM pg_replication_slots WHERE database = current_database()';

test('a run stops after the stage it is told, and goes on from there', async () => {
  const s = await open();
  expect(await s.run(['run', '--json', '--until', 'snapshot'])).toMatchObject({
    code: 0,
    json: { result: 'stopped', stage: 'snapshot', next: [{ command: 'migrate run' }] },
  });
  expect(await rowsOf(s.targetUrl, 'SELECT count(*) FROM app.items')).toEqual([['40']]);
  expect(await refusal(s.targetUrl, 'DELETE FROM app.items')).toBe('25006');
  await s.onSource('UPDATE app.items SET n = n + 1');
  // A stage that is done already is where it stops again.
  expect(await s.run(['run', '--json', '--until', 'schema'])).toMatchObject({ json: { stage: 'schema' } });
  expect(await s.run(['run', '--json', '--until', 'verify'])).toMatchObject({ json: { stage: 'verify' } });
  expect(await s.run(['status', '--json'])).toMatchObject({ json: { writable: 'source' } });
  expect((await s.compare()).differences).toEqual([]);
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
});

test('a stop before anything is created leaves the target without tables', async () => {
  const s = await open();
  expect(await s.run(['run', '--json', '--until', 'preflight'])).toMatchObject({
    code: 0,
    json: { stage: 'preflight' },
  });
  expect(await refusal(s.targetUrl, 'SELECT 1 FROM app.items')).toBe('42P01');
});

test('what does not go together is refused before anything is read', async () => {
  const s = await open();
  for (const args of [
    ['--until', 'cutover'],
    ['--until', 'nothing'],
    ['--only', 'cutover'],
    ['--only', 'verify', '--until', 'schema'],
    ['--keys'],
  ]) {
    expect([args, (await s.run(['run', ...args])).code]).toEqual([args, 64]);
  }
});

test('a copy opens the target, leaves the source in use and clean, and is never called a migration', async () => {
  const s = await open();
  const before = await catalogOf(s.sourceUrl);
  const copied = await s.run(['run', '--json', '--only', 'snapshot']);
  expect(copied, copied.stderr).toMatchObject({
    code: 0,
    json: {
      result: 'copied',
      snapshot: { rows: 80 },
      verify: { rowsCompared: 80, differences: 0, keysNotVerified: 0 },
    },
  });
  expect(await catalogOf(s.sourceUrl)).toEqual(before);
  expect((await s.compare()).differences).toEqual([]);
  await s.onSource("INSERT INTO app.notes (item, t) VALUES (1, 'later')");
  // The sequence goes on where the source's stood, and the foreign key is in force.
  await s.onTarget("INSERT INTO app.notes (item, t) VALUES (1, 'mine')");
  expect(await refusal(s.targetUrl, "INSERT INTO app.notes (item, t) VALUES (999, 'x')")).toBe('23503');
  expect(await s.run(['run', '--json', '--only', 'snapshot'])).toMatchObject({ code: 0, json: copied.json });
  expect(await s.run(['status', '--json'])).toMatchObject({ json: { stage: 'copied' } });
  expect(await s.run()).toMatchObject({ code: 2, json: { code: 'RUN.COPIED' } });
  expect(await s.run(['abort', '--yes', '--json'])).toMatchObject({ code: 2, json: { code: 'RUN.COMPLETE' } });
  expect(await rowsOf(s.sourceUrl, SLOTS)).toEqual([['0']]);
});

test('a copy is not called one when a partition was made meanwhile, whose rows no publication carries', async () => {
  const s = await open({ tables: { include: ['hand.*'] } });
  await s.onSource(`CREATE SCHEMA hand; CREATE TABLE hand.p (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE hand.low PARTITION OF hand.p FOR VALUES FROM (0) TO (100); INSERT INTO hand.p VALUES (1)`);
  const hold = s.hold('go');
  const copying = s.start(['run', '--json', '--only', 'snapshot'], { failpoints: `verify.done=pause(${hold.path})` });
  await s.until(copying, ({ verify }) => verify.rowsCompared > 0);
  await s.onSource(
    'CREATE TABLE hand.high PARTITION OF hand.p FOR VALUES FROM (100) TO (200); INSERT INTO hand.p VALUES (150)',
  );
  await hold.release();
  const { code, json, stderr } = await copying.exited;
  expect({ code, json }, stderr).toMatchObject({ code: 2, json: { code: 'SCHEMA.CHANGED' } });
  expect(await refusal(s.targetUrl, 'DELETE FROM hand.p')).toBe('25006');
});

test('a copy that is killed again and again ends as the source at one moment', async () => {
  const s = await open();
  const before = await catalogOf(s.sourceUrl);
  for (const point of [
    'chunk.after_commit',
    'verify.chunk',
    'cutover.switched',
    'cutover.target_open',
    'cleanup.before_release',
  ] as const) {
    expect(FAILPOINTS).toContain(point);
    const killed = await s.run(['run', '--json', '--only', 'snapshot'], { failpoints: `${point}=kill9` });
    expect(killed.signal, `${point}\n${killed.stderr}`).toBe('SIGKILL');
    if (point === 'chunk.after_commit' || point === 'verify.chunk') {
      // The chunks that are left are read at another moment; a note that moves to another item crosses both.
      await s.onSource(
        'INSERT INTO app.items (id, name) SELECT coalesce(max(id), 0) + 1, max(id)::text FROM app.items',
        'UPDATE app.notes SET item = (SELECT max(id) FROM app.items) WHERE id % 7 = 0',
        "UPDATE app.items SET name = name || 'x' WHERE id % 3 = 0",
      );
    }
  }
  expect(await s.run(['run', '--json', '--only', 'snapshot'])).toMatchObject({ code: 0, json: { result: 'copied' } });
  expect(await catalogOf(s.sourceUrl)).toEqual(before);
  expect((await s.compare()).differences).toEqual([]);
  expect(await refusal(s.targetUrl, "INSERT INTO app.notes (item, t) VALUES (999, 'x')")).toBe('23503');
});

test('a plan without a cutover keeps the target in step, and can have one later', async () => {
  const s = await open({ cutover: { when: 'never', reverse: 'off' } });
  const following = s.start(['run', '--json']);
  await s.until(following, ({ waiting }) => waiting?.startsWith('in step') === true);
  await s.onSource("UPDATE app.items SET name = 'later' WHERE id = 1");
  const refused = await s.run(['cutover', '--yes', '--json']);
  expect(refused).toMatchObject({ code: 5, json: { code: 'CUTOVER.REFUSED', fix: expect.stringContaining('manual') } });
  await s.until(following, ({ stream }) => stream.changes > 0);
  expect(await rowsOf(s.targetUrl, "SELECT count(*) FROM app.items WHERE name = 'later'")).toEqual([['1']]);
  expect(await refusal(s.targetUrl, 'DELETE FROM app.items')).toBe('25006');
  following.kill('SIGTERM');
  await following.exited;
  await s.write({ cutover: { when: 'auto', reverse: 'off' } });
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
});

test('a comparison without a run says equal or different, tells keys only when asked, and writes nothing', async () => {
  const s = await open();
  const ddl = `CREATE SCHEMA hand; CREATE TABLE hand.a (id int PRIMARY KEY, secret text);
    CREATE TABLE hand.b (id int PRIMARY KEY, t text);
    INSERT INTO hand.a SELECT n, 'canary' || n FROM generate_series(1, 5000) n; INSERT INTO hand.b VALUES (1, 'x')`;
  await execute(s.sourceUrl, [ddl]);
  await execute(s.targetUrl, [ddl]);
  await s.write({ tables: { include: ['hand.*'] } });
  const before = await Promise.all([catalogOf(s.sourceUrl), catalogOf(s.targetUrl)]);
  const verify = ['run', '--only', 'verify', '--json'];
  expect(await s.run(verify)).toMatchObject({ code: 0, json: { result: 'equal', rowsCompared: 5001 } });

  await s.onTarget(
    "UPDATE hand.a SET secret = 'canary other' WHERE id IN (17, 4000)",
    'DELETE FROM hand.a WHERE id = 30',
    'ALTER TABLE hand.b RENAME t TO u',
  );
  const different = await s.run(verify);
  expect(different).toMatchObject({
    code: 4,
    json: {
      result: 'different',
      tables: [
        { table: 'hand.a', rows: 4997, differences: 3, unstable: 0, refused: null },
        { table: 'hand.b', rows: 0 },
      ],
    },
  });
  expect(different.stdout).not.toContain('"keys"');
  const keys = await s.run([...verify, '--keys']);
  expect(keys.json).toMatchObject({ tables: [{ keys: ['17', '30', '4000'] }, {}] });
  expect(`${keys.stdout}${keys.stderr}${different.stdout}`).not.toContain('canary');
  await s.onTarget('ALTER TABLE hand.b RENAME u TO t');
  expect(await Promise.all([catalogOf(s.sourceUrl), catalogOf(s.targetUrl)])).toEqual(before);
});

test('a finished migration compares equal afterwards, and a plan that selects nothing is not called equal', async () => {
  const s = await open();
  expect(await s.run()).toMatchObject({ code: 0 });
  expect(await s.run(['run', '--only', 'verify', '--json'])).toMatchObject({ code: 0, json: { result: 'equal' } });
  await s.write({ tables: { include: ['none.*'] } });
  expect(await s.run(['run', '--only', 'verify', '--json'])).toMatchObject({ code: 4, json: { code: 'VERIFY.EMPTY' } });
});
