// The journal on MySQL: the contract of every journal, and what this server may do to it.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Kept } from '../../src/databases/kept.ts';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import { recordApart, recordEmptied, recordJoined, recordSchema } from '../../src/databases/mysql/journal/changes.ts';
import { moveLetters } from '../../src/databases/mysql/journal/dead-letters.ts';
import { MysqlJournal } from '../../src/databases/mysql/journal/journal.ts';
import {
  moveCheckpoints,
  readCheckpoints,
  readChunk,
  writeChunk,
  writeKeyChunk,
} from '../../src/databases/mysql/journal/moves.ts';
import { LEASE_SCHEMA, proveLease } from '../../src/databases/mysql/lease-proof.ts';
import { preparePass } from '../../src/databases/mysql/pass.ts';
import { sql } from '../../src/databases/mysql/statement.ts';
import type { CheckpointMove } from '../../src/databases/target.ts';
import type { Position } from '../../src/model/position.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { type FaultProxy, openProxy } from '../fleet/proxy.ts';
import { journalContract } from './journal-contract.ts';
import { catalogOf, newRun, tableNamed } from './journal-fixture.ts';

const at = (n: number): Position => `uuid:1-${n}` as Position;

let fleet: FleetServer;
let server: MysqlServer;
let session: MysqlSession;

// The first time on a machine it has to be fetched.
beforeAll(async () => {
  fleet = await startMysql();
  server = new MysqlServer('target', `mysql://root@127.0.0.1:${fleet.port}/`);
  session = await server.session();
  for (const statement of LEASE_SCHEMA) await session.query(statement);
}, 300_000);
afterAll(async () => {
  await server?.close();
  await fleet?.close();
});

async function takeOver(run: string, epoch: number): Promise<void> {
  await server.use((own) =>
    own.query(
      sql`INSERT INTO migrate.lease (run, epoch, holder, taken_at, target)
          VALUES (${run}, ${epoch}, 'test', UTC_TIMESTAMP(6), '') ON DUPLICATE KEY UPDATE epoch = ${epoch}`,
    ),
  );
}

async function someoneWaits(): Promise<void> {
  // Not INNODB_TRX: who asks for it often is always shown the same moment.
  const waiting = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'";
  for (;;) {
    const [row] = await session.query(waiting);
    if (row?.[1] !== '0') return;
    await new Promise(setImmediate);
  }
}

async function scalar(statement: string): Promise<string | null | undefined> {
  const [row] = await session.query(statement);
  return row?.[0];
}

journalContract(async () => ({
  journal: (run, epoch) => new MysqlJournal(server, run, () => ({ run, epoch })),
  takeOver,
  begin: async (run, epoch) => {
    const own = await server.session();
    const claim = { run, epoch };
    await own.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await own.query('START TRANSACTION');
    const end = async (statement: string): Promise<void> => {
      await own.query(statement);
      own.close();
    };
    return {
      move: (moves) => moveCheckpoints(own, { claim, direction: 'forward' }, moves),
      letters: async (position, moves) => {
        await proveLease(own, claim);
        await moveLetters(own, run, position, moves);
      },
      chunk: async (table, ordinal, position, rows) => {
        await proveLease(own, claim);
        await writeChunk(own, claim, { table, chunk: { ordinal }, at: position, rows });
      },
      keyChunk: (table, key, position) => writeKeyChunk(own, run, { table, chunk: { key, at: position } }),
      commit: () => end('COMMIT'),
      rollback: () => end('ROLLBACK'),
    };
  },
  givePass: async (run) => {
    await preparePass(session, run);
  },
  checkpoints: (run) => server.use((own) => readCheckpoints(own, { run }, 'forward')),
  someoneWaits,
  empty: (run, _epoch, { id }) => session.transaction(() => recordEmptied(session, run, [id])),
  execute: async (statement) => {
    await session.query(statement);
  },
  rowsOf: async (run) => {
    let rows = Number(await scalar(sql`SELECT COUNT(*) FROM migrate.run WHERE name = ${run}`));
    const tables = await session.query(
      `SELECT TABLE_NAME FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = 'migrate' AND COLUMN_NAME = 'run' AND TABLE_NAME NOT IN ('audit', 'lease')`,
    );
    for (const [table] of tables)
      rows += Number(await scalar(`SELECT COUNT(*) FROM migrate.${table} WHERE ${sql`run = ${run}`}`));
    return rows;
  },
  close: async () => undefined,
}));

const table = tableNamed('items');
const RUN = 'mine';
const claim = { run: RUN, epoch: 3 };
let journal: MysqlJournal;
let proxy: FaultProxy;

