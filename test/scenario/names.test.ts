// Names: those that a plan gives to things on the target, and those that no program expects.

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { said } from './migration.ts';
import { openScene, rowsOf, type Scene } from './scene.ts';

async function open(schema: string, sections: Readonly<Record<string, unknown>>): Promise<Scene> {
  const small = { snapshot: { chunkRows: 10 }, apply: { batchRows: 20, batchWait: '5ms' } };
  return openScene({ schema, sections: { ...small, ...sections } });
}

interface Writing {
  /** Resolves when this many statements were done. */
  done(count: number): Promise<void>;
  /** Resolves when the source has refused to take more. */
  readonly refused: Promise<void>;
}

/** Writes, one statement after the other, until the fence is closed for good. */
async function write(scene: Scene, statement: (turn: number) => string): Promise<Writing> {
  const client = await scene.connect(scene.sourceUrl);
  let done = 0;
  const waiting = new Set<() => void>();
  const work = async (): Promise<void> => {
    for (let turn = 0; ; turn++) {
      try {
        await client.query(statement(turn));
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === '25006') return;
        throw error;
      }
      done += 1;
      for (const look of waiting) look();
      // Leaves the machine to the run.
      await sleep(4);
    }
  };
  const refused = work();
  refused.catch(() => undefined);
  const reached = (count: number): Promise<void> =>
    new Promise((resolve) => {
      waiting.add(() => {
        if (done >= count) resolve();
      });
    });
  return { done: (count) => Promise.race([reached(count), refused]), refused };
}

const SHOP = `
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'ok');
CREATE TABLE app.items (id bigint PRIMARY KEY, name text UNIQUE, n int NOT NULL DEFAULT 0, mood app.mood DEFAULT 'ok',
  many app.mood[], CHECK (n >= 0));
CREATE TABLE app.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item bigint REFERENCES app.items, t text);
CREATE TABLE app.log (line text, mood app.mood);
CREATE TABLE app.parts (id serial, kind app.mood, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE app.parts_ok PARTITION OF app.parts FOR VALUES IN ('ok');
CREATE INDEX by_mood ON app.items ((mood = 'ok'::app.mood), n);
INSERT INTO app.items SELECT n, 'name' || n, n, 'sad', '{ok,sad}' FROM generate_series(1, 100) n;
INSERT INTO app.notes (item, t) SELECT n, 'note' || n FROM generate_series(1, 40) n;
INSERT INTO app.log SELECT 'line' || n % 7, 'ok' FROM generate_series(1, 40) n;
INSERT INTO app.parts (kind) SELECT 'ok' FROM generate_series(1, 40) n;`;

const MAP = {
  'app.*': 'depot.*',
  'app.items': { to: 'depot.notes', columns: { name: 'n', n: 'name' } },
  'app.notes': { to: 'depot.items', columns: { t: 'words' } },
  'app.parts': { columns: { kind: 'Type' } },
};

function shopWrite(turn: number): string {
  const id = (turn % 90) + 1;
  switch (turn % 8) {
    case 0:
      return `INSERT INTO app.items VALUES (${1000 + turn}, 'new${turn}', ${turn}, 'ok', '{sad}')`;
    case 1:
      return `UPDATE app.items SET n = n + 1, mood = 'ok' WHERE id = ${id}`;
    // A unique value changes hands, which needs the order of the source.
    case 2:
      return `UPDATE app.items SET name = 'x' WHERE id = ${id}; UPDATE app.items SET name = 'y${turn}' WHERE name = 'x'`;
    case 3:
      return `INSERT INTO app.notes (item, t) VALUES (${id}, 'later')`;
    case 4:
      return `DELETE FROM app.notes WHERE id = ${id}; INSERT INTO app.parts (kind) VALUES ('ok')`;
    case 5:
      return `INSERT INTO app.log VALUES ('more', 'sad')`;
    case 6:
      return turn % 80 === 6 ? 'TRUNCATE app.log' : `UPDATE app.log SET mood = 'sad' WHERE line = 'line3'`;
    default:
      return `UPDATE app.parts SET id = id + 100000 WHERE id = ${id}`;
  }
}

