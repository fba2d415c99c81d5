// The schema of a MySQL target: made with its fence, completed, renamed and dropped.

import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { quoteTable } from '../../src/databases/mysql/sql.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Position } from '../../src/model/position.ts';
import type { ColumnRename, Renames } from '../../src/model/renames.ts';
import type { TableName } from '../../src/model/table.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { ID, RUN, settled, TargetFixture } from './mysql-target-fixture.ts';

/** Lets the test write past the fence. */
const PASS = 'SET @migrate_pass = (SELECT secret FROM migrate.pass)';

const RENTAL = [
  `CREATE TABLE rental.store (id tinyint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, manager int NOT NULL,
     name varchar(60) CHARACTER SET latin1 NOT NULL DEFAULT 'it''s \\\\ "new" €', UNIQUE KEY by_manager (manager))`,
  `CREATE TABLE rental.staff (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, store tinyint unsigned NOT NULL, boss int,
     first varchar(45) COLLATE utf8mb4_bin NOT NULL COMMENT 'it''s a "name"', last varchar(45) NOT NULL,
     full varchar(91) GENERATED ALWAYS AS (concat(first, _latin1'é€\\\\''', last)) VIRTUAL,
     initial char(1) AS (left(first, 1)) STORED NOT NULL,
     secret int DEFAULT 5 INVISIBLE, updated timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
     seen timestamp NULL DEFAULT NULL, gone date NOT NULL DEFAULT '0000-00-00',
     CONSTRAINT of_store FOREIGN KEY (store) REFERENCES rental.store (id) ON DELETE CASCADE ON UPDATE CASCADE,
     CONSTRAINT of_boss FOREIGN KEY (boss) REFERENCES rental.staff (id) ON DELETE SET NULL,
     CONSTRAINT named CHECK (first <> 'no\\\\''one €😀' AND secret > 0),
     KEY by_name (last DESC, first), KEY ((lower(last))), KEY by_last (last(5)) COMMENT 'short') COMMENT='people'`,
  'ALTER TABLE rental.store ADD CONSTRAINT of_manager FOREIGN KEY (manager) REFERENCES rental.staff (id)',
  `CREATE TABLE rental.film (id int NOT NULL PRIMARY KEY, title text NOT NULL, body longtext DEFAULT ('a''b\\\\cé'),
     rating enum('G','PG,13','it''s') DEFAULT 'it''s', features set('a','b') DEFAULT 'a,b', doc json DEFAULT (json_object('a', 1)),
     at point NOT NULL SRID 4326, flags bit(5) DEFAULT b'101', raw varbinary(5) DEFAULT 'ab', zeros varbinary(5) NOT NULL DEFAULT 0x00FF00, padded binary(3) DEFAULT 'a''',
     none varbinary(5) DEFAULT '', token char(36) DEFAULT (uuid()),
     price decimal(5,2) unsigned NOT NULL DEFAULT 4.99, length int(4) unsigned zerofill, twice int DEFAULT (id * 2),
     FULLTEXT KEY words (title), FULLTEXT KEY both_words (title, body), SPATIAL KEY place (at), UNIQUE KEY (token, rating),
     UNIQUE KEY ((upper(rating))), KEY doc_a ((cast(doc->>'$.a' AS unsigned))), KEY tags ((cast(doc->'$.tags' AS char(20) ARRAY))))`,
  'CREATE TABLE rental.by_shop (shop int NOT NULL, id bigint unsigned NOT NULL AUTO_INCREMENT, PRIMARY KEY (shop, id), KEY alone (id))',
  'CREATE TABLE rental.by_unique (shop int NOT NULL, id int NOT NULL AUTO_INCREMENT, PRIMARY KEY (shop, id), UNIQUE KEY alone (id))',
  'CREATE TABLE rental.unkeyed (a int, b float) COLLATE latin1_german1_ci',
  `CREATE TABLE rental.by_start (word text NOT NULL, n int NOT NULL AUTO_INCREMENT, late int, PRIMARY KEY (word(3), n) COMMENT 'odd',
     KEY counted (n))`,
  'CREATE TABLE rental.by_computed (n int, twice int AS (n * 2) STORED NOT NULL, PRIMARY KEY (twice))',
  'CREATE TABLE rental.by_falling (n int, m int NOT NULL, PRIMARY KEY (n DESC), UNIQUE KEY a_first (m))',
];

