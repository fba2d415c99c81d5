// The journal on Oracle: the contract of every journal, and what this server may do to it.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { OracleServer, type OracleSession } from '../../src/databases/oracle/connection.ts';
import { recordApart, recordEmptied, recordJoined } from '../../src/databases/oracle/journal/changes.ts';
import { moveLetters } from '../../src/databases/oracle/journal/dead-letters.ts';
import { OracleJournal } from '../../src/databases/oracle/journal/journal.ts';
import {
  moveCheckpoints,
  readCheckpoints,
  readChunk,
  writeChunk,
  writeKeyChunk,
} from '../../src/databases/oracle/journal/moves.ts';
import { LEASE_SCHEMA, proveLease } from '../../src/databases/oracle/lease-proof.ts';
import { ensureTable, ownTable, readOwnTables } from '../../src/databases/oracle/own-tables.ts';
import { preparePass } from '../../src/databases/oracle/pass.ts';
import { execute, query, raw, sql } from '../../src/databases/oracle/statement.ts';
import type { Position } from '../../src/model/position.ts';
import { journalContract } from '../contract/journal-contract.ts';
import { at, catalogOf, newRun, tableNamed } from '../contract/journal-fixture.ts';
import { withClient } from '../fleet/databases.ts';
import type { OracleServer as Fleet } from '../fleet/oracle.ts';
import { openOracle, REAL_ORACLE } from '../fleet/oracle-shared.ts';

let fleet: Fleet;
let server: OracleServer;
let session: OracleSession;

beforeAll(async () => {
  fleet = await openOracle();
  server = new OracleServer('target', fleet.url);
  session = await server.session();
  await ensureTable(session, LEASE_SCHEMA);
});
afterAll(async () => {
  await server?.close();
  await fleet?.close();
});

/** Sessions of transactions that have ended: opening one takes as long as a whole test. */
const idle: OracleSession[] = [];

const LEASE = raw(ownTable('LEASE'));

async function takeOver(run: string, epoch: number): Promise<void> {
  await session.transaction(async () => {
    await execute(session, sql`DELETE FROM ${LEASE} WHERE "RUN" = ${run}`);
    await execute(
      session,
      sql`INSERT INTO ${LEASE} ("RUN", "EPOCH", "TAKEN_AT") VALUES (${run}, ${epoch}, LOCALTIMESTAMP)`,
    );
  });
}

/** In PostgreSQL below, where there is one: a real server has a view of its own for it. */
async function someoneWaits(): Promise<void> {
  if (REAL_ORACLE !== undefined) {
    const blocked = 'SELECT 1 FROM V$SESSION WHERE BLOCKING_SESSION IS NOT NULL';
    await server.use(async (looking) => {
      while ((await looking.query(blocked)).length === 0);
    });
    return;
  }
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  await withClient(fleet.below, async (client) => {
    while ((await client.query(waiting)).rowCount === 0);
  });
}

/** Of one that takes names as other databases have them. */
const withOwnNames = (statement: string): string =>
  statement.replace(/migrate\.(\w+)/g, (_, name: string) => ownTable(name.toUpperCase()));

journalContract(async () => ({
  journal: (run, epoch) => new OracleJournal(server, run, () => ({ run, epoch })),
  takeOver,
  begin: async (run, epoch) => {
    const own = idle.pop() ?? (await server.session());
    const claim = { run, epoch };
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
      commit: async () => {
        await own.commit();
        idle.push(own);
      },
      rollback: async () => {
        await own.rollback();
        idle.push(own);
      },
    };
  },
  givePass: async (run) => {
    await preparePass(session, run);
  },
  checkpoints: (run) => server.use((own) => readCheckpoints(own, { run }, 'forward')),
  someoneWaits,
  empty: (run, _epoch, { id }) => session.transaction(() => recordEmptied(session, run, [id])),
  execute: async (statement) => {
    // There never was a version that could not give chunks to workers.
    if (statement.includes('DROP COLUMN')) return;
    await session.transaction(() => session.execute(withOwnNames(statement)));
  },
  rowsOf: async (run) => {
    let rows = 0;
    for (const table of await readOwnTables(session)) {
      if (['AUDIT', 'LEASE', 'FENCE', 'LOCK', 'MADE'].includes(table)) continue;
      const column = raw(table === 'RUN' ? '"NAME"' : '"RUN"');
      const [row] = await query(session, sql`SELECT COUNT(*) FROM ${raw(ownTable(table))} WHERE ${column} = ${run}`);
      rows += Number(row?.[0]);
    }
    return rows;
  },
  close: async () => undefined,
}));

const table = tableNamed('items');
const RUN = 'mine';
const claim = { run: RUN, epoch: 3 };
let journal: OracleJournal;

