// Changes of rows written to Oracle, set by set and row by row.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { collapse } from '../../src/apply/collapse.ts';
import type { OracleLane } from '../../src/databases/oracle/write/lane.ts';
import type { TableChanges } from '../../src/databases/target.ts';
import type { NewDeadLetter, Refusal } from '../../src/journal/dead-letters.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { LoggedValue, RowChange, Value } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { position, WriteFixture } from './write-fixture.ts';

let fixture: WriteFixture;
let lane: OracleLane;

beforeAll(async () => {
  fixture = await WriteFixture.open();
}, 300_000);
afterAll(() => fixture?.close());
beforeEach(async () => {
  await fixture.run(
    `UPDATE "MIGRATE$CHECKPOINT" SET "POSITION" = '1', "POSITION_HASH" = (SELECT MIN("POSITION_HASH") FROM "MIGRATE$CHECKPOINT" WHERE "POSITION" = '1')
     WHERE "POSITION" <> '1'`,
  );
  lane = fixture.lane();
});
afterEach(() => lane?.close());

const insert = (table: Table, ...row: LoggedValue[]): RowChange => ({ op: 'insert', table, row });
const remove = (table: Table, ...key: Value[]): RowChange => ({ op: 'delete', table, key });
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

const move = (to: string, number: number, from: string) => ({
  lane: number,
  from: position(from),
  position: position(to),
  changes: 3,
});

const items = (): Promise<Table> =>
  fixture.make(
    ['ID NUMBER(10)', 'NAME VARCHAR2(20 CHAR)', 'PRICE NUMBER(12,2)'],
    ['ID'],
    "1, 'one', 1",
    "2, 'two', 2",
    "3, 'three', 3",
  );

test('deletes, updates and inserts of a batch commit together with the checkpoints', async () => {
  const table = await items();
  await lane.begin();
  const written = await lane.attempt(
    sets(table, remove(table, '1'), update(table, '2', '2', undefined, '2.50'), insert(table, '4', null, '4')),
  );
  expect(written).toBe(true);
  expect(await fixture.all(table)).toHaveLength(3);
  const [first = '', second = ''] = (await fixture.checkpoints()).map((one) => one.slice(2));
  await lane.commit([move('a9', 0, first), move('a9', 1, second)]);
  expect(await fixture.all(table)).toEqual(['2|two|2.5', '3|three|3', '4|NULL|4']);
  expect(await fixture.checkpoints()).toEqual(['0 a9', '1 a9']);
  await lane.begin();
  expect(await lane.attempt(sets(table, remove(table, '4')))).toBe(true);
  await lane.commit([move('a10', 0, 'a9')]);
  expect(await fixture.all(table)).toHaveLength(2);
  expect(await fixture.checkpoints()).toEqual(['0 a10', '1 a9']);
  await lane.begin();
  await lane.commit([move('1', 0, 'a10'), move('1', 1, 'a9')]);
});

const MOMENT = '2024-02-29 23:59:59.123456';
const KEYED: readonly (readonly [string, readonly Value[]])[] = [
  ['NUMBER(20)', ['18446744073709551615', '-1']],
  ['NUMBER(20,4)', ['0.5', '-2.25']],
  ['VARCHAR2(20 CHAR)', ['a', 'A', 'a ', 'é']],
  ['RAW(20)', ['01', 'ff00']],
  ['DATE', ['2024-01-01 00:00:00', '0001-01-01 00:00:01']],
  ['TIMESTAMP(6)', [MOMENT, '2024-02-29 23:59:59.123457']],
  ['INTERVAL DAY(3) TO SECOND(6)', ['-72489599', '0.000001']],
  ['BINARY_DOUBLE', ['1.5', '-2e-300']],
];

