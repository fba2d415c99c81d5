import { afterEach, beforeEach, expect, test } from 'vitest';
import { collapse } from '../../src/apply/collapse.ts';
import type { PostgresLane } from '../../src/databases/postgres/write/lane.ts';
import type { TableChanges } from '../../src/databases/target.ts';
import type { LoggedValue, RowChange } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import { type LaneFixture, openLaneFixture, position, RUN } from './lane-fixture.ts';

let fixture: LaneFixture;
let lane: PostgresLane;

beforeEach(async () => {
  fixture = await openLaneFixture();
  lane = fixture.lane();
});

afterEach(async () => {
  await lane.close();
  await fixture.close();
});

const insert = (table: Table, ...row: LoggedValue[]): RowChange => ({ op: 'insert', table, row });
const remove = (table: Table, ...key: string[]): RowChange => ({ op: 'delete', table, key });
const update = (table: Table, key: string, ...row: LoggedValue[]): RowChange => ({
  op: 'update',
  table,
  key: [key],
  row,
});

function sets(table: Table, ...changes: RowChange[]): readonly TableChanges[] {
  const collapsed = collapse(table, changes);
  if (collapsed === undefined) throw new Error('these changes can be collapsed');
  return [collapsed];
}

const move = (to: string, number = 0, from = '0/1') => ({
  lane: number,
  from: position(from),
  position: position(to),
  changes: 3,
});

async function items(): Promise<Table> {
  await fixture.db.query(`CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(12,2));
    INSERT INTO items VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)`);
  return fixture.table('items');
}

test('deletes, updates and inserts of a batch commit together with the checkpoint', async () => {
  const table = await items();
  await lane.begin();
  const written = await lane.attempt(
    sets(table, remove(table, '1'), update(table, '2', '2', undefined, '2.50'), insert(table, '4', null, '4')),
  );
  expect(written).toBe(true);
  expect(await fixture.rows('items')).toHaveLength(3);
  await lane.commit([move('0/9'), move('0/9', 1)]);
  expect(await fixture.rows('items')).toEqual(['(2,two,2.50)', '(3,three,3.00)', '(4,,4.00)']);
  expect(await fixture.checkpoints()).toEqual(['0 0/9', '1 0/9']);
  const { rows } = await fixture.db.query('SELECT sum(changes)::int AS changes FROM migrate.checkpoint');
  expect(rows).toEqual([{ changes: 6 }]);
});