beforeAll(async () => {
  proxy = await openProxy(fleet.port);
});
afterAll(() => proxy?.close());
beforeEach(async () => {
  await takeOver(RUN, claim.epoch);
  journal = new MysqlJournal(server, RUN, () => claim);
  if ((await journal.load()) !== undefined) await journal.forget();
  await journal.create(newRun(RUN, catalogOf([table])));
});

test('a schema of 3 MB comes back byte for byte, and one that the server does not take is refused with the cure', async () => {
  const comment = `'"\\\n🐘ä`.repeat(1 << 18);
  const catalog = { ...catalogOf([table]), notCarried: [comment] } as never;
  await journal.forget();
  await journal.create(newRun(RUN, catalog));
  expect((await journal.load())?.catalog).toEqual(catalog);
  await session.query('SET GLOBAL max_allowed_packet = 1048576');
  const small = new MysqlServer('target', `mysql://root@127.0.0.1:${fleet.port}/`);
  try {
    const refused = new MysqlJournal(small, RUN, () => claim).stages.note('schema', { comment });
    await expect(refused).rejects.toMatchObject({
      code: 'TARGET.REFUSED',
      fix: expect.stringContaining('SET GLOBAL max_allowed_packet = 8388608'),
    });
  } finally {
    await session.query('SET GLOBAL max_allowed_packet = DEFAULT');
    await small.close();
  }
});

test('a write that is the victim of a deadlock is made again', async () => {
  await journal.tables.openLanes(at(1));
  const other = await server.session();
  await other.query('CREATE DATABASE IF NOT EXISTS shop');
  await other.query('CREATE TABLE shop.weight (a int AUTO_INCREMENT PRIMARY KEY)');
  await other.query('START TRANSACTION');
  // The server ends whoever has written less.
  await other.query(`INSERT INTO shop.weight VALUES ${Array.from({ length: 50 }, () => '(NULL)').join()}`);
  await other.query(sql`UPDATE migrate.checkpoint SET changes = 5 WHERE run = ${RUN} AND lane = 0`);
  const changed = journal.tables.setLanes(3, [table]);
  await someoneWaits();
  await other.query(sql`UPDATE migrate.run SET held = 'run' WHERE name = ${RUN}`);
  await other.query('COMMIT');
  expect(await changed).toBe(true);
  expect(await readCheckpoints(session, claim, 'forward')).toHaveLength(3);
  expect(await journal.tables.changesApplied()).toBe(5);
  expect(
    Number(await scalar("SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'")),
  ).toBe(1);
  other.close();
});

test('a connection that ends is replaced, and a write whose answer is lost is there', async () => {
  const far = new MysqlServer('target', proxy.url(`mysql://root@127.0.0.1:${fleet.port}/`));
  const broken = new MysqlJournal(far, RUN, () => claim);
  await broken.setPaused([]);
  const fired = proxy.cutOn('COMMIT', 'after');
  await expect(broken.setPaused(['run'])).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await fired;
  expect((await broken.load())?.paused).toEqual(['run']);
  const before = proxy.cutOn('COMMIT', 'before');
  await expect(broken.setPaused([])).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await before;
  expect((await broken.load())?.paused).toEqual(['run']);
  // One that ends while nobody asks anything is replaced as well.
  const kept = new Kept(() => far.session());
  const id = (): Promise<unknown> => kept.use((own) => own.query('SELECT CONNECTION_ID()'));
  const first = await id();
  const ended = kept.use(async (own) => [own.lost.catch(() => undefined)]);
  proxy.cut();
  await Promise.all(await ended);
  expect(await id()).not.toEqual(first);
  await far.close();
});

test('a chunk is done once, and whether it is done is known only after a transaction that is still ending', async () => {
  await journal.tables.plan(table.id, [['1']]);
  const [own, other] = [await server.session(), await server.session()];
  const chunk = { table, chunk: { ordinal: 1 } };
  // The isolation of a session as it is opened: what it has read once stays what it was.
  await other.query('START TRANSACTION');
  await other.query('SELECT COUNT(*) FROM migrate.chunk');
  await own.query('START TRANSACTION');
  await proveLease(own, claim);
  await writeChunk(own, claim, { ...chunk, at: at(4), rows: 11 });
  const read = readChunk(other, claim, chunk);
  await someoneWaits();
  await own.query('COMMIT');
  expect(await read).toBe(at(4));
  await expect(writeChunk(other, claim, { ...chunk, at: at(5), rows: 12 })).rejects.toMatchObject({
    code: 'LEASE.LOST',
  });
  await other.query('ROLLBACK');
  expect(await readChunk(other, claim, { table, chunk: { ordinal: 0 } })).toBeNull();
  const [progress] = await journal.tables.list();
  expect(progress?.chunks.map(({ at: where, rows }) => [where, rows])).toEqual([
    [null, 0],
    [at(4), 11],
  ]);
  own.close();
  other.close();
});