test.each(KEYED)('rows are found by a key of %s, one by one and in sets', async (type, keys) => {
  const table = await fixture.make([`K ${type}`, 'A NUMBER(5)'], ['K']);
  const inserts = keys.map((key, a) => insert(table, key, String(a)));
  const updates = keys.map((key, a): RowChange => ({ op: 'update', table, key: [key], row: [key, String(a + 10)] }));
  await lane.begin();
  expect(await lane.attempt(sets(table, ...inserts))).toBe(true);
  expect(await lane.attempt(sets(table, ...updates))).toBe(true);
  expect(await lane.attempt(sets(table, remove(table, keys[0] ?? null)))).toBe(true);
  await lane.replay([insert(table, keys[0] ?? null, '20'), ...updates], []);
  await lane.commit([]);
  const left = await fixture.rows(`SELECT "A" FROM "SHOP"."${table.name}" ORDER BY "A"`);
  expect(left).toEqual(keys.map((_, a) => String(a + 10)));
});

test('a row count that is not what it must be leaves nothing of the sets', async () => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, remove(table, '1'), update(table, '9', '9', 'x', '1')))).toBe(false);
  expect(await lane.attempt(sets(table, remove(table, '2'), remove(table, '9')))).toBe(false);
  expect(await lane.attempt(sets(table, insert(table, '7', 'x', '1'), insert(table, '3', 'x', '1')))).toBe(false);
  // What was written before stays.
  expect(await lane.attempt(sets(table, remove(table, '3')))).toBe(true);
  expect(await lane.attempt(sets(table, remove(table, '2'), remove(table, '9')))).toBe(false);
  await lane.commit([]);
  expect(await fixture.all(table)).toEqual(['1|one|1', '2|two|2']);
});

test('rows are replayed in their order, the changes of a key among them', async () => {
  const table = await fixture.make(['ID NUMBER(10)', 'U VARCHAR2(9)'], ['ID'], "1, 'a'", "2, 'b'");
  await fixture.run(`ALTER TABLE "SHOP"."${table.name}" ADD CONSTRAINT "${table.name}_U" UNIQUE ("U")`);
  const changes = [
    update(table, '1', '1', 'c'),
    update(table, '2', '2', 'a'),
    update(table, '1', '9', undefined),
    insert(table, '1', 'b'),
  ];
  await lane.begin();
  await lane.replay(changes, []);
  await lane.commit([]);
  expect(await fixture.all(table)).toEqual(['1|b', '2|a', '9|c']);
});

test('a tolerant change makes room for its row, and a row that is missing otherwise stops the run', async () => {
  const table = await items();
  const tolerant = (change: RowChange): RowChange => ({ ...change, tolerant: true });
  await lane.begin();
  await lane.replay(
    [
      tolerant(insert(table, '1', 'again', '1')),
      tolerant(update(table, '8', '2', 'moved', '2')),
      tolerant(remove(table, '7')),
    ],
    [],
  );
  const loose = sets(table, remove(table, '7')).map((set) => ({ ...set, tolerant: true }));
  expect(await lane.attempt(loose)).toBe(true);
  await lane.commit([]);
  expect(await fixture.all(table)).toEqual(['1|again|1', '2|moved|2', '3|three|3']);
  await lane.begin();
  for (const change of [remove(table, '7'), update(table, '7', '7', 'x', '1')]) {
    await expect(lane.replay([change], [])).rejects.toMatchObject({ code: 'APPLY.ROW_MISSING' });
  }
});

