// The apply between two real servers: the log of one, read through a slot, written to the other.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Applier } from '../../src/apply/applier.ts';
import type { LeaseClaim } from '../../src/databases/lease-store.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresChunks } from '../../src/databases/postgres/chunks.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { PostgresLog } from '../../src/databases/postgres/log/log.ts';
import { PostgresStream } from '../../src/databases/postgres/log/stream.ts';
import { readCheckpoints } from '../../src/databases/postgres/write/journal-moves.ts';
import { PostgresLane } from '../../src/databases/postgres/write/lane.ts';
import type { Target } from '../../src/databases/target.ts';
import { Gate } from '../../src/health/gate.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Position } from '../../src/model/position.ts';
import type { TableId } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { openPair, type Pair } from '../fleet/databases.ts';
import { SILENT } from '../unit/apply-fixture.ts';

const DDL = `
CREATE TABLE accounts (id int PRIMARY KEY, owner text, balance numeric(12,2) NOT NULL);
CREATE TABLE notes (id int, part text, body text, PRIMARY KEY (id, part));
CREATE TABLE seats (seat int PRIMARY KEY, holder int UNIQUE);
ALTER TABLE notes ALTER body SET STORAGE EXTERNAL`;

let pair: Pair;
let source: pg.Client;
let target: pg.Client;
let servers: readonly [PostgresServer, PostgresServer];
let log: PostgresLog;
let catalog: Catalog;
let slot: string;
let position: Position;
const claim: LeaseClaim = { run: 'orders', epoch: 1 };
const appliers: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  pair = await openPair();
  [source, target] = [pair.sourceUrl, pair.targetUrl].map((url) => new pg.Client(url)) as [pg.Client, pg.Client];
  for (const client of [source, target]) {
    client.on('error', () => undefined);
    await client.connect();
    await client.query(DDL);
  }
  servers = [
    new PostgresServer('source', pair.sourceUrl, 'orders'),
    new PostgresServer('target', pair.targetUrl, 'orders'),
  ];
  catalog = await servers[0].with('catalog', (session) => readCatalog(session, { include: ['public.*'], exclude: [] }));
  slot = `migrate_${randomBytes(6).toString('hex')}`;
  log = new PostgresLog({
    server: servers[0],
    slot,
    publication: slot,
    run: () => 'test',
    prove: async () => undefined,
  });
  const start = await log.pin(catalog.tables.map(({ table }) => table));
  await start.close();
  position = start.at;
  await target.query(LEASE_SCHEMA);
  await target.query('INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, $2, $3)', [
    claim.run,
    claim.epoch,
    '',
  ]);
  const journal = new PostgresJournal(servers[1], claim.run, () => claim);
  await journal.create({
    name: claim.run,
    id: '01234567',
    planHash: '',
    planFields: {},
    sourceIdentity: '',
    targetIdentity: '',
    catalog,
    fingerprint: '',
    lanes: 2,
  });
  await journal.tables.openLanes(position);
  homeward.clear();
});

afterEach(async () => {
  for (const applier of appliers.splice(0)) await applier.close();
  await Promise.all([source.end(), target.end(), ...servers.map((server) => server.close())]);
  await pair.close();
});

interface Start {
  readonly batchRows?: number;
  /** The runner's connections to the target. */
  readonly server?: PostgresServer;
  readonly lanes?: number;
  readonly maxTransactionRows?: number;
}

/** What the process remembers between two openings. */
const homeward = new Set<TableId>();

