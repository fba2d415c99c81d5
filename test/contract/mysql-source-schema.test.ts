// MySQL and MariaDB as sources: what the run notices of a schema, a server or a log that is not what it was, and what it leaves.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LEASE_SCHEMA } from '../../src/databases/mysql/lease-proof.ts';
import type { SchemaRecord } from '../../src/databases/source.ts';
import type { SchemaDrift } from '../../src/model/drift.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { RUN, SCHEMA, SourceFixture } from './mysql-source-fixture.ts';

const ALL = { include: [`${SCHEMA}.*`], exclude: [`${SCHEMA}.tmp*`] };

describe.each([
  { kind: 'MySQL', start: startMysql },
  { kind: 'MariaDB', start: startMariadb },
])('$kind', ({ kind, start }) => {
  let fleet: FleetServer;
  let db: SourceFixture;

  // The first time on a machine it has to be fetched.
  beforeAll(async () => {
    fleet = await start();
  }, 300_000);
  afterAll(() => fleet?.close());
  beforeEach(async () => {
    db = await SourceFixture.open(fleet.port);
  });
  afterEach(() => db?.close());

  async function record(): Promise<SchemaRecord> {
    return { catalog: await db.source.describe(ALL), fingerprint: await db.source.fingerprint(ALL) };
  }

  test('what the rows depend on changes the fingerprint, and nothing else does', async () => {
    await db.run(
      'CREATE TABLE t (id int PRIMARY KEY, a varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, n int NOT NULL)',
      'CREATE TABLE u (id int NOT NULL, other int NOT NULL, twice int AS (id * 2) STORED, PRIMARY KEY (id, other))',
    );
    const prints = [await db.source.fingerprint(ALL)];
    for (const statement of [
      "INSERT INTO t VALUES (1, 'a', 1)",
      'TRUNCATE t',
      'ALTER TABLE t ADD INDEX (a), ADD UNIQUE (n)',
      'ALTER TABLE t ALTER n SET DEFAULT 7',
      'ANALYZE TABLE t',
      'OPTIMIZE TABLE t',
      'CREATE VIEW v AS SELECT * FROM t',
      'CREATE TABLE tmp_new (id int PRIMARY KEY)',
      'CREATE TABLE old (id int PRIMARY KEY) ENGINE=MyISAM',
      'CREATE TRIGGER fired BEFORE INSERT ON t FOR EACH ROW SET @x = 1',
    ]) {
      await db.run(statement);
      expect(await db.source.fingerprint(ALL), statement).toBe(prints[0]);
    }
    for (const statement of [
      'ALTER TABLE t ADD b int',
      'ALTER TABLE t MODIFY b bigint',
      'ALTER TABLE t MODIFY b bigint NOT NULL',
      'ALTER TABLE t MODIFY a varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci',
      'ALTER TABLE t MODIFY b bigint FIRST',
      'ALTER TABLE u DROP PRIMARY KEY, ADD PRIMARY KEY (other, id)',
      'ALTER TABLE u DROP twice, ADD twice int',
      'RENAME TABLE u TO w',
      'CREATE TABLE x (id int PRIMARY KEY)',
      'DROP TABLE w',
    ]) {
      await db.run(statement);
      const print = await db.source.fingerprint(ALL);
      expect(prints, statement).not.toContain(print);
      prints.push(print);
    }
  });

  test('a change of the schema is told by name, and columns at the end are followed where they were empty', async () => {
    const driftOf = async (...statements: readonly string[]): Promise<SchemaDrift | undefined> => {
      await db.run('DROP TABLE IF EXISTS t, w', 'CREATE TABLE t (id int PRIMARY KEY, a varchar(10), n int NOT NULL)');
      const before = await record();
      await db.run(...statements);
      return db.source.drift(ALL, before);
    };
    expect(await driftOf()).toBeUndefined();
    expect(await driftOf('ALTER TABLE t ADD b int, ADD c datetime(3) DEFAULT NULL')).toMatchObject({
      changes: [{ what: 'column b was added to shop.t' }, { what: 'column c was added to shop.t' }],
      notFollowed: null,
    });
    const refused: readonly (readonly [string, string])[] = [
      ['ALTER TABLE t ADD b int NOT NULL', 'is NOT NULL'],
      ['ALTER TABLE t ADD b int DEFAULT 5', 'has a default'],
      ['ALTER TABLE t ADD b int AS (id + 1) STORED', 'is generated'],
      ['ALTER TABLE t ADD b int AFTER id', 'column a of shop.t is at another place'],
      ['ALTER TABLE t ADD b int, MODIFY a varchar(11)', 'column a of shop.t is now varchar(11)'],
      ['ALTER TABLE t DROP n', 'column n of shop.t was dropped'],
      ['ALTER TABLE t RENAME COLUMN n TO m', 'column n of shop.t was renamed to m'],
      ['RENAME TABLE t TO w', 'renamed to shop.w'],
      ['ALTER TABLE t ENGINE=MyISAM', 'shop.t was dropped'],
      ['ALTER TABLE t MODIFY a varchar(10) CHARACTER SET latin1 COLLATE latin1_bin', 'has collation latin1_bin'],
      ['ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (n)', 'the key of shop.t is another one'],
    ];
    for (const [statement, reason] of refused) {
      const drift = await driftOf(statement);
      expect(drift?.notFollowed, statement).toContain(reason);
    }
  });

  test('a table that is being given triggers is described as it is', async () => {
    await db.run('CREATE TABLE t (id int PRIMARY KEY, a int)', 'CREATE TABLE u (id int PRIMARY KEY)');
    const before = await record();
    const other = await db.server.session();
    let looking = true;
    const altering = (async () => {
      while (looking) {
        await other.query(`CREATE TRIGGER ${SCHEMA}.fired BEFORE INSERT ON ${SCHEMA}.t FOR EACH ROW SET @x = 1`);
        await other.query(`DROP TRIGGER ${SCHEMA}.fired`);
      }
    })();
    try {
      for (let look = 0; look < 25; look++) {
        expect(await db.source.fingerprint(ALL)).toBe(before.fingerprint);
        expect((await db.source.describe(ALL)).tables).toEqual(before.catalog.tables);
      }
    } finally {
      looking = false;
      await altering;
      other.close();
    }
  });

  test('a server is known again after a crash, and another one is not taken for it', async () => {
    const identity = await db.source.identity();
    expect(await db.source.version()).toMatch(kind === 'MySQL' ? /^\d+\.\d+\.\d+$/ : /^10\.\d+\.\d+-MariaDB$/);
    await fleet.crash();
    await db.close();
    db = await SourceFixture.open(fleet.port);
    expect(await db.source.identity()).toBe(identity);
    const other = await start();
    try {
      const stranger = await SourceFixture.open(other.port);
      expect(await stranger.source.identity()).not.toBe(identity);
      await stranger.close();
    } finally {
      await other.close();
    }
  });

  test('a log goes on over a restart and a purge, and is lost when it was reset or goes back', async () => {
    await db.make('CREATE TABLE t (id int PRIMARY KEY)');
    const pair = await db.source.log.pin(db.tables);
    await pair.close();
    const lineage = await db.source.lineage('', []);
    await db.run('INSERT INTO t VALUES (1)', 'FLUSH BINARY LOGS', 'INSERT INTO t VALUES (2)');
    const later = await db.source.log.pair();
    await later.close();
    const [file = ''] = (await db.session.query(LOG_STATUS[kind] ?? ''))[0] ?? [];
    expect(await db.source.lineage(lineage, [later.at, pair.at])).toBe(lineage);
    await db.run(`PURGE BINARY LOGS TO '${file}'`);
    expect(await db.source.lineage(lineage, [later.at, pair.at])).toBe(lineage);
    const beyond = later.at.replace(/:(\d+)/, (_, at: string) => `:${Number(at) + 1}`) as typeof later.at;
    await expect(db.source.lineage(lineage, [pair.at, beyond])).rejects.toMatchObject({ code: 'STREAM.GONE' });
    const ahead = later.at.replace(/:([\d-]+)$/, ':1-99999').replace(/-\d+$/, '-99999') as typeof later.at;
    await expect(db.source.lineage(lineage, [ahead])).rejects.toMatchObject({
      message: expect.stringContaining('does not have the transaction'),
    });
    const foreign = later.at.replace(/@[0-9a-f]+/, '@00000001') as typeof later.at;
    await expect(db.source.lineage(lineage, [foreign])).rejects.toMatchObject({
      message: expect.stringContaining('is another file than it was'),
    });
    await db.run(kind === 'MySQL' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER');
    await expect(db.source.lineage(lineage, [later.at])).rejects.toMatchObject({ code: 'STREAM.GONE' });
  });

  test('of a run nothing is left, and the markers of another one stay', async () => {
    await db.make('CREATE TABLE t (id int PRIMARY KEY)');
    await db.run('DROP DATABASE IF EXISTS migrate');
    await db.source.log.release();
    const pair = await db.source.log.pin(db.tables);
    await pair.close();
    // Nobody has the lease.
    await db.run(...LEASE_SCHEMA);
    await expect(db.source.log.release()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await db.run(
      `INSERT INTO migrate.lease VALUES ('${RUN}', 1, 'test', NOW(6), 'x')`,
      "INSERT INTO migrate.marker VALUES ('other', 1, 'mine')",
    );
    await db.source.log.release();
    expect(await db.session.query('SELECT run FROM migrate.marker')).toEqual([['other']]);
    await db.run("DELETE FROM migrate.marker WHERE run = 'other'");
    await db.source.log.release();
    await db.source.log.release();
    expect(await db.session.query("SHOW TABLES FROM migrate LIKE 'marker'")).toEqual([]);
  });
});

const LOG_STATUS: Readonly<Record<string, string>> = {
  MySQL: 'SHOW BINARY LOG STATUS',
  MariaDB: 'SHOW MASTER STATUS',
};
