import { expect, test } from 'vitest';
import { sql, withFixture } from './catalog-fixture.ts';
import { codes, findingsOf, only, pasteIntoPlan } from './check-fixture.ts';

const SELECTION = { include: ['public.*'], exclude: [] };

test('a plain schema has no error', () =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; CREATE TYPE mood AS ENUM ('a');
       CREATE TABLE p (id int PRIMARY KEY);
       CREATE TABLE t (id int PRIMARY KEY REFERENCES p, m mood, ms mood[], n numeric(9,2)[]);
       CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
       CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE p REPLICA IDENTITY FULL`,
    );
    const findings = await findingsOf(source, SELECTION);
    expect(codes(findings)).toEqual([]);
    expect(findings.filter(({ level }) => level === 'info').map(({ subject }) => subject)).toEqual([
      'function',
      'trigger',
    ]);
  }));

/** code, subject, what provokes it */
const CURED_BY_SQL: readonly (readonly [string, string, string])[] = [
  ['NO_KEY', 'public.t', 'CREATE TABLE t (a int NOT NULL, b int)'],
  [
    'NO_KEY',
    'public.t',
    'CREATE TABLE t (a int NOT NULL, "B" int NOT NULL, c int); CREATE UNIQUE INDEX ON t ("B", a) INCLUDE (c); CREATE UNIQUE INDEX ON t (c)',
  ],
  ['REPLICA_IDENTITY', 'public.t', 'CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY NOTHING'],
  [
    'REPLICA_IDENTITY',
    'public.t',
    'CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL UNIQUE); ALTER TABLE t REPLICA IDENTITY USING INDEX t_u_key',
  ],
  ['REPLICA_IDENTITY', 'public.t', 'CREATE TABLE t (id int PRIMARY KEY DEFERRABLE)'],
  ['UNLOGGED', 'public.t', 'CREATE UNLOGGED TABLE t (id int PRIMARY KEY)'],
  [
    'GENERATED_COLUMN',
    'public.t.G',
    'CREATE TABLE t (id int PRIMARY KEY, "G" int GENERATED ALWAYS AS (id * 2) STORED)',
  ],
];

test.each(CURED_BY_SQL)('%s on %s is found, and gone when its SQL was run (%s)', (code, subject, schema) =>
  withFixture(async ({ source }) => {
    await sql(source, `SET search_path = public; ${schema}; SET search_path = pg_catalog`);
    const finding = only(await findingsOf(source, SELECTION), code, subject);
    expect(finding.level).toBe('error');
    await sql(source, finding.cure ?? '');
    expect(codes(await findingsOf(source, SELECTION))).toEqual([]);
  }),
);

const CURED_BY_PLAN: readonly (readonly [string, string, string])[] = [
  ['PARTITIONED', 'public.t', 'CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)'],
  [
    'FOREIGN_TABLE',
    'public.t',
    'CREATE EXTENSION postgres_fdw SCHEMA pg_catalog; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE t (id int) SERVER s',
  ],
  ['INHERITED', 'public.t', 'CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA x; CREATE TABLE x.u () INHERITS (t)'],
  ['ROW_SECURITY', 'public.t', 'CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ENABLE ROW LEVEL SECURITY'],
  ['RULE', 'public.t', 'CREATE TABLE t (id int PRIMARY KEY); CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING'],
  ['TYPED_TABLE', 'public.t', 'CREATE TYPE c AS (id int); CREATE TABLE t OF c (PRIMARY KEY (id))'],
  ['GENERATED_COLUMN', 'public.t.g', 'CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) VIRTUAL)'],
  [
    'KEY_COLLATION',
    'public.t.k',
    "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE TABLE t (n int, k text COLLATE ci, PRIMARY KEY (n, k))",
  ],
  ['COLUMN_TYPE', 'public.t.d', 'CREATE DOMAIN d AS int; CREATE TABLE t (id int PRIMARY KEY, d d)'],
  ['COLUMN_TYPE', 'public.t.c', 'CREATE TYPE c AS (a int); CREATE TABLE t (id int PRIMARY KEY, c c)'],
  ['COLUMN_TYPE', 'public.t.c', 'CREATE TYPE c AS (a int); CREATE TABLE t (id int PRIMARY KEY, c c[])'],
  ['COLUMN_TYPE', 'public.t.x', 'CREATE TABLE t (id int PRIMARY KEY, x xml)'],
  ['COLUMN_TYPE', 'public.t.o', 'CREATE TABLE t (id int PRIMARY KEY, o oid)'],
  ['COLUMN_TYPE', 'public.t.r', 'CREATE TABLE t (id int PRIMARY KEY, r int4range)'],
];

test.each(CURED_BY_PLAN)('%s on %s is found, and gone when the plan excludes it (%s)', (code, subject, schema) =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; ${schema}; CREATE TABLE fine (id int PRIMARY KEY); SET search_path = pg_catalog`,
    );
    const finding = only(await findingsOf(source, SELECTION), code, subject);
    expect(finding.level).toBe('error');
    const cured = pasteIntoPlan(SELECTION, finding.cure ?? '');
    expect(cured.exclude).toEqual(['public.t']);
    expect(codes(await findingsOf(source, cured))).toEqual([]);
  }),
);

