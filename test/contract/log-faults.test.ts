import { afterEach, beforeEach, expect, test } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresStream } from '../../src/databases/postgres/log/stream.ts';
import type { Position } from '../../src/model/position.ts';
import { startServer } from '../fleet/postgres.ts';
import { type FaultProxy, openProxy } from '../fleet/proxy.ts';
import { type LogFixture, LogReader, openLogFixture, tableOf } from './log-fixture.ts';

let fixture: LogFixture;
let at: Position;

const rows = tableOf('rows', [
  ['id', 'integer'],
  ['note', 'character varying(20)'],
]);
const ROWS = 'CREATE TABLE rows (id int PRIMARY KEY, note varchar(20))';

async function pinRows(of: LogFixture): Promise<Position> {
  await of.db.query(ROWS);
  const start = await of.log().pin([rows]);
  await start.close();
  return start.at;
}

beforeEach(async () => {
  fixture = await openLogFixture();
  at = await pinRows(fixture);
});

afterEach(async () => {
  await fixture.close();
});

test.each([
  ['ALTER TABLE rows ADD extra int', /column extra was added/],
  ['ALTER TABLE rows DROP note', /column note was dropped/],
  ['ALTER TABLE rows ALTER note TYPE varchar(30)', /note is no longer character varying\(20\)/],
  ['ALTER TABLE rows ALTER id TYPE bigint', /id is no longer integer/],
  ['ALTER TABLE rows RENAME TO rows_old', /renamed to public.rows_old/],
  ['ALTER TABLE rows DROP CONSTRAINT rows_pkey; ALTER TABLE rows ADD PRIMARY KEY (id, note)', /primary key has other/],
])('after %s the stream delivers what was before, then stops', async (ddl, difference) => {
  await fixture.db.query(`INSERT INTO rows VALUES (1, 'a')`);
  await fixture.db.query(ddl);
  await fixture.db
    .query(`INSERT INTO ${ddl.includes('RENAME') ? 'rows_old' : 'rows'} SELECT 2, 'b'`)
    .catch(() => fixture.db.query('INSERT INTO rows VALUES (2)'));
  const reader = await fixture.read(at, [rows]);
  expect(await reader.failure()).toMatchObject({
    code: 'SCHEMA.CHANGED',
    disposition: 'operator',
    message: expect.stringMatching(difference),
  });
  expect(reader.changes).toEqual([{ op: 'insert', table: rows, row: ['1', 'a'] }]);
});

test('a table that was altered and restored before its next change does not stop the stream', async () => {
  await fixture.db.query('ALTER TABLE rows ALTER note TYPE varchar(30); ALTER TABLE rows ALTER note TYPE varchar(20)');
  await fixture.db.query(`INSERT INTO rows VALUES (1, 'a')`);
  await fixture.log().mark('end');
  const reader = await fixture.read(at, [rows]);
  await reader.untilMarker('end');
  expect(reader.changes).toHaveLength(1);
});

const gone = { code: 'STREAM.GONE', disposition: 'operator' };

test('a slot that does not exist is not made again', async () => {
  await fixture.db.query('SELECT pg_drop_replication_slot($1)', [fixture.slot]);
  await expect(fixture.read(at, [rows])).rejects.toMatchObject(gone);
  const { rows: slots } = await fixture.db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [
    fixture.slot,
  ]);
  expect(slots).toEqual([]);
});

test('a slot that somebody moved on is refused, because the server would leave out what lies between', async () => {
  await fixture.db.query('INSERT INTO rows VALUES (1)');
  await fixture.db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [fixture.slot]);
  await expect(fixture.read(at, [rows])).rejects.toMatchObject(gone);
});

test('a position that the log has not reached is refused', async () => {
  await expect(fixture.read('FFFFFF/0' as Position, [rows])).rejects.toMatchObject({
    ...gone,
    message: expect.stringMatching(/restored/),
  });
});

test('a slot of another plugin is refused', async () => {
  await fixture.db.query('SELECT pg_drop_replication_slot($1)', [fixture.slot]);
  await fixture.db.query(`SELECT pg_create_logical_replication_slot($1, 'test_decoding')`, [fixture.slot]).then(
    () => expect(fixture.read(at, [rows])).rejects.toMatchObject(gone),
    // The plugin is not part of every build.
    () => undefined,
  );
});

test('a publication that is dropped while it is read stops the stream', async () => {
  const reader = await fixture.read(at, [rows]);
  await fixture.db.query('INSERT INTO rows VALUES (1)');
  await fixture.db.query(`DROP PUBLICATION ${fixture.slot}`);
  await fixture.db.query('INSERT INTO rows VALUES (2)');
  expect(await reader.failure()).toMatchObject(gone);
  expect(reader.changes).toEqual([{ op: 'insert', table: rows, row: ['1', null] }]);
});

test('a captured table that is dropped stops the stream although its log is silent about it', async () => {
  const reader = await fixture.read(at, [rows], { watchIntervalMs: 20 });
  await fixture.db.query('DROP TABLE rows');
  expect(await reader.failure()).toMatchObject({ code: 'SCHEMA.CHANGED' });
});

