// Dead letters against a real target: what a lane keeps, what it must never keep, and how letters are replayed.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { DeadLetters } from '../../src/apply/dead-letters.ts';
import { Lanes } from '../../src/apply/lanes.ts';
import { retryLetters } from '../../src/apply/retry-letters.ts';
import { segmentsOf } from '../../src/apply/segment.ts';
import type { EmptyStep } from '../../src/apply/step.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { PostgresLane } from '../../src/databases/postgres/write/lane.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { LoggedValue, RowChange } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { EPOCH, type LaneFixture, openLaneFixture, position, RUN } from './lane-fixture.ts';

let fixture: LaneFixture;
let journal: PostgresJournal;
let lanes: Lanes | undefined;
let status: RunStatus;
let letters: DeadLetters;
let at = 1;

beforeEach(async () => {
  fixture = await openLaneFixture();
  journal = new PostgresJournal(fixture.server, RUN, () => ({ run: RUN, epoch: EPOCH }));
  status = new RunStatus(RUN);
  at = 1;
  await fixture.db.query(`CREATE TABLE items (id text PRIMARY KEY, name varchar(5), n int CHECK (n < 100), big text);
    INSERT INTO items VALUES ('a', 'one', 1, 'x'), ('b', 'two', 2, 'y'), ('c', 'three', 3, 'z')`);
});

afterEach(async () => {
  await lanes?.close();
  lanes = undefined;
  await journal.close();
  await fixture.close();
});

const insert = (table: Table, ...row: LoggedValue[]): RowChange => ({ op: 'insert', table, row });
const remove = (table: Table, key: string): RowChange => ({ op: 'delete', table, key: [key] });
const update = (table: Table, key: string, ...row: LoggedValue[]): RowChange => ({
  op: 'update',
  table,
  key: [key],
  row,
});
const covers = (one: Position, other: Position): boolean => Number(one.slice(2)) >= Number(other.slice(2));

/** What an attempt of the run does: the letters are read, a lane is opened. */
async function open(limit = 100, onBadRow: 'stop' | 'deadLetter' = 'deadLetter'): Promise<void> {
  await lanes?.close();
  letters = new DeadLetters({ journal: journal.deadLetters, limits: { onBadRow, deadLetterLimit: limit }, status });
  await letters.load();
  lanes = await Lanes.open(
    { lane: async () => fixture.lane() },
    [{ lane: 0, position: position(`0/${at}`) }],
    covers,
    letters,
  );
}

/** Writes one batch and commits it. */
async function apply(...steps: (RowChange | EmptyStep)[]): Promise<void> {
  const segments = segmentsOf(steps);
  at++;
  await lanes?.write([{ lane: 0, segments, changes: steps.length }], position(`0/${at}`));
}

/** `id state op key sqlstate` of every letter. */
async function kept(): Promise<readonly string[]> {
  return (await journal.deadLetters.list()).map(
    ({ id, state, op, key, refusal }) => `${id} ${state} ${op} ${key.join()} ${refusal?.sqlState ?? 'follows'}`,
  );
}

const retry = (table: Table, ids?: readonly number[], tolerant = false) =>
  retryLetters(
    {
      journal: journal.deadLetters,
      target: { lane: async () => fixture.lane() },
      tables: [table],
      tolerant,
      changed: () => undefined,
      by: 'tester',
    },
    { ids },
  );

test('a refused row and all that follows it on its key are kept, the rest is written, with one checkpoint', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(
    insert(table, 'd', 'four', '4', null),
    update(table, 'a', 'a', undefined, '500', undefined),
    insert(table, 'e', 'too long', '5', null),
    update(table, 'a', 'a', 'uno', '1', undefined),
    update(table, 'b', 'b', 'zwei', '2', undefined),
  );
  expect(await fixture.rows('items')).toEqual(['(a,one,1,x)', '(b,zwei,2,y)', '(c,three,3,z)', '(d,four,4,)']);
  expect(await kept()).toEqual(['1 open update a 23514', '2 open insert e 22001', '3 open update a follows']);
  expect((await fixture.checkpoints())[0]).toBe('0 0/2');
  expect(status.snapshot().deadLetters).toEqual({ open: 3, waived: 0, total: 3 });
  // In a later batch, by another process as well.
  await open();
  await apply(update(table, 'a', 'a', 'eins', '7', undefined), remove(table, 'c'));
  expect(await fixture.rows('items')).toEqual(['(a,one,1,x)', '(b,zwei,2,y)', '(d,four,4,)']);
  expect((await kept()).at(-1)).toBe('4 open update a follows');
});

