// Single tables of a run: left out, taken back, copied again, while writers write to all of them.

import { afterEach, expect, test } from 'vitest';
import { TABLE_FAILPOINTS } from '../../src/lib/failpoint.ts';
import type { MigrateProcess } from '../fleet/runner.ts';
import { MANUAL, openScene, refusal, rowsOf, type Scene } from './scene.ts';

const STEPS = ['table.apart', 'chunk.before_commit', 'table.copied', 'apply.before_commit', 'table.merging'] as const;

const writers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of writers.splice(0)) await stop();
});

async function open(): Promise<Scene> {
  const sections = { snapshot: { chunkRows: 10 }, apply: { lanes: 2, batchWait: '1ms' }, cutover: MANUAL };
  return openScene({ sections });
}

/** Writes to both tables until it is stopped; its rows are numbered from 1000 on. */
async function write(s: Scene): Promise<() => Promise<void>> {
  const client = await s.connect(s.sourceUrl);
  let stopped = false;
  const writing = (async () => {
    for (let n = 1000; !stopped; n++) {
      await client.query('BEGIN');
      await client.query('INSERT INTO app.items (id, name, body) VALUES ($1, $2, $2)', [n, `item ${n}`]);
      await client.query('INSERT INTO app.notes (item, t) VALUES ($1, $2)', [n, `note ${n}`]);
      await client.query("UPDATE app.items SET n = n + 1, name = name || 'x' WHERE id = $1", [(n % 40) + 1]);
      await client.query('DELETE FROM app.notes WHERE item = $1', [n - 20]);
      await client.query('DELETE FROM app.items WHERE id = $1', [n - 20]);
      await client.query('COMMIT');
    }
  })();
  const stop = async (): Promise<void> => {
    stopped = true;
    await writing;
  };
  writers.push(stop);
  return stop;
}

async function table(s: Scene, ...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const result = await s.run(['table', ...words, '--json']);
  expect(result.code, result.stderr).toBe(0);
  return result.json ?? {};
}

async function ready(s: Scene, run: MigrateProcess, condition: string): Promise<void> {
  await s.until(
    run,
    ({ conditions, waiting }) =>
      conditions['app.items'] === condition && waiting?.includes('waiting for `migrate cutover`') === true,
  );
}

const FOREIGN_KEY = "SELECT count(*) FROM pg_constraint WHERE conname = 'notes_item_fkey'";
const newestNote = 'SELECT coalesce(max(item), 0) FROM app.notes';
const newest = async (url: string): Promise<number> => Number((await rowsOf(url, newestNote))[0]?.[0]);

/** Resolves when a note that is written from now on has come to the target. */
async function noteFollows(s: Scene, run: MigrateProcess): Promise<void> {
  const from = await newest(s.sourceUrl);
  let there = 0;
  await s.until(run, () => {
    void newest(s.targetUrl).then((value) => {
      there = value;
    });
    return there > from;
  });
}

test('a skipped table is left out of everything, named in the result, and the others are carried', async () => {
  const s = await open();
  const stop = await write(s);
  const run = s.start();
  await s.ready(run);
  await table(s, 'skip', 'app.items', '--reason', 'kept on the old server');
  await ready(s, run, 'skipped');
  await noteFollows(s, run);
  expect(await rowsOf(s.targetUrl, 'SELECT count(*) FROM app.items')).toEqual([['0']]);
  expect(await rowsOf(s.targetUrl, FOREIGN_KEY)).toEqual([['0']]);
  expect(await table(s, 'list')).toMatchObject({
    tables: [
      { table: 'app.items', condition: 'skipped', waiver: { reason: 'kept on the old server' } },
      { table: 'app.notes', condition: 'following', waiver: null },
    ],
  });
  await stop();
  expect((await s.run(['cutover'])).code).toBe(0);
  const result = await run.exited;
  expect(result, result.stderr).toMatchObject({
    code: 7,
    json: {
      result: 'complete with waivers',
      waivers: {
        tables: [{ table: 'app.items', reason: 'kept on the old server' }],
        foreignKeys: ['notes_item_fkey on app.notes'],
      },
    },
  });
  const notes = 'SELECT * FROM app.notes ORDER BY id';
  expect(await rowsOf(s.targetUrl, notes)).toEqual(await rowsOf(s.sourceUrl, notes));
  expect(await refusal(s.sourceUrl, 'DELETE FROM app.items')).toBe('25006');
  expect(await s.run(['table', 'retry', 'app.items', '--json'])).toMatchObject({ json: { code: 'RUN.COMPLETE' } });
}, 60_000);