test('a foreign key that leaves the selection is cured in the plan or on the source', () =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      'CREATE TABLE public.a (id int PRIMARY KEY); CREATE TABLE public.b (id int PRIMARY KEY REFERENCES public.a)',
    );
    const selection = { include: ['public.b'], exclude: [] };
    const finding = only(await findingsOf(source, selection), 'FOREIGN_KEY', 'public.b');
    const cure = finding.cure ?? '';
    expect(codes(await findingsOf(source, pasteIntoPlan(selection, cure)))).toEqual([]);
    await sql(source, cure.slice(cure.indexOf('ALTER TABLE')));
    expect(codes(await findingsOf(source, selection))).toEqual([]);
  }));

test('a pattern that matches nothing is an error of its own, and so is an empty selection', () =>
  withFixture(async ({ source }) => {
    await sql(source, 'CREATE TABLE public.a (id int PRIMARY KEY)');
    const some = await findingsOf(source, { include: ['public.a', 'a', 'shop.*'], exclude: [] });
    expect(some.filter(({ level }) => level === 'error').map(({ subject }) => subject)).toEqual([
      'tables.include: a',
      'tables.include: shop.*',
    ]);
    const none = await findingsOf(source, { include: ['public.*'], exclude: ['*'] });
    const cure = only(none, 'NO_TABLES').cure ?? '';
    expect(codes(await findingsOf(source, pasteIntoPlan({ include: [], exclude: [] }, cure)))).toEqual([]);
  }));

test('what is not carried is one finding per kind', () =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; CREATE TABLE t (id int PRIMARY KEY) WITH (fillfactor = 50);
       CREATE VIEW "V" AS SELECT 1; CREATE VIEW w AS SELECT 1; COMMENT ON TABLE t IS 'x';
       CREATE MATERIALIZED VIEW m AS SELECT 1; CREATE STATISTICS st ON id, (id + 1) FROM t;
       CREATE PROCEDURE pr() LANGUAGE sql AS 'SELECT 1'; CREATE TYPE rt AS RANGE (subtype = int4);
       CREATE TYPE ct AS (a int); CREATE POLICY po ON t; CREATE RULE ru AS ON DELETE TO t DO NOTHING;
       CREATE AGGREGATE ag (int) (sfunc = int4pl, stype = int); GRANT SELECT (id) ON t TO PUBLIC;
       SET search_path = pg_catalog`,
    );
    const found = (await findingsOf(source, SELECTION)).filter(({ level }) => level === 'info');
    expect(found.map(({ subject, message }) => [subject, message.split(': ')[1]])).toEqual([
      ['aggregate', 'public.ag(integer)'],
      ['comments', 'on public.t'],
      ['composite type', 'public.ct'],
      ['materialized view', 'public.m'],
      ['policy', 'po on public.t'],
      ['privileges', 'on public.t'],
      ['procedure', 'public.pr()'],
      ['range type', 'public.rt'],
      ['rule', 'ru on public.t'],
      ['statistics', 'st on public.t'],
      ['storage parameters', 'of public.t'],
      ['view', 'public."V", public.w'],
    ]);
  }));
