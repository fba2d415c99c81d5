// The rights that `migrate grants` prints: enough for preflight and for what the run does, and none too many.

import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unconverted } from '../../src/databases/conversion.ts';
import type { LeaseClaim } from '../../src/databases/lease-store.ts';
import { readCatalog } from '../../src/databases/mysql/catalog.ts';
import { checkSource } from '../../src/databases/mysql/check/source.ts';
import { checkTarget } from '../../src/databases/mysql/check/target.ts';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import { MysqlFence } from '../../src/databases/mysql/fence/fence.ts';
import { readSourceGrants, readTargetGrants } from '../../src/databases/mysql/grants.ts';
import { MysqlJournal } from '../../src/databases/mysql/journal/journal.ts';
import { MysqlLeaseStore } from '../../src/databases/mysql/lease-store.ts';
import { logEnd } from '../../src/databases/mysql/log/head.ts';
import { MysqlStream } from '../../src/databases/mysql/log/stream.ts';
import { passFence } from '../../src/databases/mysql/pass.ts';
import { Rights } from '../../src/databases/mysql/rights.ts';
import { selectsAll } from '../../src/databases/mysql/selection.ts';
import { MysqlSource } from '../../src/databases/mysql/source.ts';
import { MysqlTarget } from '../../src/databases/mysql/target.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Finding } from '../../src/model/finding.ts';
import type { Grant } from '../../src/model/grant.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { newRun } from './journal-fixture.ts';
import { LogReader } from './log-fixture.ts';

const ROLE = "Mi`gra'tor@%";
const ACCOUNT = "'Mi`gra''tor'@'%'";
/** A database that is the run's altogether, whose name is a pattern, and one that is shared. */
const SELECTION = { include: ['sh_op.*', 'mixed.a'], exclude: [] };

const errors = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ level }) => level === 'error');

function urlOf(port: number): string {
  return `mysql://${encodeURIComponent(ROLE.slice(0, -2))}@127.0.0.1:${port}/`;
}

function sourceOn(server: MysqlServer, claim: LeaseClaim): MysqlSource {
  return new MysqlSource({
    server,
    run: claim.run,
    readers: 2,
    conversionOf: unconverted,
    id: 'a1',
    selection: SELECTION,
    claim: () => claim,
    tables: [],
    endsTransactions: false,
    connections: 10,
    onWaiting: () => undefined,
  });
}

function targetOn(server: MysqlServer, claim: LeaseClaim): MysqlTarget {
  const options = { server, id: 'a1', claim: () => claim, conversionOf: unconverted };
  return new MysqlTarget({ ...options, networkTimeoutMs: 30_000, builders: 2, connections: 10, existing: false });
}

function reversed(statement: string): string {
  if (statement.startsWith('SET ')) return 'SET GLOBAL log_bin_trust_function_creators = OFF';
  return statement.replace(/^GRANT (.*) TO /, 'REVOKE $1 FROM ');
}