test('a table is copied again while changes of the others go on', async () => {
  const s = await open();
  const stop = await write(s);
  const hold = s.hold('copied');
  const run = s.start(['run', '--json'], { failpoints: `table.copied=pause(${hold.path})` });
  await s.ready(run);
  // What the copy is to cure: the comparison is over, nothing else would find it.
  await s.onTarget('SET session_replication_role = replica; UPDATE app.items SET n = -1 WHERE id <= 40; RESET ALL');
  await table(s, 'copy', 'app.items');
  await run.waitFor(/^failpoint table\.copied 1$/);
  await noteFollows(s, run);
  await noteFollows(s, run);
  expect((await s.status())?.conditions['app.items']).toBe('copying');
  await hold.release();
  await ready(s, run, 'following');
  expect(await rowsOf(s.targetUrl, FOREIGN_KEY)).toEqual([['1']]);
  await stop();
  expect(await s.complete(run)).toMatchObject({ json: { waivers: { tables: [] } } });
}, 60_000);

test('what was copied again is compared again', async () => {
  const s = await open();
  const hold = s.hold('copied');
  const run = s.start(['run', '--json'], { failpoints: `table.copied=pause(${hold.path})` });
  await s.ready(run);
  await table(s, 'copy', 'app.items');
  await run.waitFor(/^failpoint table\.copied 1$/);
  await s.onTarget('SET session_replication_role = replica; UPDATE app.items SET n = -1 WHERE id = 17');
  await hold.release();
  expect(await run.exited).toMatchObject({ code: 4, json: { code: 'VERIFY.DIFFERENCES' } });
}, 60_000);

test('every step of a copy again is killed somewhere', () => {
  expect([...TABLE_FAILPOINTS].filter((point) => !['table.recorded', ...STEPS].includes(point))).toEqual([]);
});

test('a copy of a table that is killed at every step ends with all of its rows', async () => {
  const s = await open();
  const stop = await write(s);
  const first = s.start();
  await s.ready(first);
  first.kill('SIGKILL');
  await first.exited;
  const recorded = await s.run(['table', 'copy', 'app.items'], { failpoints: 'table.recorded=kill9' });
  expect(recorded.signal, recorded.stderr).toBe('SIGKILL');
  // Each in the copy that the one before has left.
  for (const point of STEPS) {
    const killed = await s.run(['run', '--json'], { failpoints: `${point}=kill9` });
    expect(killed.signal, `${point}\n${killed.stderr.slice(-2000)}`).toBe('SIGKILL');
  }
  const run = s.start();
  await ready(s, run, 'following');
  await stop();
  await s.complete(run);
}, 60_000);

test('a table is skipped and taken back at any stage, with and without a process', async () => {
  const s = await open();
  expect((await s.run(['run'], { failpoints: 'chunk.after_commit@3=kill9' })).signal).toBe('SIGKILL');
  expect(await table(s, 'skip', 'app.items', '--reason', 'later')).toMatchObject({ process: 'none' });
  expect((await s.run(['run', '--until', 'snapshot'])).code).toBe(0);
  expect(
    await rowsOf(s.targetUrl, 'SELECT (SELECT count(*) FROM app.items), (SELECT count(*) FROM app.notes)'),
  ).toEqual([['0', '40']]);
  const stop = await write(s);
  await table(s, 'retry', 'app.items');
  const hold = s.hold('copied');
  const run = s.start(['run', '--json'], { failpoints: `table.copied@2=pause(${hold.path})` });
  await ready(s, run, 'following');
  // In the middle of a copy: its lane is left without a table.
  await table(s, 'copy', 'app.items');
  await run.waitFor(/^failpoint table\.copied 2$/);
  expect(await table(s, 'skip', 'app.items', '--reason', 'x')).toMatchObject({ process: 'alive' });
  await hold.release();
  await ready(s, run, 'skipped');
  await noteFollows(s, run);
  await table(s, 'retry', 'app.items');
  await ready(s, run, 'following');
  await stop();
  await s.complete(run);
}, 60_000);

test('what cannot be done with a table is refused, and nothing is recorded', async () => {
  const s = await open();
  expect(await s.run(['table', 'copy', 'app.items', '--json'])).toMatchObject({ json: { code: 'RUN.NONE' } });
  expect((await s.run(['run', '--until', 'snapshot'])).code).toBe(0);
  for (const [words, code, exit] of [
    [['skip', 'app.none', '--reason', 'x'], 'TABLE.UNKNOWN', 64],
    [['skip', 'app.items'], 'USAGE.ARGUMENT', 64],
    [['copy'], 'USAGE.ARGUMENT', 64],
    [['copy', 'app.items', '--reason', 'x'], 'USAGE.ARGUMENT', 64],
    [['retry', 'app.items'], 'TABLE.REFUSED', 2],
  ] as const) {
    expect([words, await s.run(['table', ...words, '--json'])]).toMatchObject([words, { code: exit, json: { code } }]);
  }
  expect(await table(s, 'list')).toMatchObject({ tables: [{ condition: 'following' }, { condition: 'following' }] });
});
