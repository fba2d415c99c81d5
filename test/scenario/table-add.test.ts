// Tables that join a run under way, and what is asked for single tables of every kind: partitioned, renamed, without a key.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { JOIN_FAILPOINTS } from '../../src/lib/failpoint.ts';
import type { MigrateProcess } from '../fleet/runner.ts';
import { AUTO, MANUAL, openScene, refusal, rowsOf, type Scene } from './scene.ts';

const SCHEMA = `
CREATE SCHEMA app;
CREATE TABLE app.items (id bigint PRIMARY KEY, name text, n integer NOT NULL DEFAULT 0);
CREATE TABLE app.notes (item bigint PRIMARY KEY, t text);
CREATE TYPE app.level AS ENUM ('low', 'high');
CREATE SEQUENCE app.tickets;
CREATE TABLE app.events (id bigserial, day int NOT NULL, item bigint REFERENCES app.items, level app.level DEFAULT 'low',
  ticket bigint DEFAULT nextval('app.tickets'), body text, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES IN (1);
CREATE TABLE app.events_2 PARTITION OF app.events FOR VALUES IN (2);
CREATE INDEX events_body ON app.events (body);
CREATE TABLE app.audit (who text, what text);
CREATE TABLE app."Odd one" (id bigint PRIMARY KEY);
CREATE TABLE app.far (id bigint PRIMARY KEY);
CREATE TABLE app.near (id bigint PRIMARY KEY, far bigint REFERENCES app.far);
CREATE TABLE app.tagged (id bigint PRIMARY KEY REFERENCES app.items);
INSERT INTO app.items SELECT n, 'name' || n FROM generate_series(1, 40) n;
INSERT INTO app.notes SELECT n, 'note' || n FROM generate_series(1, 40) n;
INSERT INTO app.events (day, item, body) SELECT n % 2 + 1, n, repeat('e', n) FROM generate_series(1, 40) n;
INSERT INTO app.audit SELECT 'who' || n % 5, 'what' FROM generate_series(1, 40) n;
INSERT INTO app."Odd one" SELECT n FROM generate_series(1, 15) n`;

const SMALL = { snapshot: { chunkRows: 10 }, apply: { lanes: 2, batchWait: '1ms' } };
const SELECTED = { include: ['app.items', 'app.notes'], exclude: ['app.audit'] };
/** What no test adds. */
const LEFT = ['app.far', 'app.near', 'app.tagged'];

const scenes: Scene[] = [];
const writers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of writers.splice(0)) await stop();
  for (const scene of scenes.splice(0)) await scene.close();
});

async function open(sections: Readonly<Record<string, unknown>>): Promise<Scene> {
  const scene = await openScene({ schema: SCHEMA, sections: { ...SMALL, cutover: MANUAL, ...sections } });
  scenes.push(scene);
  return scene;
}

