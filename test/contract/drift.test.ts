import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresServer, type Session } from '../../src/databases/postgres/connection.ts';
import { readDrift } from '../../src/databases/postgres/drift.ts';
import { readFingerprint } from '../../src/databases/postgres/fingerprint.ts';
import type { SchemaDrift } from '../../src/model/drift.ts';
import { openPair, type Pair } from '../fleet/databases.ts';

const SELECTION = { include: ['app.*'], exclude: ['app.old'] };

const SCHEMA = `
CREATE SCHEMA app; CREATE SCHEMA attic;
CREATE TYPE app.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN app.word AS text DEFAULT 'w';
CREATE TABLE app.items (id int PRIMARY KEY, name text, n int NOT NULL, feeling app.mood, w app.word, gone text);
ALTER TABLE app.items DROP COLUMN gone;
CREATE TABLE app.rows (a int, b text);
CREATE TABLE app.parts (id int, at int, PRIMARY KEY (id, at)) PARTITION BY LIST (at);
CREATE TABLE app.parts_1 PARTITION OF app.parts FOR VALUES IN (1);
CREATE TABLE app.base (id int PRIMARY KEY, v text);
CREATE TABLE app.heir (more text, PRIMARY KEY (id)) INHERITS (app.base);
INSERT INTO app.items VALUES (1, 'a', 1), (2, 'b', 2)`;

let pair: Pair;
let server: PostgresServer;
let session: Session;

beforeEach(async () => {
  pair = await openPair();
  server = new PostgresServer('source', pair.sourceUrl, 'test');
  session = await server.session({ purpose: 'test' });
  await session.run(SCHEMA, []);
});

afterEach(async () => {
  await server.close();
  await pair.close();
});

async function driftAfter(...statements: readonly string[]): Promise<SchemaDrift | undefined> {
  const record = {
    catalog: await readCatalog(session, SELECTION),
    fingerprint: await readFingerprint(session, SELECTION),
  };
  for (const statement of statements) await session.run(statement, []);
  return readDrift(session, SELECTION, record);
}

const NAMED: readonly (readonly [string, string])[] = [
  ['ALTER TABLE app.items DROP COLUMN name', 'column name of app.items was dropped, or renamed'],
  ['ALTER TABLE app.items RENAME name TO label', 'column name of app.items was renamed to label'],
  ['ALTER TABLE app.items ALTER n TYPE bigint', 'column n of app.items is now bigint, not integer'],
  ['ALTER TABLE app.items ALTER n DROP NOT NULL', 'column n of app.items may now be NULL'],
  ['ALTER TABLE app.items ADD COLUMN extra text', 'column extra was added to app.items'],
  ['ALTER TABLE app.items DROP CONSTRAINT items_pkey', 'the key of app.items is another one'],
  [
    'ALTER TABLE app.items RENAME TO goods',
    'app.items was dropped, or renamed to app.goods; app.goods is a new table, and tables.include selects it',
  ],
  ['ALTER TABLE app.items SET SCHEMA attic', 'app.items was dropped, or renamed'],
  ['DROP TABLE app.rows', 'app.rows was dropped, or renamed'],
  ['CREATE TABLE app.fresh (x int)', 'app.fresh is a new table, and tables.include selects it'],
  ['CREATE TABLE app.parts_2 PARTITION OF app.parts FOR VALUES IN (2)', 'app.parts_2 is a new partition of app.parts'],
  ['ALTER TABLE app.parts DETACH PARTITION app.parts_1', 'app.parts_1 is no partition any more'],
  ['ALTER TABLE app.heir NO INHERIT app.base', 'app.heir inherits from other tables'],
  [`ALTER TYPE app.mood ADD VALUE 'new'`, 'a label was added to type app.mood'],
  [`ALTER DOMAIN app.word ADD CHECK (VALUE <> '')`, 'type app.word is defined in another way'],
  [
    'DROP TABLE app.rows; CREATE TABLE app.rows (a int, b text)',
    'something that no description shows: a selected table was dropped and made again, or a part of one that is not selected was attached or detached',
  ],
];

test.each(NAMED)('%s is told as: %s', async (statement, told) => {
  const drift = await driftAfter(statement);
  expect(drift?.changes.map(({ what }) => what).join('; ')).toBe(told);
});

