// Tables without a key, and tables whose log does not name the key, under live writers: kills and lost replies in the
// middle leave exactly as many copies of each row as the source has, and the source's replica identities as they were.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, inject, test } from 'vitest';
import { withClient } from '../fleet/databases.ts';
import { openProxy } from '../fleet/proxy.ts';
import type { MigrateResult } from '../fleet/runner.ts';
import { AUTO, MANUAL, openScene, refusal, rowsOf, type Scene, type Sections } from './scene.ts';

/** A run does not make them. */
const BEFORE = [
  'CREATE EXTENSION citext SCHEMA public',
  `CREATE COLLATION public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
];

const SCHEMA = `
${BEFORE.join(';')};
CREATE SCHEMA app;
CREATE TABLE app.events (kind int, body text, tag varchar(10));
ALTER TABLE app.events ALTER body SET STORAGE EXTERNAL;
CREATE TABLE app.shapes (j json, spot point, n numeric, blank char(4));
CREATE TABLE app.lines (doc text NOT NULL, n int NOT NULL, v text, CONSTRAINT doc_line UNIQUE (doc, n));
CREATE TABLE app.hidden (id bigint PRIMARY KEY, v text); ALTER TABLE app.hidden REPLICA IDENTITY NOTHING;
CREATE TABLE app.late (id bigint PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
-- Their keys are equal for the database although their texts differ.
CREATE TABLE app.names (name citext PRIMARY KEY, v int);
CREATE TABLE app.codes (code text COLLATE public.any_case PRIMARY KEY, v int);
INSERT INTO app.names SELECT 'Name' || n, n FROM generate_series(1, 40) n;
INSERT INTO app.codes SELECT 'Code' || n, n FROM generate_series(1, 40) n;
INSERT INTO app.events SELECT n % 7, repeat('b', 3000 * (n % 2)), nullif('', (n % 3)::text) FROM generate_series(1, 120) n;
INSERT INTO app.events SELECT NULL, NULL, NULL FROM generate_series(1, 9);
INSERT INTO app.shapes SELECT '{"a" : 1}', point(n % 3, 0), (n % 2)::numeric(9,2), 'x' FROM generate_series(1, 60) n;
INSERT INTO app.lines SELECT 'd', n, 'v' FROM generate_series(1, 60) n;
INSERT INTO app.hidden SELECT n, 'v' FROM generate_series(1, 60) n;
INSERT INTO app.late SELECT n, 'v' FROM generate_series(1, 60) n;`;

const ONE = 'ctid = (SELECT ctid FROM app.events WHERE kind IS NOT DISTINCT FROM $1 LIMIT 1)';

/** Statements of an application that has no keys, each with a number that tells them apart. */
const STATEMENTS: readonly ((n: number) => readonly [text: string, values?: readonly unknown[]])[] = [
  (n) => ["INSERT INTO app.events SELECT $1::int, repeat('c', 2500), 'new' FROM generate_series(1, 3)", [n % 7]],
  (n) => ["INSERT INTO app.events VALUES ($1, '', NULL), ($1, NULL, ''), ($1, '', NULL)", [n % 5]],
  (n) => [`UPDATE app.events SET tag = 'one' WHERE ${ONE}`, [n % 7]],
  (n) => [`UPDATE app.events SET kind = NULL WHERE ${ONE}`, [n % 7]],
  (n) => [`DELETE FROM app.events WHERE ${ONE}`, [n % 3 === 0 ? null : n % 7]],
  (n) => ['UPDATE app.events SET kind = kind + 1 WHERE kind = $1', [n % 7]],
  (n) => ['DELETE FROM app.events WHERE kind > $1', [7 + (n % 3)]],
  (n) => [`INSERT INTO app.shapes VALUES ('{"a":1}', point($1, 1), $1::numeric(9,3), 'y')`, [n % 2]],
  () => [`UPDATE app.shapes SET j = '{"a" : 2}' WHERE ctid = (SELECT max(ctid) FROM app.shapes)`],
  () => ['DELETE FROM app.shapes WHERE ctid = (SELECT min(ctid) FROM app.shapes)'],
  (n) => ['UPDATE app.lines SET n = n + 1000, v = $2 WHERE n = $1', [n % 60, String(n)]],
  (n) => ['DELETE FROM app.lines WHERE n = $1', [1000 + (n % 60)]],
  (n) => ['INSERT INTO app.lines VALUES ($1, $2, NULL)', ['e', n]],
  (n) => ['UPDATE app.hidden SET v = $2 WHERE id = $1', [n % 60, String(n)]],
  (n) => ['DELETE FROM app.hidden WHERE id = $1', [n % 97]],
  () => ['UPDATE app.late SET id = id + 1'],
  // The same key, written in another way.
  (n) => [
    `UPDATE app.names SET name = $2::citext, v = v + 1 WHERE name = $1::citext`,
    [`name${n % 40}`, `${n % 2 ? 'NA' : 'na'}me${n % 40}`],
  ],
  (n) => [
    `UPDATE app.codes SET code = $2, v = $3 WHERE code = $1`,
    [`code${n % 40}`, `${n % 2 ? 'CO' : 'Co'}de${n % 40}`, n],
  ],
  (n) => ['DELETE FROM app.names WHERE name = $1::citext', [`NAME${n % 40}`]],
  (n) => ['INSERT INTO app.names VALUES ($1::citext, $2)', [`nAme${n % 40}`, n]],
];

/** Between two statements of a client: what a small machine can follow. */
const PACE_MS = 20;

/** Clients that write until they are stopped; a statement that the fence refuses is not repeated. */
class Application {
  readonly refused = new Map<string, number>();
  confirmed = 0;
  #stopped = false;
  #clients: Promise<unknown>;

  constructor(url: string) {
    this.#clients = Promise.all([0, 1].map((client) => withClient(url, (db) => this.#write(db, client))));
  }

  async #write(db: { query(text: string, values: unknown[]): Promise<unknown> }, client: number): Promise<void> {
    for (let n = client; !this.#stopped; n += 2) {
      const [text, values = []] = STATEMENTS[(n * 7) % STATEMENTS.length]!(n);
      try {
        await db.query(text, [...values]);
        this.confirmed++;
      } catch (error) {
        const code = String((error as { code?: string }).code);
        this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
      }
      await sleep(PACE_MS);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#clients;
  }
}

const IDENTITIES = `SELECT relname, relreplident FROM pg_class
  WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' ORDER BY 1`;
const SMALL: Sections = { snapshot: { chunkRows: 30 }, apply: { batchRows: 25, batchWait: '5ms' } };

let scene: Scene;
let application: Application;

async function open(sections: Sections): Promise<readonly (readonly unknown[])[]> {
  scene = await openScene({ schema: SCHEMA, sections: { ...SMALL, ...sections } });
  await scene.onTarget(...BEFORE);
  const before = await rowsOf(scene.sourceUrl, IDENTITIES);
  application = new Application(scene.sourceUrl);
  return before;
}

afterEach(() => application.stop());

/** Lets the run come to where both sides are closed, and compares them there. */
async function runHeld(failpoints = ''): Promise<MigrateResult> {
  const hold = scene.hold('compared');
  const process = scene.start(undefined, { failpoints: `${failpoints};cutover.switched=pause(${hold.path})` });
  await process.waitFor(/^failpoint cutover\.switched 1$/);
  const { differences, rows } = await scene.compare();
  expect(differences).toEqual([]);
  expect(rows).toBeGreaterThan(100);
  await hold.release();
  return process.exited;
}

function expectWritten(): void {
  expect(application.confirmed).toBeGreaterThan(20);
  // The fence, rows that two clients took from each other, and keys that were there already.
  const unexpected = [...application.refused.keys()].filter((code) => !/^(25006|40001|40P01|23505)$/.test(code));
  expect(unexpected).toEqual([]);
}

test('kills in the middle keep every copy, and the replica identities are as before', async () => {
  const before = await open({ cutover: { ...AUTO, budget: '5s' } });
  for (const point of [
    'identity.set',
    'chunk.before_commit@3',
    'chunk.after_commit@2',
    'apply.before_commit@4',
    'apply.after_commit@3',
    'cutover.settled',
  ]) {
    const { signal, stderr } = await scene.run(undefined, { failpoints: `${point}=kill9` });
    expect(signal, `${point}: ${stderr.slice(-2_000)}`).toBe('SIGKILL');
  }
  expect(await rowsOf(scene.sourceUrl, IDENTITIES)).toEqual([
    ['codes', 'f'],
    ['events', 'f'],
    ['hidden', 'd'],
    ['late', 'f'],
    ['lines', 'i'],
    ['names', 'f'],
    ['shapes', 'f'],
  ]);
  const killed = await runHeld('identity.restoring=kill9');
  expect(killed.signal, killed.stderr.slice(-2_000)).toBe('SIGKILL');
  const { code, json, stderr } = await scene.run();
  expect(code, stderr).toBe(0);
  expect(json).toMatchObject({ result: 'complete', verify: { differences: 0 } });
  expectWritten();
  expect(await rowsOf(scene.sourceUrl, IDENTITIES)).toEqual(before);
  expect(await rowsOf(scene.sourceUrl, 'SELECT * FROM migrate.replica_identity')).toEqual([]);
  // The applications go on, on the target as before on the source.
  for (const statement of [
    "UPDATE app.events SET tag = 'after'",
    'DELETE FROM app.shapes',
    'UPDATE app.late SET id = id + 1',
  ]) {
    expect(await refusal(scene.targetUrl, statement)).toBeUndefined();
  }
});

test.each(['before', 'after'] as const)('a COMMIT cut %s it takes effect keeps every copy', async (when) => {
  await open({});
  const proxy = await openProxy(inject('fleet').target);
  try {
    await scene.write({
      ...SMALL,
      target: { kind: 'postgres', url: proxy.url(scene.targetUrl) },
      cutover: { ...AUTO, budget: '5s' },
    });
    const go = scene.hold('go');
    const process = scene.start(undefined, { failpoints: `cutover.before_arm=pause(${go.path})` });
    await process.waitFor(/^failpoint chunk\.before_commit/);
    await proxy.cutOn('COMMIT', when);
    for (let count = 0; count < 3; count++) {
      await process.waitFor(/^failpoint apply\.before_commit/, { from: 'now' });
      await proxy.cutOn('COMMIT', when);
    }
    await go.release();
    const { code, stderr } = await process.exited;
    expect(code, stderr.slice(-2_000)).toBe(0);
    expect(stderr).toContain('TARGET.COMMIT_UNKNOWN');
    await application.stop();
    expectWritten();
    expect((await scene.compare()).differences).toEqual([]);
  } finally {
    await proxy.close();
  }
});

test('a run that is given up leaves the identities as they were', async () => {
  const before = await open({ cutover: MANUAL });
  const process = scene.start();
  await scene.ready(process);
  process.kill('SIGKILL');
  await process.exited;
  expect((await rowsOf(scene.sourceUrl, IDENTITIES))[1]).toEqual(['events', 'f']);
  const { code, stderr } = await scene.run(['abort', '--drop', '--yes']);
  expect(code, stderr).toBe(0);
  await application.stop();
  expectWritten();
  expect(await rowsOf(scene.sourceUrl, IDENTITIES)).toEqual(before);
  expect(await rowsOf(scene.sourceUrl, "SELECT nspname FROM pg_namespace WHERE nspname = 'migrate'")).toEqual([]);
});
