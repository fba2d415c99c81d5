import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Change } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { type LogFixture, openLogFixture, tableOf } from './log-fixture.ts';

let fixture: LogFixture;

beforeEach(async () => {
  fixture = await openLogFixture();
});

afterEach(async () => {
  await fixture.close();
});

/** Creates tables, pins the log and releases the snapshot. */
async function pin(ddl: string, tables: readonly Table[]): Promise<Position> {
  await fixture.db.query(ddl);
  const start = await fixture.log().pin(tables);
  await start.close();
  return start.at;
}

const items = tableOf('items', [
  ['id', 'integer'],
  ['name', 'character varying(20)'],
  ['price', 'numeric(12,2)'],
]);
const ITEMS = 'CREATE TABLE items (id int PRIMARY KEY, name varchar(20), price numeric(12,2))';

test('changes, truncations and markers arrive in the order of their commits, as text', async () => {
  const at = await pin(ITEMS, [items]);
  const { db } = fixture;
  await db.query(`INSERT INTO items VALUES (1, 'a', 1.5), (2, NULL, 2)`);
  await db.query(`UPDATE items SET id = 3, price = 'NaN' WHERE id = 2`);
  await db.query('DELETE FROM items WHERE id = 1');
  await fixture.log().mark('one');
  await db.query('TRUNCATE items');
  await fixture.log().mark('two');
  const reader = await fixture.read(at, [items]);
  await reader.untilMarker('two');
  const all = reader.taken.flatMap(({ changes }) => changes);
  expect(all).toEqual([
    { op: 'insert', table: items, row: ['1', 'a', '1.50'] },
    { op: 'insert', table: items, row: ['2', null, '2.00'] },
    { op: 'update', table: items, key: ['2'], row: ['3', null, 'NaN'] },
    { op: 'delete', table: items, key: ['1'] },
    { op: 'marker', content: 'one' },
    { op: 'truncate', tables: [items] },
    { op: 'marker', content: 'two' },
  ] satisfies Change[]);
});

