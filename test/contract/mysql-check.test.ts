// The preflight of MySQL and MariaDB as sources: each finding is provoked, its cure applied, and then it is gone.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readCatalog } from '../../src/databases/mysql/catalog.ts';
import { readServerFacts } from '../../src/databases/mysql/check/facts.ts';
import { logged } from '../../src/databases/mysql/check/log.ts';
import { checkVersion } from '../../src/databases/mysql/check/server.ts';
import { checkSource } from '../../src/databases/mysql/check/source.ts';
import type { SourceContext } from '../../src/databases/mysql/check/source-subject.ts';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import { MysqlFence } from '../../src/databases/mysql/fence/fence.ts';
import { LEASE_SCHEMA } from '../../src/databases/mysql/lease-proof.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Finding } from '../../src/model/finding.ts';
import { tableId } from '../../src/model/table.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { codes, emptySubjects, only, pasteIntoPlan, withEmpties } from './check-fixture.ts';

const SELECTION = { include: ['shop.*'], exclude: [] };

interface Case {
  readonly provoke: readonly string[];
  readonly finding: readonly [level: Finding['level'], code: string, subject: string];
  /** What the cure says is not SQL, or there is none. */
  readonly noSql?: true;
  /** What only the test has to put back. */
  readonly undo?: readonly string[];
  readonly context?: Partial<SourceContext>;
}

const setting = (name: string, wrong: string, code = 'BINLOG', level: Finding['level'] = 'error'): Case => ({
  provoke: [`SET GLOBAL ${name} = ${wrong}`],
  finding: [level, code, name],
});

const BOTH: readonly Case[] = [
  setting('binlog_format', 'STATEMENT'),
  setting('binlog_row_image', 'MINIMAL'),
  setting('binlog_row_metadata', 'MINIMAL'),
  setting('binlog_expire_logs_seconds', '3600', 'BINLOG_RETENTION', 'warning'),
  setting('sync_binlog', '0', 'BINLOG_SYNC', 'warning'),
  setting('innodb_flush_log_at_trx_commit', '2', 'BINLOG_SYNC', 'warning'),
  setting('read_only', 'ON', 'READ_ONLY'),
  {
    ...setting('max_connections', '20', 'CONNECTIONS', 'warning'),
    context: { connections: 30 },
    undo: ['SET GLOBAL max_connections = 151'],
  },
  {
    provoke: ['CREATE TABLE old (a int) ENGINE = MyISAM'],
    finding: ['error', 'ENGINE', 'shop.old'],
    undo: ['DROP TABLE old'],
  },
  {
    provoke: ['CREATE TABLE plain (a int)'],
    finding: ['warning', 'NO_KEY', 'shop.plain'],
    noSql: true,
    undo: ['DROP TABLE plain'],
  },
  {
    provoke: [
      'CREATE DATABASE elsewhere',
      'CREATE TABLE elsewhere.p (id int PRIMARY KEY)',
      'CREATE TABLE c (id int PRIMARY KEY, p int, CONSTRAINT away FOREIGN KEY (p) REFERENCES elsewhere.p (id))',
    ],
    finding: ['error', 'FOREIGN_KEY', 'shop.c'],
    noSql: true,
    undo: ['DROP TABLE c', 'DROP DATABASE elsewhere'],
  },
  {
    provoke: [
      'CREATE TABLE c (id int PRIMARY KEY, p int, CONSTRAINT up FOREIGN KEY (p) REFERENCES t (id))',
      'SET SESSION foreign_key_checks = 0',
      'INSERT INTO c VALUES (1, NULL), (2, 7)',
      'SET SESSION foreign_key_checks = 1',
    ],
    finding: ['warning', 'ORPHANS', 'foreign key `up` on shop.c'],
    noSql: true,
    undo: ['DROP TABLE c'],
  },
  {
    provoke: [
      "XA START X'61ff','b''',7",
      'INSERT INTO t (id) VALUES (5)',
      "XA END X'61ff','b''',7",
      "XA PREPARE X'61ff','b''',7",
    ],
    finding: ['error', 'PREPARED_TRANSACTION', "transaction X'61ff',X'6227',7"],
  },
  {
    provoke: ['CREATE USER app@localhost', 'GRANT DROP ON shop.* TO app@localhost'],
    finding: ['info', 'DROP_RIGHT', 'accounts'],
    noSql: true,
    undo: ['DROP USER app@localhost'],
  },
  {
    provoke: ['CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2'],
    finding: ['info', 'NOT_CARRIED', 'partitioning'],
    noSql: true,
    undo: ['DROP TABLE parts'],
  },
  ...(
    [
      ['view', 'VIEW v AS SELECT 1 AS one'],
      ['trigger', 'TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @x = 1'],
      ['event', 'EVENT e ON SCHEDULE EVERY 1 DAY DO SET @x = 1'],
      ['procedure', 'PROCEDURE p() SET @x = 1'],
    ] as const
  ).map(
    ([kind, made]): Case => ({
      provoke: [`CREATE ${made}`],
      finding: ['info', 'NOT_CARRIED', kind],
      noSql: true,
      undo: [`DROP ${made.split(/[ (]/).slice(0, 2).join(' ')}`],
    }),
  ),
  ...(
    [
      ['refused', '2024-00-17'],
      ['nulled', '2024-00-17'],
      ['refused', '2024-02-30'],
    ] as const
  ).map(
    ([zeroDates, date]): Case => ({
      provoke: [
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        `INSERT INTO t (id, d) VALUES (1, '${date}')`,
        "SET sql_mode = 'STRICT_ALL_TABLES'",
      ],
      finding: [zeroDates === 'refused' ? 'error' : 'warning', 'ZERO_DATE', 'shop.t.d'],
      noSql: true,
      undo: ['DELETE FROM t'],
      context: { zeroDates },
    }),
  ),
  {
    provoke: [],
    finding: ['info', 'ZERO_DATE', 'search'],
    noSql: true,
    context: { zeroDates: 'refused', searchMs: 0 },
  },
];

