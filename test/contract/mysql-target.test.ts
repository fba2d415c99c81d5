// What a run does to the tables of a MySQL target besides writing rows: numbers, foreign keys, tables that are emptied, made by
// hand, joined or given columns.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/mysql/catalog.ts';
import { MysqlServer } from '../../src/databases/mysql/connection.ts';
import { MysqlSequences } from '../../src/databases/mysql/sequences.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Position } from '../../src/model/position.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { CLAIM, ID, settled, TargetFixture } from './mysql-target-fixture.ts';

let fleet: FleetServer;
let db: TargetFixture;

// The first time on a machine it has to be fetched.
beforeAll(async () => {
  fleet = await startMysql();
}, 300_000);
afterAll(() => fleet?.close());
beforeEach(async () => {
  db = await TargetFixture.open(fleet.port);
});
afterEach(() => db?.close());

const SHOP = [
  'CREATE TABLE shop.parents (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(20))',
  `CREATE TABLE shop.children (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, parent int, other int,
     CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES shop.parents (id), KEY (other))`,
];

/** The tables of SHOP, made by the run. */
async function made(): Promise<Catalog> {
  const catalog = await db.plan(['shop'], ...SHOP);
  await db.target.create(catalog);
  await db.target.reveal(catalog);
  await db.target.complete(catalog, () => undefined);
  return catalog;
}

/** Lets the test write past the fence. */
function pass(): Promise<void> {
  return db.run('SET @migrate_pass = (SELECT secret FROM migrate.pass)');
}

async function journalRun(catalog: Catalog): Promise<void> {
  await db.run(
    `INSERT INTO migrate.run (name, id, format, plan_hash, plan_fields, source_identity, source_lineage, target_identity,
       catalog, fingerprint, added, joining, lanes)
     VALUES ('${CLAIM.run}', '${ID}', 4, '', '{}', '', '', '', '{}', 'before', '[]', '[]', 2)`,
  );
  for (const [lane, { table }] of catalog.tables.entries()) {
    await db.run(
      `INSERT INTO migrate.tables (run, table_id, lane, spread) VALUES ('${CLAIM.run}', '${table.id}', ${lane}, true)`,
      `INSERT INTO migrate.chunk (run, table_id, ordinal, \`at\`, \`rows\`, done_at)
       VALUES ('${CLAIM.run}', '${table.id}', 0, 'here', 3, UTC_TIMESTAMP(6))`,
      `INSERT INTO migrate.checkpoint (run, direction, lane, position) VALUES ('${CLAIM.run}', 'forward', ${lane}, 'p${lane}')`,
    );
  }
}

const next = (table: string): Promise<readonly (readonly (string | null)[])[]> =>
  db.rows(
    `SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = '${table}'`,
  );

test('AUTO_INCREMENT goes past the source, by the margin, and never back', async () => {
  const catalog = await made();
  await pass();
  await db.run('SET SESSION information_schema_stats_expiry = 0', 'INSERT INTO shop.parents VALUES (41, NULL)');
  expect(await db.target.sequences.read(catalog)).toMatchObject([
    { schema: 'shop', name: 'children_id_seq', last: null },
    { schema: 'shop', name: 'parents_id_seq', last: '41' },
  ]);
  const values = (children: string | null, parents: string | null) =>
    [children, parents].map((last, index) => ({
      schema: 'shop',
      name: `${index === 0 ? 'children' : 'parents'}_id_seq`,
      last,
      increment: '1',
      cache: '1',
    }));
  await db.target.sequences.advance(catalog, values(null, '7'), 0);
  expect([await next('children'), await next('parents')]).toEqual([[['1']], [['42']]]);
  await db.target.sequences.advance(catalog, values('18446744073709551000', '50'), 10);
  expect([await next('children'), await next('parents')]).toEqual([[['18446744073709551011']], [['61']]]);
  await db.target.sequences.advance(catalog, values('5', '50'), 0);
  expect([await next('children'), await next('parents')]).toEqual([[['18446744073709551011']], [['61']]]);
  // At most half of what the type has left.
  await db.target.sequences.advance(catalog, values(null, '2147483641'), 1_000);
  expect(await next('parents')).toEqual([['2147483645']]);
});