test('letters of a copy that was not exact overwrite what is there, also when they are retried', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(
    { ...insert(table, 'a', 'too long', '5', null), tolerant: true },
    { ...remove(table, 'c'), tolerant: true },
  );
  await apply(update(table, 'a', 'a', 'two', '6', null));
  expect(await fixture.rows('items')).toEqual(['(a,one,1,x)', '(b,two,2,y)']);
  await fixture.db.query('ALTER TABLE items ALTER name TYPE text');
  expect(await retry(table)).toMatchObject({ replayed: [], refused: [{ ids: [1, 2], code: 'APPLY.CONSTRAINT' }] });
  expect(await retry(table, undefined, true)).toEqual({ replayed: [1, 2], refused: [] });
  expect(await fixture.rows('items')).toEqual(['(a,two,6,)', '(b,two,2,y)']);
});

test('values that the log did not carry and nulls come back from a letter as what they were', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(update(table, 'a', 'a', null, '500', undefined));
  const rows = await journal.deadLetters.rows([1]);
  expect(rows.get(1)).toEqual(['a', null, '500', undefined]);
});

test('a row that moves from or to a dead key is dead under both, and is replayed whole', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(update(table, 'a', 'a', 'one', '500', undefined));
  await apply(update(table, 'a', 'q', 'one', '5', undefined), update(table, 'q', 'q', 'moved', '5', undefined));
  await apply(remove(table, 'b'), update(table, 'c', 'b', 'three', '3', undefined));
  expect(await fixture.rows('items')).toEqual(['(a,one,1,x)', '(b,three,3,z)']);
  await apply(remove(table, 'q'), update(table, 'b', 'q', 'new', '300', undefined));
  expect(await kept()).toEqual([
    '1 open update a 23514',
    '2 open update a follows',
    '3 open update q follows',
    '4 open delete q follows',
    '5 open update b follows',
  ]);
  const refused = await retry(table, [5]);
  expect(refused).toMatchObject({ replayed: [], refused: [{ ids: [1, 2, 3, 4, 5], code: 'APPLY.CONSTRAINT' }] });
  expect(await fixture.rows('items')).toEqual(['(a,one,1,x)', '(b,three,3,z)']);
  await fixture.db.query('ALTER TABLE items DROP CONSTRAINT items_n_check');
  expect(await retry(table)).toEqual({ replayed: [1, 2, 3, 4, 5], refused: [] });
  expect(await fixture.rows('items')).toEqual(['(q,new,300,z)']);
  await open();
  await apply(update(table, 'q', 'q', 'alive', '3', undefined));
  expect(await fixture.rows('items')).toEqual(['(q,alive,3,z)']);
});

test('what was written before a refused row of the same batch stays, also when that row stood alone', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(
    insert(table, 'd', 'four', '4', null),
    update(table, 'c', 'moved', 'three', '500', undefined),
    insert(table, 'e', 'five', '5', null),
  );
  expect(await fixture.rows('items')).toEqual([
    '(a,one,1,x)',
    '(b,two,2,y)',
    '(c,three,3,z)',
    '(d,four,4,)',
    '(e,five,5,)',
  ]);
  expect(await kept()).toEqual(['1 open update c 23514']);
});

test('letters of one key are replayed all or not at all, other keys do not wait for them', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(insert(table, 'e', 'toolong', '5', null), insert(table, 'f', 'toolong', '500', null));
  await apply(update(table, 'e', 'e', 'short', '6', undefined));
  await fixture.db.query('ALTER TABLE items ALTER name TYPE text');
  const report = await retry(table);
  expect(report).toMatchObject({ replayed: [1, 3], refused: [{ ids: [2], code: 'APPLY.CONSTRAINT' }] });
  expect(JSON.stringify(report)).not.toContain('toolong');
  expect((await fixture.rows('items')).filter((row) => /^\([ef]/.test(row))).toEqual(['(e,short,6,)']);
  expect(await kept()).toEqual(['1 replayed insert e 22001', '2 open insert f 22001', '3 replayed update e follows']);
});