test('every type goes through sets and through single rows with the same value', async () => {
  await fixture.db.query(`CREATE TYPE mood AS ENUM ('sad', 'very happy'); CREATE DOMAIN short AS varchar(5);
    CREATE TYPE pair AS (a int, b text);
    CREATE TABLE types (id uuid, k "char", a bool, b bytea, c jsonb, d json, e timestamptz, f interval, g float8,
      h numeric, i bit(3), j varbit, k2 inet, l int4range, m int[], n text[][], o mood, p mood[], q short, r pair,
      s char(4), t xml, u point, v tsvector, w pair[], x money, y numeric(5,2)[], z "char"[], "Odd ""name" text,
      PRIMARY KEY (id, k))`);
  const values = [
    `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'x', true, '\\xdeadbeef00', '{"a": "\\"{,}"}', '{"b" : 1}',
     '2024-01-02 03:04:05.678901+00', '1 mon -2 days 03:04:05', 'NaN', '-12345678901234567890.0123456789', B'101', B'1',
     '10.0.0.0/8', '[1,5)', '{1,NULL,3}', '{{a,"b c"},{"\\"",NULL}}', 'very happy', '{sad,"very happy"}', 'abcde',
     '(1,"a,b")', 'ab', '<a/>', '(1,2)', 'a:1 b:2', '{"(1,x)"}', '12.34', '{1.5}', '{a,b}', 'NULL'`,
    `'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'y', NULL, '', 'null', NULL, 'infinity', NULL, '-Infinity', 'Infinity',
     NULL, B'', NULL, 'empty', '[2:3]={4,5}', '{}', NULL, NULL, '', NULL, '', NULL, NULL, '', NULL, NULL, NULL, NULL,
     E'line\\nbreak \\\\ {"x"} \\u00e9'`,
  ];
  for (const each of values) await fixture.db.query(`INSERT INTO types VALUES (${each})`);
  const expected = await fixture.rows('types');
  const table = await fixture.table('types');
  const columns = table.columns.map(({ name }) => `"${name.replaceAll('"', '""')}"::text`).join(',');
  const rows = await fixture.server.with('read', async (session) => {
    const result = await session.client.query({
      text: `SELECT ${columns} FROM types ORDER BY 1`.replace('types', 'public.types'),
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text },
    });
    return result.rows as (string | null)[][];
  });
  const inserts = rows.map((row) => insert(table, ...row));
  const updates: RowChange[] = rows.map((row) => ({ op: 'update', table, key: row.slice(0, 2), row }));
  const deletes = rows.map((row): RowChange => ({ op: 'delete', table, key: row.slice(0, 2) }));
  for (const write of ['attempt', 'replay'] as const) {
    await fixture.db.query('TRUNCATE types');
    await lane.begin();
    for (const changes of [inserts, updates, deletes, inserts]) {
      if (write === 'attempt') expect(await lane.attempt(sets(table, ...changes))).toBe(true);
      else await lane.replay(changes, []);
    }
    await lane.commit([]);
    expect(await fixture.rows('types')).toEqual(expected);
  }
});

test('a row count that is not what it must be leaves nothing of the sets', async () => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, remove(table, '1'), update(table, '9', '9', 'x', '1')))).toBe(false);
  expect(await lane.attempt(sets(table, remove(table, '2'), remove(table, '9')))).toBe(false);
  await lane.commit([]);
  expect(await fixture.rows('items')).toHaveLength(3);
});

test('an update that carries no column still needs its row', async () => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, update(table, '1', '1', undefined, undefined)))).toBe(true);
  expect(await lane.attempt(sets(table, update(table, '9', '9', undefined, undefined)))).toBe(false);
  await lane.close();
});

test('an attempt that fails takes back nothing that was written before it', async () => {
  const table = await items();
  await lane.begin();
  await lane.truncate([{ table, ranges: 'all' }]);
  expect(await lane.attempt(sets(table, remove(table, '1')))).toBe(false);
  expect(await lane.attempt(sets(table, insert(table, '7', 'seven', '7')))).toBe(true);
  expect(await lane.attempt(sets(table, remove(table, '1')))).toBe(false);
  await lane.commit([move('0/9'), move('0/9', 1)]);
  expect(await fixture.rows('items')).toHaveLength(1);
});

test('unique values that change hands are replayed in the order of the source', async () => {
  await fixture.db.query(`CREATE TABLE seats (id int PRIMARY KEY, seat text UNIQUE);
    INSERT INTO seats VALUES (1, 'a'), (2, 'b')`);
  const table = await fixture.table('seats');
  const changes = [update(table, '1', '1', 'free'), update(table, '2', '2', 'a'), update(table, '1', '1', 'b')];
  await lane.begin();
  expect(await lane.attempt(sets(table, ...changes))).toBe(false);
  await lane.replay(changes, []);
  await lane.commit([move('0/2')]);
  expect(await fixture.rows('seats')).toEqual(['(1,b)', '(2,a)']);
});

test('a change of key moves the values that the log did not carry', async () => {
  const table = await items();
  await lane.begin();
  await lane.replay([update(table, '1', '10', undefined, '9')], []);
  await lane.commit([move('0/2')]);
  expect(await fixture.rows('items')).toContain('(10,one,9.00)');
});