test('the text of values does not depend on the settings of the source', async () => {
  await fixture.db.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET DateStyle = ''German''', current_database());
     EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Tokyo''', current_database());
     EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database()); END $$`,
  );
  const moments = tableOf('moments', [
    ['id', 'integer'],
    ['at', 'timestamp with time zone'],
    ['bytes', 'bytea'],
    ['ratio', 'double precision'],
  ]);
  const at = await pin('CREATE TABLE moments (id int PRIMARY KEY, at timestamptz, bytes bytea, ratio float8)', [
    moments,
  ]);
  await fixture.db.query(
    `INSERT INTO moments VALUES (1, '2024-05-06 07:08:09.123456+00', '\\x00ff', 0.1::float8 + 0.2)`,
  );
  await fixture.log().mark('end');
  const reader = await fixture.read(at, [moments]);
  await reader.untilMarker('end');
  expect(reader.changes).toEqual([
    {
      op: 'insert',
      table: moments,
      row: ['1', '2024-05-06 07:08:09.123456+00', '\\x00ff', '0.30000000000000004'],
    },
  ]);
});

test('an unchanged large value is unavailable, unless whole old rows are logged', async () => {
  const docs = tableOf('docs', [
    ['id', 'integer'],
    ['n', 'integer'],
    ['body', 'text'],
  ]);
  const at = await pin(
    'CREATE TABLE docs (id int PRIMARY KEY, n int, body text); ALTER TABLE docs ALTER body SET STORAGE EXTERNAL',
    [docs],
  );
  const { db } = fixture;
  const body = 'ü'.repeat(20_000);
  await db.query('INSERT INTO docs VALUES (1, 1, $1)', [body]);
  await db.query('UPDATE docs SET n = 2');
  await db.query('ALTER TABLE docs REPLICA IDENTITY FULL');
  await db.query('UPDATE docs SET n = 3');
  await fixture.log().mark('end');
  const reader = await fixture.read(at, [docs]);
  await reader.untilMarker('end');
  expect(reader.changes.map((change) => (change.op === 'update' || change.op === 'insert' ? change.row : []))).toEqual([
    ['1', '1', body],
    ['1', '2', undefined],
    ['1', '3', body],
  ]);
});

test('the same position delivers the same changes, and the slot moves only by what was acknowledged', async () => {
  const at = await pin(ITEMS, [items]);
  await fixture.db.query(`INSERT INTO items VALUES (1)`);
  await fixture.db.query(`INSERT INTO items VALUES (2)`);
  await fixture.log().mark('end');
  const first = await fixture.read(at, [items]);
  await first.untilMarker('end');
  const positions = first.taken.filter(({ changes }) => changes.length > 0).map(({ position }) => position);
  await first.close();
  expect(await confirmed()).toBe(at);

  const second = await fixture.read(at, [items]);
  await second.untilMarker('end');
  expect(second.changes).toEqual(first.changes);
  second.ack(positions[0] ?? at);
  await second.close();
  expect(await confirmed()).toBe(positions[0]);

  const third = await fixture.read(positions[0] ?? at, [items]);
  await third.untilMarker('end');
  expect(third.changes).toEqual(first.changes.slice(1));
});

async function confirmed(): Promise<string> {
  const { rows } = await fixture.db.query<{ lsn: string }>(
    'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
    [fixture.slot],
  );
  return rows[0]?.lsn ?? '';
}

test('keepalives during a large transaction are no positions, and its pieces stay together', async () => {
  const at = await pin(ITEMS, [items]);
  await fixture.db.query(`INSERT INTO items SELECT n, 'name', n FROM generate_series(1, 40000) n`);
  await fixture.log().mark('end');
  const reader = await fixture.read(at, [items], { statusIntervalMs: 1 });
  await reader.untilMarker('end');
  const pieces = reader.taken.filter(({ changes }) => changes.some((change) => change.op === 'insert'));
  expect(pieces.map(({ changes }) => changes.length)).toEqual(Array(8).fill(5_000));
  const firstPiece = reader.taken.indexOf(pieces[0]!);
  // The transaction's end is known only after the eighth piece was full.
  expect(reader.taken.slice(firstPiece, firstPiece + 9).map(({ last }) => last)).toEqual([
    ...Array(8).fill(false),
    true,
  ]);
  for (const [index, { position, last }] of reader.taken.entries()) {
    const next = reader.taken[index + 1];
    if (next === undefined) continue;
    expect(reader.stream.covers(next.position, position)).toBe(true);
    if (last) expect(reader.stream.covers(position, next.position)).toBe(false);
  }
});

test('an idle log still moves past a head', async () => {
  const at = await pin(ITEMS, [items]);
  const reader = await fixture.read(at, [items]);
  for (let round = 0; round < 3; round++) {
    const head = await fixture.log().head();
    const passed = await reader.until(({ position }) => reader.stream.covers(position, head));
    expect(passed.changes).toEqual([]);
  }
  expect(await reader.stream.retainedBytes()).toBeGreaterThanOrEqual(0);
});

test('while the consumer takes nothing, the server is kept waiting but not alone', async () => {
  const at = await pin(ITEMS, [items]);
  // A server that hears nothing for this long ends the stream.
  await fixture.db.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET wal_sender_timeout = ''500ms''', current_database()); END $$`,
  );
  const rows = 150_000;
  await fixture.db.query(`INSERT INTO items SELECT n, repeat('x', 20), n FROM generate_series(1, ${rows}) n`);
  const reader = await fixture.read(at, [items]);
  const first = await reader.next();
  // Nothing is taken while the server hears from us again and again.
  await fixture.heard(30);
  const second = await reader.next();
  const held = [...(first ?? []), ...(second ?? [])].flatMap(({ changes }) => changes).length;
  expect(held).toBeLessThan(60_000);
  await reader.until(({ last, changes }) => last && changes.length === 0 && reader.changes.length === rows);
  expect(reader.changes).toHaveLength(rows);
});

test('an abort ends the stream without an error, and closing twice does no harm', async () => {
  const at = await pin(ITEMS, [items]);
  const reader = await fixture.read(at, [items]);
  const waiting = reader.next();
  reader.abort.abort();
  expect(await waiting).toBeUndefined();
  expect(await reader.next()).toBeUndefined();
  await reader.close();
  await reader.close();
  const { rows } = await fixture.db.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [
    fixture.slot,
  ]);
  expect(rows).toEqual([{ active: false }]);
});