test('a large value that the log did not carry stays, and those of a batch are written', async () => {
  const table = await fixture.make(
    ['ID NUMBER(10)', 'A CLOB', 'B BLOB', 'J JSON', 'N NUMBER(5)'],
    ['ID'],
    "1, 'one', NULL, NULL, 1",
    "2, 'two', NULL, NULL, 2",
  );
  const text = 'é'.repeat(50_000);
  await lane.begin();
  const changes = [
    update(table, '1', '1', undefined, undefined, undefined, '7'),
    update(table, '2', '2', text, 'ab'.repeat(50_000), '{"a":1}', '8'),
    insert(table, '3', text, null, `{"a":"${'b'.repeat(40_000)}"}`, '9'),
  ];
  expect(await lane.attempt(sets(table, ...changes))).toBe(true);
  await lane.replay([update(table, '3', '3', undefined, 'cd', undefined, undefined)], []);
  await lane.commit([]);
  const read = await fixture.session.query(
    `SELECT "ID", "A", "B", LENGTH(JSON_SERIALIZE("J" RETURNING CLOB)), "N" FROM "SHOP"."${table.name}" ORDER BY "ID"`,
  );
  expect(read).toEqual([
    ['1', 'one', null, null, '7'],
    ['2', text, Buffer.alloc(50_000, 0xab), '7', '8'],
    ['3', text, Buffer.of(0xcd), '40008', '9'],
  ]);
});

test('an update that carries nothing but its key must find its row', async () => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, update(table, '1', '1', undefined, undefined)))).toBe(true);
  expect(await lane.attempt(sets(table, update(table, '9', '9', undefined, undefined)))).toBe(false);
});

test.each([
  ['a key that is there', ['1', 'secret', '1'], /^shop\.t\d+ refused a row: constraint SHOP\.T\d+_PK \(ORA-00001\)$/],
  ['a text that is too long', ['9', 'secret'.repeat(9), '1'], /\(ORA-12899\)$/],
  ['a number that is out of range', ['9', 'a', '99999999999999'], /\(ORA-01438\)$/],
  ['no number', ['9', 'a', 'secret'], /\(ORA-01722\)$/],
  [
    'a text that no column holds',
    ['9', 'secret'.repeat(9_000), '1'],
    /column NAME cannot hold a value of 54000 bytes$/,
  ],
])('a replayed row with %s stops the run, without its values', async (_, row, what) => {
  const table = await items();
  await lane.begin();
  expect(await lane.attempt(sets(table, insert(table, ...row)))).toBe(false);
  const failed = await lane.replay([insert(table, ...row)], []).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'APPLY.CONSTRAINT', message: expect.stringMatching(what) });
  expect(JSON.stringify([failed, (failed as Error).cause, ((failed as Error).cause as Error).cause])).not.toContain(
    'secret',
  );
});

test('with dead letters the rows that are refused are handed over and the others are written', async () => {
  const table = await fixture.make(['ID NUMBER(10)', 'A NUMBER(10)'], ['ID'], '2, 2');
  const refused: [RowChange, Refusal][] = [];
  const refusals = {
    holds: (change: RowChange) => change.op === 'delete',
    refuse: (change: RowChange, refusal: Refusal) => void refused.push([change, refusal]),
  };
  const bad = insert(table, '2', '99');
  await lane.begin();
  await lane.replay([insert(table, '1', '1'), bad, remove(table, '2'), insert(table, '3', '3')], [], refusals);
  const refusal = { sqlState: '23000', constraint: `SHOP.${table.name}_PK`, column: null };
  expect(refused).toEqual([[bad, refusal]]);
  const kept: NewDeadLetter = { key: ['2'], newKey: null, change: bad, refusal };
  const [first = ''] = (await fixture.checkpoints()).map((one) => one.slice(2));
  await lane.commit([move('1', 0, first)], { kept: [kept], emptied: [], replayed: [] });
  expect(await fixture.all(table)).toEqual(['1|1', '2|2', '3|3']);
  expect(await fixture.rows(`SELECT "STATE" FROM "MIGRATE$DEAD_LETTER" WHERE "TABLE_ID" = '${table.id}'`)).toEqual([
    'open',
  ]);
});

