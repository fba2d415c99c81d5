// Rows that the target refuses, in a run with live writers: kept, settled by hand, and nothing lost on the way.

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { AUTO, MANUAL, openScene, rowsOf, type Scene, type Sections } from './scene.ts';

const SCHEMA = `CREATE SCHEMA app;
CREATE TABLE app.items (id bigint PRIMARY KEY, name text, n integer NOT NULL);
CREATE TABLE app.tags (id text PRIMARY KEY, label text);
INSERT INTO app.items SELECT n, 'name' || n, n FROM generate_series(1, 40) n;
INSERT INTO app.tags SELECT 't' || n, 'label' || n FROM generate_series(1, 20) n;`;

const STRICTER = [
  'ALTER TABLE app.items ADD CONSTRAINT small CHECK (n < 1000)',
  'ALTER TABLE app.items ALTER name TYPE varchar(12)',
  'CREATE UNIQUE INDEX labels ON app.tags (label)',
];
const RELAXED = [
  'ALTER TABLE app.items DROP CONSTRAINT small',
  'ALTER TABLE app.items ALTER name TYPE text',
  'DROP INDEX app.labels',
];

const BAD = [
  'UPDATE app.items SET n = 5000 WHERE id = 1',
  "INSERT INTO app.items VALUES (901, 'much too long a secret', 1)",
  "INSERT INTO app.tags VALUES ('twin', 'label3')",
  'UPDATE app.items SET n = 6 WHERE id = 1',
];

async function open(sections: Sections = {}): Promise<Scene> {
  const apply = { onBadRow: 'deadLetter', ...(sections.apply as object | undefined) };
  return openScene({ schema: SCHEMA, sections: { cutover: MANUAL, ...sections, apply } });
}

/** Writes all the time to rows that the target takes, until it is stopped. */
function writing(s: Scene): () => Promise<void> {
  let stopped = false;
  const work = (async () => {
    const client = new pg.Client({ connectionString: s.sourceUrl });
    await client.connect();
    for (let round = 0; !stopped; round++) {
      const id = 10 + (round % 30);
      await client.query('UPDATE app.items SET n = n % 900 + 1 WHERE id = $1', [id]);
      await client.query("INSERT INTO app.tags VALUES ($1, 'x' || $1)", [`w${round}`]);
      await client.query('DELETE FROM app.tags WHERE id = $1', [`w${round - 20}`]);
      await sleep(2);
    }
    await client.end();
  })();
  return async () => {
    stopped = true;
    await work;
  };
}

interface Listed {
  readonly id: number;
  readonly table: string;
  readonly state: string;
  readonly refusal: { readonly sqlState: string; readonly constraint: string | null } | null;
}

async function list(s: Scene): Promise<readonly Listed[]> {
  const { code, json, stdout, stderr } = await s.run(['dead-letters', 'list', '--json']);
  expect(code, stderr).toBe(0);
  expect(stdout + stderr).not.toContain('secret');
  return json?.letters as Listed[];
}

test('refused rows are kept while writers go on, the cutover waits for them, and once replayed nothing differs', async () => {
  const s = await open();
  const run = s.start();
  await s.ready(run);
  await s.onTarget(...STRICTER);
  const stop = writing(s);
  await s.onSource(...BAD);
  await s.until(run, ({ deadLetters }) => deadLetters.open === 4);
  await s.onSource(
    "UPDATE app.items SET name = 'short' WHERE id = 901",
    'UPDATE app.items SET id = 902 WHERE id = 901',
  );
  await s.until(run, ({ deadLetters }) => deadLetters.open === 6);
  const letters = await list(s);
  expect(letters.map(({ refusal }) => refusal?.constraint ?? refusal?.sqlState ?? 'follows').toSorted()).toEqual([
    '22001',
    'follows',
    'follows',
    'follows',
    'labels',
    'small',
  ]);
  expect(await s.run(['cutover'])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('6 dead letters are open'),
  });
  const waiting = await s.until(run, ({ waiting: why }) => why?.includes('dead letters are open') === true);
  expect(waiting.verify.differences).toBe(0);
  const refused = await s.run(['dead-letters', 'retry', '--all', '--json']);
  // Of the others the last letter of each row has a row that fits.
  const left = letters.filter(({ refusal }) => refusal?.constraint === 'labels').map(({ id }) => id);
  const others = letters.map(({ id }) => id).filter((id) => !left.includes(id));
  expect(refused, refused.stderr).toMatchObject({ code: 2, json: { result: 'refused', replayed: others } });
  await s.onTarget(...RELAXED);
  const replayed = await s.run(['dead-letters', 'retry', '--all', '--json']);
  expect(replayed, replayed.stderr).toMatchObject({ code: 0, json: { result: 'replayed', refused: [] } });
  await stop();
  await s.until(run, ({ waiting: why }) => why?.includes('waiting for `migrate cutover`') === true);
  await s.complete(run);
  expect(run.stderr).not.toContain('secret');
});

