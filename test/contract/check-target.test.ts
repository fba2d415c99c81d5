import { expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { readServerFacts } from '../../src/databases/postgres/check/facts.ts';
import { checkTarget } from '../../src/databases/postgres/check/target.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { ALL, type CatalogFixture, createTables, sql, withFixture } from './catalog-fixture.ts';
import { codes, only, withRole } from './check-fixture.ts';

async function described({ source }: CatalogFixture, schema: string): Promise<Catalog> {
  await sql(source, `SET search_path = public; ${schema}; SET search_path = pg_catalog`);
  return readCatalog(source, ALL);
}

const SCHEMA = `
CREATE SCHEMA shop; CREATE TYPE shop.mood AS ENUM ('a'); CREATE SEQUENCE shop.free;
CREATE TABLE shop.t (id serial PRIMARY KEY, m shop.mood, u text UNIQUE);
CREATE TABLE shop.u (id int PRIMARY KEY REFERENCES shop.t); CREATE INDEX ON shop.u ((id + 1))`;

test('an empty target has no finding, and the check leaves nothing behind', () =>
  withFixture(async (fixture) => {
    const catalog = await described(fixture, SCHEMA);
    const source = await readServerFacts(fixture.source);
    expect(await checkTarget(fixture.target, catalog, false, { source })).toEqual([]);
    expect(await fixture.target.query("SELECT 1 FROM pg_namespace WHERE nspname = 'shop'")).toEqual([]);
  }));

test('what exists on the target is found, and moved out of the way by the cures', () =>
  withFixture(async (fixture) => {
    const catalog = await described(fixture, SCHEMA);
    await createTables(fixture.target, catalog);
    const findings = await checkTarget(fixture.target, catalog, false);
    expect(codes(findings)).toEqual([
      'TARGET_NOT_EMPTY',
      'TARGET_NOT_EMPTY',
      'TARGET_SEQUENCE',
      'TARGET_SEQUENCE',
      'TARGET_TYPE',
    ]);
    for (const { cure } of findings) await sql(fixture.target, cure ?? '');
    expect(await checkTarget(fixture.target, catalog, false)).toEqual([]);
  }));

test.each(['INDEX', 'SEQUENCE'])(
  'an index whose name is taken on the target is found, not thought to be there (%s)',
  (kind) =>
    withFixture(async (fixture) => {
      const catalog = await described(
        fixture,
        'CREATE SCHEMA shop; CREATE TABLE shop.t (id int PRIMARY KEY, a int); CREATE UNIQUE INDEX i ON shop.t (a)',
      );
      const ddl =
        kind === 'INDEX' ? 'CREATE TABLE shop.mine (a int); CREATE INDEX i ON shop.mine (a)' : 'CREATE SEQUENCE shop.i';
      await sql(fixture.target, `CREATE SCHEMA shop; ${ddl}`);
      expect(only(await checkTarget(fixture.target, catalog, false), 'DDL').subject).toBe('index "shop"."i"');
    }),
);

test('a run that resumes expects its tables', () =>
  withFixture(async (fixture) => {
    const catalog = await described(fixture, SCHEMA);
    await createTables(fixture.target, catalog);
    expect(await checkTarget(fixture.target, catalog, true)).toEqual([]);
    await sql(fixture.target, 'DROP TABLE shop.u');
    expect(only(await checkTarget(fixture.target, catalog, true), 'TARGET_TABLE_GONE').subject).toContain('"u"');
  }));

test('a role without rights is told each one, and has no error left when all cures were run', () =>
  withFixture(async (fixture) => {
    const catalog = await described(fixture, SCHEMA);
    await sql(fixture.target, 'CREATE SCHEMA shop; CREATE SCHEMA migrate');
    await withRole([fixture.target], async (role) => {
      const session = await fixture.connect('target', role);
      const findings = await checkTarget(session, catalog, false);
      expect([...codes(findings)].sort()).toEqual(['CREATE_DATABASE', 'CREATE_MIGRATE', 'CREATE_SCHEMA']);
      expect(codes(findings, 'warning')).toEqual(['REPLICATION_ROLE']);
      for (const { cure } of findings) await sql(fixture.target, cure ?? '');
      expect(await checkTarget(session, catalog, false)).toEqual([]);
    });
  }));

test('what a definition needs and the target does not have is found, once per object', () =>
  withFixture(async (fixture) => {
    const need = `CREATE FUNCTION f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
      CREATE COLLATION french (provider = icu, locale = 'fr')`;
    const catalog = await described(
      fixture,
      `${need}; CREATE TABLE a (id int PRIMARY KEY DEFAULT f()); CREATE TABLE b (id int PRIMARY KEY REFERENCES a);
       CREATE TABLE c (id int PRIMARY KEY, n text COLLATE french);
       CREATE TABLE d (id int PRIMARY KEY); CREATE INDEX by_f ON d ((id + f()))`,
    );
    const findings = await checkTarget(fixture.target, catalog, false);
    expect(codes(findings)).toEqual(['DDL', 'DDL', 'DDL', 'DDL']);
    expect(findings.map(({ subject }) => subject)).toEqual([
      'table public.a',
      'table public.c',
      'index "public"."by_f"',
      'constraint "b_id_fkey" on public.b',
    ]);
    expect(findings[0]?.message).toContain('public.f() does not exist');
    await sql(fixture.target, `SET search_path = public; ${need}; SET search_path = pg_catalog`);
    expect(await checkTarget(fixture.target, catalog, false)).toEqual([]);
  }));

test('a target that is older, or sorts otherwise, is a warning', () =>
  withFixture(async (fixture) => {
    const catalog = await described(fixture, SCHEMA);
    const source = { ...(await readServerFacts(fixture.source)), version: 190_000, collation: 'i fr' };
    const findings = await checkTarget(fixture.target, catalog, false, { source, connections: 100_000 });
    expect(codes(findings, 'warning')).toEqual(['OLDER_TARGET', 'COLLATION', 'CONNECTIONS']);
    expect(codes(findings)).toEqual([]);
  }));
