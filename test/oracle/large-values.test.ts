// Large values are copied, followed and compared as any other. What arrived is read from PostgreSQL below the stand-in.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collapse } from '../../src/apply/collapse.ts';
import { OracleDigests } from '../../src/databases/oracle/digest.ts';
import { RowsOf } from '../../src/databases/oracle/rows.ts';
import { RangeSum, rowDigest } from '../../src/databases/row-text.ts';
import type { LoggedValue, RowChange, Value } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import { withClient } from '../fleet/databases.ts';
import { largeBytes, largeConversion, largeText } from '../fleet/large-values.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { position, WriteFixture } from './write-fixture.ts';

const SIZE = 100_000_000;
/** Everything goes through a translation of the stand-in. */
const TEXT_SIZE = 30_000_000;
const WHOLE = { lower: null, upper: null };
const MOST_MS = 120_000;
const UNCHANGED: LoggedValue = undefined;

let fixture: WriteFixture;

beforeAll(async () => {
  fixture = await WriteFixture.open();
}, 300_000);
afterAll(() => fixture?.close());

const escaped = (text: Buffer): string => text.toString().replace(/[\\\t\n]/g, (one) => ESCAPES[one] ?? one);
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n' };
/** Small bytes are texts in the core. */
function sha256(value: Value): string | null {
  if (value === null) return null;
  const isHex = typeof value === 'string' && value.startsWith('\\x');
  return createHash('sha256')
    .update(isHex ? Buffer.from(value.slice(2), 'hex') : value)
    .digest('hex');
}

async function apply(table: Table, from: string, to: string, ...changes: readonly RowChange[]): Promise<void> {
  const set = collapse(table, changes);
  if (set === undefined) throw new Error('these changes can be collapsed');
  const lane = fixture.lane(largeConversion);
  await lane.begin();
  expect(await lane.attempt([set])).toBe(true);
  await lane.commit([{ lane: 0, from: position(from), position: position(to), changes: changes.length }]);
  await lane.close();
}

async function expectRows(table: Table, rows: readonly (readonly Value[])[]): Promise<void> {
  const sum = new RangeSum();
  for (const row of rows) sum.add(rowDigest(row));
  const digests = new OracleDigests(fixture.server, new RowsOf(largeConversion));
  expect(await digests.range(table, WHOLE)).toEqual(sum.total);
  if (REAL_ORACLE !== undefined) return;
  const below = `SELECT id, n, encode(sha256(b), 'hex') AS b, encode(sha256(convert_to(c, 'UTF8')), 'hex') AS c
    FROM shop.${table.name} ORDER BY id`;
  const found = await withClient(fixture.oracle.below, (client) => client.query(below));
  expect(found.rows).toEqual(rows.map(([id, n, b, c]) => ({ id, n, b: sha256(b ?? null), c: sha256(c ?? null) })));
}

test('a BLOB of 100 MB and a CLOB of 30 MB are copied, changed and compared, and their rows are deleted', async () => {
  const table = await fixture.make(['ID NUMBER(10)', 'N VARCHAR2(20 CHAR)', 'B BLOB', 'C CLOB'], ['ID']);
  const [bytes, text] = [largeBytes(SIZE), largeText(TEXT_SIZE)];
  const lines = [
    `1\tone\t\\\\x${bytes.toString('hex')}\tsmall\n`,
    `2\ttwo\t\\\\x00ff\t${escaped(text)}\n`,
    `3\tthree\t\\\\x${'ab'.repeat(1_000_000)}\t\\N\n`,
  ];
  const read = { format: 'text', bytes: Readable.from(lines.map((line) => Buffer.from(line))), rows: () => 3 } as const;
  const loader = fixture.loader(largeConversion, MOST_MS);
  expect(await loader.load(table, { ordinal: 0, range: WHOLE, at: null, rows: 0 }, position('5'), read)).toBe(3);
  await loader.close();
  const third = ['3', 'three', Buffer.alloc(1_000_000, 0xab), null];
  const second = ['2', 'two', '\\x00ff', text.toString()];
  await expectRows(table, [['1', 'one', bytes, 'small'], second, third]);

  const other = Buffer.from(bytes).reverse();
  await apply(table, '1', '6', { op: 'update', table, key: ['1'], row: ['1', UNCHANGED, other, UNCHANGED] });
  await apply(table, '6', '7', { op: 'update', table, key: ['2'], row: ['2', 'changed', UNCHANGED, UNCHANGED] });
  await apply(table, '7', '8', { op: 'delete', table, key: ['3'] });
  await expectRows(table, [
    ['1', 'one', other, 'small'],
    ['2', 'changed', '\\x00ff', text.toString()],
  ]);
  await apply(table, '8', '9', { op: 'delete', table, key: ['1'] }, { op: 'delete', table, key: ['2'] });
  await expectRows(table, []);
}, 300_000);
