import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { readFingerprint } from '../../src/databases/postgres/fingerprint.ts';
import { isCopiedAsText, ridesAsText } from '../../src/databases/postgres/types.ts';
import type { Catalog, TableDefinition } from '../../src/model/catalog.ts';
import { ALL, type CatalogFixture, openCatalogFixture, sql, withFixture } from './catalog-fixture.ts';

const SCHEMA = `
CREATE SCHEMA shop;
CREATE SCHEMA "Odd ""one""";
CREATE TYPE shop.mood AS ENUM ('sad', 'it''s ok', 'happy');
ALTER TYPE shop.mood ADD VALUE 'so so' BEFORE 'happy';
CREATE TYPE shop.unused AS ENUM ('a');
CREATE DOMAIN shop.positive AS int CHECK (value > 0);
CREATE SEQUENCE shop.ticket START 500 INCREMENT BY -5 MINVALUE -100 MAXVALUE 1000 CACHE 7 CYCLE;
CREATE TABLE shop.people (
  gone int,
  id bigint GENERATED ALWAYS AS IDENTITY (START WITH 10 CACHE 3),
  tenant varchar(20) COLLATE "C" NOT NULL,
  mood shop.mood DEFAULT 'happy',
  moods shop.mood[],
  tags text[],
  code char(3), flags bit(4), amount numeric(12,2) DEFAULT 0.00, at timestamptz(3),
  email text UNIQUE,
  CONSTRAINT people_key PRIMARY KEY (tenant, id),
  CONSTRAINT amount_positive CHECK (amount >= 0)
);
ALTER TABLE shop.people DROP COLUMN gone;
ALTER TABLE shop.people ADD CONSTRAINT later CHECK (code <> 'no') NOT VALID;
CREATE UNIQUE INDEX people_lower ON shop.people (lower(email)) WHERE email IS NOT NULL;
CREATE TABLE "Odd ""one"""."Order" (
  "Select" serial PRIMARY KEY,
  tenant varchar(20), person bigint,
  "number" int DEFAULT nextval('shop.ticket'),
  EXCLUDE USING btree (person WITH =),
  CONSTRAINT buyer FOREIGN KEY (tenant, person) REFERENCES shop.people DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE shop.keyless (v int);
CREATE TABLE shop.parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE VIEW shop.happy AS SELECT id FROM shop.people;
CREATE FUNCTION shop.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON shop.people FOR EACH ROW EXECUTE FUNCTION shop.f();
GRANT SELECT ON shop.people TO PUBLIC;
`;

let fixture: CatalogFixture;
let catalog: Catalog;

beforeAll(async () => {
  fixture = await openCatalogFixture();
  await sql(fixture.source, SCHEMA);
  catalog = await readCatalog(fixture.source, ALL);
});
afterAll(() => fixture.close());

function table(id: string): TableDefinition {
  const found = catalog.tables.find((definition) => definition.table.id === id);
  if (found === undefined) throw new Error(`no table ${id}`);
  return found;
}

test('tables come in order of their names, and those without rows of their own apart', () => {
  expect(catalog.tables.map((definition) => definition.table.id)).toEqual([
    '"Odd ""one"""."Order"',
    'shop.keyless',
    'shop.people',
  ]);
  expect(catalog.parents.map((definition) => definition.table.id)).toEqual(['shop.parts']);
});

test('the columns of a table are those that are stored, in order, and its key points into them', () => {
  const { table: people } = table('shop.people');
  expect(people.columns.map(({ name }) => name)).toEqual([
    'id',
    'tenant',
    'mood',
    'moods',
    'tags',
    'code',
    'flags',
    'amount',
    'at',
    'email',
  ]);
  expect(people.key.map((index) => people.columns[index]?.name)).toEqual(['tenant', 'id']);
});

test('a type is named in full, and without its length for casts', () => {
  const types = table('shop.people').table.columns.map(({ type, castType }) => [type, castType]);
  expect(types).toEqual([
    ['bigint', 'bigint'],
    ['character varying(20)', 'character varying'],
    ['shop.mood', 'shop.mood'],
    ['shop.mood[]', 'shop.mood[]'],
    ['text[]', 'text[]'],
    ['character(3)', 'bpchar'],
    ['bit(4)', '"bit"'],
    ['numeric(12,2)', 'numeric'],
    ['timestamp(3) with time zone', 'timestamp with time zone'],
    ['text', 'text'],
  ]);
});