test('a second reader takes the slot from a stale one of the same run', async () => {
  const stale = await fixture.read(at, [rows]);
  await fixture.db.query('INSERT INTO rows VALUES (1)');
  await fixture.log().mark('end');
  const reader = await fixture.read(at, [rows]);
  await reader.untilMarker('end');
  expect(reader.changes).toHaveLength(1);
  expect(await stale.failure()).toMatchObject({ code: 'SOURCE.CONNECTION', disposition: 'retry' });
});

test('the end of the server session ends the stream, to be tried again', async () => {
  const reader = await fixture.read(at, [rows]);
  await fixture.db.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [
    fixture.slot,
  ]);
  expect(await reader.failure()).toMatchObject({ code: 'SOURCE.CONNECTION' });
});

test('the end of a stream is told to whoever applies it, after what was read, and not to whoever asks for its lag', async () => {
  const reader = await fixture.read(at, [rows]);
  expect(await reader.stream.retainedBytes()).toBeGreaterThanOrEqual(0);
  await fixture.db.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [
    fixture.slot,
  ]);
  expect(await reader.failure()).toMatchObject({ code: 'SOURCE.CONNECTION' });
  expect(await reader.stream.retainedBytes()).toBeUndefined();
});

/** Runs `work` with a stream that goes through a proxy. */
async function throughProxy(work: (proxy: FaultProxy, server: PostgresServer) => Promise<void>): Promise<void> {
  const proxy = await openProxy(Number(new URL(fixture.url).port));
  const server = new PostgresServer('source', proxy.url(fixture.url), 'test');
  try {
    await work(proxy, server);
  } finally {
    await proxy.close();
    await server.close();
  }
}

test('a connection that is cut in the middle of a transaction is an error, and the transaction comes again', async () => {
  // More than is read ahead, so the cut is before the end.
  await fixture.db.query(`INSERT INTO rows SELECT n, 'x' FROM generate_series(1, 60000) n`);
  await fixture.log().mark('end');
  await throughProxy(async (proxy, server) => {
    const reader = await fixture.read(at, [rows], { server });
    await reader.until(({ last }) => !last);
    proxy.cut();
    expect(await reader.failure()).toMatchObject({ code: 'SOURCE.CONNECTION' });
    expect(reader.taken.some(({ changes, last }) => last && changes.length > 0)).toBe(false);
  });
  const again = await fixture.read(at, [rows]);
  await again.untilMarker('end');
  expect(again.changes).toHaveLength(60_000);
});

test('a network that swallows everything is noticed, and closing does not wait for it', async () => {
  await throughProxy(async (proxy, server) => {
    const reader = await fixture.read(at, [rows], { server, networkTimeoutMs: 400 });
    proxy.blackhole(true);
    expect(await reader.failure()).toMatchObject({ code: 'STREAM.SILENT', disposition: 'retry' });
    await reader.close();
  });
});

test('an idle source is not taken for a silent one', async () => {
  const reader = await fixture.read(at, [rows], { networkTimeoutMs: 500 });
  // 50 ms apart, that is twice the time it may be silent.
  await fixture.heard(20);
  await fixture.log().mark('end');
  await reader.untilMarker('end');
});

test('a short network timeout alone makes the source be asked often enough', async () => {
  const { server, slot } = fixture;
  const stream = new PostgresStream({ server, slot, publication: slot, tables: [rows], networkTimeoutMs: 900 });
  const reader = await LogReader.open(stream, at);
  // A third of that time apart.
  await fixture.heard(5);
  await fixture.log().mark('end');
  await reader.untilMarker('end');
  await reader.close();
});

test('a source that shuts down does not wait for a run that is held', async () => {
  const own = await startServer();
  try {
    const other = await openLogFixture(own.url('postgres'));
    const from = await pinRows(other);
    await other.db.query(`INSERT INTO rows SELECT n, 'x' FROM generate_series(1, 60000) n`);
    const reader = await other.read(from, [rows]);
    await own.stop('fast');
    expect(await reader.failure()).toMatchObject({ code: 'SOURCE.CONNECTION' });
    await own.start();
    const again = await openLogFixture(own.url('postgres'));
    await again.log().mark('end');
    const resumed = await again.read(from, [rows]);
    await resumed.untilMarker('end');
    expect(resumed.changes).toHaveLength(60_000);
    await again.close();
    await other.close();
  } finally {
    await own.close();
  }
});

test('a slot that the server invalidates while the run is held is gone', async () => {
  const own = await startServer({
    settings: { max_slot_wal_keep_size: '16MB', min_wal_size: '32MB', max_wal_size: '32MB' },
  });
  try {
    const other = await openLogFixture(own.url('postgres'));
    const from = await pinRows(other);
    await other.db.query(`INSERT INTO rows SELECT n, 'x' FROM generate_series(1, 60000) n`);
    const reader = await other.read(from, [rows], { watchIntervalMs: 20 });
    for (let segment = 0; segment < 4; segment++) {
      await other.db.query(
        `SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000)) FROM generate_series(1, 16)`,
      );
    }
    await other.db.query('CHECKPOINT');
    // Ended by the server, or found by the watch: whichever comes first. Opening again gives the same answer for good.
    expect(await reader.failure()).toMatchObject({
      code: expect.stringMatching(/^(STREAM\.GONE|SOURCE\.CONNECTION)$/),
    });
    await expect(other.read(from, [rows])).rejects.toMatchObject(gone);
    await other.close();
  } finally {
    await own.close();
  }
});