test('changes that are tolerant overwrite what is there, in sets and row by row', async () => {
  const tolerant = (change: RowChange): RowChange => ({ ...change, tolerant: true });
  const changes = (table: Table): RowChange[] =>
    [
      insert(table, '1', 'again', '1'),
      remove(table, '8'),
      update(table, '2', '9', 'moved', '2'),
      update(table, '7', '3', 'back', '3'),
    ].map(tolerant);
  for (const write of ['attempt', 'replay'] as const) {
    const table = await items();
    await lane.begin();
    if (write === 'attempt') expect(await lane.attempt(sets(table, ...changes(table)))).toBe(true);
    else await lane.replay(changes(table), []);
    // What comes after them is held to what it expects.
    expect(await lane.attempt(sets(table, tolerant(remove(table, '3')), remove(table, '9')))).toBe(true);
    await expect(lane.replay([remove(table, '9')], [])).rejects.toMatchObject({ code: 'APPLY.ROW_MISSING' });
    await lane.close();
    lane = fixture.lane();
    await lane.begin();
    if (write === 'attempt') expect(await lane.attempt(sets(table, ...changes(table)))).toBe(true);
    else await lane.replay(changes(table), []);
    await lane.commit([]);
    expect(await fixture.rows('items')).toEqual(['(1,again,1.00)', '(3,back,3.00)', '(9,moved,2.00)']);
    await fixture.db.query('DROP TABLE items');
  }
});

test('a replayed change whose row is not there stops the run', async () => {
  const table = await items();
  await lane.begin();
  await expect(lane.replay([remove(table, '9')], [])).rejects.toMatchObject({ code: 'APPLY.ROW_MISSING' });
});

test('a replayed row that a constraint refuses stops the run, without its values', async () => {
  const table = await items();
  await lane.begin();
  const replayed = lane.replay([insert(table, '1', 'secret', '1')], []);
  await expect(replayed).rejects.toMatchObject({ code: 'APPLY.CONSTRAINT' });
  await expect(replayed).rejects.toThrow(/^public\.items refused a row: constraint items_pkey \(23505\)$/);
});

test('triggers and foreign keys of the target do not fire', async () => {
  await fixture.db.query(`CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''fired''; END';
    CREATE TRIGGER refuse BEFORE INSERT ON children FOR EACH ROW EXECUTE FUNCTION refuse()`);
  const table = await fixture.table('children');
  await lane.begin();
  expect(await lane.attempt(sets(table, insert(table, '1', '99')))).toBe(true);
  await lane.commit([]);
  expect(await fixture.rows('children')).toEqual(['(1,99)']);
});

test('a table that another one refers to is emptied all the same', async () => {
  await fixture.db.query(`CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents);
    INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1, 1)`);
  const tables = await fixture.tables();
  const [parents, children] = ['parents', 'children'].map((name) => tables.get(name)!);
  await lane.begin();
  await lane.truncate([{ table: parents!, ranges: 'all' }]);
  await lane.truncate([{ table: children!, ranges: 'all' }]);
  await lane.commit([move('0/2')]);
  expect(await fixture.rows('parents')).toEqual([]);
  expect(await fixture.rows('children')).toEqual([]);
});

test('ranges of a table are emptied and the rest stays', async () => {
  const table = await items();
  await lane.begin();
  const ranges = [
    { lower: null, upper: ['2'] },
    { lower: ['3'], upper: null },
  ];
  await lane.truncate([{ table, ranges }]);
  await lane.commit([]);
  expect(await fixture.rows('items')).toEqual(['(2,two,2.00)']);
});

test('a row that was read again is journalled with its position', async () => {
  const table = await items();
  await fixture.db.query(
    `INSERT INTO migrate.tables (run, table_id, lane, spread) VALUES ('${RUN}', '${table.id}', 0, false)`,
  );
  const chunk = (at: string) => ({ key: ['4'], at: position(at) });
  await lane.begin();
  const [set] = sets(table, insert(table, '4', 'four', '4'));
  expect(await lane.attempt([{ ...set!, keyChunks: [chunk('0/5')] }])).toBe(true);
  await lane.replay([], [{ table, chunk: chunk('0/6') }]);
  await lane.commit([]);
  const { rows } = await fixture.db.query('SELECT table_id, key, at FROM migrate.key_chunk');
  expect(rows).toEqual([{ table_id: 'public.items', key: ['4'], at: '0/6' }]);
});