test('only the binary form of arrays of own types belongs to one server', () => {
  const { columns } = table('shop.people').table;
  expect(columns.filter(isCopiedAsText).map(({ name }) => name)).toEqual(['moods']);
  expect(columns.filter(ridesAsText).map(({ name }) => name)).toEqual(['moods', 'tags']);
});

test('defaults, collations, identity and nullability are read as the source prints them', () => {
  const people = table('shop.people').columns;
  expect(people[0]).toMatchObject({ identity: 'always', notNull: true, defaultExpression: null });
  expect(people[1]).toMatchObject({ collation: 'pg_catalog."C"', notNull: true });
  expect(people[2]).toMatchObject({ defaultExpression: "'happy'::shop.mood", notNull: false, collation: null });
  const order = table('"Odd ""one"""."Order"').columns;
  expect(order[3]?.defaultExpression).toBe("nextval('shop.ticket'::regclass)");
});

test('constraints and indexes are told apart, and their texts are qualified', () => {
  const people = table('shop.people');
  expect(people.key).toMatchObject({ name: 'people_key', kind: 'constraint', definition: 'PRIMARY KEY (tenant, id)' });
  expect(people.checks.map(({ name }) => name)).toEqual(['amount_positive', 'later']);
  expect(people.uniqueConstraints).toMatchObject([{ name: 'people_email_key', definition: 'UNIQUE (email)' }]);
  expect(people.indexes).toMatchObject([
    {
      name: 'people_lower',
      definition:
        'CREATE UNIQUE INDEX people_lower ON shop.people USING btree (lower(email)) WHERE (email IS NOT NULL)',
    },
  ]);
  const order = table('"Odd ""one"""."Order"');
  expect(order.uniqueConstraints.map(({ definition }) => definition)).toEqual(['EXCLUDE USING btree (person WITH =)']);
  expect(order.foreignKeys[0]?.definition).toBe(
    'FOREIGN KEY (tenant, person) REFERENCES shop.people(tenant, id) DEFERRABLE INITIALLY DEFERRED',
  );
});

test('enums keep the order of their labels, and those no column uses are not carried', () => {
  expect(catalog.types).toEqual([
    { kind: 'enum', schema: 'shop', name: 'mood', comment: null, labels: ['sad', "it's ok", 'so so', 'happy'] },
  ]);
});

test('sequences come with their limits and their owners', () => {
  expect(catalog.sequences.map(({ name, owner }) => [name, owner?.table, owner?.column, owner?.identity])).toEqual([
    ['Order_Select_seq', '"Odd ""one"""."Order"', 'Select', false],
    ['people_id_seq', 'shop.people', 'id', true],
    ['ticket', undefined, undefined, undefined],
  ]);
  expect(catalog.sequences[2]).toMatchObject({
    schema: 'shop',
    type: 'bigint',
    start: '500',
    increment: '-5',
    minimum: '-100',
    maximum: '1000',
    cache: '7',
    cycle: true,
  });
  expect(catalog.schemas).toEqual(['Odd "one"', 'shop']);
});

test('what is not carried is named', () => {
  expect(catalog.notCarried).toEqual([
    'function shop.f()',
    'privileges on shop.people',
    'trigger touched on shop.people',
    'unused domain shop.positive',
    'unused enum shop.unused',
    'view shop.happy',
  ]);
});

test('a selection takes globs over schema and name, and an exclude wins', async () => {
  const ids = async (include: string[], exclude: string[] = []): Promise<string[]> =>
    (await readCatalog(fixture.source, { include, exclude })).tables.map((definition) => definition.table.id);
  expect(await ids(['shop.*'])).toEqual(['shop.keyless', 'shop.people']);
  expect(await ids(['*.?rder'])).toEqual(['"Odd ""one"""."Order"']);
  expect(await ids(['Odd "one".*', 'shop.peopl?'])).toHaveLength(2);
  expect(await ids(['*'], ['shop.pe*'])).toEqual(['"Odd ""one"""."Order"', 'shop.keyless']);
  expect(await ids(['pg_catalog.*', 'information_schema.*', 'shop.people_', 'shop.peopl.'])).toEqual([]);
});

