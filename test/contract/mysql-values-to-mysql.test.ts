// Every type of PostgreSQL that a run carries, on its way to MySQL: a real server makes the tables that the conversion
// describes, takes each value or refuses it, and gives back what is compared as equal.

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canonicalOf } from '../../src/convert/canonical.ts';
import { conversionOfForm } from '../../src/convert/forms.ts';
import { pairConversion } from '../../src/convert/pair-conversion.ts';
import { readCatalog as readMysqlCatalog } from '../../src/databases/mysql/catalog.ts';
import { MysqlServer as MysqlSessions } from '../../src/databases/mysql/connection.ts';
import { additionsOf, createTable, foreignKeysOf } from '../../src/databases/mysql/ddl.ts';
import { MysqlDigests } from '../../src/databases/mysql/digest.ts';
import { RowsOf } from '../../src/databases/mysql/rows.ts';
import { bytesLiteral, quoteLiteral, quoteName, quoteTable } from '../../src/databases/mysql/sql.ts';
import { castTypeOf } from '../../src/databases/mysql/values.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresDigests } from '../../src/databases/postgres/digest.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Catalog, TableDefinition } from '../../src/model/catalog.ts';
import { keyText } from '../../src/model/change.ts';
import type { Column, Table } from '../../src/model/table.ts';
import { planSchema } from '../../src/plan/plan.ts';
import { openPair, type Pair } from '../fleet/databases.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer } from '../fleet/mysqld.ts';
import { TYPE_GROUPS, USER_TYPES } from './types-fixture.ts';

const ALL = { lower: null, upper: null };
const ENTRIES = TYPE_GROUPS.filter(({ title }) => title !== 'Types of extensions').flatMap(({ entries }) => entries);
/** Arrays and ranges are texts, as those of the other groups are. */
const KEYS = TYPE_GROUPS.filter(({ title }) => /Numbers|Texts|Dates|users/.test(title))
  .flatMap(({ entries }) => entries)
  .filter(({ key, type }) => key && !/\[\]|range|multirange|floats/.test(type));

let mysql: MysqlServer;
let pair: Pair;
let source: PostgresServer;
let target: MysqlSessions;
let client: pg.Client;

beforeAll(async () => {
  mysql = await startMysql();
  target = new MysqlSessions('target', `mysql://root@127.0.0.1:${mysql.port}/`);
  pair = await openPair();
  source = new PostgresServer('source', pair.sourceUrl, 'values');
  client = new pg.Client(pair.sourceUrl);
  await client.connect();
}, 300_000);
afterAll(async () => {
  await client?.end();
  await source?.close();
  await target?.close();
  await pair?.close();
  await mysql?.close();
});

interface Carried {
  readonly catalog: Catalog;
  /** `type value`, or `type key value`, of what is not taken; it is NULL on the source then, or gone. */
  readonly refused: readonly string[];
  readonly told: readonly string[];
}

/** Makes on the target what the source has in a schema, and carries its rows. */
async function carry(schema: string, options: object = {}): Promise<Carried> {
  const conversion = pairConversion('postgres', 'mysql', planSchema.shape.convert.parse(options), castTypeOf);
  const selection = { include: [`${schema}.*`], exclude: [] };
  const described = await source.with('catalog', (session) => readCatalog(session, selection));
  const { catalog, findings } = conversion!.catalog(described);
  const targets = catalog.onTarget?.tables ?? [];
  const refused: string[] = [];
  await target.use(async (session) => {
    await session.query(`CREATE DATABASE ${quoteName(schema)}`);
    for (const [index, definition] of targets.entries()) {
      const { table } = definition;
      await session.query(createTable(definition));
      const rows = await carriedRows(catalog.tables[index]!, definition, refused);
      const columns = table.columns.map(({ name }) => quoteName(name)).join(', ');
      if (rows.length > 0) {
        await session.query(`INSERT INTO ${quoteTable(table)} (${columns}) VALUES ${rows.join(', ')}`);
      }
    }
    for (const definition of targets) {
      for (const { clause } of [...additionsOf(definition), ...foreignKeysOf(definition)]) {
        await session.query(`ALTER TABLE ${quoteTable(definition.table)} ${clause}`);
      }
    }
  });
  const told = findings.map(({ level, code, subject }) => `${level} ${code.replace('PREFLIGHT.', '')} ${subject}`);
  return { catalog, refused: [...new Set(refused)], told };
}