/** Writes to all tables until it is stopped; its rows are numbered from 1000 on. */
async function write(s: Scene): Promise<() => Promise<void>> {
  const client = await s.connect(s.sourceUrl);
  let stopped = false;
  const writing = (async () => {
    for (let n = 1000; !stopped; n++) {
      await client.query('BEGIN');
      await client.query('INSERT INTO app.items (id, name) VALUES ($1, $2)', [n, `item ${n}`]);
      await client.query('INSERT INTO app.events (day, item, body) VALUES ($1 % 2 + 1, $1, $2)', [n, `event ${n}`]);
      await client.query('UPDATE app.events SET day = 3 - day, body = $2 WHERE id = $1', [(n % 40) + 1, `moved ${n}`]);
      await client.query('DELETE FROM app.events WHERE item = $1', [n - 20]);
      await client.query('DELETE FROM app.items WHERE id = $1', [n - 20]);
      await client.query('INSERT INTO app.audit VALUES ($1, $2)', [`who${n % 7}`, `wrote ${n % 3}`]);
      await client.query('DELETE FROM app.audit WHERE ctid = (SELECT min(ctid) FROM app.audit)');
      await client.query('INSERT INTO app.notes VALUES ($1, $2)', [n, `note ${n}`]);
      await client.query('COMMIT');
      // Leaves the machine to the run.
      await sleep(10);
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

/** Resolves when these tables stand so and the run waits for the cutover. */
async function ready(s: Scene, run: MigrateProcess, condition: string, ...ids: readonly string[]): Promise<void> {
  await s.until(
    run,
    ({ conditions, waiting }) =>
      ids.every((id) => (conditions as Readonly<Record<string, string>>)[id] === condition) &&
      waiting?.includes('waiting for `migrate cutover`') === true,
  );
}

const newest = async (url: string): Promise<number> =>
  Number((await rowsOf(url, 'SELECT max(item) FROM app.notes'))[0]?.[0]);

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

/** Tables that are missing on the target or have other rows there. */
async function different(s: Scene): Promise<readonly string[]> {
  return [...new Set((await s.compare()).differences.map(({ table: name }) => name.replaceAll('"', '')))].toSorted();
}

test('tables join a run while changes of the others go on, and are cut over with them', async () => {
  const s = await open({ tables: SELECTED });
  const stop = await write(s);
  const hold = s.hold('copied');
  const run = s.start(['run', '--json'], { failpoints: `table.copied=pause(${hold.path})` });
  await s.ready(run);
  for (const [name, code, message] of [
    ['app.none', 'TABLE.UNKNOWN', 'the source has no table app.none'],
    ['app.near', 'TABLE.REFUSED', 'PREFLIGHT.FOREIGN_KEY app.near: foreign key near_far_fkey points at app.far'],
    ['app.events_1', 'TABLE.REFUSED', 'PREFLIGHT.PARENT app.events_1: it is a part of app.events'],
  ] as const) {
    const refused = await s.run(['table', 'add', name, '--json']);
    expect([name, refused.json]).toMatchObject([name, { code, message: expect.stringContaining(message) }]);
  }
  expect((await s.status())?.restarts).toBe(0);
  expect(await table(s, 'add', 'app.items')).toMatchObject({ result: 'part of the run already' });

  expect(await table(s, 'add', 'app.events')).toMatchObject({ result: 'added, to be copied', process: 'alive' });
  await run.waitFor(/^failpoint table\.copied 1$/);
  await noteFollows(s, run);
  expect((await s.status())?.conditions).toMatchObject({ 'app.events_1': 'copying', 'app.events_2': 'copying' });
  expect(await refusal(s.targetUrl, 'INSERT INTO app.events (day) VALUES (1)')).toBe('25006');
  await hold.release();
  await ready(s, run, 'following', 'app.events_1', 'app.events_2');
  expect(await table(s, 'add', 'app.events_2')).toMatchObject({ result: 'part of the run already' });
  expect(await table(s, 'add', 'app.audit')).toMatchObject({ findings: [{ code: 'PREFLIGHT.NO_KEY' }, {}] });
  await ready(s, run, 'following', 'app.audit');
  await stop();
  expect((await s.run(['cutover'])).code).toBe(0);
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect(await different(s)).toEqual(['app.Odd one', ...LEFT]);
  expect(
    await rowsOf(
      s.targetUrl,
      "SELECT conname FROM pg_constraint WHERE conname = 'events_item_fkey' AND convalidated AND conparentid = 0",
    ),
  ).toEqual([['events_item_fkey']]);
  expect(await refusal(s.targetUrl, 'INSERT INTO app.events (day) VALUES (1), (2)')).toBeUndefined();
  expect(await refusal(s.sourceUrl, 'DELETE FROM app.audit')).toBe('25006');
  const left =
    "SELECT relreplident::text FROM pg_class WHERE relname = 'audit' UNION ALL SELECT pubname FROM pg_publication";
  expect(await rowsOf(s.sourceUrl, left)).toEqual([['d']]);
  expect(await s.run(['table', 'add', 'app.far', '--json'])).toMatchObject({ json: { code: 'RUN.COMPLETE' } });
}, 90_000);

test('a table that joins is killed at every step, and joins', async () => {
  const s = await open({ tables: SELECTED });
  const stop = await write(s);
  expect((await s.run(['run', '--until', 'verify'])).code).toBe(0);
  const recorded = await s.run(['table', 'add', 'app.events'], { failpoints: 'table.recorded=kill9' });
  expect(recorded.signal, recorded.stderr).toBe('SIGKILL');
  expect(await table(s, 'add', 'app.events')).toMatchObject({ result: 'part of the run already', process: 'none' });
  await table(s, 'add', 'app.audit');
  expect(await table(s, 'list')).toMatchObject({
    tables: [{}, {}, { table: 'app.events', condition: 'waiting' }, { table: 'app.audit', condition: 'waiting' }],
  });
  for (const point of JOIN_FAILPOINTS) {
    const killed = await s.run(['run', '--json'], { failpoints: `${point}=kill9` });
    expect(killed.signal, `${point}\n${killed.stderr.slice(-2000)}`).toBe('SIGKILL');
  }
  await stop();
  // A partition that was made meanwhile joins in the same way.
  await s.onSource('CREATE TABLE app.events_3 PARTITION OF app.events FOR VALUES IN (3)');
  expect(await s.run()).toMatchObject({
    code: 2,
    json: { code: 'SCHEMA.CHANGED', fix: expect.stringContaining('`migrate table add app.events_3`') },
  });
  await s.onSource('INSERT INTO app.events (day, body) SELECT 3, n FROM generate_series(1, 30) n');
  await table(s, 'add', 'app.events_3');
  // The plan may name what has joined, and nothing else.
  const named = ['app.items', 'app.notes', 'app.events', 'app.events_1', 'app.audit'];
  await s.write({ ...SMALL, cutover: AUTO, tables: { include: [...named, 'app.far'] } });
  expect(await s.run()).toMatchObject({ code: 6, json: { code: 'PLAN.CHANGED' } });
  await s.write({ ...SMALL, cutover: AUTO, tables: { include: named } });
  const done = await s.run();
  expect(done, done.stderr.slice(-3000)).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect(await different(s)).toEqual(['app.Odd one', ...LEFT]);
  const indexes = "SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'events%' ORDER BY 1";
  expect(await rowsOf(s.targetUrl, indexes)).toEqual(await rowsOf(s.sourceUrl, indexes));
}, 90_000);

test('a table joins a copy that is under way, and one that is gone again does not', async () => {
  const s = await open({ tables: SELECTED });
  const only = ['run', '--only', 'snapshot', '--json'];
  const early = await s.run(only, { failpoints: 'schema.creating=kill9' });
  expect(early.signal).toBe('SIGKILL');
  expect(await s.run(['table', 'add', 'app.events', '--json'])).toMatchObject({ json: { code: 'TABLE.REFUSED' } });
  expect((await s.run(only, { failpoints: 'chunk.after_commit@3=kill9' })).signal).toBe('SIGKILL');
  await table(s, 'add', 'app.events');
  await table(s, 'add', 'app."Odd one"');
  await table(s, 'add', 'app.far');
  await s.onSource('DROP TABLE app.far CASCADE');
  const stop = await write(s);
  const copied = await s.run(only);
  expect(copied, copied.stderr).toMatchObject({ code: 0, json: { result: 'copied' } });
  await stop();
  // What is written afterwards belongs to the source alone.
  const before = `SELECT (SELECT count(*) FROM app.events WHERE item < 1000), (SELECT count(*) FROM app."Odd one")`;
  expect(await rowsOf(s.targetUrl, before)).toEqual(await rowsOf(s.sourceUrl, before));
  expect(await s.run(['table', 'add', 'app.audit', '--json'])).toMatchObject({ json: { code: 'RUN.COMPLETE' } });
}, 60_000);

test('what is asked for partitioned tables, renamed ones and those without a key is done for all of their rows', async () => {
  const exclude = ['app.far', 'app.near', 'app.tagged', 'app.Odd*', 'app.notes'];
  const s = await open({
    tables: { include: ['app.*'], exclude, map: { 'app.*': 'store.*', 'app.audit': 'store.log' } },
  });
  const there =
    'SELECT (SELECT count(*) FROM store.events_1), (SELECT count(*) FROM store.events_2), (SELECT count(*) FROM store.log)';
  const run = s.start();
  await s.ready(run);
  await table(s, 'skip', 'app.events', '--reason', 'later');
  await table(s, 'skip', 'app.audit', '--reason', 'later');
  await ready(s, run, 'skipped', 'app.events_1', 'app.events_2', 'app.audit');
  expect(await rowsOf(s.targetUrl, there)).toEqual([['0', '0', '0']]);
  await table(s, 'retry', 'app.events_2');
  await ready(s, run, 'following', 'app.events_2');
  expect(await rowsOf(s.targetUrl, there)).toEqual([['0', '20', '0']]);
  for (const [verb, name, message] of [
    ['copy', 'app.events', 'app.events is skipped'],
    ['add', 'app.audit', 'app.audit is skipped'],
    ['add', 'app.tagged', 'foreign key tagged_id_fkey of app.tagged points at app.items, which tables.map calls'],
    ['add', 'app.notes', 'relation "notes" already exists in schema "store"'],
  ] as const) {
    if (name === 'app.notes') await s.onTarget('CREATE TABLE store.notes ()');
    const refused = await s.run(['table', verb, name, '--json']);
    expect([verb, name, refused.json]).toMatchObject([
      verb,
      name,
      { code: 'TABLE.REFUSED', message: expect.stringContaining(message) },
    ]);
  }
  await s.onTarget('DROP TABLE store.notes', 'SET session_replication_role = replica; UPDATE store.items SET n = -1');
  await table(s, 'copy', 'app.items');
  await table(s, 'retry', 'app.events');
  await table(s, 'retry', 'app.audit');
  await table(s, 'copy', 'app.events');
  await table(s, 'add', 'app.notes');
  await ready(s, run, 'following', 'app.items', 'app.events_1', 'app.events_2', 'app.audit', 'app.notes');
  expect((await s.run(['cutover'])).code).toBe(0);
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  for (const [name, target] of [
    ['items', 'items'],
    ['events', 'events'],
    ['audit', 'log'],
    ['notes', 'notes'],
  ]) {
    const rows = (from: string): string => `SELECT t::text FROM ${from} t ORDER BY 1`;
    expect(await rowsOf(s.targetUrl, rows(`store.${target}`))).toEqual(await rowsOf(s.sourceUrl, rows(`app.${name}`)));
  }
}, 90_000);