test('a sequence that a default calls is carried although it lies elsewhere', async () => {
  const found = await readCatalog(fixture.source, { include: ['Odd*'], exclude: [] });
  expect(found.sequences.map(({ name, owner }) => [name, owner === null])).toEqual([
    ['Order_Select_seq', false],
    ['ticket', true],
  ]);
  expect(found.schemas).toEqual(['Odd "one"', 'shop']);
});

test('the tables of schema migrate are never selected', () =>
  withFixture(async ({ source }) => {
    await sql(source, 'CREATE SCHEMA migrate; CREATE TABLE migrate.run (id int PRIMARY KEY)');
    expect((await readCatalog(source, { include: ['*', 'migrate.*'], exclude: [] })).tables).toEqual([]);
  }));

const CHANGES: readonly (readonly [string, string])[] = [
  ['a column is added', 'ALTER TABLE t ADD COLUMN extra int'],
  ['a column is dropped', 'ALTER TABLE t DROP COLUMN note'],
  ['a column is dropped and made again', 'ALTER TABLE t DROP COLUMN note; ALTER TABLE t ADD COLUMN note varchar(10)'],
  ['a column is renamed', 'ALTER TABLE t RENAME note TO remark'],
  ['a column gets another type', 'ALTER TABLE t ALTER note TYPE text'],
  ['a column gets another length', 'ALTER TABLE t ALTER note TYPE varchar(20)'],
  ['a column becomes NOT NULL', 'ALTER TABLE t ALTER note SET NOT NULL'],
  ['the key is changed', 'ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (other)'],
  ['the table is dropped', 'DROP TABLE t'],
  ['the table is dropped and made again', `DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY)`],
  ['the table is renamed', 'ALTER TABLE t RENAME TO u'],
  ['a new table matches the selection', 'CREATE TABLE fresh (id int PRIMARY KEY)'],
  ['a partition comes that is not selected', 'CREATE TABLE far.part PARTITION OF p FOR VALUES IN (2)'],
  ['a partition goes', 'ALTER TABLE p DETACH PARTITION p1'],
  ['a partition gets other bounds', 'ALTER TABLE p DETACH PARTITION p1; ALTER TABLE p ATTACH PARTITION p1 DEFAULT'],
  ['a table gets an heir that is not selected', 'CREATE TABLE far.heir () INHERITS (t)'],
  ['a generated column becomes a plain one', 'ALTER TABLE t ALTER g DROP EXPRESSION'],
  ['an enum gets a label', "ALTER TYPE mood ADD VALUE 'so so'"],
];

test.each(CHANGES)('the fingerprint is another when %s', (_, change) =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; CREATE TYPE mood AS ENUM ('a');
       CREATE TABLE t (id int PRIMARY KEY, other int NOT NULL, note varchar(10), mood mood,
                       g int GENERATED ALWAYS AS (other) STORED);
       CREATE SCHEMA far; CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id);
       CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)`,
    );
    const selection = { include: ['public.*'], exclude: [] };
    const before = await readFingerprint(source, selection);
    await sql(source, change);
    expect(await readFingerprint(source, selection)).not.toBe(before);
  }),
);

test('the fingerprint stays when rows, indexes, triggers, publications and other tables change', () =>
  withFixture(async ({ source }) => {
    await sql(source, 'SET search_path = public; CREATE TABLE t (id int PRIMARY KEY, note text)');
    const selection = { include: ['public.*'], exclude: ['public.other'] };
    const before = await readFingerprint(source, selection);
    await sql(
      source,
      `CREATE TABLE other (id int PRIMARY KEY); INSERT INTO t VALUES (1, 'x'); CREATE INDEX ON t (note);
       CREATE PUBLICATION p FOR TABLE t; TRUNCATE t; CREATE VIEW v AS SELECT 1; ALTER TABLE t REPLICA IDENTITY FULL`,
    );
    expect(await readFingerprint(source, selection)).toBe(before);
  }));
