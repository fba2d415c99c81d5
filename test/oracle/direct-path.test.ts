// Chunks written by the direct path into tables that stand open, and the fence that comes after them.

import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Made } from '../../src/databases/oracle/made.ts';
import { OpenTables } from '../../src/databases/oracle/open-tables.ts';
import type { SchemaChanges } from '../../src/databases/oracle/schema-session.ts';
import { nameOf } from '../../src/databases/oracle/schema-state.ts';
import type { ChunkBytes } from '../../src/databases/source.ts';
import type { Chunk } from '../../src/model/chunk.ts';
import type { Table } from '../../src/model/table.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { rowsOf } from '../scenario/scene.ts';
import { CLAIM, ID, position, WriteFixture } from './write-fixture.ts';

const AT = position('5');
const MANY = 100;

let fixture: WriteFixture;

beforeAll(async () => {
  fixture = await WriteFixture.open();
}, 300_000);
afterAll(() => fixture?.close());
afterEach(async () => {
  if (REAL_ORACLE === undefined) await rowsOf(fixture.oracle.below, 'UPDATE standin.faults SET remaining = 0');
});

function openTables(): OpenTables {
  const change = <T>(work: (changes: SchemaChanges) => Promise<T>): Promise<T> =>
    fixture.server.use((session) => work({ session, run: () => Promise.reject(new Error('nothing is to be run')) }));
  return new OpenTables({ change, fence: () => ({ id: ID, claim: CLAIM }) });
}

/** A table that was made for the direct path, with as many chunks. */
async function openTable(chunks = 1): Promise<Table> {
  const table = await fixture.make(['ID NUMBER(10)', 'V VARCHAR2(20 CHAR)', 'L CLOB'], ['ID']);
  for (let ordinal = 1; ordinal < chunks; ordinal++) {
    await fixture.run(
      `INSERT INTO "MIGRATE$CHUNK" ("RUN", "TABLE_ID", "ORDINAL") VALUES ('${CLAIM.run}', '${table.id}', ${ordinal})`,
    );
  }
  await fixture.server.use(async (session) => (await Made.read(session, CLAIM, true)).record('OPEN', table));
  return table;
}

const lines = (count: number, from = 0, value = 'small'): readonly string[] =>
  Array.from({ length: count }, (_, id) => `${from + id}\ta\t${value}`);

function bytesOf(rows: readonly string[]): ChunkBytes {
  const bytes = Readable.from(rows.length === 0 ? [] : [Buffer.from(rows.map((row) => `${row}\n`).join(''))]);
  return { format: 'text', bytes, rows: () => rows.length };
}

interface Loading {
  readonly tables?: OpenTables;
  readonly ordinal?: number;
  readonly mostBytes?: number;
}

async function load(table: Table, read: ChunkBytes, { tables = openTables(), ordinal = 0, ...rest }: Loading = {}) {
  const loader = fixture.loader(undefined, undefined, { tables, names: await tables.list(), ...rest });
  const chunk: Chunk = { ordinal, range: { lower: null, upper: null }, at: null, rows: 0 };
  return loader.load(table, chunk, AT, read).finally(() => loader.close());
}

/** Counts what is sent from here on. Only on the stand-in. */
async function counted(pattern: string): Promise<() => Promise<number>> {
  await fixture.oracle.fault({ pattern, action: { seconds: 0 }, times: MANY });
  return async () => {
    const query = `SELECT remaining FROM standin.faults WHERE remaining > 0 AND pattern = '${pattern.replaceAll("'", "''")}'`;
    const [row] = await rowsOf(fixture.oracle.below, query);
    return MANY - Number(row?.[0]);
  };
}

const isRefused = { cause: { errorNum: 20901 } };
const write = (table: Table, id: number): Promise<void> =>
  fixture.run(`INSERT INTO "SHOP"."${table.name}" ("ID", "V") VALUES (${id}, 'theirs')`);
const count = async (table: Table): Promise<number> =>
  Number((await fixture.rows(`SELECT COUNT(*) FROM "SHOP"."${table.name}"`))[0]);

const DIRECT = String.raw`^INSERT /\*\+ APPEND_VALUES \*/ INTO "SHOP"`;
const CONVENTIONAL = '^INSERT INTO "SHOP"';