test('a new partition is undone as its cure says', async () => {
  const record = {
    catalog: await readCatalog(session, SELECTION),
    fingerprint: await readFingerprint(session, SELECTION),
  };
  await session.run('CREATE TABLE app.parts_2 PARTITION OF app.parts FOR VALUES IN (2)', []);
  const drift = await readDrift(session, SELECTION, record);
  expect(drift?.changes).toMatchObject([
    { undoable: true, undo: expect.stringMatching(/detach it, then drop it or move/) },
  ]);
  await session.run('ALTER TABLE app.parts DETACH PARTITION app.parts_2; ALTER TABLE app.parts_2 SET SCHEMA attic', []);
  expect(await readDrift(session, SELECTION, record)).toBeUndefined();
});

test('what changes nothing that is carried is no drift', async () => {
  expect(
    await driftAfter(
      'CREATE INDEX ON app.items (name)',
      'CREATE TABLE app.old (x int)',
      'INSERT INTO app.items VALUES (3, NULL, 3)',
      'ALTER TABLE app.items ADD COLUMN extra text; ALTER TABLE app.items DROP COLUMN extra',
    ),
  ).toBeUndefined();
});

const FOLLOWED: readonly string[] = [
  'ALTER TABLE app.items ADD COLUMN extra text',
  'ALTER TABLE app.items ADD COLUMN extra numeric(10,2) DEFAULT NULL, ADD COLUMN more app.mood[]',
  'ALTER TABLE app.items ADD COLUMN extra app.mood; ALTER TABLE app.base ADD COLUMN extra int',
  'ALTER TABLE app.parts ADD COLUMN extra text',
];

test.each(FOLLOWED)('%s can be followed', async (statement) => {
  expect(await driftAfter(statement)).toMatchObject({ notFollowed: null });
});

const NOT_FOLLOWED: readonly (readonly [string, RegExp])[] = [
  ['ALTER TABLE app.items ADD COLUMN extra int NOT NULL DEFAULT 1', /is NOT NULL/],
  ['ALTER TABLE app.items ADD COLUMN extra int DEFAULT 1', /has a default/],
  [
    'ALTER TABLE app.items ADD COLUMN extra int DEFAULT 1; ALTER TABLE app.items ALTER extra DROP DEFAULT',
    /may have a value/,
  ],
  ['ALTER TABLE app.items ADD COLUMN extra app.word', /may have a value/],
  ['ALTER TABLE app.items ADD COLUMN extra int GENERATED ALWAYS AS (id + 1) STORED', /is generated/],
  ['ALTER TABLE app.items ADD COLUMN extra int GENERATED BY DEFAULT AS IDENTITY', /NOT NULL/],
  ['ALTER TABLE app.rows ADD COLUMN extra text', /without a key/],
  [
    'ALTER TABLE app.items ADD COLUMN x text; ALTER TABLE app.items DROP COLUMN x; ALTER TABLE app.items ADD COLUMN x text',
    /added and dropped/,
  ],
  [
    'ALTER TABLE app.items ADD COLUMN x text; ALTER TABLE app.items DROP COLUMN x; ALTER TABLE app.base ADD COLUMN x text; ALTER TABLE app.items ADD COLUMN y text',
    /added and dropped/,
  ],
  [
    `CREATE TYPE app.size AS ENUM ('s'); ALTER TABLE app.items ADD COLUMN extra app.size`,
    /app.size, which the run does not carry/,
  ],
  ['ALTER TABLE app.items ADD COLUMN extra pg_catalog.regproc', /does not say which of several/],
  ['ALTER TABLE app.items ADD COLUMN extra text; ALTER TABLE app.items ALTER n TYPE bigint', /bigint, not integer/],
  [
    'ALTER TABLE app.items ADD COLUMN extra text; DROP TABLE app.rows; CREATE TABLE app.rows (a int, b text)',
    /something else/,
  ],
  [
    'ALTER TABLE app.items ADD COLUMN extra text; ALTER TABLE app.items DROP COLUMN name',
    /column name of app.items was/,
  ],
];

test.each(NOT_FOLLOWED)('%s cannot be followed', async (statement, reason) => {
  expect((await driftAfter(statement))?.notFollowed).toMatch(reason);
});