test('killed before, after and around the keeping of letters, a run has each of them once', async () => {
  const s = await open({ apply: { batchRows: 5 } });
  const first = await s.run(['run', '--json', '--until', 'catch-up']);
  expect(first, first.stderr).toMatchObject({ code: 0 });
  await s.onTarget(...STRICTER);
  await s.onSource(...BAD);
  for (const point of ['dlq.before', 'dlq.after', 'apply.before_commit', 'apply.after_commit']) {
    const killed = await s.run(['run', '--json'], { failpoints: `${point}=kill9` });
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
  }
  const run = s.start();
  await s.until(run, ({ deadLetters }) => deadLetters.open === 4);
  expect(await list(s)).toHaveLength(4);
  run.kill('SIGKILL');
  await run.exited;
  expect(await s.run(['status', '--json'])).toMatchObject({
    json: { process: 'none', deadLetters: { open: 4, waived: 0, total: 4 } },
  });
  // Nobody works on the run now: the command does.
  await s.onTarget(...RELAXED);
  const replayed = await s.run(['dead-letters', 'retry', '--table', 'app.items', '--json']);
  expect(replayed, replayed.stderr).toMatchObject({ code: 0, json: { refused: [], replayed: { length: 3 } } });
  const [left] = (await list(s)).filter(({ state }) => state === 'open');
  expect(await s.run(['dead-letters', 'retry', `${left?.id}`])).toMatchObject({ code: 0 });
  await s.write({ cutover: AUTO, apply: { onBadRow: 'deadLetter' } });
  const done = await s.run();
  expect(done, done.stderr).toMatchObject({ code: 0, json: { verify: { differences: 0 } } });
  expect((await s.compare()).differences).toEqual([]);
});

test('a burst over the limit stops the run before that batch is committed, and with the cure it goes on', async () => {
  const s = await open({ apply: { deadLetterLimit: 10 }, cutover: AUTO });
  expect(await s.run(['run', '--json', '--until', 'catch-up'])).toMatchObject({ code: 0 });
  await s.onTarget(...STRICTER);
  await s.onSource("INSERT INTO app.items SELECT n, 'burst', 5000 FROM generate_series(1001, 1011) n");
  const confirmed = 'SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()';
  const [[before] = []] = await rowsOf(s.sourceUrl, `SELECT pg_current_wal_lsn()`);
  const stopped = await s.run();
  expect(stopped, stopped.stderr).toMatchObject({ code: 2, json: { code: 'APPLY.DEAD_LETTERS' } });
  const [[acknowledged] = []] = await rowsOf(s.sourceUrl, confirmed);
  expect(await rowsOf(s.sourceUrl, `SELECT '${acknowledged}'::pg_lsn < '${before}'::pg_lsn`)).toEqual([[true]]);
  expect((await list(s)).length).toBeLessThanOrEqual(10);
  await s.onTarget(...RELAXED);
  const retried = await s.run(['dead-letters', 'retry', '--all']);
  expect(retried, retried.stderr).toMatchObject({ code: 0 });
  const done = await s.run();
  expect(done, done.stderr).toMatchObject({ code: 0, json: { verify: { differences: 0 } } });
  expect((await s.compare()).differences).toEqual([]);
});

test('a waived letter is named in the result, and its row is the only one that differs', async () => {
  const s = await open({ cutover: AUTO });
  expect(await s.run(['run', '--json', '--until', 'catch-up'])).toMatchObject({ code: 0 });
  await s.onTarget(...STRICTER);
  await s.onSource('UPDATE app.items SET n = 5000 WHERE id = 1');
  const run = s.start();
  await s.until(run, ({ waiting }) => waiting?.includes('1 dead letters are open') === true);
  const [letter] = await list(s);
  expect(await s.run(['dead-letters', 'waive', `${letter?.id}`])).toMatchObject({ code: 64 });
  const waived = await s.run(['dead-letters', 'waive', `${letter?.id}`, '--reason', 'a test order', '--json']);
  expect(waived, waived.stderr).toMatchObject({ code: 0, json: { result: 'waived' } });
  const done = await run.exited;
  expect(done, done.stderr).toMatchObject({
    code: 7,
    json: {
      result: 'complete with waivers',
      verify: { differences: 0 },
      waivers: { letters: [{ id: letter?.id, table: 'app.items', reason: 'a test order', by: expect.any(String) }] },
    },
  });
  const onTarget = await rowsOf(s.targetUrl, 'SELECT id::int, n FROM app.items WHERE id <= 2 ORDER BY id');
  expect(onTarget).toEqual([
    [1, 1],
    [2, 2],
  ]);
  const shown = await s.run(['dead-letters', 'show', `${letter?.id}`, '--json']);
  expect(shown.json?.letters).toMatchObject([{ key: ['1'], row: { n: '5000' }, state: 'waived' }]);
  const report = await s.run(['report']);
  expect(report.stdout).toContain('a test order');
});
