// Starts of users who may lock nothing: what their readers see, what they may be ahead of, and who is refused.

import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { unconverted } from '../../src/databases/conversion.ts';
import type { MysqlServer, MysqlSession } from '../../src/databases/mysql/connection.ts';
import { LEASE_SCHEMA } from '../../src/databases/mysql/lease-proof.ts';
import { logEnd } from '../../src/databases/mysql/log/head.ts';
import { covers } from '../../src/databases/mysql/log/position.ts';
import { MysqlStream } from '../../src/databases/mysql/log/stream.ts';
import { RowsOf } from '../../src/databases/mysql/rows.ts';
import { type MysqlStart, openStart } from '../../src/databases/mysql/snapshot.ts';
import type { Start } from '../../src/databases/source.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { LogReader } from './log-fixture.ts';
import { RUN, SourceFixture } from './mysql-source-fixture.ts';

const ALL = { lower: null, upper: null };

describe.each([
  { kind: 'MySQL', start: startMysql },
  { kind: 'MariaDB', start: startMariadb },
])('$kind', ({ kind, start }) => {
  let fleet: FleetServer;
  let db: SourceFixture;
  let plain: SourceFixture;

  // The first time on a machine it has to be fetched.
  beforeAll(async () => {
    fleet = await start();
    db = await SourceFixture.open(fleet.port);
    const rights =
      kind === 'MySQL' ? ['REPLICATION CLIENT, XA_RECOVER_ADMIN ON *.*'] : ['BINLOG MONITOR, BINLOG ADMIN ON *.*'];
    await db.run('CREATE USER plain');
    for (const right of [...rights, 'SELECT, REPLICATION SLAVE, CREATE ON *.*', 'INSERT, UPDATE, DELETE ON migrate.*'])
      await db.run(`GRANT ${right} TO plain`);
    await db.close();
  }, 300_000);
  afterAll(() => fleet?.close());
  beforeEach(async () => {
    db = await SourceFixture.open(fleet.port);
    await db.make('CREATE TABLE t (id int PRIMARY KEY, v int)', 'INSERT INTO t VALUES (1, 1), (2, 1), (3, 1)');
    plain = await SourceFixture.open(fleet.port, { user: 'plain' });
    const pinned = await plain.source.log.pin(db.tables);
    await pinned.close();
  });
  afterEach(async () => {
    await plain?.close();
    await db?.close();
  });

  const open = (commit: () => Promise<void>, server: MysqlServer = plain.server): Promise<MysqlStart> =>
    openStart({ server, rows: new RowsOf(unconverted), readers: 2, commit }, db.tables);

  async function rowsOf(pair: Start): Promise<readonly string[]> {
    const readers = [await pair.reader(), await pair.reader()];
    return Promise.all(
      readers.map(async (reader) => (await text(reader.read(db.table('t'), ALL).bytes)).trim().replaceAll('\n', ' ')),
    );
  }

  /** What preflight makes of the right to lock that is missing. */
  async function lockFinding(): Promise<string | undefined> {
    const selection = { include: ['shop.*'], exclude: [] };
    const found = await plain.source.check(await plain.source.describe(selection), selection);
    return found.find(({ subject }) => subject === 'LOCK TABLES on shop.*')?.level;
  }

  /** The keys that transactions after the pair's position write, and whether it is settled after them. */
  async function changesAfter({ at, settled }: Start): Promise<readonly string[]> {
    await db.source.log.mark('end');
    const stream = new MysqlStream({ connect: () => db.server.connect(), run: RUN, tables: db.tables });
    const log = await LogReader.open(stream, at);
    await log.untilMarker('end');
    await log.close();
    return log.taken.flatMap(({ position, changes }) =>
      changes.flatMap((change) =>
        change.op === 'insert' ? [`${change.row[0]} ${settled !== undefined && covers(settled, position)}`] : [],
      ),
    );
  }

  test.runIf(kind === 'MySQL')(
    'what was committed before the readers began is visible, and what comes before the end of the start may be',
    async () => {
      let commits = 0;
      const pair = await open(async () => {
        await db.run(`INSERT INTO t VALUES (${10 + ++commits}, 1)`);
      });
      expect(pair).toMatchObject({ means: 'lower-bound', lockMs: 0 });
      expect(commits).toBe(2);
      await db.run('INSERT INTO t VALUES (13, 1)');
      expect(await rowsOf(pair)).toEqual(Array(2).fill('1\t1 2\t1 3\t1 11\t1'));
      expect(await changesAfter(pair)).toEqual(['11 true', '12 true', '13 false']);
      await pair.close();
    },
  );

  test.runIf(kind === 'MySQL')('what is in the log and not visible yet is waited for', async () => {
    await db.run('SET GLOBAL binlog_group_commit_sync_delay = 1000000');
    const writer = await db.server.session();
    const before = await logEnd(db.session.connection);
    const written = writer.query('INSERT INTO shop.t VALUES (11, 1)');
    while ((await logEnd(db.session.connection)).at === before.at);
    const pair = await open(async () => {
      await db.run('SET GLOBAL binlog_group_commit_sync_delay = 0');
      await db.source.log.mark('');
    });
    expect(await changesAfter(pair)).toEqual([]);
    expect(await rowsOf(pair)).toEqual(Array(2).fill('1\t1 2\t1 3\t1 11\t1'));
    await written;
    await pair.close();
  });

  test.runIf(kind === 'MariaDB')('readers that saw different moments are a start between the two', async () => {
    let readers = 0;
    // Somebody writes between the snapshots of the two, each time.
    const server = {
      connect: () => plain.server.connect(),
      session: async (): Promise<MysqlSession> => {
        const session = await plain.server.session();
        const query = session.query.bind(session);
        const isSecond = readers++ === 2;
        session.query = async (sql: string) => {
          if (isSecond && sql.startsWith('START TRANSACTION')) await first();
          const answer = await query(sql);
          if (!isSecond && sql.startsWith('START TRANSACTION')) begun();
          return answer;
        };
        return session;
      },
    };
    let next = 11;
    let begun = (): void => undefined;
    let waiting = new Promise<void>((resolve) => (begun = resolve));
    const first = async (): Promise<void> => {
      await waiting;
      waiting = new Promise((resolve) => (begun = resolve));
      await db.run(`INSERT INTO t VALUES (${next++}, 1)`);
    };
    const pair = await open(() => Promise.reject(new Error('not needed')), server as unknown as MysqlServer);
    expect(pair.means).toBe('lower-bound');
    await db.run('INSERT INTO t VALUES (20, 1)');
    const [one, two] = [...(await rowsOf(pair))].sort((left, right) => left.length - right.length);
    expect([one, two]).toEqual(['1\t1 2\t1 3\t1 11\t1 12\t1', '1\t1 2\t1 3\t1 11\t1 12\t1 13\t1']);
    expect(await changesAfter(pair)).toEqual(['13 true', '20 false']);
    await pair.close();
  });

  test.runIf(kind === 'MySQL')(
    'tables without a key, prepared transactions and unordered commits are refused',
    async () => {
      await db.run("XA START 'x'", 'INSERT INTO t VALUES (11, 1)', "XA END 'x'", "XA PREPARE 'x'");
      await expect(plain.source.log.pair()).rejects.toMatchObject({ code: 'SOURCE.LOCKED' });
      await db.run("XA ROLLBACK 'x'", 'SET GLOBAL binlog_order_commits = OFF');
      await expect(plain.source.log.pair()).rejects.toMatchObject({
        code: 'SOURCE.REFUSED',
        message: expect.stringContaining('binlog_order_commits'),
      });
      await db.run('SET GLOBAL binlog_order_commits = ON');
      expect(await lockFinding()).toBe('warning');
      await db.make('CREATE TABLE keyless (v int)', 'CREATE TABLE other (v int)');
      expect(await lockFinding()).toBe('error');
      await expect(plain.source.log.pin(db.tables)).rejects.toMatchObject({
        code: 'SOURCE.REFUSED',
        message: expect.stringMatching(/have no key: shop\.keyless, shop\.other$/),
        fix: expect.stringContaining('GRANT LOCK TABLES'),
      });
    },
  );

  test('who may not lock leaves the table of markers when the run is over', async () => {
    await db.run(...LEASE_SCHEMA, `REPLACE INTO migrate.lease VALUES ('${RUN}', 1, 'test', NOW(6), 'x')`);
    await plain.source.log.release();
    expect(await db.session.query('SELECT run FROM migrate.marker')).toEqual([]);
  });
});