test('everything gets another name and arrives, through two kills and a map that was changed in between', async () => {
  const scene = await open(SHOP, { tables: { include: ['app.*'], map: MAP } });
  const writing = await write(scene, shopWrite);
  const killed = await scene.run(['run', '--json'], { failpoints: 'chunk.before_commit@6=kill9' });
  expect(killed.signal, said(killed)).toBe('SIGKILL');
  await scene.write({ tables: { include: ['app.*'], map: { ...MAP, 'app.parts': 'depot.pieces' } } });
  const refused = await scene.run();
  expect(refused.code).toBe(6);
  expect(refused.stderr).toMatch(/PLAN\.CHANGED.*tables\.map/s);
  // In another order it is the same map.
  const map = Object.fromEntries(Object.entries(MAP).toReversed());
  await scene.write({ tables: { include: ['app.*'], map }, apply: { batchRows: 20, batchWait: '5ms' } });
  const again = await scene.run(['run', '--json'], { failpoints: 'apply.before_commit@8=kill9' });
  expect(again.signal, said(again)).toBe('SIGKILL');
  const result = await scene.run();
  expect(result.code, said(result)).toBe(0);
  expect(result.json).toMatchObject({ result: 'complete', verify: { differences: 0 } });
  await writing.refused;
  for (const [here, there] of [
    ['SELECT id, name, n, mood, many FROM app.items', 'SELECT id, n, name, mood, many FROM depot.notes'],
    ['SELECT id, item, t FROM app.notes', 'SELECT id, item, words FROM depot.items'],
    ['SELECT line, mood FROM app.log', 'SELECT line, mood FROM depot.log'],
    ['SELECT id, kind FROM app.parts', 'SELECT id, "Type" FROM depot.parts_ok'],
  ] as const) {
    const order = (query: string): string => `SELECT q::text FROM (${query}) q ORDER BY 1`;
    expect(await rowsOf(scene.targetUrl, order(there))).toEqual(await rowsOf(scene.sourceUrl, order(here)));
  }
  // Sequences stand where they must, identity columns are what they were, and constraints hold under their new names.
  const inserts = [
    `INSERT INTO depot.items (item, words) SELECT id, 'after' FROM depot.notes LIMIT 1
     RETURNING id > (SELECT max(id) FROM depot.items)`,
    `INSERT INTO depot.parts ("Type") VALUES ('ok') RETURNING id > 40`,
  ];
  for (const insert of inserts) expect(await rowsOf(scene.targetUrl, insert)).toEqual([[true]]);
  const after = await rowsOf(
    scene.targetUrl,
    `SELECT nspname FROM pg_namespace WHERE nspname ~ '^(app|depot|migrate)$|halfway' ORDER BY 1`,
  );
  expect(after).toEqual([['depot'], ['migrate']]);
  expect(
    await rowsOf(
      scene.targetUrl,
      `SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'depot.items'::regclass AND contype = 'f'`,
    ),
  ).toEqual([['notes_item_fkey', 'FOREIGN KEY (item) REFERENCES depot.notes(id)']]);
});

test('what a run has made under other names is checked, compared and taken back', async () => {
  const scene = await open(SHOP, { tables: { include: ['app.*'], map: MAP } });
  const copied = await scene.run(['run', '--json', '--until', 'snapshot']);
  expect(copied.code, said(copied)).toBe(0);
  const checked = await scene.run(['check', '--json']);
  expect(checked.code, said(checked)).toBe(0);
  const compared = await scene.run(['run', '--only', 'verify', '--json']);
  expect(compared.json, said(compared)).toMatchObject({ result: 'equal', rowsCompared: 220 });
  expect((await scene.run(['abort', '--drop', '--yes', '--json'])).json).toMatchObject({ result: 'aborted' });
  const left = "SELECT relname FROM pg_class WHERE relnamespace = 'depot'::regnamespace";
  expect(await rowsOf(scene.targetUrl, left)).toEqual([]);
  // Tables that were made by hand have the new names, too.
  await scene.onTarget(
    'CREATE TYPE depot.mood AS ENUM ($$sad$$, $$ok$$)',
    'CREATE TABLE depot.notes (mood depot.mood, many depot.mood[], id bigint PRIMARY KEY, n text UNIQUE, name int NOT NULL)',
  );
  const tables = { include: ['app.items'], map: { 'app.*': MAP['app.*'], 'app.items': MAP['app.items'] } };
  await scene.write({ tables, schema: { target: 'existing' } });
  const result = await scene.run();
  expect(result.code, said(result)).toBe(0);
  expect(await rowsOf(scene.targetUrl, 'SELECT id, n, name, mood::text FROM depot.notes WHERE id = 7')).toEqual([
    ['7', 'name7', 7, 'sad'],
  ]);
});