describe('MySQL', () => {
  let fleet: FleetServer;
  let db: TargetFixture;

  // The first time on a machine it has to be fetched.
  beforeAll(async () => {
    fleet = await startMysql(['--local-infile=ON']);
  }, 300_000);
  afterAll(() => fleet?.close());
  beforeEach(async () => {
    db = await TargetFixture.open(fleet.port);
  });
  afterEach(() => db?.close());

  test('a schema is made with its keys only, and once completed it is described as that of the source', async () => {
    const catalog = await db.plan(['rental'], ...RENTAL);
    await db.target.create(catalog);
    await db.target.reveal(catalog);
    const made = await db.describe('rental.*');
    expect(made.tables.flatMap(({ uniqueConstraints, foreignKeys }) => [...uniqueConstraints, ...foreignKeys])).toEqual(
      [],
    );
    expect(made.tables.flatMap(({ indexes }) => indexes).map(({ name }) => name)).toEqual(['alone', 'counted']);
    await db.run(PASS, 'INSERT INTO rental.by_unique VALUES (1, 0), (1, 7)');
    const subjects: string[] = [];
    await db.target.complete(catalog, (subject) => subjects.push(subject));
    expect(settled(await db.describe('rental.*'))).toEqual(settled(catalog));
    expect(await db.rows('SELECT id FROM rental.by_unique ORDER BY id')).toEqual([['0'], ['7']]);
    expect(subjects).toContain('AUTO_INCREMENT of `id` on rental.by_unique');
    expect(subjects).toContain('foreign key `of_boss` on rental.staff');
    await db.run(PASS, "INSERT INTO rental.film (id, title, at, length) VALUES (1, '', ST_SRID(POINT(1, 2), 4326), 7)");
    expect(await db.rows('SELECT HEX(zeros), HEX(padded), HEX(none), HEX(raw), body FROM rental.film')).toEqual([
      ['00FF00', '612700', '', '6162', "a'b\\cé"],
    ]);
    await db.run('DELETE FROM rental.film', 'DELETE FROM rental.by_unique', 'SET @migrate_pass = NULL');
    // Everything is there: nothing is done.
    await db.target.create(catalog);
    await db.target.reveal(catalog);
    await db.target.complete(catalog, () => expect.unreachable('nothing is missing'));
  });

  test('names of any kind come through: backticks, spaces, 64 characters, other alphabets, words of the language', async () => {
    const [schema, long, wide] = ['se`lect "x"', 'x'.repeat(64), 'ä'.repeat(64)];
    const catalog = await db.plan(
      [schema, 'Order'],
      `CREATE TABLE \`se\`\`lect "x"\`.\`${long}\` (\`key\` int PRIMARY KEY, \`a\`\`b'c\` varchar(9) COMMENT 'a\`b', \`${wide}\` int,
         twice int AS (\`${wide}\` * 2 + length('\`a\`\`b''c\`é')), CONSTRAINT \`chk\` CHECK (\`a\`\`b'c\` <> '\`x\`'),
         UNIQUE KEY \`from \`\`where\` (\`a\`\`b'c\`), KEY \`${wide}\` (\`${wide}\` DESC), KEY \`e x\` ((\`${wide}\` + 1)))`,
      `CREATE TABLE \`Order\`.\`group by\` (\`select\` int NOT NULL, CONSTRAINT \`on delete\` FOREIGN KEY (\`select\`)
         REFERENCES \`se\`\`lect "x"\`.\`${long}\` (\`key\`) ON DELETE CASCADE)`,
    );
    await db.target.create(catalog);
    await db.target.reveal(catalog);
    await db.target.complete(catalog, () => undefined);
    expect(settled(await db.describe('se`lect "x".*', 'Order.*'))).toEqual(settled(catalog));
  });

  test('a runner that dies before any statement leaves what the next one goes on with', async () => {
    const plan = [
      `CREATE TABLE shop.a (id int PRIMARY KEY, n int, t text, CONSTRAINT self FOREIGN KEY (n) REFERENCES shop.a (id),
         UNIQUE KEY (n), KEY (t(3))) COMMENT='first'`,
      'CREATE TABLE shop.b (shop int, id int AUTO_INCREMENT, PRIMARY KEY (shop, id), UNIQUE KEY (id))',
    ];
    const catalog = await db.plan(['shop'], ...plan);
    const alive = async (n: number): Promise<boolean> => {
      const target = db.crashingAt(n);
      return target
        .create(catalog)
        .then(() => target.reveal(catalog))
        .then(() => target.complete(catalog, () => undefined))
        .then(
          () => true,
          (error) => {
            expect(error).toMatchObject({ message: 'gone' });
            return false;
          },
        );
    };
    let deaths = 0;
    while (!(await alive(deaths + 1))) {
      deaths += 1;
      // Whatever has a name is closed.
      const open = await db.rows(`SELECT TABLE_NAME FROM information_schema.TABLES AS t WHERE TABLE_SCHEMA = 'shop'
        AND TABLE_NAME NOT LIKE 'migrate\\_%' AND 3 <> (SELECT COUNT(*) FROM information_schema.TRIGGERS
          WHERE EVENT_OBJECT_SCHEMA = 'shop' AND EVENT_OBJECT_TABLE = t.TABLE_NAME)`);
      expect(open).toEqual([]);
      // Half a fence is none.
      if (deaths === 6) await db.run((await triggerDrops(db))[0] ?? '');
      await db.target.create(catalog);
      await db.target.reveal(catalog);
      await db.target.complete(catalog, () => undefined);
      expect(settled(await db.describe('shop.*')), `death ${deaths}`).toEqual(settled(catalog));
      expect(await triggerDrops(db)).toHaveLength(6);
      await db.run('DROP DATABASE shop');
    }
    expect(deaths).toBeGreaterThan(8);
  });

  test('what somebody else made is left alone and told, whether it was there before or took a name during the copy', async () => {
    const catalog = await db.plan(
      ['shop'],
      'CREATE TABLE shop.a (id int PRIMARY KEY)',
      'CREATE TABLE shop.b (id int PRIMARY KEY)',
    );
    const { target } = db;
    const takes = async (refused: () => Promise<void>): Promise<void> => {
      for (const kind of ['TABLE', 'VIEW']) {
        await db.run(
          kind === 'TABLE' ? 'CREATE TABLE shop.b (id int PRIMARY KEY)' : 'CREATE VIEW shop.b AS SELECT 1 AS id',
        );
        const told = { code: 'TARGET.REFUSED', message: expect.stringContaining('shop.b') };
        await expect(refused()).rejects.toMatchObject(told);
        await db.run(`DROP ${kind} shop.b`);
      }
    };
    await db.run('CREATE DATABASE shop');
    await takes(() => target.create(catalog));
    expect(await db.rows('SHOW TABLES FROM shop')).toEqual([]);
    await target.create(catalog);
    await takes(() => target.create(catalog));
    await takes(() => target.reveal(catalog));
    expect(await triggerDrops(db)).toEqual([]);
    await target.reveal(catalog);
    await expect(db.session.query('INSERT INTO shop.b VALUES (1)')).rejects.toMatchObject({ cause: { errno: 1290 } });
  });

  test('until it is revealed a table is hidden, in whatever is done to it, and without triggers', async () => {
    const catalog = await db.plan(['shop'], "CREATE TABLE shop.a (id int PRIMARY KEY, n int) COMMENT='first'");
    const tables = catalog.tables.map(({ table }) => table);
    const [table] = tables;
    const column = catalog.tables[0]?.columns[1];
    if (table === undefined || column === undefined) throw new Error('not described');
    await journalRun(db, table);
    await db.target.create(catalog);
    expect(await db.target.check(catalog, true)).toEqual([]);
    await expect(db.session.query('INSERT INTO shop.a VALUES (9, 9)')).rejects.toMatchObject({
      cause: { errno: 1146 },
    });
    const load = async (): Promise<number> => {
      const loader = await db.target.loader();
      const chunk = { ordinal: 0, range: { lower: null, upper: null }, at: null, rows: 0 };
      const bytes = { format: 'text', bytes: Readable.from([Buffer.from('1\t2\n3\t4\n')]), rows: () => 2 } as const;
      return loader.load(table, chunk, 'here' as Position, bytes).finally(() => loader.close());
    };
    expect(await load()).toBe(2);
    await db.target.setApart(catalog, tables, null);
    await db.run(`INSERT INTO migrate.chunk (run, table_id, ordinal) VALUES ('${RUN}', 'shop.a', 0)`);
    expect(await load()).toBe(2);
    await db.target.addColumns([{ table, column: { ...column, name: 'added' } }], { catalog, fingerprint: '' });
    expect(await triggerDrops(db)).toEqual([]);
    await db.target.reveal(catalog);
    expect(await triggerDrops(db)).toHaveLength(3);
    await expect(db.session.query('DELETE FROM shop.a')).rejects.toMatchObject({ cause: { errno: 1290 } });
    expect(await db.rows('SELECT * FROM shop.a')).toEqual([
      ['1', '2', null],
      ['3', '4', null],
    ]);
    expect((await db.describe('shop.*')).tables).toMatchObject([{ table: { name: 'a' }, comment: 'first' }]);
    await db.target.setApart(catalog, tables, null);
    expect(await db.rows('SELECT * FROM shop.a')).toEqual([]);
  });

  test('what is dropped is what the run made: nothing of others, and nothing that others refer to', async () => {
    const catalog = await db.plan(
      ['shop'],
      'CREATE TABLE shop.a (id int PRIMARY KEY, b int)',
      'CREATE TABLE shop.b (id int PRIMARY KEY, a int, FOREIGN KEY (a) REFERENCES shop.a (id))',
      'ALTER TABLE shop.a ADD FOREIGN KEY (b) REFERENCES shop.b (id)',
    );
    await db.run('CREATE DATABASE other', 'CREATE TABLE other.mine (id int PRIMARY KEY)');
    await db.target.create(catalog);
    await db.target.reveal(catalog);
    await db.target.complete(catalog, () => undefined);
    await db.run('ALTER TABLE other.mine ADD CONSTRAINT theirs FOREIGN KEY (id) REFERENCES shop.a (id)');
    await expect(db.target.drop(catalog)).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
    expect(await db.rows('SHOW TABLES FROM shop')).toHaveLength(2);
    await db.run('ALTER TABLE other.mine DROP FOREIGN KEY theirs', 'CREATE TABLE shop.more (id int)');
    expect(await db.target.drop(catalog)).toBe(true);
    expect(await db.rows('SHOW TABLES FROM shop')).toEqual([['more']]);
    expect(await db.rows('SHOW TABLES FROM other')).toEqual([['mine']]);
    // Hidden ones as well, of this run only.
    await db.run(`CREATE TABLE shop.migrate_ffffffff_${'0'.repeat(16)} (id int)`);
    await db.target.create(catalog);
    await db.target.drop(catalog);
    expect(await db.rows('SHOW TABLES FROM shop')).toEqual([[`migrate_ffffffff_${'0'.repeat(16)}`], ['more']]);
  });

  test('a database that the run made goes with its tables, unless it was there before or somebody put something into it', async () => {
    const schemas = ['made', 'Found', 'used', 'Busy'];
    const tables = schemas.map((schema) => `CREATE TABLE ${schema}.t (id int PRIMARY KEY)`);
    const catalog = await db.plan(schemas, ...tables);
    await db.run('CREATE DATABASE Found');
    await db.target.create(catalog);
    await db.run('CREATE VIEW used.v AS SELECT 1 AS one', 'CREATE PROCEDURE Busy.p() SET @x = 1');
    expect(await db.target.drop(catalog)).toBe(true);
    const left = (await db.rows('SHOW DATABASES')).flat();
    expect(schemas.filter((schema) => left.includes(schema))).toEqual(['Found', 'used', 'Busy']);
  });

  test('the server makes what a catalog says under other names, and describes it so', async () => {
    const catalog = await db.plan(
      ['shop'],
      `CREATE TABLE shop.a (id int NOT NULL AUTO_INCREMENT, kind varchar(9), text varchar(20) DEFAULT 'kind', twice varchar(30) AS (concat(kind, 'id \`id\`', "kind")),
         later int DEFAULT (length(kind)), PRIMARY KEY (id), UNIQUE KEY id (kind, id), KEY kind (kind(3), id DESC), KEY ((concat(kind, 'kind'))),
         CONSTRAINT kind CHECK (kind <> 'kind \`kind\`'))`,
      `CREATE TABLE shop.b (id int PRIMARY KEY, a int, boss int, CONSTRAINT to_a FOREIGN KEY (a) REFERENCES shop.a (id) ON UPDATE CASCADE,
         CONSTRAINT to_self FOREIGN KEY (boss) REFERENCES shop.b (id))`,
      'CREATE TABLE shop.c (id int PRIMARY KEY, FOREIGN KEY (id) REFERENCES shop.b (id))',
    );
    const [a, b] = catalog.tables.map(({ table }) => table);
    if (a === undefined || b === undefined) throw new Error('not described');
    const renames: Renames = {
      tables: [
        { table: a, schema: 'new shop', name: 'b', columns: [rename('id', 'kind'), rename('kind', 'i`d')] },
        { table: b, schema: 'new shop', name: 'a', columns: [rename('id', 'number')] },
      ],
      schemas: [],
    };
    const { catalog: renamed, findings } = await db.target.rename(catalog, renames);
    expect(findings).toEqual([]);
    if (renamed === undefined) throw new Error('not renamed');
    expect(renamed.tables.map(({ table }) => table.id)).toEqual(['shop.a', 'shop.b', 'shop.c']);
    expect(renamed.sequences).toMatchObject([{ schema: 'new shop', owner: { table: 'shop.a', column: 'kind' } }]);
    await db.target.create(renamed);
    await db.target.reveal(renamed);
    await db.target.complete(renamed, () => undefined);
    expect(byName(await db.describe('new shop.*', 'shop.*'))).toEqual(byName(renamed));
  });

  test('names that the server does not take are found before anything is made', async () => {
    const catalog = await db.plan(['shop'], 'CREATE TABLE shop.a (id int PRIMARY KEY)');
    const [{ table } = {}] = catalog.tables;
    if (table === undefined) throw new Error('not described');
    const found = async (schema: string, name: string, column: string): Promise<readonly string[]> => {
      const renames = { tables: [{ table, schema, name, columns: [rename('id', column)] }], schemas: [] };
      const { catalog: renamed, findings } = await db.target.rename(catalog, renames);
      expect(renamed === undefined).toBe(findings.length > 0);
      return findings.map(({ code, subject }) => `${code} ${subject}`);
    };
    const name = (text: string): string => `PREFLIGHT.RENAME tables.map ${text}`;
    expect(await found('fine', 'ok', 'é'.repeat(64))).toEqual([]);
    expect(await found('Mysql', 'end ', 'x'.repeat(65))).toEqual([name('x'.repeat(65)), name('end '), name('Mysql')]);
    expect(await found('migrate', '', '😀')).toEqual([name(''), name('😀'), name('migrate')]);
  });
});

