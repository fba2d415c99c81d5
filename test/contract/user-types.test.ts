// Types that users create, and extensions: read, made on a target, watched for changes, and told about.

import { describe, expect, test } from 'vitest';
import { completeSchema, dropSchema } from '../../src/databases/postgres/build.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { checkTarget } from '../../src/databases/postgres/check/target.ts';
import { readFingerprint } from '../../src/databases/postgres/fingerprint.ts';
import { ALL, createTables, sql, withFixture } from './catalog-fixture.ts';
import { codes, findingsOf, only } from './check-fixture.ts';
import { USER_TYPES } from './types-fixture.ts';

const SELECTION = { include: ['public.*'], exclude: [] };
// One table that uses them all, some only inside others or in an expression.
const SCHEMA = `${USER_TYPES} SET search_path = "Own ""types""";
CREATE TABLE public.t (id integer PRIMARY KEY, n nested, s small_positive, r required, sh short, pa padded, l letter,
  pl place, am amounts[], f feeling, gp good_pair[], fl many_floats, tr text_range[], so some_floats);
CREATE TYPE mentioned AS ENUM ('a', 'b');
CREATE DOMAIN checked AS text CHECK (value::mentioned = 'a');
CREATE TYPE in_default AS ENUM ('x');
CREATE TYPE unused AS ENUM ('x');
CREATE TABLE public.u (id integer PRIMARY KEY, c checked, d text DEFAULT ('x'::in_default)::text);
SET search_path = pg_catalog`;

test('types are made in the order in which they need each other, and read back as they were', () =>
  withFixture(async ({ source, target }) => {
    await sql(source, SCHEMA);
    const { types } = await readCatalog(source, ALL);
    const names = types.map(({ name }) => name);
    expect(names.toSorted()).toEqual(
      'Mood amounts checked feeling float_range good_pair in_default letter mentioned nested padded pair place positive required short small_positive some_floats text_range'.split(
        ' ',
      ),
    );
    const needs = [
      ['pair', 'nested'],
      ['Mood', 'nested'],
      ['positive', 'small_positive'],
      ['pair', 'good_pair'],
      ['float_range', 'some_floats'],
      ['mentioned', 'checked'],
    ] as const;
    for (const [first, second] of needs) expect(names.indexOf(first)).toBeLessThan(names.indexOf(second));
    const catalog = await readCatalog(source, ALL);
    expect(catalog.notCarried).toEqual([]);
    for (let time = 0; time < 2; time++) await createTables(target, catalog);
    expect((await readCatalog(target, ALL)).types).toEqual(types);
    await dropSchema(target, catalog);
    expect(await target.query('SELECT FROM pg_type WHERE typnamespace = \'"Own ""types"""\'::regnamespace')).toEqual(
      [],
    );
  }));

test('a check of a domain that was never validated is made when the values are there', () =>
  withFixture(async ({ source, target }) => {
    await sql(
      source,
      `CREATE DOMAIN public.d AS int CHECK (value <> 0); CREATE TABLE public.t (id int PRIMARY KEY, d public.d);
       INSERT INTO public.t VALUES (1, -1); ALTER DOMAIN public.d ADD CONSTRAINT later CHECK (value > 0) NOT VALID`,
    );
    const catalog = await readCatalog(source, ALL);
    await createTables(target, catalog);
    await sql(target, 'INSERT INTO public.t VALUES (1, -1)');
    const built: string[] = [];
    for (let time = 0; time < 2; time++) await completeSchema(target, catalog, (subject) => built.push(subject));
    expect(built).toEqual(['check "later" of domain "public"."d"']);
    expect((await readCatalog(target, ALL)).types).toEqual(catalog.types);
  }));

const CHANGES: readonly (readonly [string, string])[] = [
  ['an enum in an array in a composite gets a label', "ALTER TYPE mood ADD VALUE 'b'"],
  ['a composite gets an attribute', 'ALTER TYPE c ADD ATTRIBUTE b int'],
  ['an attribute is renamed', 'ALTER TYPE c RENAME ATTRIBUTE n TO o'],
  ['a domain gets a check', 'ALTER DOMAIN d ADD CHECK (value > 0)'],
  ['a domain loses its NOT NULL', 'ALTER DOMAIN d DROP NOT NULL'],
  ['a type is renamed', 'ALTER TYPE c RENAME TO cc'],
  ['a type is moved', 'CREATE SCHEMA s; ALTER TYPE c SET SCHEMA s'],
];

