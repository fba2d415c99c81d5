// Keys, references and unique values of every awkward shape, through a copy that is killed and resumed among deletes, and
// through changes that only an apply in the right order survives.

import { expect, test } from 'vitest';
import { AUTO, execute, MANUAL, openScene, rowsOf, type Scene } from '../scene.ts';

async function open(schema: string, sections: Readonly<Record<string, unknown>>): Promise<Scene> {
  return openScene({ schema, sections });
}

const TEXT = `('ä' || n || CASE n % 3 WHEN 0 THEN ' a' WHEN 1 THEN 'B' ELSE '_' END)`;
/** Each with the expression that makes its n-th key. */
const KEYS: readonly (readonly [name: string, columns: string, key: string])[] = [
  ['binary', 'k bytea PRIMARY KEY', `decode(md5(n::text), 'hex') || '\\x00ff'::bytea`],
  ['varying', 'k varchar(40) PRIMARY KEY', TEXT],
  ['collated', 'k text COLLATE "und-x-icu" PRIMARY KEY', TEXT],
  ['negative', 'k bigint PRIMARY KEY', 'n * 7 - 300'],
  ['composite', 'k int, l text COLLATE "C", m date, PRIMARY KEY (l, k, m)', `n % 5, ${TEXT}, date '1999-12-31' + n`],
  ['fraction', 'k numeric PRIMARY KEY', '(n - 50) / 3.0'],
];
const SHAPES = KEYS.map(
  ([name, columns, key]) => `CREATE TABLE shape_${name} (${columns}, v text);
    INSERT INTO shape_${name} SELECT ${key}, 'v' || n FROM generate_series(1, 100) n`,
).join(';');

test('a copy that is killed among deletes is resumed, whatever the keys: nothing comes back, nothing is passed over', async () => {
  const scene = await open(SHAPES, { cutover: MANUAL, snapshot: { chunkRows: 10, readers: 2 } });
  const touch = KEYS.flatMap(([name, , key]) => [
    `DELETE FROM shape_${name} WHERE ctid IN (SELECT ctid FROM shape_${name} ORDER BY v LIMIT 9 OFFSET 20)`,
    `UPDATE shape_${name} SET v = v || '!' WHERE v LIKE 'v%7'`,
    `INSERT INTO shape_${name} SELECT ${key}, 'new' || n FROM generate_series(
      (SELECT 200 + count(*)::int FROM shape_${name} WHERE v LIKE 'new%'), 999) n LIMIT 5`,
  ]);
  for (const hit of [5, 12, 20]) {
    const killed = scene.start(undefined, { failpoints: `chunk.after_commit@${hit}=kill9` });
    expect((await killed.exited).signal).toBe('SIGKILL');
    await scene.onSource(...touch);
  }
  const run = scene.start();
  await scene.ready(run);
  await scene.onSource(...touch);
  await scene.complete(run);
});

const REFERENCES = `
CREATE TABLE node (id int PRIMARY KEY, parent int REFERENCES node ON DELETE CASCADE ON UPDATE CASCADE, name text);
CREATE TABLE leaf (id int PRIMARY KEY, node int REFERENCES node ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE husband (id int PRIMARY KEY, wife int NOT NULL);
CREATE TABLE wife (id int PRIMARY KEY, husband int NOT NULL REFERENCES husband DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE husband ADD FOREIGN KEY (wife) REFERENCES wife DEFERRABLE INITIALLY DEFERRED;
INSERT INTO node SELECT n, nullif(n / 3, 0), 'node' || n FROM generate_series(1, 60) n;
INSERT INTO leaf SELECT n, n FROM generate_series(1, 60) n;
BEGIN; INSERT INTO husband SELECT n, n FROM generate_series(1, 20) n;
INSERT INTO wife SELECT n, n FROM generate_series(1, 20) n; COMMIT`;

test('cascades of three levels, references to itself and in a circle arrive as they are on the source', async () => {
  const scene = await open(REFERENCES, { cutover: MANUAL, snapshot: { chunkRows: 7 } });
  const killed = scene.start(undefined, { failpoints: 'chunk.after_commit@3=kill9' });
  expect((await killed.exited).signal).toBe('SIGKILL');
  const changes = [
    'DELETE FROM node WHERE id = 5',
    'UPDATE node SET id = id + 1000 WHERE id = 2',
    'INSERT INTO node SELECT n, n - 1, $$deep$$ FROM generate_series(61, 70) n',
    'BEGIN; DELETE FROM husband WHERE id < 4; DELETE FROM wife WHERE id < 4; COMMIT',
    'BEGIN; INSERT INTO wife VALUES (50, 50); INSERT INTO husband VALUES (50, 50); COMMIT',
  ];
  await scene.onSource(...changes);
  const run = scene.start();
  await scene.ready(run);
  await scene.onSource('DELETE FROM node WHERE id = 1002', 'UPDATE node SET id = -id WHERE id = 66');
  await scene.complete(run);
  const keys = `SELECT conrelid::regclass::text, conname FROM pg_constraint
    WHERE contype = 'f' AND convalidated AND connamespace = 'public'::regnamespace ORDER BY 1, 2`;
  expect(await rowsOf(scene.targetUrl, keys)).toEqual(await rowsOf(scene.sourceUrl, keys));
});