const ONLY_MYSQL: readonly Case[] = [
  { ...setting('binlog_row_value_options', 'PARTIAL_JSON') },
  setting('show_gipk_in_create_table_and_information_schema', 'OFF'),
  setting('server_id', '0'),
  { ...setting('super_read_only', 'ON', 'READ_ONLY'), undo: ['SET GLOBAL read_only = OFF'] },
  { ...setting('gtid_mode', 'ON_PERMISSIVE', 'GTID', 'info'), noSql: true, undo: ['SET GLOBAL gtid_mode = ON'] },
  {
    ...setting('binlog_transaction_compression', 'ON', 'BINLOG_COMPRESSED', 'info'),
    noSql: true,
    undo: ['SET GLOBAL binlog_transaction_compression = OFF'],
  },
  {
    provoke: ["CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1'"],
    finding: ['warning', 'REPLICA', 'stopped replication'],
    undo: ['RESET REPLICA ALL'],
  },
  {
    provoke: ["CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1'", 'START REPLICA SQL_THREAD'],
    finding: ['error', 'REPLICA', 'replication'],
    undo: ['STOP REPLICA', 'RESET REPLICA ALL'],
  },
];

const ONLY_MARIADB: readonly Case[] = [
  {
    ...setting('log_bin_compress', 'ON', 'BINLOG_COMPRESSED', 'info'),
    noSql: true,
    undo: ['SET GLOBAL log_bin_compress = OFF'],
  },
  {
    provoke: [
      'CREATE TABLE c (id int PRIMARY KEY, p int, CONSTRAINT `go``es` FOREIGN KEY (p) REFERENCES t (id) ON UPDATE SET NULL ON DELETE CASCADE)',
    ],
    finding: ['error', 'CASCADE', 'go`es on shop.c'],
    undo: ['DROP TABLE c'],
  },
  {
    provoke: ['CREATE TABLE versions (id int PRIMARY KEY) WITH SYSTEM VERSIONING'],
    finding: ['error', 'SYSTEM_VERSIONED', 'shop.versions'],
    noSql: true,
    undo: ['DROP TABLE versions'],
  },
  {
    provoke: ['CREATE SEQUENCE numbers'],
    finding: ['info', 'NOT_CARRIED', 'sequence'],
    noSql: true,
    undo: ['DROP SEQUENCE numbers'],
  },
  // Its own log leaves out what it replicates unless told otherwise: both findings at once.
  ...(
    [
      ['error', 'BINLOG', 'log_replica_updates'],
      ['error', 'REPLICA', 'replication'],
    ] as const
  ).map(
    (finding): Case => ({
      provoke: ["CHANGE MASTER TO MASTER_HOST = '127.0.0.1'", 'START SLAVE SQL_THREAD'],
      finding,
      noSql: true,
      undo: ['STOP SLAVE', 'RESET SLAVE ALL'],
    }),
  ),
];