/** A run with a table of one chunk. */
async function journalRun(db: TargetFixture, { id }: TableName): Promise<void> {
  await db.run(
    `INSERT INTO migrate.run (name, id, format, plan_hash, plan_fields, source_identity, source_lineage, target_identity,
       catalog, fingerprint, added, joining, lanes)
     VALUES ('${RUN}', '${ID}', 4, '', '{}', '', '', '', '{}', 'before', '[]', '[]', 1)`,
    `INSERT INTO migrate.tables (run, table_id, lane, spread) VALUES ('${RUN}', '${id}', 0, true)`,
    `INSERT INTO migrate.chunk (run, table_id, ordinal) VALUES ('${RUN}', '${id}', 0)`,
  );
}

async function triggerDrops(db: TargetFixture): Promise<readonly string[]> {
  const rows = await db.rows("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'");
  return rows.map(([name]) => `DROP TRIGGER shop.\`${name}\``);
}

function rename(from: string, to: string): ColumnRename {
  return { from, to, inherited: false };
}

/** Tables by their names, without what the server guesses and the ids, which are the source's. */
function byName(catalog: Catalog): unknown {
  const tables = settled(catalog).tables.map((definition) => ({
    ...definition,
    table: { ...definition.table, id: '' },
    foreignKeys: definition.foreignKeys.map((key) => ({ ...key, references: '' })),
  }));
  return tables.toSorted((one, other) => (quoteTable(one.table) < quoteTable(other.table) ? -1 : 1));
}
