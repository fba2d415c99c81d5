// Chunks written to Oracle by arrays of rows.

import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConversionOf } from '../../src/databases/conversion.ts';
import type { ChunkBytes } from '../../src/databases/source.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Chunk } from '../../src/model/chunk.ts';
import type { Table } from '../../src/model/table.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { position, WriteFixture } from './write-fixture.ts';

const WHOLE: Chunk = { ordinal: 0, range: { lower: null, upper: null }, at: null, rows: 0 };
const AT = position('5');

let fixture: WriteFixture;

beforeAll(async () => {
  fixture = await WriteFixture.open();
}, 300_000);
afterAll(() => fixture?.close());

function chunkOf(lines: readonly string[], rows = lines.length, block = 1 << 20): ChunkBytes {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const blocks = Array.from({ length: Math.ceil(bytes.length / block) }, (_, at) =>
    bytes.subarray(at * block, (at + 1) * block),
  );
  return { format: 'text', bytes: Readable.from(blocks), rows: () => rows };
}

const items = (...rows: readonly string[]): Promise<Table> =>
  fixture.make(['ID NUMBER(10)', 'V VARCHAR2(20 CHAR)', 'N NUMBER(5,2)'], ['ID'], ...rows);

async function load(table: Table, read: ChunkBytes, conversionOf?: ConversionOf): Promise<number> {
  const loader = fixture.loader(conversionOf);
  try {
    return await loader.load(table, WHOLE, AT, read);
  } finally {
    await loader.close();
  }
}

async function expectNothing(table: Table): Promise<void> {
  expect(await fixture.all(table)).toEqual([]);
  expect(await fixture.chunk(table)).toBe('NULL|0');
}

test('rows and the record of their chunk appear together, behind the closed fence', async () => {
  const table = await items();
  await fixture.closeFence(table);
  await expect(fixture.run(`INSERT INTO "SHOP"."${table.name}" VALUES (9, 'x', 1)`)).rejects.toThrow('ORA-20901');
  expect(await load(table, chunkOf(['1\ta\t1.50', '2\t\\N\t0']))).toBe(2);
  expect(await fixture.all(table)).toEqual(['1|a|1.5', '2|NULL|0']);
  expect(await fixture.chunk(table)).toBe('5|2');
});

test.each([1, 7, 1 << 20])('every text comes as it was, in blocks of %i bytes', async (block) => {
  const table = await fixture.make(['ID NUMBER(5)', 'A CLOB', 'V VARCHAR2(99)', 'B RAW(20)', 'L BLOB'], ['ID']);
  const texts = ['N', '\\N', '\\', '\\\\', 'a\tb\nc\rd\be\ff\vg\\h', '\'"`?:1', '😀é', '\\.', '#', ' '];
  const hexes = ['00', '00ff', '5c0a', '09', '5c4e', '27', 'f09f', '2e', '23', '20'];
  const escapes: Readonly<Record<string, string>> = {
    '\\': '\\\\',
    '\t': '\\t',
    '\n': '\\n',
    '\r': '\\r',
    '\b': '\\b',
    '\f': '\\f',
    '\v': '\\v',
  };
  const escaped = (text: string): string => text.replace(/[\\\t\n\r\b\f\v]/g, (found) => escapes[found] ?? found);
  const lines = texts.map((text, id) => [id, escaped(text), escaped(text), hexes[id], hexes[id]].join('\t'));
  expect(await load(table, chunkOf(lines, lines.length, block))).toBe(texts.length);
  const read = await fixture.session.query(`SELECT * FROM "SHOP"."${table.name}" ORDER BY "ID"`);
  const bytes = (id: number): Buffer => Buffer.from(hexes[id] ?? '', 'hex');
  expect(read).toEqual(texts.map((text, id) => [String(id), text, text, bytes(id), bytes(id)]));
});

test('a chunk of many batches and of large values is written whole', async () => {
  const table = await fixture.make(['ID NUMBER(10)', 'A CLOB', 'B BLOB'], ['ID']);
  const lines = Array.from({ length: 2_500 }, (_, id) =>
    id % 500 === 7 ? `${id}\t${'é'.repeat(40_000)}\t${'ab'.repeat(50_000)}` : `${id}\tsmall\t\\N`,
  );
  expect(await load(table, chunkOf(lines))).toBe(2_500);
  const of = `FROM "SHOP"."${table.name}"`;
  expect(await fixture.rows(`SELECT COUNT(*), SUM("ID"), SUM(LENGTH("A")) ${of}`)).toEqual([
    `2500|${(2_499 * 2_500) / 2}|${5 * 40_000 + 2_495 * 5}`,
  ]);
  const [row] = await fixture.session.query(`SELECT "A", "B" ${of} WHERE "ID" = 1507`);
  expect(row).toEqual(['é'.repeat(40_000), Buffer.alloc(50_000, 0xab)]);
});

