// The preflight of MySQL as a target: each finding is provoked, its cure applied, and then it is gone.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/mysql/catalog.ts';
import { readServerFacts } from '../../src/databases/mysql/check/facts.ts';
import { checkTarget, type TargetContext } from '../../src/databases/mysql/check/target.ts';
import { nameCase } from '../../src/databases/mysql/check/target-tables.ts';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Finding } from '../../src/model/finding.ts';
import { tableId } from '../../src/model/table.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { codes, only } from './check-fixture.ts';

const MADE = [
  'CREATE TABLE parents (id int PRIMARY KEY)',
  `CREATE TABLE things (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, label varchar(20) NOT NULL, note text, twice int AS (p * 2),
     p int, UNIQUE KEY by_label (label), KEY by_p (p), CONSTRAINT up FOREIGN KEY (p) REFERENCES parents (id))`,
  'CREATE TABLE keyless (a int)',
];

let fleet: FleetServer;
let server: MysqlServer;
let session: MysqlSession;
let catalog: Catalog;

beforeAll(async () => {
  fleet = await startMysql(['--local-infile=ON']);
  server = new MysqlServer('target', `mysql://root@127.0.0.1:${fleet.port}/`);
  session = await server.session();
  await run('CREATE DATABASE shop', 'USE shop', ...MADE);
  catalog = await readCatalog(session, { include: ['shop.*'], exclude: [] });
}, 300_000);
afterAll(async () => {
  await server?.close();
  await fleet?.close();
});
beforeEach(() => run('DROP DATABASE IF EXISTS shop', 'DROP DATABASE IF EXISTS before_migrate'));

async function run(...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await session.query(statement);
}

/** The statements of a cure, without what is said behind them. */
async function apply({ cure = '' }: Finding): Promise<void> {
  const statements = cure.replace(/ -- .*$/s, '').split(/;\s*/);
  await run(...statements.filter((statement) => statement !== ''));
}

const check = (context: TargetContext = {}, resuming = false, wanted = catalog): Promise<readonly Finding[]> =>
  checkTarget(session, wanted, resuming, context);

test('a server without the tables has no finding', async () => {
  expect(await check()).toEqual([]);
});

interface Setting {
  readonly name: string;
  readonly wrong: string;
  readonly level: Finding['level'];
  readonly code: string;
  /** Default: the name. */
  readonly subject?: string;
  readonly undo?: string;
}

const SETTINGS: readonly Setting[] = [
  { name: 'local_infile', wrong: 'OFF', level: 'warning', code: 'LOCAL_INFILE' },
  { name: 'read_only', wrong: 'ON', level: 'error', code: 'READ_ONLY' },
  { name: 'sql_require_primary_key', wrong: 'ON', level: 'error', code: 'TARGET_PRIMARY_KEY', subject: 'shop.keyless' },
  { name: 'max_allowed_packet', wrong: '33554432', level: 'warning', code: 'PACKET' },
  { name: 'max_allowed_packet', wrong: '1024', level: 'error', code: 'PACKET' },
  {
    name: 'max_user_connections',
    wrong: '5',
    level: 'warning',
    code: 'CONNECTIONS',
    undo: 'SET GLOBAL max_user_connections = 0',
  },
];

test.each(SETTINGS)('$name = $wrong is found, and gone once it is cured', async (setting) => {
  const { name, wrong, level, code, subject = name, undo } = setting;
  await run(`SET GLOBAL ${name} = ${wrong}`);
  const found = only(await check(), code, subject);
  expect(found.level).toBe(level);
  await apply(found);
  if (undo !== undefined) await run(undo);
  expect(await check()).toEqual([]);
});

test('tables and views that are there are moved away by the cure, with what is in them', async () => {
  await run(
    'CREATE DATABASE shop',
    'CREATE TABLE shop.things (kept int)',
    'INSERT INTO shop.things VALUES (7)',
    'CREATE VIEW shop.keyless AS SELECT 1 AS one',
  );
  const found = await check();
  expect(codes(found)).toEqual(['TARGET_NOT_EMPTY', 'TARGET_NOT_EMPTY']);
  for (const finding of found) await apply(finding);
  expect(await check()).toEqual([]);
  expect(await session.query('SELECT kept FROM before_migrate.things')).toEqual([['7']]);
});

test('a check or foreign key that another table has the name of is found, and gone once that one is dropped', async () => {
  const things = catalog.tables.find(({ table }) => table.name === 'things')!;
  const wanted = {
    ...catalog,
    tables: [{ ...things, checks: [{ name: 'Small', definition: 'CHECK ((`p` < 9))', comment: null, roles: [] }] }],
  };
  await run(
    'CREATE DATABASE shop',
    'CREATE TABLE shop.`o``ther` (id int PRIMARY KEY, p int, CONSTRAINT up FOREIGN KEY (p) REFERENCES shop.`o``ther` (id))',
    'ALTER TABLE shop.`o``ther` ADD CONSTRAINT small CHECK (p < 5)',
  );
  const found = await check({}, false, wanted);
  expect(found.map(({ code, subject }) => `${code} ${subject}`)).toEqual([
    'PREFLIGHT.TARGET_CONSTRAINT check `Small` on shop.things',
    'PREFLIGHT.TARGET_CONSTRAINT foreign key `up` on shop.things',
  ]);
  for (const finding of found) await apply(finding);
  expect(await check({}, false, wanted)).toEqual([]);
  const twin = { ...things, table: { ...things.table, id: tableId('shop', 'twin'), name: 'twin' } };
  expect(only(await check({}, false, { ...catalog, tables: [things, twin] }), 'TARGET_CONSTRAINT').message).toContain(
    'shop.things of the run',
  );
});