test('what was set before the freeze needs nothing in it, as long as no more than the margin is drawn meanwhile', async () => {
  const catalog = await made();
  const value = (last: string, isExact: boolean) => ({
    ...{ schema: 'shop', name: 'parents_id_seq', last, isExact },
    ...{ increment: '1', cache: '1' },
  });
  const { sequences } = db.target;
  await db.run('SET SESSION information_schema_stats_expiry = 0');
  const steps: readonly (readonly ['prepare' | 'advance', string, boolean, string])[] = [
    ['prepare', '100', false, '121'],
    ['advance', '110', false, '121'],
    ['prepare', '110', false, '121'],
    ['advance', '111', false, '122'],
    // MySQL counts what was drawn.
    ['prepare', '130', true, '131'],
    ['advance', '130', true, '131'],
    ['advance', '131', true, '132'],
  ];
  for (const [step, last, isExact, expected] of steps) {
    await sequences[step](catalog, [value(last, isExact)], 10);
    expect(await next('parents'), `${step} ${last}`).toEqual([[expected]]);
  }
  expect(await sequences.read(catalog)).toMatchObject([{ isExact: true }, { isExact: true, last: '131' }]);
});

test('tables with foreign keys between them are set at the same time, although each locks the other', async () => {
  const catalog = await made();
  const value = (name: string, last: number) => ({
    ...{ schema: 'shop', name: `${name}_id_seq`, last: String(last) },
    ...{ increment: '1', cache: '1' },
  });
  for (let last = 1; last <= 20; last++) {
    await db.target.sequences.advance(catalog, [value('parents', last), value('children', last)], 0);
  }
  expect((await db.target.sequences.read(catalog)).map(({ last }) => last)).toEqual(['20', '20']);
});

test('a reader of a table does not stop its AUTO_INCREMENT from being set', async () => {
  const catalog = await made();
  const reader = await db.server.session();
  await reader.query('START TRANSACTION');
  await reader.query('SELECT * FROM shop.parents');
  const value = { schema: 'shop', name: 'parents_id_seq', last: '99', increment: '1', cache: '1' };
  const advanced = db.target.sequences.advance(catalog, [value], 0);
  await seen(`SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE LIKE '%metadata lock%'`);
  await seen(`SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep' AND ID = ${await idOf(reader)}
    AND NOT EXISTS (SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE LIKE '%metadata lock%')`);
  await reader.query('COMMIT');
  await advanced;
  await db.run('SET SESSION information_schema_stats_expiry = 0');
  expect(await next('parents')).toEqual([['100']]);
});

async function idOf(session: {
  query(sql: string): Promise<readonly (readonly (string | null)[])[]>;
}): Promise<string> {
  const [row] = await session.query('SELECT CONNECTION_ID()');
  return row?.[0] ?? '';
}

/** Asks until the server says so. */
async function seen(question: string): Promise<void> {
  while ((await db.rows(question)).length === 0);
}

test('foreign keys are checked against the rows, and those that some row violates are told', async () => {
  const catalog = await made();
  await pass();
  await db.run('INSERT INTO shop.parents VALUES (1, NULL)', 'INSERT INTO shop.children VALUES (1, 1, 5), (2, NULL, 5)');
  const told: string[] = [];
  const progress = (subject: string): void => {
    told.push(subject);
  };
  expect(await db.target.foreignKeys.validate(catalog, progress)).toEqual({ validated: 1, notValid: [] });
  await db.run('INSERT INTO shop.children VALUES (3, 2, 5)');
  expect(await db.target.foreignKeys.validate(catalog, progress)).toEqual({
    validated: 0,
    notValid: ['foreign key `of_parent` on shop.children'],
  });
  expect(told[0]).toBe('foreign key `of_parent` on shop.children (1 of 1)');
});

