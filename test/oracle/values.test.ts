// Every type of PostgreSQL, and what only MySQL has, in the columns that Oracle is given for them: what is read back is what the
// source prints, and what a column cannot hold was refused before.

import { Client } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { canonicalOf } from '../../src/convert/canonical.ts';
import { conversionOfForm } from '../../src/convert/forms.ts';
import { oracleConversion } from '../../src/convert/oracle-forms.ts';
import { EMPTY_IS_NULL } from '../../src/databases/conversion.ts';
import { OracleServer } from '../../src/databases/oracle/connection.ts';
import { createTable, Identities } from '../../src/databases/oracle/ddl.ts';
import { RowsOf } from '../../src/databases/oracle/rows.ts';
import { query, raw } from '../../src/databases/oracle/statement.ts';
import { batches } from '../../src/databases/oracle/write/batches.ts';
import { WrittenTables } from '../../src/databases/oracle/write/columns.ts';
import { insertStatement } from '../../src/databases/oracle/write/statements.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Value } from '../../src/model/change.ts';
import type { Column, Table } from '../../src/model/table.ts';
import type { EngineKind } from '../../src/plan/endpoint.ts';
import { TYPE_GROUPS } from '../contract/types-fixture.ts';
import { openPair } from '../fleet/databases.ts';
import type { OracleServer as StandIn } from '../fleet/oracle.ts';
import { openOracle } from '../fleet/oracle-shared.ts';
import { catalog, column, table } from '../unit/catalog-fixture.ts';
import { convert } from '../unit/oracle-catalog-fixture.ts';

let oracle: StandIn;
let server: OracleServer;

beforeAll(async () => {
  oracle = await openOracle({ schemas: ['S'] });
  server = new OracleServer('target', oracle.url);
}, 300_000);
afterAll(async () => {
  await server?.close();
  await oracle?.close();
});

interface Sample {
  /** As the source's catalog calls it. */
  readonly type: string;
  /** As the source hands them out. */
  readonly values: readonly (string | Buffer)[];
}

/** The core's text of a value, as verification compares it. */
function compared(source: Column, value: Value): Value {
  if (value === null || (source.handling?.includes(EMPTY_IS_NULL) === true && /^(\\x)?$/.test(String(value))))
    return null;
  return canonicalOf(source)?.(String(value)) ?? value;
}

/** A table with a column for each sample, after a number; its rows, as they come back; and the types that refused a value. */
async function carried(kind: EngineKind, samples: readonly Sample[], name: string, chosen: object = {}) {
  const columns = [column('id', kind === 'mysql' ? 'int' : 'integer', { notNull: true })];
  columns.push(...samples.map(({ type }, index) => column(`c${index}`, type)));
  const { catalog: found, target } = convert(kind, catalog([table(columns, {}, name)]), { columns: chosen });
  const [source, definition] = [found.tables[0]?.table, target.tables[0]];
  if (source === undefined || definition === undefined) throw new Error('no table');
  const refused = new Set<string>();
  const core = (index: number, value: string | Buffer): Value => {
    const own = source.columns[index + 1]!;
    const printed = kind === 'mysql' ? conversionOfForm(own).print(value) : String(value);
    try {
      if (printed !== null) oracleConversion(definition.table.columns[index + 1]!).read(printed);
    } catch (error) {
      if (!(error instanceof MigrateError) || error.code !== 'TARGET.REFUSED') throw error;
      refused.add(samples[index]!.type);
      return null;
    }
    return printed;
  };
  const most = Math.max(...samples.map(({ values }) => values.length));
  const rows = Array.from({ length: most }, (_, row): readonly Value[] => [
    String(row),
    ...samples.map(({ values }, index) => (values[row] === undefined ? null : core(index, values[row]))),
  ]);
  await written({ ...definition, checks: [] }, rows);
  const shape = new RowsOf(oracleConversion).of(definition.table);
  const answered = await server.use((session) => query(session, shape.select(raw('1 = 1'), ' ORDER BY t."ID"')));
  const columnsOf = (all: readonly (readonly Value[])[]) =>
    samples.map(({ type }, index) => [type, ...all.map((row) => row[index + 1])]);
  return {
    expected: columnsOf(rows.map((row) => row.map((value, index) => compared(source.columns[index]!, value)))),
    found: columnsOf(answered.map((row) => shape.values(row))),
    refused: [...refused].sort(),
  };
}

async function written(definition: Parameters<typeof createTable>[0], rows: readonly (readonly Value[])[]) {
  const { table } = definition as { readonly table: Table };
  await server.use(async (session) => {
    await session.execute(createTable(definition, new Identities({ sequences: [] })));
    const shape = new WrittenTables(oracleConversion).of(table);
    const { text, places } = insertStatement(shape);
    const own = rows.map((row) => places.map((column) => column.own(row[column.index])));
    for (const batch of batches(places, own)) await session.executeMany(text, batch.rows, batch.columns);
    await session.commit();
  });
}