async function start({ batchRows = 50, server = servers[1], ...limits }: Start = {}): Promise<Applier> {
  const { lanes = 2, maxTransactionRows = 1_000_000 } = limits;
  const tables = catalog.tables.map(({ table }) => table);
  const journal = new PostgresJournal(servers[1], claim.run, () => claim);
  await journal.tables.setLanes(lanes, tables);
  const stream = new PostgresStream({ server: servers[0], slot, publication: slot, tables, statusIntervalMs: 50 });
  const writing: Pick<Target, 'lane' | 'checkpoints'> = {
    lane: async () => new PostgresLane({ server, claim, direction: 'forward' }),
    checkpoints: () => server.with('read', (session) => readCheckpoints(session, claim, 'forward')),
  };
  const applier = new Applier({
    stream,
    target: writing,
    source: { log, chunks: new PostgresChunks(servers[0]) },
    journal: journal.tables,
    // Every table was empty at the start: one chunk, copied there.
    tables: (await journal.tables.list()).map((table) => ({
      ...table,
      bounds: [],
      chunks: [{ ordinal: 0, range: { lower: null, upper: null }, at: position, rows: 0 }],
    })),
    homeward,
    limits: { batchRows, batchBytes: 1_000_000, batchWait: 0, lanes, maxTransactionRows },
    log: SILENT,
    gate: new Gate(),
    status: new RunStatus('orders'),
    signal: new AbortController().signal,
  });
  appliers.push({
    close: async () => {
      await applier.close();
      await stream.close();
      await journal.close();
    },
  });
  await applier.start();
  return applier;
}

async function stop(): Promise<void> {
  await appliers.pop()?.close();
}

/** Everything written so far is on the target. */
async function drained(applier: Applier): Promise<void> {
  const content = randomBytes(6).toString('hex');
  const met = applier.met(content);
  await log.mark(content);
  await met;
}

async function expectEqual(): Promise<void> {
  for (const { table } of catalog.tables) {
    const text = `SELECT count(*)::int AS rows, md5(string_agg(t::text, ';' ORDER BY t::text)) AS digest FROM ${table.id} t`;
    const [left, right] = [await source.query(text), await target.query(text)];
    expect({ table: table.id, ...right.rows[0] }).toEqual({ table: table.id, ...left.rows[0] });
  }
}

const LARGE = `repeat('large', 2000)`;

test('inserts, updates, changes of key, swaps, deletes and truncations arrive as they are on the source', async () => {
  const applier = await start();
  await source.query(`INSERT INTO accounts SELECT g, 'owner ' || g, g FROM generate_series(1, 500) g`);
  await source.query(`INSERT INTO notes SELECT g, 'p', ${LARGE} || g FROM generate_series(1, 20) g`);
  await source.query(`INSERT INTO seats VALUES (1, 10), (2, 20), (3, 30)`);
  await source.query('UPDATE accounts SET balance = balance * 2 WHERE id % 3 = 0');
  await source.query('DELETE FROM accounts WHERE id % 5 = 0');
  await source.query('UPDATE accounts SET id = id + 1000 WHERE id % 7 = 0');
  // The large value is not in the log, and the key moves.
  await source.query(`UPDATE notes SET part = 'q' WHERE id <= 5`);
  await source.query(`UPDATE notes SET id = id + 100 WHERE part = 'q'`);
  await source.query(`UPDATE notes SET body = 'short' WHERE id = 101`);
  await source.query(
    'BEGIN; UPDATE seats SET holder = NULL WHERE seat = 1; UPDATE seats SET holder = 10 WHERE seat = 2; UPDATE seats SET holder = 20 WHERE seat = 1; COMMIT',
  );
  await source.query('BEGIN; TRUNCATE seats, accounts; INSERT INTO seats VALUES (9, 9); COMMIT');
  await source.query(`INSERT INTO accounts VALUES (1, NULL, 0)`);
  await drained(applier);
  await expectEqual();
});

test('a transaction larger than a batch commits once in each lane', async () => {
  await target.query(`CREATE TABLE moves (lane int, changes bigint);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO public.moves VALUES (new.lane, new.changes - old.changes); RETURN NULL; END';
    CREATE TRIGGER note AFTER UPDATE ON migrate.checkpoint FOR EACH ROW WHEN (old.changes <> new.changes)
      EXECUTE FUNCTION note();
    ALTER TABLE migrate.checkpoint ENABLE ALWAYS TRIGGER note`);
  const applier = await start({ batchRows: 1_000 });
  await source.query(`INSERT INTO accounts SELECT g, NULL, g FROM generate_series(1, 12000) g`);
  await drained(applier);
  await expectEqual();
  const { rows } = await target.query('SELECT count(*)::int AS moves, sum(changes)::int AS changes FROM moves');
  expect(rows).toEqual([{ moves: 2, changes: 12_000 }]);
});