/** As literals of MySQL. */
async function carriedRows(from: TableDefinition, to: TableDefinition, refused: string[]): Promise<readonly string[]> {
  const { schema, name, columns, key } = from.table;
  const names = columns.map((column) => `"${column.name}"`).join(', ');
  const rows = await source.with('rows', (session) => session.query(`SELECT ${names} FROM ${schema}.${name}`));
  const carried: string[] = [];
  for (const row of rows) {
    const literals = to.table.columns.map((column) => literal(column, row[column.name] ?? null));
    const first = `"${columns[0]!.name}"`;
    const where = `WHERE ${first}::text = $1::${columns[0]!.type}::text`;
    for (const [index, column] of columns.entries()) {
      if (literals[index] !== undefined) continue;
      const isKey = key.includes(index);
      refused.push(`${column.type}${isKey ? ' key' : ''} ${row[column.name]}`.slice(0, 80));
      const change = isKey ? `DELETE FROM ${schema}.${name}` : `UPDATE ${schema}.${name} SET "${column.name}" = NULL`;
      await client.query(`${change} ${where}`, [row[columns[0]!.name]]);
    }
    if (!key.some((index) => literals[index] === undefined))
      carried.push(`(${literals.map((one) => one ?? 'NULL').join(', ')})`);
  }
  return carried;
}

/** Undefined when the value is refused. */
function literal(column: Column, text: string | null): string | undefined {
  if (text === null) return 'NULL';
  try {
    const value = conversionOfForm(column).read(text);
    return typeof value === 'string' ? quoteLiteral(value) : bytesLiteral(value);
  } catch (error) {
    if (error instanceof MigrateError && error.code === 'TARGET.REFUSED') return undefined;
    throw error;
  }
}

/** Compares what both sides have, with the digests of a run. */
async function expectEqual({ tables, onTarget }: Catalog): Promise<void> {
  const ours = new PostgresDigests({ server: source, canonicalOf });
  const theirs = new MysqlDigests(target, new RowsOf(conversionOfForm));
  try {
    for (const [index, { table, columns }] of tables.entries()) {
      const other = onTarget!.tables[index]!.table;
      const label = `${table.name} ${columns[0]?.type}`;
      expect(await theirValues(other)).toEqual(await ourValues(table));
      expect([label, await theirs.range(other, ALL)]).toEqual([label, await ours.range(table, ALL)]);
      if (table.identity === 'row') continue;
      const here = await ours.rows(table, ALL, 1_000);
      const found = await theirs.keys(
        other,
        here.map(({ key }) => key),
      );
      expect([label, found]).toEqual([label, new Map(here.map(({ key, digest }) => [keyText(key), digest]))]);
    }
  } finally {
    await ours.close();
  }
}

type Values = ReadonlyMap<string, readonly string[]>;

/** By the type of each column, in no order. */
function valuesOf({ columns }: Table, rows: readonly (readonly (string | Buffer | null)[])[]): Values {
  return new Map(columns.map((column, index) => [column.name, rows.map((row) => String(row[index])).sort()]));
}

async function ourValues(table: Table): Promise<Values> {
  const names = table.columns.map(({ name }) => `"${name}"`).join(', ');
  const rows = await source.with('rows', (session) =>
    session.query(`SELECT ${names} FROM ${table.schema}.${table.name}`),
  );
  const value = (column: Column, text: string | null): string | null =>
    text === null ? null : (canonicalOf(column)?.(text) ?? text);
  return valuesOf(
    table,
    rows.map((row) => table.columns.map((column) => value(column, row[column.name] ?? null))),
  );
}