test.skipIf(REAL_ORACLE !== undefined)('the rows of a chunk are one statement of the direct path', async () => {
  const table = await openTable(2);
  const [direct, conventional] = [await counted(DIRECT), await counted(CONVENTIONAL)];
  expect(await load(table, bytesOf(lines(3_000)))).toBe(3_000);
  expect([await direct(), await conventional()]).toEqual([1, 0]);
  expect(await count(table)).toBe(3_000);
});

test.skipIf(REAL_ORACLE !== undefined).each([
  ['larger than one statement is given', lines(3_000), { mostBytes: 100_000 }],
  ['with values that not every server takes as they are', lines(2_000, 0, 'é'.repeat(2_001)), {}],
])('a chunk %s goes the conventional way, whole', async (_, rows, loading) => {
  const table = await openTable();
  const [direct, conventional] = [await counted(DIRECT), await counted(CONVENTIONAL)];
  expect(await load(table, bytesOf(rows), loading)).toBe(rows.length);
  expect(await direct()).toBe(0);
  expect(await conventional()).toBeGreaterThan(1);
  expect(await count(table)).toBe(rows.length);
  await expect(write(table, 9_999)).rejects.toMatchObject(isRefused);
});

test.skipIf(REAL_ORACLE !== undefined)('a table that is closed is written the conventional way', async () => {
  const table = await openTable();
  await fixture.closeFence(table);
  const direct = await counted(DIRECT);
  expect(await load(table, bytesOf(lines(10)))).toBe(10);
  expect(await direct()).toBe(0);
});

test('a table is closed with its last chunk, and its record goes', async () => {
  const table = await openTable(2);
  await load(table, bytesOf(lines(10)));
  await write(table, 100);
  await fixture.run(`DELETE FROM "SHOP"."${table.name}" WHERE "ID" = 100`);
  expect(await load(table, bytesOf(lines(10, 10)), { ordinal: 1 })).toBe(10);
  await expect(write(table, 100)).rejects.toMatchObject(isRefused);
  expect((await openTables().list()).has(nameOf(table))).toBe(false);
  expect((await fixture.server.use((session) => Made.read(session, CLAIM, false))).has('OPEN', table)).toBe(false);
});

test('a chunk without rows closes its table', async () => {
  const table = await openTable();
  expect(await load(table, bytesOf([]))).toBe(0);
  await expect(write(table, 1)).rejects.toMatchObject(isRefused);
});

test('rows of somebody else are told once the table is closed, each time again until they are gone', async () => {
  const table = await openTable();
  await write(table, 100);
  const told = {
    code: 'TARGET.REFUSED',
    message: `target: ${table.id} has 11 rows where 10 were copied: somebody wrote to it before it was closed`,
    fix: expect.stringContaining(`migrate table copy ${table.id}`),
  };
  await expect(load(table, bytesOf(lines(10)))).rejects.toMatchObject(told);
  await expect(write(table, 101)).rejects.toMatchObject(isRefused);
  await expect(openTables().close([table])).rejects.toMatchObject(told);
  await fixture.run(`TRUNCATE TABLE "SHOP"."${table.name}"`, `UPDATE "MIGRATE$CHUNK" SET "ROWS" = 0`);
  await openTables().close([table]);
});

test('who reads the next chunk waits for the one that is being written, without an open transaction', async () => {
  const [table, other] = [await openTable(2), await openTable()];
  const tables = openTables();
  let release = (): void => undefined;
  const writing = tables.inTurn(table, () => new Promise<void>((resolve) => (release = resolve)));
  const read = bytesOf(lines(10));
  const ended = new Promise((resolve) => read.bytes.once('close', resolve));
  const waiting = load(table, read, { tables });
  await ended;
  expect(await load(other, bytesOf(lines(10)), { tables })).toBe(10);
  expect(await count(table)).toBe(0);
  // As a takeover does.
  await fixture.run('LOCK TABLE "MIGRATE$LEASE" IN EXCLUSIVE MODE NOWAIT');
  release();
  await writing;
  expect(await waiting).toBe(10);
  expect(await count(table)).toBe(10);
});