const quote = pg.escapeIdentifier;
const SCHEMAS = ['pg x', 'Migrate', 'a.b "c"\\ 🐘', "'; -- \n%s $fence$ $1"] as const;
const NAMES = [
  'Order',
  'order',
  'select',
  ' spaced ',
  'line\nbreak\ttab',
  `"it's"`,
  'back\\slash\\',
  '*',
  '[a]?{b}(c|d)^$+.',
  "%I $1 $$ '; DROP TABLE x; --",
  '/* comment */',
  'é'.repeat(31),
  'x'.repeat(63),
  '🐘',
  '\u0001\u001b[31m',
] as const;

/** Every table has a key, a value that is unique, a type of a user, a sequence and a reference to the one before. */
function hostileSchema(): string {
  const tables = NAMES.map((name, index) => {
    const schema = SCHEMAS[index % SCHEMAS.length] ?? '';
    const table = `${quote(schema)}.${quote(name)}`;
    const column = (text: string): string => quote(text.slice(0, 20) + name.slice(0, 8));
    const before = index === 0 ? '' : `, ${quote(`ref ${name.slice(0, 10)}`)} int REFERENCES ${tableAt(index - 1)}`;
    return `
      CREATE TABLE ${table} (${quote(name)} int PRIMARY KEY, ${column('value" \\')} text CONSTRAINT ${quote(`unique'${index}"`)} UNIQUE,
        ${column('mood')} ${quote(SCHEMAS[2])}.${quote('My.Mood"')} DEFAULT 'it''s', ${column('n')} serial${before});
      CREATE INDEX ${quote(`index ; ${index} \\"`)} ON ${table} ((${column('value" \\')} || 'x'));
      INSERT INTO ${table} SELECT n, 'value' || n FROM generate_series(1, 30) n;`;
  });
  return `${SCHEMAS.map((schema) => `CREATE SCHEMA ${quote(schema)}`).join(';')};
    CREATE TYPE ${quote(SCHEMAS[2])}.${quote('My.Mood"')} AS ENUM ('it''s', '\\', '"');
    CREATE TABLE ${quote('pg x')}.${quote('left out*')} (id int PRIMARY KEY);
    CREATE TABLE ${quote('pg x')}.${quote('"no\\key"')} (${quote('a"\\')} text, ${quote('b')} text);
    ${tables.join('')}`;
}

function tableAt(index: number): string {
  return `${quote(SCHEMAS[index % SCHEMAS.length] ?? '')}.${quote(NAMES[index] ?? '')}`;
}

function hostileWrite(turn: number): string {
  const index = turn % NAMES.length;
  const table = tableAt(index);
  const name = NAMES[index] ?? '';
  const key = quote(name);
  const value = quote(`value" \\${name.slice(0, 8)}`);
  if (turn % 50 === 49) return `TRUNCATE ${quote('pg x')}.${quote('"no\\key"')}`;
  switch (Math.floor(turn / NAMES.length) % 4) {
    case 0:
      return `INSERT INTO ${table} (${key}, ${value}) VALUES (${1000 + turn}, 'new${turn}')`;
    case 1:
      return `UPDATE ${table} SET ${value} = 'x' WHERE ${key} = 3; UPDATE ${table} SET ${value} = 'y' WHERE ${key} = 3`;
    case 2:
      return `INSERT INTO ${quote('pg x')}.${quote('"no\\key"')} VALUES ('${turn % 3}', NULL)`;
    default:
      return `DELETE FROM ${tableAt(NAMES.length - 1)} WHERE ${quote(NAMES.at(-1) ?? '')} = ${(turn % 30) + 1}`;
  }
}

test('names that no program expects go the whole way under writes', async () => {
  const scene = await open(hostileSchema(), {
    tables: {
      include: ['pg x.*', 'Migrate.*', 'a.b "c"\\\\ 🐘.*', "'; -- \n%s $fence$ $1.*"],
      exclude: ['pg x.left out\\*'],
    },
  });
  const copied = await scene.run(['run', '--json', '--until', 'snapshot']);
  expect(copied.code, said(copied)).toBe(0);
  const writing = await write(scene, hostileWrite);
  // Every kind of statement on every table.
  await writing.done(4 * NAMES.length);
  const result = await scene.run();
  expect(result.code, said(result)).toBe(0);
  expect(result.json).toMatchObject({ result: 'complete', verify: { differences: 0 } });
  await writing.refused;
  expect((await scene.compare()).differences).toMatchObject([{ kind: 'missing', table: '"pg x"."left out*"' }]);
  await scene.onTarget(...NAMES.map((name, index) => `INSERT INTO ${tableAt(index)} (${quote(name)}) VALUES (-1)`));
});