test('a value that cannot be converted is refused like one that the server does not take', async () => {
  const table = await items();
  const refused: [RowChange, Refusal][] = [];
  const refusals = { holds: () => false, refuse: (...each: [RowChange, Refusal]) => void refused.push(each) };
  const bad = insert(table, '8', 'a', 'Infinity');
  const picky = fixture.lane(() => ({
    print: (own) => own,
    read: (text) => {
      if (text === 'Infinity') throw new MigrateError('TARGET.REFUSED', 'column PRICE has a value that is no number');
      return text;
    },
  }));
  await picky.begin();
  expect(await picky.attempt(sets(table, bad))).toBe(false);
  await picky.replay([bad, insert(table, '9', 'b', '1')], [], refusals);
  await picky.commit([]);
  await picky.close();
  expect(refused).toEqual([[bad, { sqlState: '22000', constraint: null, column: null }]]);
  expect(await fixture.all(table)).toContain('9|b|1');
});

test('the closed fence is passed', async () => {
  const table = await items();
  await fixture.closeFence(table);
  await expect(fixture.run(`DELETE FROM "SHOP"."${table.name}"`)).rejects.toThrow('ORA-20901');
  await fixture.session.rollback();
  await lane.begin();
  expect(await lane.attempt(sets(table, remove(table, '1'), update(table, '2', '2', 'x', '1')))).toBe(true);
  await lane.truncate([{ table, ranges: [{ lower: ['3'], upper: null }] }]);
  await lane.commit([]);
  expect(await fixture.all(table)).toEqual(['2|x|1']);
});

test('ranges of a table are emptied within the transaction, and the rest stays', async () => {
  const table = await items();
  await lane.begin();
  await lane.truncate([
    {
      table,
      ranges: [
        { lower: null, upper: ['2'] },
        { lower: ['3'], upper: null },
      ],
    },
  ]);
  expect(await fixture.all(table)).toHaveLength(3);
  await lane.commit([]);
  expect(await fixture.all(table)).toEqual(['2|two|2']);
  await lane.begin();
  await lane.replay([{ op: 'truncate', tables: [table] }], []);
  await lane.commit([]);
  expect(await fixture.all(table)).toEqual([]);
});

test('a table without a key loses exactly as many copies of the very row as it must', async () => {
  const table = await fixture.make(
    [
      ...['A VARCHAR2(5)', 'N NUMBER(9,2)', 'F BINARY_DOUBLE', 'T TIMESTAMP(6)', 'Z TIMESTAMP(6) WITH TIME ZONE'],
      ...['R RAW(5)', 'C CLOB', 'B BLOB', 'J JSON'],
    ],
    [],
  );
  const row = ['a', '0.5', '0.1', MOMENT, `${MOMENT}+00:00`, '01', 'é'.repeat(40_000), 'ff'.repeat(40_000), '{"a":1}'];
  const other = (index: number, value: Value): Value[] => row.map((own, at) => (at === index ? value : own));
  const near = [
    ...[other(0, 'A'), other(0, 'a '), other(1, '0.51'), other(3, '2024-02-29 23:59:59.123457'), other(5, '0100')],
    ...[other(6, 'e'), other(7, 'fe'), other(7, null), other(8, '{"a":2}')],
  ];
  const nothing = row.map(() => null);
  await lane.begin();
  await lane.replay(
    [row, row, row, row, ...near, nothing, nothing].map((values) => insert(table, ...values)),
    [],
  );
  expect(await lane.attempt(sets(table, remove(table, ...row), remove(table, ...row), remove(table, ...nothing)))).toBe(
    true,
  );
  await lane.replay([remove(table, ...row), { op: 'update', table, key: near[0] ?? [], row: other(0, 'b') }], []);
  await lane.commit([]);
  expect(await fixture.rows(`SELECT COUNT(*), COUNT("A") FROM "SHOP"."${table.name}"`)).toEqual(['11|10']);
  expect(await fixture.rows(`SELECT "A" FROM "SHOP"."${table.name}" WHERE "A" IN ('A', 'b')`)).toEqual(['b']);
  await lane.begin();
  await expect(lane.attempt(sets(table, remove(table, ...row), remove(table, ...row)))).rejects.toMatchObject({
    code: 'APPLY.ROW_MISSING',
  });
});