test.each(CHANGES)('the fingerprint is another when %s', (_, change) =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; CREATE TYPE mood AS ENUM ('a'); CREATE TYPE c AS (m mood[], n int);
       CREATE DOMAIN d AS int NOT NULL; CREATE TABLE t (id int PRIMARY KEY, c c[], d d)`,
    );
    await sql(source, 'SET search_path = pg_catalog');
    const before = await readFingerprint(source, SELECTION);
    await sql(source, 'CREATE TYPE public.other AS ENUM ()');
    expect(await readFingerprint(source, SELECTION)).toBe(before);
    await sql(source, `SET search_path = public; ${change}; SET search_path = pg_catalog`);
    expect(await readFingerprint(source, SELECTION)).not.toBe(before);
  }),
);

describe('an extension', () => {
  const USES = `CREATE SCHEMA "ext ra"; CREATE EXTENSION hstore SCHEMA "ext ra"; CREATE EXTENSION citext;
    CREATE EXTENSION pg_trgm; CREATE EXTENSION "uuid-ossp"; CREATE EXTENSION ltree; CREATE EXTENSION cube;
    SET search_path = public, "ext ra"; CREATE DOMAIN email AS citext; CREATE TYPE c AS (h hstore[]);
    CREATE TABLE t (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), e email, c c, n text);
    CREATE INDEX ON t USING gin (n gin_trgm_ops); SET search_path = pg_catalog`;

  test('is missed on the target when a table uses it in any way, and found when the cure was run', () =>
    withFixture(async ({ source, target }) => {
      await sql(source, `SET search_path = public; ${USES}`);
      const catalog = await readCatalog(source, SELECTION);
      expect(catalog.extensions).toEqual([
        { name: 'citext', schema: 'public' },
        { name: 'hstore', schema: 'ext ra' },
        { name: 'pg_trgm', schema: 'public' },
        { name: 'uuid-ossp', schema: 'public' },
      ]);
      await sql(target, 'CREATE EXTENSION citext SCHEMA pg_catalog');
      const findings = await checkTarget(target, catalog, false);
      expect(codes(findings)).toEqual(['EXTENSION', 'EXTENSION', 'EXTENSION', 'EXTENSION']);
      expect(only(findings, 'EXTENSION', 'extension hstore').cure).toContain(
        'CREATE EXTENSION "hstore" SCHEMA "ext ra"',
      );
      for (const { cure } of findings.filter(({ level }) => level === 'error')) await sql(target, cure ?? '');
      expect(codes(await checkTarget(target, catalog, false))).toEqual([]);
    }));
});

test('a type that stands on the target is found before the run makes it', () =>
  withFixture(async ({ source, target }) => {
    await sql(source, 'CREATE DOMAIN public.d AS int; CREATE TABLE public.t (id int PRIMARY KEY, d public.d)');
    await sql(target, 'CREATE DOMAIN public.d AS text');
    const catalog = await readCatalog(source, ALL);
    const finding = only(await checkTarget(target, catalog, false), 'TARGET_TYPE', 'public.d');
    await sql(target, finding.cure ?? '');
    expect(codes(await checkTarget(target, catalog, false))).toEqual([]);
  }));

test('columns whose values stand for objects are warned about', () =>
  withFixture(async ({ source }) => {
    await sql(source, 'CREATE TABLE public.t (id int PRIMARY KEY, o oid, r regclass[])');
    const warned = async (): Promise<readonly string[]> =>
      (await findingsOf(source))
        .filter(({ level }) => level === 'warning')
        .map(({ code, subject }) => `${code} ${subject}`);
    expect(await warned()).toEqual(['PREFLIGHT.OBJECT_NAMES public.t.r']);
    await sql(source, 'SELECT lo_create(0)');
    expect(await warned()).toEqual(['PREFLIGHT.OBJECT_NAMES public.t.r', 'PREFLIGHT.LARGE_OBJECTS public.t.o']);
  }));