test('a checkpoint that another runner moved refuses the commit', async () => {
  const table = await items();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  await fixture.db.query(`UPDATE migrate.checkpoint SET position = '0/5' WHERE lane = 0`);
  await expect(lane.commit([move('0/9'), move('0/9', 1)])).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await lane.close();
  expect(await fixture.rows('items')).toHaveLength(3);
});

test('a lease that was taken over refuses the commit', async () => {
  const table = await items();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  await fixture.db.query('UPDATE migrate.lease SET epoch = epoch + 1');
  await expect(lane.commit([move('0/9')])).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await lane.close();
  expect(await fixture.rows('items')).toHaveLength(3);
  expect(await fixture.checkpoints()).toEqual(['0 0/1', '1 0/1']);
});

test('checkpoints are read only after a commit that is still under way has ended', async () => {
  await fixture.db.query(`BEGIN; UPDATE migrate.checkpoint SET position = '0/7' WHERE lane = 0`);
  const read = fixture.checkpoints();
  // Not pg_stat_activity: within a transaction it shows one moment.
  const waiting = `SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'
    AND transactionid = pg_current_xact_id()::xid`;
  while ((await fixture.db.query(waiting)).rowCount === 0) await new Promise(setImmediate);
  await fixture.db.query('COMMIT');
  expect(await read).toEqual(['0 0/7', '1 0/1']);
});

test('a connection that breaks during COMMIT leaves the outcome unknown', async () => {
  await fixture.db.query(`CREATE TABLE slow (id int PRIMARY KEY);
    CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut();
    ALTER TABLE slow ENABLE ALWAYS TRIGGER cut`);
  const table = await fixture.table('slow');
  await lane.begin();
  await lane.attempt(sets(table, insert(table, '1')));
  await expect(lane.commit([move('0/9')])).rejects.toMatchObject({
    code: 'TARGET.COMMIT_UNKNOWN',
    disposition: 'retry',
  });
  expect(await fixture.checkpoints()).toEqual(['0 0/1', '1 0/1']);
});

test('a transaction that had failed cannot be taken for committed', async () => {
  await lane.begin();
  await expect(lane.truncate([{ table: { ...(await items()), name: 'missing' }, ranges: 'all' }])).rejects.toThrow();
  await expect(lane.commit([])).rejects.toThrow();
});

test('an identity column and generated keys take the values of the source', async () => {
  await fixture.db.query('CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text)');
  const table = await fixture.table('numbered');
  await lane.begin();
  expect(await lane.attempt(sets(table, insert(table, '41', 'x')))).toBe(true);
  await lane.replay([insert(table, '42', 'y')], []);
  await lane.commit([]);
  expect(await fixture.rows('numbered')).toEqual(['(41,x)', '(42,y)']);
});

test('sets join their rows by the index although the plan was made while the table was empty', async () => {
  await fixture.db.query('CREATE TABLE growing (id int PRIMARY KEY, a text)');
  const table = await fixture.table('growing');
  const ids = Array.from({ length: 3_000 }, (_, index) => String(index));
  await lane.begin();
  expect(await lane.attempt(sets(table, ...ids.map((id) => insert(table, id, 'a'))))).toBe(true);
  expect(await lane.attempt(sets(table, ...ids.map((id) => update(table, id, id, 'b'))))).toBe(true);
  expect(await lane.attempt(sets(table, ...ids.map((id) => remove(table, id))))).toBe(true);
  await lane.commit([]);
  await fixture.db.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await fixture.db.query(
    `SELECT seq_tup_read::int AS read FROM pg_stat_user_tables WHERE relname = 'growing'`,
  );
  expect(rows).toEqual([{ read: 0 }]);
});
