// A target whose tables were made by hand: with columns in another order, more columns, more indexes and constraints.

import { expect, test } from 'vitest';
import { AUTO, catalogOf, openScene, refusal, rowsOf, type Scene } from './scene.ts';

const BY_HAND = `
CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('new', 'sad', 'ok');
CREATE TABLE app.items (
  extra text DEFAULT 'x', n integer, body text, feeling app.mood, name text, id bigint PRIMARY KEY,
  UNIQUE (name), UNIQUE (n)
);
CREATE TABLE app.notes (
  t text, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item bigint REFERENCES app.items, made timestamptz DEFAULT now()
);
CREATE INDEX by_text ON app.notes (t);
CREATE FUNCTION app.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''fired''; END';
CREATE TRIGGER refuse BEFORE INSERT ON app.notes FOR EACH ROW EXECUTE FUNCTION app.refuse();`;

async function open(sections: Readonly<Record<string, unknown>> = {}, ddl: string = BY_HAND): Promise<Scene> {
  const scene = await openScene({
    sections: { schema: { target: 'existing' }, cutover: AUTO, snapshot: { chunkRows: 5, readers: 1 }, ...sections },
  });
  await scene.onTarget(ddl);
  return scene;
}

const CONTENT = `SELECT id, name, body, n, feeling::text FROM app.items ORDER BY id`;

test('a run fills tables that were made by hand, closes them meanwhile, and changes nothing of them', async () => {
  const s = await open();
  const before = (await catalogOf(s.targetUrl)).filter((line) => !/fence|migrate/.test(line));
  const running = await s.run(['run', '--json', '--until', 'catch-up']);
  expect(running, running.stderr).toMatchObject({ code: 0, json: { stage: 'catch-up' } });
  expect(await refusal(s.targetUrl, 'DELETE FROM app.items')).toBe('25006');
  await s.onSource(
    "UPDATE app.items SET n = n + 1000 WHERE id < 5; INSERT INTO app.notes (item, t) VALUES (1, 'later')",
  );
  const done = await s.run();
  expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  expect(await rowsOf(s.targetUrl, CONTENT)).toEqual(await rowsOf(s.sourceUrl, CONTENT));
  expect((await catalogOf(s.targetUrl)).filter((line) => !/fence|migrate/.test(line))).toEqual(before);
  await s.onTarget('DROP TRIGGER refuse ON app.notes', "INSERT INTO app.notes (item, t) VALUES (2, 'new')");
  expect(
    await rowsOf(s.targetUrl, 'SELECT (SELECT max(id) > 41 FROM app.notes), (SELECT max(extra) FROM app.items)'),
  ).toEqual([[true, 'x']]);
});

test('tables that a lost snapshot left in part start over, so that what is unique there stays so', async () => {
  const s = await open();
  expect((await s.run(['run', '--json'], { failpoints: 'chunk.after_commit@4=kill9' })).signal).toBe('SIGKILL');
  const [[copied = 0] = []] = await rowsOf(s.targetUrl, 'SELECT count(*)::int FROM app.items');
  expect(copied).toBeGreaterThan(0);
  // Values that change hands between the chunks that were read and those that were not.
  await s.onSource('BEGIN; UPDATE app.items SET n = -n; UPDATE app.items SET n = 41 + n; COMMIT');
  const done = await s.run();
  expect(done, done.stderr).toMatchObject({ code: 0, json: { verify: { differences: 0 } } });
  expect(await rowsOf(s.targetUrl, CONTENT)).toEqual(await rowsOf(s.sourceUrl, CONTENT));
});

test('what the tables cannot take is found before anything is written, and the cures help', async () => {
  const wrong = `CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad');
    CREATE TABLE app.items (id bigint, name varchar(5), n integer NOT NULL, feeling app.mood NOT NULL, more text NOT NULL);
    CREATE TABLE app.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item bigint, t text);
    INSERT INTO app.notes (t) VALUES ('here');
    CREATE FUNCTION app.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER always BEFORE INSERT ON app.notes FOR EACH ROW EXECUTE FUNCTION app.refuse();
    ALTER TABLE app.notes ENABLE ALWAYS TRIGGER always`;
  const s = await open({}, wrong);
  const checked = await s.run(['check', '--json']);
  const findings = (checked.json?.findings ?? []) as { code: string; subject: string; level: string; cure?: string }[];
  const errors = findings.filter(({ level }) => level === 'error');
  expect(errors.map(({ code, subject }) => `${code.replace('PREFLIGHT.', '')} ${subject}`)).toEqual([
    'TARGET_COLUMN app.items.name',
    'TARGET_COLUMN app.items.body',
    'TARGET_COLUMN app.items.feeling',
    'TARGET_COLUMN app.items.more',
    'TARGET_KEY app.items',
    'TARGET_FIRES trigger always on app.notes',
    'TARGET_LABEL "app"."mood"',
    'TARGET_ROWS app.notes',
  ]);
  expect(await s.run()).toMatchObject({ code: 2, json: { code: 'PREFLIGHT.FAILED' } });
  for (const { cure = '' } of errors) await s.onTarget(cure);
  const done = await s.run();
  expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete' } });
});

test('abort --drop takes the fence off and leaves the tables, even when the plan was edited meanwhile', async () => {
  const s = await open();
  const before = await catalogOf(s.targetUrl);
  expect(await s.run(['run', '--json', '--until', 'snapshot'])).toMatchObject({ code: 0 });
  await s.write({ schema: { target: 'create' } });
  expect(await s.run()).toMatchObject({ code: 6, json: { code: 'PLAN.CHANGED' } });
  expect(await s.run(['abort', '--drop', '--yes', '--json'])).toMatchObject({ code: 0, json: { result: 'aborted' } });
  expect(await catalogOf(s.targetUrl)).toEqual(before);
  expect(await rowsOf(s.targetUrl, 'SELECT count(*) FROM app.items')).toEqual([['40']]);
});