test('after a restart the apply goes on where its checkpoints stand, and nothing is lost or doubled', async () => {
  for (let round = 0; round < 4; round++) {
    const runner = new PostgresServer('target', pair.targetUrl, 'orders');
    const applier = await start({ batchRows: 10, server: runner });
    for (let index = 0; index < 40; index++) {
      const id = round * 40 + index;
      await source.query(`INSERT INTO accounts VALUES (${id}, 'x', 0)`);
      await source.query(`UPDATE accounts SET balance = balance + 1 WHERE id <= ${id}`);
      await source.query(`INSERT INTO notes VALUES (${id}, 'p', 'b')`);
    }
    if (round === 3) await drained(applier);
    // Cut at once: batches are under way.
    else runner.destroy(new Error('cut by the test'));
    await stop();
    await runner.close();
  }
  await expectEqual();
});

test('two runners on one checkpoint: the second writer is refused', async () => {
  const applier = await start();
  await target.query(`UPDATE migrate.lease SET epoch = 2`);
  await source.query(`INSERT INTO accounts VALUES (1, 'x', 0)`);
  await expect(applier.failed).rejects.toMatchObject({ code: 'LEASE.LOST' });
  expect((await target.query('SELECT FROM accounts')).rowCount).toBe(0);
});

test('a row that something else removed from the target stops the apply', async () => {
  const applier = await start();
  await source.query(`INSERT INTO accounts VALUES (1, 'x', 0)`);
  await drained(applier);
  await target.query('DELETE FROM accounts');
  await source.query(`UPDATE accounts SET balance = 1`);
  await expect(applier.failed).rejects.toMatchObject({ code: 'APPLY.ROW_MISSING' });
});

test('an idle source still lets a position pass', async () => {
  const applier = await start();
  await applier.passed(await log.head());
});

const codeOf = (error: unknown): string => (error instanceof MigrateError ? error.code : String(error));

const laneMoves = async (): Promise<readonly number[]> => {
  const { rows } = await target.query('SELECT changes::int FROM migrate.checkpoint ORDER BY lane');
  return (rows as { changes: number }[]).map(({ changes }) => changes);
};

const positions = async (): Promise<readonly string[]> => {
  const { rows } = await target.query('SELECT DISTINCT position FROM migrate.checkpoint');
  return rows.map((row: { position: string }) => row.position);
};