test('a transaction that reads an old moment still proves the lease and moves its checkpoints as they are now', async () => {
  await journal.tables.openLanes(at(1));
  const move = (from: number): CheckpointMove => ({ lane: 0, from: at(from), position: at(9), changes: 1 });
  const old = await server.session();
  const within = async (work: () => Promise<unknown>): Promise<unknown> => {
    await old.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await session.execute(sql`UPDATE migrate.checkpoint SET position = ${at(2)} WHERE run = ${RUN}`);
    return work().finally(() => old.query('ROLLBACK'));
  };
  const owner = { claim, direction: 'forward' } as const;
  await expect(within(() => moveCheckpoints(old, owner, [move(1)]))).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await within(() => moveCheckpoints(old, owner, [move(2)]));
  const newest = [0, 1].map((lane) => ({ lane, position: at(2) }));
  expect(await within(() => readCheckpoints(old, claim, 'forward'))).toEqual(newest);
  const late = async (): Promise<void> => {
    await takeOver(RUN, claim.epoch + 1);
    await moveCheckpoints(old, owner, [move(2)]);
  };
  await expect(within(late)).rejects.toMatchObject({ code: 'LEASE.LOST' });
  old.close();
});

test('tables that join, are emptied and are copied again are recorded with a lane of their own', async () => {
  const joining = tableNamed('late', { spread: false });
  const name = { id: joining.id, schema: joining.schema, name: joining.name };
  const names = [{ ...name, id: tableNamed('never').id, name: 'never' }, name];
  for (const each of names) await journal.states.askJoin(each);
  const catalog = catalogOf([table, joining]);
  const record = { catalog, fingerprint: 'after', names: [name] };
  const moved = (work: () => Promise<void>): Promise<void> => session.transaction(work);
  await moved(() => recordJoined(session, RUN, catalogOf([joining]), record));
  expect(await journal.load()).toMatchObject({ catalog, fingerprint: 'after', added: [name], joining: [names[0]] });
  expect(await journal.states.list()).toEqual([{ table: joining.id, state: 'asked', waiver: null }]);
  await moved(() => recordSchema(session, RUN, { catalog: catalogOf([table]), fingerprint: 'third' }));
  expect(await journal.load()).toMatchObject({ catalog: catalogOf([table]), fingerprint: 'third' });
  await journal.tables.plan(table.id, []);
  await moved(() => writeChunk(session, claim, { table, chunk: { ordinal: 0 }, at: at(1), rows: 5 }));
  await moved(() => recordEmptied(session, RUN, [table.id]));
  expect((await journal.tables.list())[0]?.chunks).toEqual([
    { ordinal: 0, range: { lower: null, upper: null }, at: null, rows: 0 },
  ]);
  await journal.tables.openLanes(at(4));
  await journal.states.askCopy(table.id);
  for (const position of [at(2), at(3)]) await moved(() => recordApart(session, RUN, [table.id, joining.id], position));
  expect(await readCheckpoints(session, claim, 'forward')).toEqual([
    { lane: 0, position: at(4) },
    { lane: 1, position: at(4) },
    { lane: 2, position: at(2) },
  ]);
  const apart = { lane: 2, spread: false, bounds: null, chunks: [], keyChunks: [] };
  expect(await journal.tables.list()).toMatchObject([
    { id: table.id, ...apart },
    { id: joining.id, ...apart },
  ]);
  expect((await journal.states.list()).map(({ state }) => state)).toEqual(['copying', 'copying']);
  // The number of lanes stays, and still the lane of these tables must go; not before all are level.
  expect(await journal.tables.setLanes(2, [table, joining])).toBe(false);
  const move = { lane: 2, from: at(2), position: at(4), changes: 1 };
  await moved(() => moveCheckpoints(session, { claim, direction: 'forward' }, [move]));
  expect(await journal.tables.setLanes(2, [table, joining])).toBe(true);
  expect(await readCheckpoints(session, claim, 'forward')).toHaveLength(2);
  expect((await journal.tables.list()).map(({ lane, spread }) => [lane < 2, spread])).toEqual([
    [true, true],
    [true, false],
  ]);
  expect(await journal.states.list()).toEqual([]);
  await journal.states.askCopy(table.id);
  await moved(() => recordApart(session, RUN, [table.id], null));
  expect(await journal.states.list()).toEqual([]);
});