test('a copy is taken back: the table is empty, and its chunks are to be copied', async () => {
  const catalog = await made();
  await journalRun(catalog);
  await pass();
  await db.run('INSERT INTO shop.parents VALUES (1, NULL)', 'INSERT INTO shop.children VALUES (1, 1, 5)');
  const parents = catalog.tables.filter(({ table }) => table.name === 'parents').map(({ table }) => table);
  // The runner that lost its lease takes nothing back.
  const stale = db.targetWith({ claim: () => ({ ...CLAIM, epoch: CLAIM.epoch - 1 }) });
  await expect(stale.empty(parents)).rejects.toMatchObject({ code: 'LEASE.LOST' });
  expect(await db.rows('SELECT COUNT(*) FROM shop.parents')).toEqual([['1']]);
  await db.target.empty(parents);
  expect(await db.rows('SELECT COUNT(*) FROM shop.parents')).toEqual([['0']]);
  expect(await db.rows('SELECT table_id, `at`, `rows` FROM migrate.chunk ORDER BY 1')).toEqual([
    ['shop.children', 'here', '3'],
    ['shop.parents', null, '0'],
  ]);
  await expect(
    db.session.query('SET @migrate_pass = NULL').then(() => db.run("INSERT INTO shop.parents VALUES (1, 'x')")),
  ).rejects.toMatchObject({ cause: { errno: 1290 } });
});

test('a table that is copied again loses its rows, its chunks and the foreign keys that need it, and gets a lane', async () => {
  const catalog = await made();
  await journalRun(catalog);
  await pass();
  await db.run('INSERT INTO shop.parents VALUES (1, NULL)', 'INSERT INTO shop.children VALUES (1, 1, 5)');
  const parents = catalog.tables.filter(({ table }) => table.name === 'parents').map(({ table }) => table);
  // Dead after any of its statements, it is done again.
  for (let n = 2; n < 4; n++) {
    await expect(db.crashingAt(n).setApart(catalog, parents, 'p0' as Position)).rejects.toThrow('gone');
  }
  await db.target.setApart(catalog, parents, 'p0' as Position);
  await db.target.setApart(catalog, parents, 'p1' as Position);
  expect(await db.rows('SELECT COUNT(*) FROM shop.parents UNION ALL SELECT COUNT(*) FROM shop.children')).toEqual([
    ['0'],
    ['1'],
  ]);
  expect((await db.describe('shop.*')).tables.flatMap(({ foreignKeys }) => foreignKeys)).toEqual([]);
  expect(await db.rows('SELECT table_id, lane, spread FROM migrate.tables ORDER BY 1')).toEqual([
    ['shop.children', '0', '1'],
    ['shop.parents', '2', '0'],
  ]);
  expect(await db.rows('SELECT table_id FROM migrate.chunk')).toEqual([['shop.children']]);
  expect(await db.target.checkpoints()).toEqual([
    { lane: 0, position: 'p0' },
    { lane: 1, position: 'p1' },
    { lane: 2, position: 'p0' },
  ]);
  await db.target.complete(catalog, () => undefined);
  expect(settled(await db.describe('shop.*'))).toEqual(settled(catalog));
});

test('a column of the source is added with the record of it, whatever the crash before', async () => {
  const catalog = await made();
  await journalRun(catalog);
  const [children] = catalog.tables;
  if (children === undefined) throw new Error('not made');
  const column = {
    ...children.columns[2],
    name: 'added',
    type: 'varchar(9)',
    collation: 'utf8mb4_bin',
    comment: "it's",
  };
  const added = [
    { table: children.table, column: column as (typeof children.columns)[number] },
    { table: { ...children.table, name: 'missing' }, column: column as (typeof children.columns)[number] },
  ];
  const record = { catalog, fingerprint: 'after' };
  await expect(db.crashingAt(2).addColumns(added, record)).rejects.toThrow('gone');
  // The column is there and the record is not.
  await db.run("UPDATE migrate.run SET name = 'other'");
  await expect(db.target.addColumns(added, record)).rejects.toMatchObject({ code: 'INTERNAL.BUG' });
  await db.run(`UPDATE migrate.run SET name = '${CLAIM.run}'`);
  await db.target.addColumns(added, record);
  await db.target.addColumns(added, record);
  const [now] = (await db.describe('shop.children')).tables;
  expect(now?.columns.at(-1)).toMatchObject({
    name: 'added',
    type: 'varchar(9)',
    collation: 'utf8mb4_bin',
    comment: "it's",
  });
  const [[fingerprint, json] = []] = await db.rows('SELECT fingerprint, catalog FROM migrate.run');
  expect([fingerprint, JSON.parse(json ?? '')]).toEqual(['after', JSON.parse(JSON.stringify(catalog))]);
});