async function theirValues(table: Table): Promise<Values> {
  const rows = new RowsOf(conversionOfForm).of(table);
  const found = await target.use((session) => session.rows(rows.select('TRUE')));
  return valuesOf(
    table,
    found.map((row) => rows.values(row)),
  );
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

test('every value of every type is the same there, or refused', async () => {
  const columns = ENTRIES.map(({ type }, index) => `c${index} ${type}`);
  const count = Math.max(...ENTRIES.map(({ values }) => values.length));
  const rows = Array.from({ length: count + 1 }, (_, row) => {
    const values = ENTRIES.map(({ type, values, notNull }) =>
      row === count && !notNull ? 'NULL' : `${quoted(values[row % values.length]!)}::${type}`,
    );
    return `(${row}, ${values.join(', ')})`;
  });
  await client.query(`SET search_path = public; ${USER_TYPES}; CREATE SCHEMA v;
    CREATE TABLE v.every (id integer PRIMARY KEY, ${columns.join(', ')}); INSERT INTO v.every VALUES ${rows.join(', ')};
    ${KEYS.map(
      ({ type, values }, index) => `CREATE TABLE v.k${index} (v ${type} PRIMARY KEY);
      INSERT INTO v.k${index} VALUES ${values.map((value) => `(${quoted(type === 'bytea' ? value.slice(0, 400) : value)}::${type})`).join(', ')} ON CONFLICT DO NOTHING;`,
    ).join('')}`);
  const { catalog, refused } = await carry('v');
  await expectEqual(catalog);
  const moments = (zone: string): readonly string[] => [
    `4713-01-01 00:00:00${zone} BC`,
    `294276-12-31 23:59:59.999999${zone}`,
    'infinity',
    '-infinity',
  ];
  const both = (type: string, values: readonly string[]): readonly string[] =>
    values.flatMap((value) => [`${type} ${value}`, `${type} key ${value}`].map((text) => text.slice(0, 80)));
  const numbers = ['NaN', 'Infinity', '-Infinity'];
  const huge = [`1${'0'.repeat(999)}`, `-0.${'0'.repeat(999)}1`];
  expect([...refused].sort()).toEqual(
    [
      ...both('numeric', [...numbers, ...huge]),
      ...both('real', numbers),
      ...both('double precision', numbers),
      ...both('numeric(5,2)', ['NaN']),
      // A key has whole numbers only.
      ...['1.0', '-123456789012345678901234567890.0123456789'].map((value) => `numeric key ${value}`),
      'json {"a":1, "a" : 2}',
      'json 1e400',
      'jsonb 12345678901234567890.12345678901234567890',
      ...both('date', ['4713-01-01 BC', '0044-03-15 BC', '5874897-12-31', 'infinity', '-infinity']),
      ...both('timestamp without time zone', moments('')),
      ...both('timestamp with time zone', moments('+00')),
    ].sort(),
  );
  // MySQL tells of itself what it was asked for.
  const found = await target.use((session) => readMysqlCatalog(session, { include: ['v.*'], exclude: [] }));
  const described = ({ tables }: Catalog) =>
    new Map(
      tables.map(({ table, columns }) => [
        table.name,
        columns.map(({ type, collation, notNull }) => [type, collation, notNull]),
      ]),
    );
  expect(described(found)).toEqual(described(catalog.onTarget!));
});

test('tables with all that belongs to them are made, and say of themselves what they were asked for', async () => {
  await client.query(`SET search_path = public; CREATE SCHEMA shop; SET search_path = shop;
    CREATE TYPE mood AS ENUM ('it''s', 'a,b');
    CREATE TABLE customers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL UNIQUE, mood mood DEFAULT 'a,b',
      code char(5) COLLATE "C" UNIQUE, joined timestamptz NOT NULL DEFAULT now(), day date DEFAULT CURRENT_DATE,
      notes jsonb NOT NULL DEFAULT '{}', ok boolean NOT NULL DEFAULT true, "Odd \\ name" text DEFAULT 'it''s \\ "x"');
    COMMENT ON TABLE customers IS 'it''s \\ theirs'; COMMENT ON COLUMN customers.email IS 'where';
    CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer uuid NOT NULL REFERENCES customers ON DELETE CASCADE,
      parent bigint REFERENCES orders (id), n integer NOT NULL DEFAULT -1 CHECK (n > -5 AND n IN (-1, 1, 2)), price numeric(8,2),
      total numeric(12,2) GENERATED ALWAYS AS (price * n) STORED, label text GENERATED ALWAYS AS (state || '!') STORED,
      state varchar(10) NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'it''s')), CHECK (price BETWEEN 0 AND 9.5 OR price IS NULL));
    CREATE INDEX by_state ON orders (state, price DESC); CREATE UNIQUE INDEX by_label ON orders (label);
    CREATE TABLE serials (a text, b serial UNIQUE);
    INSERT INTO customers (id, email, code) VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Ä@x', 'ab'), ('b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'ä@x', 'AB');
    INSERT INTO orders (customer, n, price, state) VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 2, 1.25, 'it''s');
    INSERT INTO serials VALUES ('x'), ('x')`);
  const { catalog, refused, told } = await carry('shop', {
    columns: {
      'shop.customers.id': 'binary(16)',
      'shop.orders.customer': 'binary(16)',
      'shop.orders.label': 'varchar(11)',
    },
  });
  expect([refused, catalog.notCarried]).toEqual([[], []]);
  expect(told).toEqual([
    'warning CONVERT_KEY_LENGTH shop.customers.email',
    'info CONVERT_VALUES shop.customers',
    'info CONVERT_VALUES shop.customers',
    'info CONVERT_VALUES shop.orders',
  ]);
  await expectEqual(catalog);
  const found = await target.use(async (session) => {
    // Its defaults, checks and numbers work.
    await session.query("INSERT INTO shop.customers (id, email) VALUES (UUID_TO_BIN(UUID()), 'new')");
    await session.query("INSERT INTO shop.orders (customer) SELECT id FROM shop.customers WHERE email = 'new'");
    expect(
      await session.query(
        'SELECT ABS(TIMESTAMPDIFF(SECOND, joined, UTC_TIMESTAMP())) < 60, `Odd \\ name`, mood FROM shop.customers ORDER BY joined DESC LIMIT 1',
      ),
    ).toEqual([['1', 'it\'s \\ "x"', 'a,b']]);
    expect(await session.query('SELECT id, n, total, label FROM shop.orders ORDER BY id')).toEqual([
      ['1', '2', '2.50', "it's!"],
      ['2', '-1', null, 'new!'],
    ]);
    for (const wrong of ['n = 0', "state = 'NEW'", 'price = 9.51']) {
      await expect(session.query(`UPDATE shop.orders SET ${wrong}`)).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
    }
    return readMysqlCatalog(session, { include: ['shop.*'], exclude: [] });
  });
  const asked = catalog.onTarget!;
  const names = (list: readonly { readonly name: string }[]): readonly string[] => list.map(({ name }) => name).sort();
  for (const [index, definition] of found.tables.entries()) {
    const wanted = asked.tables[index]!;
    expect(
      definition.columns.map(({ name, type, collation, notNull, comment }) => [
        name,
        type,
        collation,
        notNull,
        comment,
      ]),
    ).toEqual(
      wanted.columns.map(({ name, type, collation, notNull, comment }) => [name, type, collation, notNull, comment]),
    );
    expect(definition.comment).toBe(wanted.comment);
    expect([names(definition.checks), names(definition.foreignKeys)]).toEqual([
      names(wanted.checks),
      names(wanted.foreignKeys),
    ]);
    // For a foreign key MySQL makes an index by itself.
    const indexes = names([...definition.uniqueConstraints, ...definition.indexes]);
    expect(indexes).toEqual(expect.arrayContaining([...names([...wanted.uniqueConstraints, ...wanted.indexes])]));
    expect(definition.key?.definition).toBe(wanted.key?.definition);
  }
  expect(found.sequences).toEqual(asked.sequences);
});

test('tables of MariaDB are made, and their values are the same there', async () => {
  const mariadb = await startMariadb();
  const from = new MysqlSessions('source', `mysql://root@127.0.0.1:${mariadb.port}/`);
  try {
    const found = await from.use(async (session) => {
      await session.query('CREATE DATABASE m');
      for (const statement of MARIADB) await session.query(statement);
      return readMysqlCatalog(session, { include: ['m.*'], exclude: [] });
    });
    const conversion = pairConversion('mariadb', 'mysql', planSchema.shape.convert.parse({}), castTypeOf)!;
    const { catalog } = conversion.catalog(found);
    expect(catalog.notCarried).toEqual(['default of odd on m.t', 'check odd on m.t']);
    const { table } = catalog.tables[0]!;
    const made = catalog.onTarget!.tables[0]!;
    const rows = new RowsOf(conversion.ofSource!).of(table);
    const values = await from.use((session) => session.rows(rows.select('TRUE')));
    await target.use(async (session) => {
      await session.query('CREATE DATABASE m');
      await session.query(createTable(made));
      for (const { clause } of additionsOf(made)) await session.query(`ALTER TABLE m.t ${clause}`);
      for (const row of values) {
        const literals = rows.values(row).map((value, index) => {
          const read = value === null ? null : conversion.ofTarget!(made.table.columns[index]!).read(value);
          return read === null ? 'NULL' : typeof read === 'string' ? quoteLiteral(read) : bytesLiteral(read);
        });
        const names = made.table.columns.map(({ name }) => quoteName(name)).join(', ');
        await session.query(`INSERT INTO m.t (${names}) VALUES (${literals.join(', ')})`);
      }
    });
    const [here, there] = [
      await new MysqlDigests(from, new RowsOf(conversion.ofSource!)).range(table, ALL),
      await new MysqlDigests(target, new RowsOf(conversion.ofTarget!)).range(made.table, ALL),
    ];
    expect([there, here.rows]).toEqual([here, 2]);
  } finally {
    await from.close();
    await mariadb.close();
  }
});

const MARIADB = [
  `CREATE TABLE m.t (id bigint unsigned PRIMARY KEY AUTO_INCREMENT, a varchar(20) COLLATE utf8mb4_nopad_bin DEFAULT 'it''s \\\\', u uuid DEFAULT uuid(),
     i inet6, n int(9) NOT NULL DEFAULT -1, z int zerofill, at datetime(3) DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3), doc json, b bit(9) DEFAULT b'101',
     bytes varbinary(9), geo point, f float, d double, e enum('a','b\\\\c') DEFAULT 'a', body text COLLATE utf8mb4_general_ci DEFAULT 'x', odd varchar(40) DEFAULT (concat('a', n)),
     twice int GENERATED ALWAYS AS (n * 2) STORED, flag tinyint(1) DEFAULT 1, y year, t time(6),
     CONSTRAINT few CHECK (n > -5 AND e IN ('a', 'b')), CONSTRAINT odd CHECK (json_exists(doc, '$.a') OR doc IS NULL OR TRUE), KEY by_body (body(9)), UNIQUE KEY by_a (a, n))`,
  `INSERT INTO m.t (a, i, z, doc, bytes, geo, f, d, y, t) VALUES ('ü ', '::ffff:1.2.3.4', 7, '{"a":  1, "a": 2}', x'00ff', ST_GeomFromText('POINT(1 2)'), 0.1, 1e23, 2155, '-838:59:58.5')`,
  "INSERT INTO m.t (a) VALUES ('x')",
];