describe.each([
  { kind: 'MySQL', start: startMysql, cases: [...BOTH, ...ONLY_MYSQL] },
  { kind: 'MariaDB', start: startMariadb, cases: [...BOTH, ...ONLY_MARIADB] },
])('$kind', ({ kind, start, cases }) => {
  let fleet: FleetServer;
  let server: MysqlServer;
  let session: MysqlSession;

  beforeAll(async () => {
    fleet = await start(['--sync-binlog=1', '--innodb-flush-log-at-trx-commit=1']);
    server = new MysqlServer('source', `mysql://root@127.0.0.1:${fleet.port}/`);
    session = await server.session();
    await run('CREATE DATABASE shop', 'USE shop', 'CREATE TABLE t (id int PRIMARY KEY, d date, n datetime(3))');
  }, 300_000);
  afterAll(async () => {
    await server?.close();
    await fleet?.close();
  });

  async function run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await session.query(statement);
  }

  async function check(context: Partial<SourceContext> = {}): Promise<readonly Finding[]> {
    const selection = context.selection ?? SELECTION;
    return checkSource(session, await readCatalog(session, selection), { ...context, selection });
  }

  /** The statements of a cure, without what is said behind them. */
  async function apply({ cure = '' }: Finding): Promise<void> {
    const statements = cure.replace(/ -- .*$/s, '').split(/;\s*/);
    await run(...statements.filter((statement) => statement !== ''));
  }

  test('a server that is set up for it has no finding', async () => {
    expect(await check()).toEqual([]);
  });

  test('a plan that takes it for the other kind is found, and the cure names its own', async () => {
    const [own, other] = kind === 'MariaDB' ? (['mariadb', 'mysql'] as const) : (['mysql', 'mariadb'] as const);
    expect(await check({ kind: own })).toEqual([]);
    const found = only(await check({ kind: other }), 'SOURCE_KIND');
    expect([found.level, found.cure]).toEqual(['error', expect.stringContaining(`kind: ${own} }`)]);
  });

  test.each(cases)(
    '$finding is found, and gone once it is cured',
    async ({ provoke, finding, noSql, undo = [], context }) => {
      const [level, code, subject] = finding;
      await run(...provoke);
      try {
        const found = only(await check(context), code, subject);
        expect(found.level).toBe(level);
        if (noSql !== true) {
          await apply(found);
          expect((await check(context)).filter((each) => each.code === found.code && each.subject === subject)).toEqual(
            [],
          );
        }
      } finally {
        await run(...undo);
      }
      expect(await check()).toEqual([]);
    },
  );

  test('a transaction that has been open for long is named with its session', async () => {
    const other = await server.session();
    try {
      const [id] = await other.query('SELECT CONNECTION_ID()');
      await other.query('START TRANSACTION');
      await other.query('INSERT INTO shop.t (id) VALUES (9)');
      expect(await check()).toEqual([]);
      // MariaDB looks at its transactions ten times a second at most.
      const found = await vi.waitFor(
        async () => only(await check({ longSeconds: 0 }), 'OPEN_TRANSACTION', `session ${id?.[0]}`),
        { interval: 110 },
      );
      expect(found.message).toMatch(/of root has been open for \d s/);
      expect(found.cure).toBe(`KILL ${id?.[0]};`);
      await other.query('ROLLBACK');
    } finally {
      other.close();
    }
  });

  test('a transaction that is prepared only for a moment, as those of XA are, stops nobody', async () => {
    const other = await server.session();
    for (const step of [
      "XA START 'brief'",
      'INSERT INTO shop.t (id) VALUES (6)',
      "XA END 'brief'",
      "XA PREPARE 'brief'",
    ])
      await other.query(step);
    const ask = session.query.bind(session);
    const spy = vi.spyOn(session, 'query').mockImplementation(async (sql) => {
      const rows = await ask(sql);
      if (rows.length > 0 && sql.startsWith('XA RECOVER')) await other.query("XA ROLLBACK 'brief'");
      return rows;
    });
    try {
      expect(await check()).toEqual([]);
    } finally {
      spy.mockRestore();
      other.close();
    }
  });

  test('patterns that match nothing are errors, and what the cure excludes is gone', async () => {
    expect(codes(await check({ selection: { include: ['shop', 'shop.*'], exclude: [] } }))).toEqual(['NO_MATCH']);
    const nothing = await check({ selection: { include: ['shop.t'], exclude: ['shop.*'] } });
    expect(codes(nothing)).toEqual(['NO_TABLES']);
    if (kind !== 'MariaDB') return;
    await run('CREATE TABLE `a*b` (id int PRIMARY KEY) WITH SYSTEM VERSIONING');
    try {
      const { cure = '' } = only(await check(), 'SYSTEM_VERSIONED');
      expect(await check({ selection: pasteIntoPlan(SELECTION, cure) })).toEqual([]);
    } finally {
      await run('DROP TABLE `a*b`');
    }
  });

  test('tables that another run has closed are named with the triggers that close them', async () => {
    const claim = { run: 'other', epoch: 1 };
    const tables = [{ id: tableId('shop', 't'), schema: 'shop', name: 't' }];
    await run(...LEASE_SCHEMA, "INSERT INTO migrate.lease VALUES ('other', 1, 'test', NOW(), '')");
    const fence = new MysqlFence({ server, claim: () => claim, id: 'a1b2c3d4', tables });
    await fence.arm(tables, new AbortController().signal);
    expect(await check()).toEqual([]);
    await fence.close(60_000);
    expect(await fence.openWriters()).toEqual([]);
    expect(await check({ id: 'a1b2c3d4' })).toEqual([]);
    const found = only(await check({ id: 'ffffffff' }), 'FENCED', 'fence a1b2c3d4');
    await apply(found);
    expect(await check()).toEqual([]);
    await run('INSERT INTO t (id) VALUES (1)', 'DELETE FROM t', 'DROP DATABASE migrate');
  });

  test('empty values that the plan refuses, and the text that stands for one, are found column by column, or not looked for', async () => {
    await run(
      'CREATE TABLE words (id int PRIMARY KEY, a varchar(9), b varbinary(9), c varchar(9), e text) CHARACTER SET latin1',
      "INSERT INTO words VALUES (1, ' ', x'00', 'NÖNE', ''), (2, NULL, NULL, 'nöne ', ''), (3, 'x', 'x', 'none', '')",
    );
    const other = await server.session();
    try {
      const catalog = withEmpties(await readCatalog(session, SELECTION), {
        ...{ a: 'refused', b: 'refused', c: { sentinel: 'nöne' }, e: 'null' },
      });
      const found = async (context: Partial<SourceContext> = {}) =>
        emptySubjects(await checkSource(session, catalog, { ...context, selection: SELECTION }));
      expect(await found()).toEqual([]);
      await run("UPDATE words SET a = '' WHERE id = 2", "UPDATE words SET b = '' WHERE id = 3");
      await run("UPDATE words SET c = 'nöne' WHERE id = 3");
      expect(await found()).toEqual(['error shop.words.a', 'error shop.words.b', 'error shop.words.c']);
      expect(await found({ searchMs: 0 })).toEqual(['info search']);
      await other.query('LOCK TABLES shop.words WRITE');
      expect(await found({ searchMs: 50 })).toEqual(['info search']);
    } finally {
      other.close();
      await run('DROP TABLE words');
    }
  });

  test('the search for dates that are no days ends in time, and says so', async () => {
    const other = await server.session();
    try {
      await other.query('LOCK TABLES shop.t WRITE');
      expect(await check({ zeroDates: 'refused', searchMs: 50 })).toMatchObject([
        { level: 'info', code: 'PREFLIGHT.ZERO_DATE', message: expect.stringContaining('in shop.t') },
      ]);
    } finally {
      other.close();
    }
  });

  test('dates that become texts may be any', async () => {
    const catalog = await readCatalog(session, SELECTION);
    const becoming = (one: Catalog, type: string): Catalog => ({
      ...one,
      tables: one.tables.map((definition) => ({
        ...definition,
        table: {
          ...definition.table,
          columns: definition.table.columns.map((column) => ({ ...column, type })),
        },
      })),
    });
    await run(
      "SET sql_mode = ''",
      "INSERT INTO t (id, d) VALUES (1, '0000-00-00')",
      "SET sql_mode = 'STRICT_ALL_TABLES'",
    );
    const context: SourceContext = { selection: SELECTION, zeroDates: 'refused' };
    expect(codes(await checkSource(session, { ...catalog, onTarget: catalog }, context))).toEqual(['ZERO_DATE']);
    expect(await checkSource(session, { ...catalog, onTarget: becoming(catalog, 'text') }, context)).toEqual([]);
    const moments = await checkSource(session, { ...catalog, onTarget: becoming(catalog, 'timestamptz(3)') }, context);
    expect(codes(moments)).toEqual(['ZERO_DATE']);
    await run('DELETE FROM t');
  });

  test('versions that are too old are errors, newer ones than tested warnings', async () => {
    const facts = await readServerFacts(session);
    const oldest = kind === 'MariaDB' ? 100_600 : 80_019;
    expect(checkVersion({ ...facts, version: oldest })).toEqual([]);
    expect(codes(checkVersion({ ...facts, version: oldest - 1 }))).toEqual(['VERSION']);
    expect(codes(checkVersion({ ...facts, version: 120_000 }), 'warning')).toEqual(['VERSION']);
    expect(checkVersion(facts)).toEqual([]);
  });

  test('a server without a log is told so, once', async () => {
    const facts = await readServerFacts(session);
    const settings = new Map([...facts.settings, ['log_bin', 'OFF'], ['binlog_row_image', 'MINIMAL']]);
    const subject = { session, facts: { ...facts, settings } } as unknown as Parameters<typeof logged>[0];
    expect(await logged(subject)).toMatchObject([{ level: 'error', code: 'PREFLIGHT.BINLOG', subject: 'log_bin' }]);
  });
});

test('databases that the server leaves out of its log are named', async () => {
  const fleet = await startMariadb(['--binlog-ignore-db=shop']);
  const server = new MysqlServer('source', `mysql://root@127.0.0.1:${fleet.port}/`);
  try {
    const session = await server.session();
    for (const statement of ['CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY)'])
      await session.query(statement);
    const findings = await checkSource(session, await readCatalog(session, SELECTION), { selection: SELECTION });
    expect(only(findings, 'BINLOG', 'binlog_do_db, binlog_ignore_db').message).toContain('in shop');
  } finally {
    await server.close();
    await fleet.close();
  }
});