test('a table that joins is made closed, and is part of the run from then on', async () => {
  const catalog = await made();
  await journalRun(catalog);
  const part = await db.plan(['more'], 'CREATE TABLE more.a (id int PRIMARY KEY)');
  const [{ table } = {}] = part.tables;
  if (table === undefined) throw new Error('not described');
  await db.run(`UPDATE migrate.run SET joining = '${JSON.stringify([{ id: table.id, schema: 'more', name: 'a' }])}'`);
  const joined = {
    catalog: { ...catalog, tables: [...catalog.tables, ...part.tables] },
    fingerprint: 'after',
    names: [{ id: table.id, schema: 'more', name: 'a' }],
  };
  const dead = db.crashingAt(3);
  await expect(dead.join(part, joined)).rejects.toThrow('gone');
  await db.target.join(part, joined);
  await expect(db.session.query('INSERT INTO more.a VALUES (1)')).rejects.toMatchObject({ cause: { errno: 1290 } });
  expect(await db.rows('SELECT fingerprint, added, joining FROM migrate.run')).toEqual([
    ['after', '[{"id":"more.a","schema":"more","name":"a"}]', '[]'],
  ]);
  expect(await db.rows("SELECT state FROM migrate.table_state WHERE table_id = 'more.a'")).toEqual([['asked']]);
});

test('tables that were made by hand are closed, cut to what they are, and neither built nor dropped', async () => {
  const catalog = await db.plan(['shop'], ...SHOP);
  const target = db.targetWith({ existing: true });
  await db.run(
    'CREATE DATABASE shop',
    'CREATE TABLE shop.parents (id int NOT NULL PRIMARY KEY, name varchar(20), UNIQUE KEY (id, name))',
    'CREATE TABLE shop.children (ID bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, parent int, other int, UNIQUE KEY (id))',
  );
  const spread = {
    ...catalog,
    tables: catalog.tables.map((one) => ({ ...one, table: { ...one.table, spread: true } })),
  };
  const fitted = await target.fit(spread);
  expect(fitted.tables.map(({ table }) => [table.name, table.spread])).toEqual([
    ['children', true],
    ['parents', false],
  ]);
  expect(fitted.sequences.map(({ name }) => name)).toEqual(['children_id_seq']);
  expect(target.traits).toEqual({ oneMomentPerTable: true });
  await db.run('INSERT INTO shop.parents VALUES (1, NULL)');
  await expect(target.create(fitted)).rejects.toMatchObject({
    code: 'PREFLIGHT.FAILED',
    message: expect.stringContaining('shop.parents'),
  });
  await expect(db.session.query('DELETE FROM shop.parents')).rejects.toMatchObject({ cause: { errno: 1290 } });
  await pass();
  await db.run('DELETE FROM shop.parents', 'SET @migrate_pass = NULL');
  await target.create(fitted);
  await target.complete(fitted, () => expect.unreachable('nothing is built'));
  expect(await target.foreignKeys.validate(catalog, () => undefined)).toEqual({ validated: 0, notValid: [] });
  expect(await target.drop(fitted)).toBe(false);
  expect(await db.rows('SHOW TABLES FROM shop')).toHaveLength(2);
});

test('triggers of others are told, the run’s own are not', async () => {
  const catalog = await made();
  expect(await db.target.firing(catalog)).toEqual([]);
  await db.run('CREATE TRIGGER shop.audit AFTER INSERT ON shop.parents FOR EACH ROW SET @seen = 1');
  expect(await db.target.firing(catalog)).toEqual(['trigger audit on shop.parents']);
});

test('MariaDB tells its AUTO_INCREMENT as well', async () => {
  const mariadb = await startMariadb();
  try {
    const source = new MysqlServer('source', `mysql://root@127.0.0.1:${mariadb.port}/`);
    const catalog = await source.use(async (session) => {
      await session.query('CREATE DATABASE shop');
      for (const statement of SHOP) await session.query(statement);
      await session.query('SET foreign_key_checks = 0');
      await session.query('INSERT INTO shop.children VALUES (18446744073709551000, NULL, NULL)');
      return readCatalog(session, { include: ['shop.*'], exclude: [] });
    });
    const values = await new MysqlSequences(source).read(catalog);
    expect(values.map(({ last }) => last)).toEqual(['18446744073709551000', null]);
    await source.close();
  } finally {
    await mariadb.close();
  }
}, 300_000);