test('tables of a run that are gone, and triggers of others on those that are there, are found again', async () => {
  await run('CREATE DATABASE shop', 'USE shop', MADE[0]!, MADE[2]!);
  for (const name of ['own_trigger', 'others'])
    await run(`CREATE TRIGGER ${name} BEFORE INSERT ON keyless FOR EACH ROW SET @x = 1`);
  const context = { isOwnTrigger: (name: string) => name.startsWith('own_') };
  const found = await check(context, true);
  expect(codes(found)).toEqual(['TARGET_TABLE_GONE', 'TARGET_FIRES']);
  expect(only(found, 'TARGET_TABLE_GONE').subject).toBe('shop.things');
  await run(MADE[1]!);
  await apply(only(found, 'TARGET_FIRES', 'trigger others on shop.keyless'));
  expect(await check(context, true)).toEqual([]);
});

test('collations that the server does not know, and names that it takes for one, are named', async () => {
  const things = catalog.tables.find(({ table }) => table.name === 'things')!;
  const odd = {
    ...things,
    columns: things.columns.map((column) =>
      column.name === 'note' ? { ...column, collation: 'utf8mb4_uca1400_ai_ci' } : column,
    ),
  };
  const found = await check({}, false, { ...catalog, tables: [odd] });
  expect(found).toMatchObject([{ code: 'PREFLIGHT.TARGET_COLLATION', subject: 'shop.things.note' }]);

  const twin = { ...things, table: { ...things.table, name: 'THINGS' } };
  const facts = await readServerFacts(session);
  const folding = { ...facts, settings: new Map([...facts.settings, ['lower_case_table_names', '1']]) };
  const wanted = { ...catalog, tables: [...catalog.tables, twin] };
  expect(await nameCase({ session, catalog: wanted, context: {}, facts })).toEqual([]);
  expect(await nameCase({ session, catalog: wanted, context: {}, facts: folding })).toMatchObject([
    { level: 'error', code: 'PREFLIGHT.NAME_CASE' },
  ]);
  expect(await nameCase({ session, catalog, context: {}, facts: folding })).toEqual([]);
});

test('MariaDB is no target', async () => {
  const other = await startMariadb();
  const connected = new MysqlServer('target', `mysql://root@127.0.0.1:${other.port}/`);
  try {
    const findings = await checkTarget(await connected.session(), catalog, false);
    expect(codes(findings)).toEqual(['TARGET_SERVER']);
  } finally {
    await connected.close();
    await other.close();
  }
}, 300_000);

describe('tables that were made by hand', () => {
  const existing: TargetContext = { existing: true };
  const made = (...changes: readonly string[]): Promise<void> =>
    run('CREATE DATABASE shop', 'USE shop', ...MADE, ...changes);

  test('pass when they are as on the source, or wider where that does no harm', async () => {
    await made(
      'ALTER TABLE things ADD extra int, ADD filled int NOT NULL DEFAULT 1, ADD made int AS (p + 1), MODIFY note text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
    );
    expect(await check(existing)).toEqual([]);
  });

  test.each([
    ['DROP TABLE keyless', 'TARGET_TABLE', 'shop.keyless', MADE[2]],
    ['ALTER TABLE things DROP note', 'TARGET_COLUMN', 'shop.things.note'],
    ['ALTER TABLE things MODIFY note varchar(50)', 'TARGET_COLUMN', 'shop.things.note'],
    ['ALTER TABLE things MODIFY note text NOT NULL', 'TARGET_COLUMN', 'shop.things.note'],
    ['ALTER TABLE things MODIFY id int unsigned NOT NULL AUTO_INCREMENT', 'TARGET_COLUMN', 'shop.things.id'],
    ['ALTER TABLE keyless ADD demanding int NOT NULL', 'TARGET_COLUMN', 'shop.keyless.demanding'],
    [
      'ALTER TABLE things MODIFY label varchar(20) CHARACTER SET latin1 NOT NULL',
      'TARGET_COLUMN',
      'shop.things.label',
      'ALTER TABLE things MODIFY label varchar(20) CHARACTER SET utf8mb4 NOT NULL',
    ],
    ['ALTER TABLE parents DROP PRIMARY KEY', 'TARGET_KEY', 'shop.parents'],
    ['INSERT INTO parents VALUES (1)', 'TARGET_ROWS', 'shop.parents'],
    [
      'CREATE TRIGGER fires BEFORE DELETE ON parents FOR EACH ROW SET @x = 1',
      'TARGET_FIRES',
      'trigger fires on shop.parents',
    ],
  ])('%s is found, and gone once it is cured', async (change, code, subject, cure?) => {
    await made(
      'SET SESSION foreign_key_checks = 0',
      'ALTER TABLE things DROP FOREIGN KEY up',
      change,
      'SET SESSION foreign_key_checks = 1',
    );
    const found = only(await check(existing), code, subject);
    expect(found.level).toBe('error');
    if (cure === undefined) await apply(found);
    else await run(cure);
    const rest = await check(existing);
    expect(codes(rest)).toEqual([]);
    expect(only(rest, 'TARGET_LACKS').message).toContain('up');
  });
});
