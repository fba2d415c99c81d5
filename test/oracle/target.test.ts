// What changes the tables of an Oracle target under way, with the journal: joined, given columns, emptied, measured.

import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unconverted } from '../../src/databases/conversion.ts';
import { OracleJournal } from '../../src/databases/oracle/journal/journal.ts';
import { OracleTarget } from '../../src/databases/oracle/target.ts';
import type { Position } from '../../src/model/position.ts';
import { type TableId, tableId } from '../../src/model/table.ts';
import { CLAIM, catalog, ID, named, RUN, SchemaFixture, table } from './schema-fixture.ts';

const HERE = 'here' as Position;
const A = table(
  'SHOP',
  'A',
  [
    { name: 'ID', type: 'NUMBER(10)' },
    { name: 'N', type: 'NUMBER(10)' },
  ],
  { indexes: [named('A_N', 'CREATE INDEX "SHOP"."A_N" ON "SHOP"."A" ("N")')] },
);
const B = table('SALES', 'B', [{ name: 'ID', type: 'NUMBER(10)' }]);

describe.each([false, true])('Oracle, with the direct path: %s', (directPath) => {
  let db: SchemaFixture;
  let target: OracleTarget;
  let journal: OracleJournal;
  beforeAll(async () => {
    db = await SchemaFixture.open('SHOP', 'SALES');
    target = new OracleTarget({
      server: db.server,
      id: ID,
      claim: () => CLAIM,
      conversionOf: unconverted,
      networkTimeoutMs: 30_000,
      builders: 2,
      connections: 10,
      existing: false,
      directPath,
    });
    journal = new OracleJournal(db.server, RUN, () => CLAIM);
    await journal.create({
      name: RUN,
      id: ID,
      planHash: 'hash',
      planFields: {},
      sourceIdentity: 's',
      targetIdentity: 't',
      catalog: catalog([A]),
      fingerprint: 'before',
      lanes: 2,
    });
    await journal.tables.plan(A.table.id, []);
    await journal.tables.openLanes(HERE);
  });
  afterAll(async () => {
    await journal?.close();
    await db?.close();
  });

  const load = async (): Promise<number> => {
    const loader = await target.loader();
    const chunk = { ordinal: 0, range: { lower: null, upper: null }, at: null, rows: 0 };
    const bytes = { format: 'text', bytes: Readable.from([Buffer.from('1\t2\n3\t4\n')]), rows: () => 2 } as const;
    return loader.load(A.table, chunk, HERE, bytes).finally(() => loader.close());
  };
  const rows = () => db.session.query('SELECT * FROM "SHOP"."A" ORDER BY 1');
  const copied = async (id: TableId): Promise<readonly unknown[]> =>
    (await journal.tables.list()).find((each) => each.id === id)?.chunks.map(({ at }) => at) ?? [];

  test('a table is made, filled, emptied, filled again, and given columns that the journal knows', async () => {
    await target.create(catalog([A]));
    expect(await load()).toBe(2);
    await target.reveal(catalog([A]));
    await expect(db.session.execute('DELETE FROM "SHOP"."A"')).rejects.toMatchObject({ cause: { errorNum: 20901 } });
    expect(await copied(A.table.id)).toEqual([HERE]);
    await target.empty([A.table]);
    expect(await rows()).toEqual([]);
    expect(await copied(A.table.id)).toEqual([null]);
    expect(await load()).toBe(2);
    const [, column] = A.columns;
    if (column === undefined) throw new Error('not there');
    const record = { catalog: catalog([A]), fingerprint: 'after' };
    const added = [{ table: A.table, column: { ...column, name: 'LATE', comment: null } }];
    await target.addColumns(added, record);
    await target.addColumns(added, record);
    expect(await rows()).toEqual([
      ['1', '2', null],
      ['3', '4', null],
    ]);
    expect(await journal.load()).toMatchObject({ fingerprint: 'after' });
  });

  test('a table that joins is closed, and part of the run that the journal has', async () => {
    const joined = { catalog: catalog([A, B]), fingerprint: 'joined', names: [B.table] };
    await target.join(catalog([B]), joined);
    await expect(db.session.execute('INSERT INTO "SALES"."B" VALUES (1)')).rejects.toMatchObject({
      cause: { errorNum: 20901 },
    });
    expect(await journal.load()).toMatchObject({ fingerprint: 'joined', added: [{ name: 'B', schema: 'SALES' }] });
    expect((await journal.tables.list()).map((each) => each.id).toSorted()).toEqual(
      [B.table.id, A.table.id].toSorted(),
    );
  });

  test('what is measured stands beside the run: tables, checkpoints and lease of its own, and nothing is left', async () => {
    const { scratch } = target;
    const look = await scratch.look();
    expect(look.checkpoints.map(({ position }) => position)).toEqual([HERE, HERE]);
    expect(await look.rows(A.table, [['3'], ['5']], 1_000)).toEqual([['3', '4']]);
    await expect(look.rows(A.table, [['3']], 1)).rejects.toMatchObject({ code: 'TUNE.NOT_NOW' });
    await look.close();
    const reserved = await scratch.reserve();
    await expect(scratch.reserve()).rejects.toMatchObject({ code: 'TUNE.NOT_NOW' });
    await reserved.close();
    const before = await db.objects('MIGRATE');
    const standIn = { ...A.table, id: tableId('x', 't0'), schema: scratch.schema, name: 't0' };
    await scratch.make([{ table: standIn, like: A.table }], 2, HERE);
    await scratch.make([{ table: standIn, like: A.table }], 2, HERE);
    const lane = await scratch.lane();
    await lane.begin();
    const sets = [{ table: standIn, deletes: [], updates: [], inserts: [['7', '8']], keyChunks: [] }];
    expect(await lane.attempt(sets)).toBe(true);
    await lane.commit([{ lane: 0, from: HERE, position: 'there' as Position, changes: 1 }]);
    await lane.begin();
    // Its key is unique as that of the table it is like.
    expect(await lane.attempt(sets)).toBe(false);
    await lane.close();
    expect(await target.reached()).toMatchObject([{ position: HERE }, { position: HERE }]);
    expect(await rows()).toHaveLength(2);
    expect(await scratch.drop()).toBe(true);
    expect(await scratch.drop()).toBe(false);
    expect(await db.objects('MIGRATE')).toEqual(before);
  });

  test('a table that is copied again is emptied, and gets a lane of its own', async () => {
    await target.setApart(catalog([A]), [A.table], HERE);
    expect(await rows()).toEqual([]);
    expect(await target.checkpoints()).toHaveLength(3);
  });
});