test('a row that was read again is journalled with its position', async () => {
  const table = await items();
  const chunk = (at: string) => ({ key: ['4'], at: position(at) });
  const [set] = sets(table, insert(table, '4', 'four', '4'));
  if (set === undefined) throw new Error('there is a set');
  await lane.begin();
  expect(await lane.attempt([{ ...set, keyChunks: [chunk('5')] }])).toBe(true);
  await lane.replay([], [{ table, chunk: chunk('6') }]);
  await lane.commit([]);
  expect(await fixture.rows(`SELECT "KEY", "AT" FROM "MIGRATE$KEY_CHUNK" WHERE "TABLE_ID" = '${table.id}'`)).toEqual([
    '["4"]|6',
  ]);
});

test('a checkpoint that another runner moved refuses the commit', async () => {
  const table = await items();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  await expect(lane.commit([move('9', 0, 'elsewhere')])).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await lane.close();
  expect(await fixture.all(table)).toHaveLength(3);
});

test('a lease that was taken over refuses the commit', async () => {
  const table = await items();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  await fixture.run('UPDATE "MIGRATE$LEASE" SET "EPOCH" = "EPOCH" + 1');
  await expect(lane.commit([])).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await lane.close();
  await fixture.run('UPDATE "MIGRATE$LEASE" SET "EPOCH" = "EPOCH" - 1');
  expect(await fixture.all(table)).toHaveLength(3);
});

test('a deadlock ends the attempt, and nothing of it is left', async () => {
  const table = await items();
  const other = fixture.session;
  await other.execute(`UPDATE "SHOP"."${table.name}" SET "PRICE" = 7 WHERE "ID" = 2`);
  await lane.begin();
  expect(await lane.attempt(sets(table, update(table, '1', '1', 'x', '1')))).toBe(true);
  const ours = lane.attempt(sets(table, update(table, '2', '2', 'x', '1'))).catch((error: unknown) => error);
  const theirs = other
    .execute(`UPDATE "SHOP"."${table.name}" SET "PRICE" = 7 WHERE "ID" = 1`)
    .catch((error: unknown) => error);
  // Either of the two is given up; the other waits for it to end.
  const first = await Promise.race([ours.then(() => 'ours'), theirs.then(() => 'theirs')]);
  await (first === 'ours' ? lane.close() : other.rollback());
  const [own, foreign] = await Promise.all([ours, theirs]);
  const refused = first === 'ours' ? own : foreign;
  expect(refused).toMatchObject({ code: 'TARGET.TRANSIENT', disposition: 'retry' });
  await other.rollback();
  await lane.close();
  expect(await fixture.all(table)).toEqual(['1|one|1', '2|two|2', '3|three|3']);
});

test.skipIf(REAL_ORACLE !== undefined)(
  'a connection that breaks during COMMIT leaves the outcome unknown',
  async () => {
    const table = await items();
    await lane.begin();
    await lane.attempt(sets(table, remove(table, '1')));
    await fixture.oracle.fault({ pattern: '^COMMIT', moment: 'after', action: 'drop' });
    await expect(lane.commit([])).rejects.toMatchObject({ code: 'TARGET.COMMIT_UNKNOWN', disposition: 'retry' });
    expect(await fixture.all(table)).toHaveLength(2);
    // The next batch has a session of its own.
    await lane.begin();
    await lane.attempt(sets(table, remove(table, '2')));
    await lane.commit([]);
    expect(await fixture.all(table)).toEqual(['3|three|3']);
  },
);

test('what was not committed is gone when the next batch begins', async () => {
  const table = await items();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  await lane.begin();
  await lane.commit([]);
  expect(await fixture.all(table)).toHaveLength(3);
});

test('what was not committed is gone when the lane is closed', async () => {
  const table = await items();
  await lane.begin();
  await lane.attempt(sets(table, remove(table, '1')));
  await lane.close();
  expect(await fixture.all(table)).toHaveLength(3);
  await expect(lane.begin()).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
});