/** Each a unique constraint or index on columns a, b (and live), with the name of its table. */
const UNIQUES: readonly (readonly [table: string, unique: string])[] = [
  ['u_plain', 'UNIQUE (a)'],
  ['u_several', 'UNIQUE (a, b)'],
  ['u_partial', 'UNIQUE (a) WHERE live'],
  ['u_expression', 'UNIQUE (lower(a))'],
  ['u_nulls', 'UNIQUE NULLS NOT DISTINCT (a, c)'],
  ['u_include', 'UNIQUE (a) INCLUDE (b)'],
];
const indexOf = (table: string, unique: string): string => {
  const [, nulls = '', columns = '', rest = ''] =
    /^UNIQUE( NULLS NOT DISTINCT)? (\((?:[^()]|\([^()]*\))*\))(.*)$/.exec(unique) ?? [];
  const [include, where] = rest.startsWith(' WHERE') ? ['', rest] : [rest, ''];
  return `CREATE UNIQUE INDEX ON ${table} ${columns}${include}${nulls}${where}`;
};

test('unique values that change hands do so in the source’s order, whatever kind of unique index watches', async () => {
  const schema = UNIQUES.map(
    ([
      table,
      unique,
    ]) => `CREATE TABLE ${table} (id int PRIMARY KEY, a text, b int DEFAULT 1, c int, live boolean DEFAULT true);
      INSERT INTO ${table} (id, a) SELECT n, 'A' || n FROM generate_series(1, 12) n; ${indexOf(table, unique)}`,
  ).join(';');
  const scene = await open(schema, { cutover: MANUAL, apply: { batchWait: '200ms' } });
  const run = scene.start();
  await scene.ready(run);
  // Each a transaction of its own, so that a batch holds them all.
  for (const [table] of UNIQUES) {
    await scene.onSource(
      // a swap of two, a ring of three, a value that moves on, a value that is given up and taken by a new row
      `BEGIN; UPDATE ${table} SET a = 'x' WHERE id = 1; UPDATE ${table} SET a = 'A1' WHERE id = 2;
       UPDATE ${table} SET a = 'A2' WHERE id = 1; COMMIT`,
      `UPDATE ${table} SET a = 'y' WHERE id = 3`,
      `UPDATE ${table} SET a = 'A3' WHERE id = 4`,
      `UPDATE ${table} SET a = 'A4' WHERE id = 5`,
      `UPDATE ${table} SET a = 'A5' WHERE id = 3`,
      `DELETE FROM ${table} WHERE id = 6`,
      `INSERT INTO ${table} (id, a) VALUES (100, 'A6')`,
      `UPDATE ${table} SET live = false WHERE id = 7`,
      `UPDATE ${table} SET a = 'gone' WHERE id = 7`,
      `UPDATE ${table} SET a = 'A7' WHERE id = 8`,
      `UPDATE ${table} SET id = id + 200 WHERE id IN (9, 10)`,
    );
  }
  await scene.complete(run);
});

test('a sequence that is drawn from until the freeze is ahead of every value that was handed out', async () => {
  const scene = await open(
    `CREATE TABLE drawn (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, t text);
     CREATE SEQUENCE loose INCREMENT 10; INSERT INTO drawn (t) SELECT 'x' FROM generate_series(1, 10)`,
    { cutover: AUTO },
  );
  const gate = scene.hold('freeze');
  const run = scene.start(undefined, { failpoints: `cutover.drained=pause(${gate.path})` });
  await run.waitFor(/^failpoint cutover\.drained 1$/);
  // The fence stops writes, not these: no transaction undoes them and no log carries them.
  const burst = await rowsOf(
    scene.sourceUrl,
    `SELECT max(nextval('loose')), max(nextval('drawn_id_seq')) FROM generate_series(1, 5000)`,
  );
  await gate.release();
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  const [loose, drawn] = burst[0] ?? [];
  const [next] = await rowsOf(
    scene.targetUrl,
    `SELECT nextval('loose') > ${loose}, nextval('drawn_id_seq') > ${drawn}`,
  );
  expect(next).toEqual([true, true]);
  await execute(scene.targetUrl, [`INSERT INTO drawn (t) SELECT 'y' FROM generate_series(1, 100)`]);
});

test('a row that is updated without a pause is verified all the same', async () => {
  const scene = await open(
    `CREATE TABLE hot (id int PRIMARY KEY, n bigint NOT NULL);
     INSERT INTO hot SELECT n, 0 FROM generate_series(1, 200) n`,
    { cutover: MANUAL, verify: { chunkRows: 100 } },
  );
  const writing = await scene.connect(scene.sourceUrl);
  let writes = 0;
  let stopped = false;
  const writer = (async () => {
    for (; !stopped; writes++) await writing.query('UPDATE hot SET n = n + 1 WHERE id = 1');
  })();
  const gate = scene.hold('verify');
  const run = scene.start(undefined, { failpoints: `verify.chunk@1=pause(${gate.path})` });
  await run.waitFor(/^failpoint verify\.chunk 1$/);
  await gate.release();
  await scene.ready(run);
  stopped = true;
  await writer;
  expect(writes).toBeGreaterThan(100);
  await scene.complete(run);
});