describe.each([
  { kind: 'MySQL', start: startMysql, sides: ['source', 'target'] as const },
  { kind: 'MariaDB', start: startMariadb, sides: ['source'] as const },
])('$kind', ({ kind, start, sides }) => {
  let fleet: FleetServer;
  let server: MysqlServer;
  let admin: MysqlSession;
  let catalog: Catalog;

  beforeAll(async () => {
    fleet = await start();
    server = new MysqlServer('source', `mysql://root@127.0.0.1:${fleet.port}/`);
    admin = await server.session();
    await run(
      'CREATE DATABASE sh_op',
      'CREATE TABLE sh_op.parents (id int PRIMARY KEY)',
      'CREATE TABLE sh_op.things (id int PRIMARY KEY, p int REFERENCES parents (id))',
      'CREATE DATABASE mixed',
      'CREATE TABLE mixed.a (id int PRIMARY KEY)',
      'CREATE TABLE mixed.secrets (id int PRIMARY KEY)',
    );
    catalog = await readCatalog(admin, SELECTION);
    await run('CREATE DATABASE shxop', 'CREATE TABLE shxop.others (id int)', `CREATE USER ${ACCOUNT}`);
  }, 300_000);
  afterAll(async () => {
    await server?.close();
    await fleet?.close();
  });

  async function run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await admin.query(statement);
  }

  /** On a session of its own: some rights are looked up when a session begins. */
  async function asMigrator<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    const connected = new MysqlServer('source', urlOf(fleet.port));
    try {
      return await work(await connected.session());
    } finally {
      await connected.close();
    }
  }

  describe.each(sides)('as a %s', (side) => {
    const wanted = (): Catalog => (side === 'source' ? catalog : { ...catalog, schemas: ['new_place'], tables: [] });

    async function grants(): Promise<readonly Grant[]> {
      const query = { catalog: wanted(), role: ROLE };
      const { grants } =
        side === 'source'
          ? await readSourceGrants(admin, { ...query, selection: SELECTION, endsTransactions: true })
          : await readTargetGrants(admin, { ...query, existing: false });
      return grants;
    }

    function findings(): Promise<readonly Finding[]> {
      return asMigrator((session) =>
        side === 'source'
          ? checkSource(session, wanted(), { selection: SELECTION, endsTransactions: true })
          : checkTarget(session, wanted(), false),
      );
    }

    test('the statements are all that preflight asks for, and stay the same when they were run', async () => {
      const before = await grants();
      expect(errors(await findings())).not.toEqual([]);
      await run(...before.map(({ statement }) => statement));
      expect(errors(await findings())).toEqual([]);
      expect(await grants()).toEqual(before);
      await run(...before.map(({ statement }) => reversed(statement)));
    });

    test('those on a source are the same to an account that cannot see a table yet', async () => {
      if (side !== 'source') return;
      const unseen = { catalog: { ...catalog, tables: [] }, selection: SELECTION, endsTransactions: true };
      const { grants: printed } = await asMigrator((session) => readSourceGrants(session, unseen));
      expect(printed).toEqual(await grants());
    });

    test('each one that is taken back is found, with itself as the cure', async () => {
      const all = await grants();
      await run(...all.map(({ statement }) => statement));
      for (const { statement, optional } of all) {
        await run(reversed(statement));
        const found = (await findings()).filter(({ cure }) => cure?.startsWith(statement) === true);
        expect(
          found.map(({ level }) => level),
          statement,
          // Every table here has a key, so that the run can begin without a lock.
        ).toEqual([optional || statement.startsWith('GRANT LOCK TABLES') ? 'warning' : 'error']);
        await run(statement);
      }
      expect(errors(await findings())).toEqual([]);
      await run(...all.map(({ statement }) => reversed(statement)));
    });
  });

  test('with them a run can do what it does on a source', async () => {
    const query = { catalog, role: ROLE, selection: SELECTION, endsTransactions: false };
    const all = (await readSourceGrants(admin, query)).grants;
    // Without the right to lock the copy is not exact at first, and the table of markers stays.
    const grants = all.map((each) => ({ ...each, optional: each.optional && !each.statement.includes('LOCK TABLES') }));
    await run(...grants.filter(({ optional }) => !optional).map(({ statement }) => statement));
    const claim = { run: 'grants', epoch: 1 };
    const own = new MysqlServer('source', urlOf(fleet.port), claim.run);
    try {
      const store = new MysqlLeaseStore(own);
      const lock = await store.lock(claim.run);
      expect(await lock.take()).toBe(true);
      await store.prepare(claim.run);
      expect(await store.raise(claim.run, { epoch: 1, holder: 'test', target: 't' })).toBe(true);
      const tables = catalog.tables.map(({ table }) => table);
      const source = sourceOn(own, claim);
      const start = await source.log.pin(tables);
      const reader = await start.reader();
      expect(await text(reader.read(tables[0]!, { lower: null, upper: null }).bytes)).toBe('');
      await start.close();
      const fence = new MysqlFence({ server: own, claim: () => claim, id: 'a1', tables });
      await fence.arm(tables, new AbortController().signal);
      await fence.close(30_000);
      expect(await fence.openWriters()).toEqual([]);
      await expect(admin.query('INSERT INTO mixed.a VALUES (1)')).rejects.toMatchObject({ code: 'SOURCE.REFUSED' });
      await source.log.mark('end');
      const stream = new MysqlStream({ connect: () => own.connect(), run: claim.run, tables });
      const log = await LogReader.open(stream, start.at);
      await log.untilMarker('end');
      await log.close();
      await fence.open();
      await fence.disarm();
      await source.log.release();
      await lock.close();
      await store.forget(claim);
      expect(await admin.query("SHOW DATABASES LIKE 'migrate'")).toEqual([]);
    } finally {
      await own.close();
      await run(...grants.filter(({ optional }) => !optional).map(({ statement }) => reversed(statement)));
    }
  });

  test.runIf(kind === 'MySQL')('with them a run can do what it does on a target', async () => {
    await run(
      'CREATE DATABASE new_place',
      `CREATE TABLE new_place.parents (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, label varchar(9) UNIQUE)`,
      `CREATE TABLE new_place.things (id int PRIMARY KEY, p int, note text, FULLTEXT KEY f (note),
         CONSTRAINT up FOREIGN KEY (p) REFERENCES new_place.parents (id), CONSTRAINT small CHECK (p < 100))`,
    );
    const made = await readCatalog(admin, { include: ['new_place.*'], exclude: [] });
    await run('DROP DATABASE new_place');
    const { grants } = await readTargetGrants(admin, { catalog: made, role: ROLE, existing: false });
    await run(...grants.filter(({ optional }) => !optional).map(({ statement }) => statement));
    const claim = { run: 'grants', epoch: 1 };
    const own = new MysqlServer('target', urlOf(fleet.port), claim.run);
    try {
      const store = new MysqlLeaseStore(own);
      await store.prepare(claim.run);
      await store.raise(claim.run, { epoch: 1, holder: 'test', target: 't' });
      const journal = new MysqlJournal(own, claim.run, () => claim);
      await journal.create(newRun(claim.run, made));
      const target = targetOn(own, claim);
      await target.create(made);
      await target.reveal(made);
      await own.use(async (session) => {
        await passFence(session, claim.run);
        await session.query("INSERT INTO new_place.parents VALUES (5, 'a')");
        await session.query("INSERT INTO new_place.things VALUES (1, 5, 'x')");
        await session.query('UPDATE new_place.things SET p = 6');
        await session.query('DELETE FROM new_place.things');
      });
      await target.complete(made, () => undefined);
      await target.sequences.advance(made, await target.sequences.read(made), 10);
      await target.setApart(
        made,
        made.tables.map(({ table }) => table),
        null,
      );
      expect(await target.firing(made)).toEqual([]);
      const fence = new MysqlFence({ server: own, claim: () => claim, id: 'a1' });
      await fence.disarm();
      await admin.query('DELETE FROM new_place.parents');
      await target.drop(made);
      await journal.forget();
      await store.forget(claim);
    } finally {
      await own.close();
      await run('DROP DATABASE IF EXISTS new_place', 'DROP DATABASE IF EXISTS migrate');
      await run(...grants.filter(({ optional }) => !optional).map(({ statement }) => reversed(statement)));
    }
  });

  test('who may not see where the log ends is told which right that takes', async () => {
    const right = kind === 'MySQL' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR';
    await expect(asMigrator((session) => logEnd(session.connection))).rejects.toMatchObject({
      code: 'SOURCE.REFUSED',
      message: expect.stringContaining(right),
    });
  });

  test('what is shown covers each kind of right once', async () => {
    const query = { catalog, role: ROLE };
    const source = await readSourceGrants(admin, { ...query, selection: SELECTION, endsTransactions: true });
    const own = 'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON `migrate`.*';
    expect(source.grants.map(({ phase, statement }) => `${phase}: ${statement.replace(ACCOUNT, 'x')}`)).toEqual([
      'copy: GRANT SELECT ON `mixed`.`a` TO x;',
      'copy: GRANT SELECT ON `sh\\_op`.* TO x;',
      'copy: GRANT LOCK TABLES ON `mixed`.* TO x;',
      'copy: GRANT LOCK TABLES ON `sh\\_op`.* TO x;',
      ...(kind === 'MySQL'
        ? ['copy: GRANT XA_RECOVER_ADMIN ON *.* TO x;', 'copy: GRANT REPLICATION CLIENT ON *.* TO x;']
        : ['copy: GRANT BINLOG ADMIN ON *.* TO x;', 'copy: GRANT BINLOG MONITOR ON *.* TO x;']),
      'stream: GRANT REPLICATION SLAVE ON *.* TO x;',
      `stream: GRANT ${own} TO x;`,
      'stream: GRANT LOCK TABLES ON `migrate`.* TO x;',
      'freeze: GRANT TRIGGER ON `mixed`.`a` TO x;',
      'freeze: GRANT TRIGGER ON `sh\\_op`.* TO x;',
      kind === 'MySQL'
        ? 'freeze: SET PERSIST log_bin_trust_function_creators = ON;'
        : 'freeze: SET GLOBAL log_bin_trust_function_creators = ON; -- and in the configuration file, for the next start',
      'freeze: GRANT PROCESS ON *.* TO x;',
      ...(kind === 'MySQL' ? ['freeze: GRANT SELECT ON `performance\\_schema`.* TO x;'] : []),
      `freeze: GRANT CONNECTION${kind === 'MySQL' ? '_' : ' '}ADMIN ON *.* TO x;`,
    ]);
    expect(source).toMatchObject({ role: ROLE, database: 'mixed, sh_op' });
  });

  test('rights that come through a role count, and those on databases of similar names do not', async () => {
    await run('CREATE ROLE reader', 'GRANT SELECT ON mixed.* TO reader', `GRANT reader TO ${ACCOUNT}`);
    await run(kind === 'MySQL' ? `SET DEFAULT ROLE ALL TO ${ACCOUNT}` : `SET DEFAULT ROLE reader FOR ${ACCOUNT}`);
    await run(`GRANT SELECT ON \`sh\\_op\`.* TO ${ACCOUNT}`);
    const missing = async (): Promise<readonly string[]> => {
      const found = await asMigrator((session) => checkSource(session, catalog, { selection: SELECTION }));
      return found.filter(({ subject }) => subject.startsWith('SELECT on')).map(({ subject }) => subject);
    };
    const locks = kind === 'MySQL' ? ['SELECT on performance_schema.*'] : [];
    expect(await missing()).toEqual(locks);
    await run(
      `REVOKE SELECT ON \`sh\\_op\`.* FROM ${ACCOUNT}`,
      `GRANT SELECT ON shxop.* TO ${ACCOUNT}`,
      'DROP ROLE reader',
    );
    // What the account cannot see any more is known from the catalog.
    expect(await missing()).toEqual(['SELECT on mixed.a', 'SELECT on sh_op.*', ...locks]);
    await run(`REVOKE SELECT ON shxop.* FROM ${ACCOUNT}`);
  });
});