beforeEach(async () => {
  await takeOver(RUN, claim.epoch);
  journal = new OracleJournal(server, RUN, () => claim);
  if ((await journal.load()) !== undefined) await journal.forget();
  await journal.create(newRun(RUN, catalogOf([table])));
});

test('a schema of 3 MB comes back byte for byte, and so does a position of 40 kB', async () => {
  const comment = `'"\\\n🐘ä`.repeat(1 << 18);
  const catalog = { ...catalogOf([table]), notCarried: [comment] } as never;
  await journal.forget();
  await journal.create(newRun(RUN, catalog));
  expect((await journal.load())?.catalog).toEqual(catalog);
  const long = (n: number): Position => `${'3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,'.repeat(1_000)}${n}` as Position;
  await journal.tables.openLanes(long(1));
  const move = { lane: 1, from: long(1), position: long(2), changes: 3 };
  const owner = { claim, direction: 'forward' } as const;
  await session.transaction(() => moveCheckpoints(session, owner, [move]));
  expect((await readCheckpoints(session, claim, 'forward')).map(({ position }) => position)).toEqual([
    long(1),
    long(2),
  ]);
  await session.rollback();
  await expect(session.transaction(() => moveCheckpoints(session, owner, [move]))).rejects.toMatchObject({
    code: 'LEASE.LOST',
  });
});

test.skipIf(REAL_ORACLE !== undefined)(
  'a write whose answer is lost is there, and the next one has a new connection',
  async () => {
    await journal.setPaused([]);
    await fleet.fault({ pattern: '^COMMIT$', moment: 'after', action: 'drop' });
    await expect(journal.setPaused(['run'])).rejects.toMatchObject({ code: 'TARGET.COMMIT_UNKNOWN' });
    expect((await journal.load())?.paused).toEqual(['run']);
    await fleet.fault({ pattern: '^COMMIT$', moment: 'before', action: 'drop' });
    await expect(journal.setPaused([])).rejects.toMatchObject({ code: 'TARGET.COMMIT_UNKNOWN' });
    expect((await journal.load())?.paused).toEqual(['run']);
  },
);

test.skipIf(REAL_ORACLE !== undefined)('a write that is the victim of a deadlock is made again', async () => {
  await fleet.fault({ pattern: 'SET "HELD"', action: { oraCode: 60 } });
  await journal.setPaused(['run']);
  expect((await journal.load())?.paused).toEqual(['run']);
});

test('whether a chunk is done is known only after a transaction that is still ending', async () => {
  await journal.tables.plan(table.id, [['1']]);
  const [own, other] = [await server.session(), await server.session()];
  const chunk = { table, chunk: { ordinal: 1 } };
  await proveLease(own, claim);
  await writeChunk(own, claim, { ...chunk, at: at(4), rows: 11 });
  const read = readChunk(other, claim, chunk);
  await someoneWaits();
  await own.commit();
  expect(await read).toBe(at(4));
  await expect(writeChunk(other, claim, { ...chunk, at: at(5), rows: 12 })).rejects.toMatchObject({
    code: 'LEASE.LOST',
  });
  await other.rollback();
  expect(await readChunk(other, claim, { table, chunk: { ordinal: 0 } })).toBeNull();
  await Promise.all([own.close(), other.close()]);
});

test('a takeover waits for whoever has proved the lease, and whoever comes after it is refused', async () => {
  const [own, other] = [await server.session(), await server.session()];
  await proveLease(own, claim);
  await proveLease(other, claim);
  await other.rollback();
  const taken = takeOver(RUN, claim.epoch + 1);
  await someoneWaits();
  await own.commit();
  await taken;
  await expect(other.transaction(() => proveLease(other, claim))).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await Promise.all([own.close(), other.close()]);
});

test('tables that join and are copied again are recorded with a lane of their own', async () => {
  const joining = tableNamed('late', { spread: false });
  const name = { id: joining.id, schema: joining.schema, name: joining.name };
  await journal.states.askJoin(name);
  const catalog = catalogOf([table, joining]);
  const record = { catalog, fingerprint: 'after', names: [name] };
  await session.transaction(() => recordJoined(session, RUN, catalogOf([joining]), record));
  expect(await journal.load()).toMatchObject({ catalog, fingerprint: 'after', added: [name], joining: [] });
  expect(await journal.states.list()).toEqual([{ table: joining.id, state: 'asked', waiver: null }]);
  await journal.tables.openLanes(at(1));
  await journal.tables.plan(joining.id, [['5']]);
  await session.transaction(() => recordApart(session, RUN, [joining.id], at(1)));
  expect(await readCheckpoints(session, claim, 'forward')).toHaveLength(3);
  await session.rollback();
  expect((await journal.tables.list()).find(({ id }) => id === joining.id)).toMatchObject({
    lane: 2,
    spread: false,
    bounds: null,
    chunks: [],
  });
  expect(await journal.states.list()).toMatchObject([{ state: 'copying' }]);
});