test('a row that waits for the place of another is replayed after it, whatever their order', async () => {
  await fixture.db.query("CREATE UNIQUE INDEX ON items (name); INSERT INTO items VALUES ('z', 'zz', 9, null)");
  const table = await fixture.table('items');
  await open();
  // z cannot go away from its name, so that y cannot have it.
  await apply(insert(table, 'y', 'zz', '1', null), update(table, 'z', 'z', 'free', '900', undefined));
  expect(await kept()).toEqual(['1 open insert y 23505', '2 open update z 23514']);
  await fixture.db.query('ALTER TABLE items DROP CONSTRAINT items_n_check');
  expect(await retry(table)).toEqual({ replayed: [1, 2], refused: [] });
});

test('a row with a value that no column can hold comes back with the change that corrects it, and not before', async () => {
  const table = await fixture.table('items');
  const error = new MigrateError('SOURCE.REFUSED', 'items: column name has a value that is bad');
  const bad = (change: RowChange): RowChange => ({ ...change, refused: { column: 'name', error, isKey: false } });
  await open();
  await apply(
    bad(update(table, 'a', 'b2', null, '1', 'x')),
    bad(insert(table, 'd', null, '4', 'x')),
    bad(insert(table, 'e', null, '5', 'x')),
  );
  await apply(insert(table, 'a', 'new', '6', 'x'), bad(update(table, 'e', 'e', null, '7', 'x')), remove(table, 'e'));
  expect((await kept()).slice(0, 3)).toEqual([
    '1 open update a 22000',
    '2 open insert d 22000',
    '3 open insert e 22000',
  ]);
  const { replayed, refused } = await retry(table);
  expect({ replayed, refused }).toMatchObject({ replayed: [3, 5, 6], refused: [{ ids: [1, 4] }, { ids: [2] }] });
  expect(refused.map(({ code }) => code)).toEqual(['SOURCE.REFUSED', 'SOURCE.REFUSED']);
  await apply(update(table, 'b2', 'b2', 'good', '1', 'x'), update(table, 'd', 'd', 'vier', '4', 'x'));
  expect((await retry(table)).refused).toEqual([]);
  expect(await fixture.rows('items')).toEqual([
    '(a,new,6,x)',
    '(b,two,2,y)',
    '(b2,good,1,x)',
    '(c,three,3,z)',
    '(d,vier,4,x)',
  ]);
});

test('a row that the target refuses gives way to a later letter that has the row whole, and to no other', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(
    update(table, 'a', 'a', 'too long', '1', 'x'),
    insert(table, 'd', 'four', '400', 'x'),
    update(table, 'b', 'b', 'two', '500', undefined),
    update(table, 'c', 'c2', 'too long', '3', 'z'),
  );
  expect(await retry(table)).toMatchObject({ replayed: [], refused: [{}, {}, {}, {}] });
  await apply(
    update(table, 'a', 'a', 'still too long', '1', 'x'),
    remove(table, 'd'),
    update(table, 'b', 'b', 'two', '5', undefined),
    update(table, 'c2', 'c3', 'drei', '3', 'z'),
  );
  await apply(update(table, 'a', 'a', 'eins', '1', 'x'), insert(table, 'd', 'vier', '4', 'x'));
  const { replayed, refused } = await retry(table);
  expect(replayed).toEqual([1, 2, 4, 5, 6, 8, 9, 10]);
  expect(refused).toMatchObject([{ ids: [3, 7], code: 'APPLY.CONSTRAINT' }]);
  expect(await fixture.rows('items')).toEqual(['(a,eins,1,x)', '(b,two,2,y)', '(c3,drei,3,z)', '(d,vier,4,x)']);
});

test('emptying the table supersedes its letters, and its keys live again', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(insert(table, 'e', 'toolong', '5', null));
  await apply(
    insert(table, 'f', 'toolong', '5', null),
    { op: 'empty', table, ranges: 'all' },
    insert(table, 'e', 'ok', '1', null),
    insert(table, 'g', 'toolong', '1', null),
  );
  expect(await fixture.rows('items')).toEqual(['(e,ok,1,)']);
  expect((await kept()).map((letter) => letter.replace(/^\d+ /, ''))).toEqual([
    'superseded insert e 22001',
    'open insert g 22001',
  ]);
  expect(letters.open).toBe(1);
});

test('one more than the limit ends the batch before anything of it is committed', async () => {
  const table = await fixture.table('items');
  await open(3);
  const bad = (from: number, to: number): readonly RowChange[] =>
    Array.from({ length: to - from }, (_, index) => insert(table, `bad${from + index}`, 'x', '999', null));
  await apply(...bad(0, 2));
  const burst = apply(remove(table, 'a'), ...bad(2, 4));
  await expect(burst).rejects.toMatchObject({ code: 'APPLY.DEAD_LETTERS', disposition: 'operator' });
  await open(3);
  expect(await kept()).toHaveLength(2);
  expect(await fixture.rows('items')).toHaveLength(3);
  expect((await fixture.checkpoints())[0]).toBe('0 0/2');
});