test.each([
  [['shop.*'], [], true],
  [['*'], ['other.*', 'sh*.x'], false],
  [['*'], ['other.*', 'mine.x'], true],
  [['shop.*'], ['*x'], false],
  [['shop.a', 'shop.b'], [], false],
])('including %j and excluding %j names all of a database: %s', (include, exclude, whole) => {
  expect(selectsAll({ include, exclude }, 'shop')).toBe(whole);
  expect(selectsAll({ include, exclude, without: [{ schema: 'shop', name: 'new' }] }, 'shop')).toBe(false);
});

test('rights are read as servers print them', () => {
  const lines = [
    'GRANT SELECT, RELOAD ON *.* TO `m`@`%` WITH GRANT OPTION',
    'GRANT XA_RECOVER_ADMIN,CONNECTION_ADMIN ON *.* TO `m`@`%`',
    'GRANT ALL PRIVILEGES ON `sh\\_op`.* TO `m`@`%`',
    'GRANT INSERT, LOCK TABLES ON `li_e%`.* TO `m`@`%`',
    'GRANT SELECT (`a`, `b,c`), UPDATE (`a`), DELETE ON `x`.`ta``ble` TO `m`@`%`',
    'GRANT EXECUTE ON PROCEDURE `x`.`p` TO `m`@`%`',
    'GRANT `r1`@`%` TO `m`@`%`',
    'REVOKE SELECT ON `secret`.* FROM `m`@`%`',
    'GRANT DROP ON `say "x""`.* TO `m`@`%`',
    'GRANT DROP ON "tick`""s".* TO "m"@"%"',
  ];
  const rights = new Rights(lines, true);
  expect(rights.has('RELOAD')).toBe(true);
  expect(rights.has('CONNECTION_ADMIN')).toBe(true);
  expect(rights.has('DROP')).toBe(false);
  expect(rights.has('DROP', { schema: 'sh_op', name: 't' })).toBe(true);
  expect(rights.has('DROP', { schema: 'shxop' })).toBe(false);
  expect(rights.has('LOCK TABLES', { schema: 'like this' })).toBe(true);
  expect(new Rights(lines, false).has('LOCK TABLES', { schema: 'like this' })).toBe(false);
  expect(rights.has('DROP', { schema: 'say "x""' })).toBe(true);
  expect(rights.has('DROP', { schema: 'tick`"s' })).toBe(true);
  expect(rights.has('DELETE', { schema: 'x', name: 'ta`ble' })).toBe(true);
  expect(rights.has('UPDATE', { schema: 'x', name: 'ta`ble' })).toBe(false);
  expect(rights.has('DELETE', { schema: 'x' })).toBe(false);
  expect(rights.has('EXECUTE', { schema: 'x', name: 'p' })).toBe(false);
  expect(rights.has('SELECT', { schema: 'x' })).toBe(true);
  expect(rights.has('SELECT', { schema: 'secret' })).toBe(false);
  expect(rights.has('SELECT')).toBe(true);
});