/** Lets lane `lane` fail where its checkpoint would come to a position like `pattern`, `times` times. */
async function refuseMove(lane: number, pattern: string): Promise<() => Promise<void>> {
  await target.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF new.lane = ${lane} AND new.position LIKE '${pattern}' THEN RAISE EXCEPTION 'refused' USING ERRCODE = '57P01'; END IF;
      RETURN new; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON migrate.checkpoint FOR EACH ROW EXECUTE FUNCTION refuse();
    ALTER TABLE migrate.checkpoint ENABLE ALWAYS TRIGGER refuse`);
  return async () => {
    await target.query('DROP FUNCTION refuse CASCADE');
  };
}

test('the rows of one table are divided among the lanes, also of one large transaction', async () => {
  const applier = await start({ lanes: 4 });
  await source.query(`INSERT INTO accounts SELECT g, NULL, g FROM generate_series(1, 12000) g`);
  await drained(applier);
  const moves = await laneMoves();
  expect(moves.reduce((sum, each) => sum + each, 0)).toBe(12_000);
  expect(Math.min(...moves)).toBeGreaterThan(2_000);
  await source.query('UPDATE accounts SET id = -id WHERE id <= 4000');
  await source.query('UPDATE accounts SET id = 40000 - id WHERE id > 4000 AND id % 2 = 0');
  await source.query('DELETE FROM accounts WHERE id % 3 = 0');
  await drained(applier);
  await expectEqual();
  expect(homeward).toEqual(new Set());
});

test('a large transaction that empties a table after lanes have written it is begun again, by one lane', async () => {
  const applier = await start({ lanes: 3 });
  await source.query(`INSERT INTO accounts SELECT g, NULL, g FROM generate_series(1, 100) g`);
  await drained(applier);
  await source.query(`BEGIN; INSERT INTO accounts SELECT g, 'x', g FROM generate_series(101, 7000) g;
    TRUNCATE accounts; INSERT INTO accounts SELECT g, 'y', g FROM generate_series(50, 6000) g; COMMIT`);
  await expect(applier.failed).rejects.toMatchObject({ code: 'APPLY.REROUTE', disposition: 'retry' });
  expect(homeward).toEqual(new Set(['public.accounts']));
  await stop();
  await drained(await start({ lanes: 3 }));
  await expectEqual();
  const { rows } = await target.query('SELECT table_id FROM migrate.tables WHERE NOT spread ORDER BY 1');
  expect(rows).toEqual([{ table_id: 'public.accounts' }, { table_id: 'public.seats' }]);
});

test('a large transaction is committed in parts, and goes on from there although the lanes stood in different parts of it', async () => {
  const heal = await refuseMove(1, '%#10000');
  const options = { lanes: 3, batchRows: 1_000, maxTransactionRows: 1_000 };
  const applier = await start(options);
  await source.query(`BEGIN; INSERT INTO accounts SELECT g, NULL, g FROM generate_series(1, 11000) g;
    UPDATE accounts SET balance = balance + 1, id = id + 5000 WHERE id > 6000;
    UPDATE accounts SET balance = balance * 2 WHERE id > 5000; COMMIT`);
  await expect(applier.failed).rejects.toThrow();
  await stop();
  const apart = await positions();
  expect(apart.map((position) => position.split('#')[1]).sort()).toEqual(['10000', '5000']);
  // Other lanes than those it is read again for would lose and double rows.
  const journal = new PostgresJournal(servers[1], claim.run, () => claim);
  expect(await journal.tables.setLanes(2, [])).toBe(false);
  await heal();
  await drained(await start(options));
  await expectEqual();
  expect(await journal.tables.splitTransactions()).toBe(1);
  expect((await laneMoves()).reduce((sum, each) => sum + each, 0)).toBe(11_000 + 5_000 + 6_000);
  await journal.close();
});

test('a table emptied within a transaction that is committed in parts goes home between two of them', async () => {
  const applier = await start({ lanes: 3, batchRows: 1_000, maxTransactionRows: 1_000 });
  await source.query(`BEGIN; INSERT INTO accounts SELECT g, NULL, g FROM generate_series(1, 11000) g; TRUNCATE accounts;
    INSERT INTO accounts SELECT g, 'y', g FROM generate_series(50, 6000) g; COMMIT`);
  await drained(applier);
  await expectEqual();
});

test('the number of lanes changes between two starts, and nothing is lost or doubled', async () => {
  for (const [round, lanes] of [1, 4, 2, 3].entries()) {
    const runner = new PostgresServer('target', pair.targetUrl, 'orders');
    await start({ batchRows: 10, server: runner, lanes });
    for (let index = 0; index < 20; index++) {
      const id = round * 20 + index;
      await source.query(`INSERT INTO accounts VALUES (${id}, 'x', 0)`);
      await source.query(`UPDATE accounts SET id = id + 1000, balance = balance + 1 WHERE id <= ${id} AND id % 2 = 0`);
      await source.query(`UPDATE accounts SET id = id - 1000, balance = balance + 1 WHERE id >= 1000 AND id % 3 = 0`);
    }
    // Cut at once: batches are under way, and mostly some lanes have committed one that others have not.
    runner.destroy(new Error('cut by the test'));
    await stop();
    await runner.close();
  }
  const last = await start({ lanes: 2 });
  const ended = await Promise.race([drained(last).then(() => 'drained'), last.failed.catch(codeOf)]);
  if (ended === 'APPLY.LANES') {
    // The lanes were apart; now they are not.
    await stop();
    await drained(await start({ lanes: 2 }));
  } else expect(ended).toBe('drained');
  expect(await laneMoves()).toHaveLength(2);
  await expectEqual();
});