test('with onBadRow: stop a refused row ends the apply, but keys that are dead already stay so', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(update(table, 'a', 'a', 'one', '500', undefined));
  await open(100, 'stop');
  await apply(update(table, 'a', 'a', 'one', '5', undefined));
  expect(await kept()).toEqual(['1 open update a 23514', '2 open update a follows']);
  await expect(apply(insert(table, 'e', 'toolong', '5', null))).rejects.toMatchObject({
    code: 'APPLY.CONSTRAINT',
    message: expect.not.stringContaining('toolong'),
  });
});

test('a right that was revoked, a table that is gone and a row that is missing are no letters', async () => {
  const table = await fixture.table('items');
  await open();
  await expect(apply(insert(table, 'd', 'toolong', '4', null), remove(table, 'nobody'))).rejects.toMatchObject({
    code: 'APPLY.ROW_MISSING',
  });
  await fixture.db.query(`CREATE ROLE "${role()}" LOGIN; GRANT SET ON PARAMETER session_replication_role TO "${role()}"; GRANT ALL ON SCHEMA migrate TO "${role()}";
    GRANT ALL ON ALL TABLES IN SCHEMA migrate TO "${role()}"; GRANT SELECT, UPDATE, DELETE ON items TO "${role()}"`);
  const url = new URL(fixture.pair.targetUrl);
  url.username = role();
  const limited = new PostgresServer('target', url.href, RUN);
  const lane = new PostgresLane({ server: limited, claim: { run: RUN, epoch: EPOCH }, direction: 'forward' });
  try {
    await lane.begin();
    await expect(lane.replay([insert(table, 'd', 'four', '4', null)], [], letters.lane())).rejects.toMatchObject({
      code: 'TARGET.REFUSED',
    });
  } finally {
    await lane.close();
    await limited.close();
    await fixture.db.query(`DROP OWNED BY "${role()}"; DROP ROLE "${role()}"`);
  }
  await open();
  await fixture.db.query('DROP TABLE items');
  await expect(apply(insert(table, 'd', 'four', '4', null))).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
  expect(await kept()).toEqual([]);
});

test('a waived letter keeps its key dead until it is replayed after all', async () => {
  const table = await fixture.table('items');
  await open();
  await apply(update(table, 'a', 'a', 'one', '500', undefined));
  expect(await journal.deadLetters.waive([1], 'tester', 'a test row')).toBe(1);
  await open();
  expect(letters.open).toBe(0);
  expect(letters.excludes(table, ['a'])).toBe(true);
  await apply(update(table, 'a', 'a', 'uno', '5', undefined));
  expect(await kept()).toEqual(['1 waived update a 23514', '2 open update a follows']);
  await fixture.db.query('ALTER TABLE items DROP CONSTRAINT items_n_check');
  expect(await retry(table)).toEqual({ replayed: [1, 2], refused: [] });
  expect((await fixture.rows('items'))[0]).toBe('(a,uno,5,x)');
});

test('of a table without a key a row is known by all its values', async () => {
  await fixture.db.query(
    `CREATE TABLE bag (n int CHECK (n < 100), name text); INSERT INTO bag VALUES (1, 'x'), (1, 'x')`,
  );
  const table = await fixture.table('bag');
  await open();
  await apply(
    { op: 'update', table, key: ['1', 'x'], row: ['500', undefined] },
    insert(table, '2', 'y'),
    insert(table, '900', 'z'),
  );
  await apply({ op: 'delete', table, key: ['900', 'z'] });
  expect(await fixture.rows('bag')).toEqual(['(1,x)', '(1,x)', '(2,y)']);
  expect(await kept()).toEqual(['1 open update 1,x 23514', '2 open insert 900,z 23514', '3 open delete 900,z follows']);
  await fixture.db.query('ALTER TABLE bag DROP CONSTRAINT bag_n_check');
  expect(await retry(table)).toEqual({ replayed: [1, 2, 3], refused: [] });
  expect(await fixture.rows('bag')).toEqual(['(1,x)', '(2,y)', '(500,x)']);
});

function role(): string {
  return `limited_${new URL(fixture.pair.targetUrl).pathname.slice(1).replaceAll(/[^a-z0-9_]/g, '')}`;
}