/** The values as PostgreSQL prints them, and its own name for the type. */
async function printed(samples: readonly Sample[]): Promise<readonly Sample[]> {
  // There is none below a real server.
  const pair = oracle.below === '' ? await openPair() : undefined;
  onTestFinished(() => pair?.close());
  const client = new Client({
    connectionString: pair?.sourceUrl ?? oracle.below,
    types: { getTypeParser: () => String },
  });
  await client.connect();
  try {
    await client.query("SET TimeZone = 'UTC'");
    const all: Sample[] = [];
    for (const { type, values } of samples) {
      await client.query(`CREATE TEMP TABLE sample (n serial, v ${type})`);
      for (const value of values) await client.query('INSERT INTO sample (v) VALUES ($1)', [value]);
      const { rows } = await client.query('SELECT v FROM sample ORDER BY n');
      const named = await client.query(
        "SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'sample'::regclass AND attname = 'v'",
      );
      await client.query('DROP TABLE sample');
      all.push({ type: named.rows[0].type, values: rows.map(({ v }) => v) });
    }
    return all;
  } finally {
    await client.end();
  }
}

test('values of PostgreSQL come back as it prints them', async () => {
  const groups = ['Numbers', 'Texts and bytes', 'Dates and times', 'Shapes', 'Network addresses', 'Arrays'];
  const entries = TYPE_GROUPS.filter(({ title }) => groups.includes(title)).flatMap(({ entries }) => entries);
  const samples = await printed(entries.filter(({ since = 15 }) => since <= 15));
  const { expected, found, refused } = await carried('postgres', samples, 'of_postgres');
  expect(found).toEqual(expected);
  expect(refused).toEqual([
    'date',
    'numeric',
    'numeric(5,2)',
    'timestamp with time zone',
    'timestamp without time zone',
  ]);
});

test('values of MySQL come back as the core has them', async () => {
  const { expected, found, refused } = await carried(
    'mysql',
    [
      { type: 'tinyint', values: ['-128', '127'] },
      { type: 'bigint unsigned', values: ['18446744073709551615', '9007199254740993'] },
      { type: 'year', values: ['0000', '2155'] },
      { type: 'decimal(9,9)', values: ['0.123456789', '-0.000000001', '0.100000000'] },
      { type: 'decimal(65,30)', values: [`-${'9'.repeat(35)}.${'9'.repeat(30)}`] },
      { type: 'float', values: ['3.4028235e38', '1.401298464324817e-45', '-0', '16777216'] },
      { type: 'double', values: ['4.9406564584124654e-324', '-1.5e-15', '12345678901234567890123'] },
      { type: 'bit(1)', values: [Buffer.from([1]), Buffer.from([0])] },
      { type: 'bit(17)', values: [Buffer.from([1, 0, 1]), Buffer.from([0, 0, 0])] },
      { type: 'binary(4)', values: [Buffer.from([0, 255, 0, 0])] },
      { type: 'varbinary(9)', values: [Buffer.alloc(0), Buffer.from([0])] },
      { type: 'longblob', values: [Buffer.alloc(0), Buffer.alloc(40_000, 7)] },
      { type: 'date', values: ['0001-02-03', '9999-12-31'] },
      { type: 'datetime', values: ['1000-01-01 00:00:00'] },
      { type: 'datetime(2)', values: ['2024-02-29 23:59:59.90'] },
      { type: 'timestamp(6)', values: ['2024-02-29 23:59:59.999990'] },
      { type: 'time(6)', values: ['-838:59:58.999999', '838:59:59.000000', '-00:00:00.000001', '00:00:00.000000'] },
      { type: 'char(9)', values: ['', 'äöü😀', ' a'] },
      { type: 'varchar(300)', values: ['', 'a  ', '€'.repeat(300)] },
      { type: 'longtext', values: ['', '€'.repeat(40_000)] },
      { type: "enum('a','b')", values: ['', 'b'] },
      { type: "set('a','b')", values: ['', 'a,b'] },
      { type: 'json', values: ['{"a": 1.0}', '[]'] },
      { type: 'uuid', values: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'] },
    ],
    'of_mysql',
  );
  expect(found).toEqual(expected);
  expect(refused).toEqual([]);
});

test('truth values of 23ai are read and written as the others', async () => {
  const chosen = { 's.truths.c0': 'BOOLEAN', 's.truths.c1': 'BOOLEAN' };
  const samples = [
    { type: 'tinyint(1)', values: ['0', '1'] },
    { type: 'bit(1)', values: [Buffer.from([1]), Buffer.from([0])] },
    { type: 'int', values: ['1', '2', '3'] },
  ];
  const { expected, found, refused } = await carried('mysql', samples, 'truths', chosen);
  expect(found).toEqual(expected);
  expect(refused).toEqual([]);
  await server.use(async (session) => {
    const [first] = await session.query(`SELECT "ID" FROM "S"."TRUTHS" WHERE "C0" = TO_BOOLEAN(:1)`, ['1']);
    expect(first).toEqual(['1']);
  });
});