test.each([
  ['a key that is there', '7\tsecret\t0', /refused a row: constraint SHOP\.T\d+_PK \(ORA-00001\)$/],
  ['a key that comes twice', '1\tsecret\t0', /refused a row: constraint SHOP\.T\d+_PK \(ORA-00001\)$/],
  [
    'a text that is too long',
    `2\t${'secret'.repeat(9)}\t0`,
    /refused a row: (column SHOP\.T\d+\.V|a value) \(ORA-12899\)$/,
  ],
  ['a number that is out of range', '2\tsecret\t99999', /refused a row: a value \(ORA-01438\)$/],
  ['no number', '2\ta\tsecret', /refused a row: a value \(ORA-01722\)$/],
  ['a NULL that may not be', '\\N\tsecret\t0', /refused a row: column SHOP\.T\d+\.ID \(ORA-01400\)$/],
])('%s stops the load without naming values', async (_, line, what) => {
  const table = await items("7, 'before', 0");
  const failed = await load(table, chunkOf(['1\tgood\t1', line])).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'TARGET.REFUSED', message: expect.stringMatching(what) });
  expect(JSON.stringify([failed, (failed as Error).cause, ((failed as Error).cause as Error).cause])).not.toContain(
    'secret',
  );
  expect(await fixture.all(table)).toEqual(['7|before|0']);
  expect(await fixture.chunk(table)).toBe('NULL|0');
});

test('a value that cannot be converted stops the load', async () => {
  const table = await items();
  const picky: ConversionOf = () => ({
    print: (own) => own,
    read: (text) => {
      if (text === 'Infinity') throw new MigrateError('TARGET.REFUSED', 'column N has a value that is no number');
      return text;
    },
  });
  await expect(load(table, chunkOf(['1\ta\tInfinity']), picky)).rejects.toMatchObject({
    code: 'TARGET.REFUSED',
    message: `${table.id}: column N has a value that is no number`,
  });
  await expectNothing(table);
});

test('fewer rows than the source sent leave nothing', async () => {
  const table = await items();
  await expect(load(table, chunkOf(['1\ta\t1'], 2))).rejects.toMatchObject({ code: 'COPY.ROWS' });
  await expectNothing(table);
});

test('a source that breaks in the middle leaves nothing, and the loader goes on', async () => {
  const table = await items();
  const loader = fixture.loader();
  const bytes = Readable.from(
    (async function* () {
      yield Buffer.from(Array.from({ length: 3_000 }, (_, id) => `${id}\ta\t1\n`).join(''));
      throw new MigrateError('SOURCE.CONNECTION', 'gone');
    })(),
  );
  await expect(loader.load(table, WHOLE, AT, { format: 'text', bytes, rows: () => 1 })).rejects.toMatchObject({
    code: 'SOURCE.CONNECTION',
  });
  await expectNothing(table);
  expect(await loader.load(table, WHOLE, AT, chunkOf(['1\ta\t1']))).toBe(1);
  await loader.close();
});

test('a lease that was taken over refuses the chunk', async () => {
  const table = await items();
  await fixture.run('UPDATE "MIGRATE$LEASE" SET "EPOCH" = "EPOCH" + 1');
  await expect(load(table, chunkOf(['1\ta\t1']))).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await fixture.run('UPDATE "MIGRATE$LEASE" SET "EPOCH" = "EPOCH" - 1');
  await expectNothing(table);
});

test('a chunk that was copied before is refused', async () => {
  const table = await items();
  expect(await load(table, chunkOf(['1\ta\t1']))).toBe(1);
  await expect(load(table, chunkOf(['2\ta\t1']))).rejects.toMatchObject({ code: 'LEASE.LOST' });
  expect(await fixture.all(table)).toEqual(['1|a|1']);
});

test.skipIf(REAL_ORACLE !== undefined)('a COMMIT that took place and was not answered is found out', async () => {
  const table = await items();
  await fixture.oracle.fault({ pattern: '^COMMIT', moment: 'after', action: 'drop' });
  expect(await load(table, chunkOf(['1\ta\t1']))).toBe(1);
  expect(await fixture.all(table)).toEqual(['1|a|1']);
  expect(await fixture.chunk(table)).toBe('5|1');
});

test.skipIf(REAL_ORACLE !== undefined)(
  'a COMMIT that did not take place leaves the outcome to the next try',
  async () => {
    const table = await items();
    const loader = fixture.loader();
    await fixture.oracle.fault({ pattern: '^COMMIT', moment: 'before', action: 'drop' });
    await expect(loader.load(table, WHOLE, AT, chunkOf(['1\ta\t1']))).rejects.toMatchObject({
      code: 'TARGET.COMMIT_UNKNOWN',
      disposition: 'retry',
    });
    await expectNothing(table);
    expect(await loader.load(table, WHOLE, AT, chunkOf(['1\ta\t1']))).toBe(1);
    await loader.close();
  },
);
