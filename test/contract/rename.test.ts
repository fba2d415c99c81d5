// What a catalog becomes under other names, as the target itself describes it.

import { expect, test } from 'vitest';
import { resolveNames } from '../../src/convert/names.ts';
import { completeSchema, dropSchema } from '../../src/databases/postgres/build.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { checkTarget } from '../../src/databases/postgres/check/target.ts';
import type { Session } from '../../src/databases/postgres/connection.ts';
import { renameCatalog } from '../../src/databases/postgres/rename.ts';
import type { RenamedCatalog } from '../../src/databases/target.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { NameMap } from '../../src/plan/tables.ts';
import { ALL, type CatalogFixture, createTables, sql, withFixture } from './catalog-fixture.ts';

const SCHEMA = `
CREATE SCHEMA shop; CREATE SCHEMA store;
CREATE TYPE shop.mood AS ENUM ('good', 'bad');
CREATE DOMAIN shop.percent AS int CHECK (VALUE BETWEEN 0 AND 100);
CREATE TYPE shop.pair AS (one shop.mood, two shop.percent);
CREATE TYPE shop.moods AS RANGE (subtype = shop.mood);
CREATE SEQUENCE shop.ticket;
CREATE TABLE shop.people (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL CHECK (email <> ''),
  mood shop.mood NOT NULL DEFAULT 'good', moods shop.mood[] DEFAULT ARRAY['bad'::shop.mood], share shop.percent,
  couple shop.pair, ranges shop.moods, many shop.moods_multirange,
  upper_email text GENERATED ALWAYS AS (upper(email)) STORED, UNIQUE (email));
CREATE INDEX by_mood ON shop.people ((mood = 'good'::shop.mood), lower(email)) WHERE email IS NOT NULL;
CREATE TABLE shop.orders (
  id serial PRIMARY KEY, buyer bigint NOT NULL REFERENCES shop.people, number bigint DEFAULT nextval('shop.ticket'),
  a int, b int, CHECK (a < b));
CREATE TABLE store.orders (id serial PRIMARY KEY, sold int REFERENCES shop.orders, mood shop.mood);
CREATE TABLE shop.events (at date NOT NULL, kind shop.mood NOT NULL, note text, PRIMARY KEY (at, kind)) PARTITION BY LIST (kind);
CREATE TABLE shop.events_good PARTITION OF shop.events FOR VALUES IN ('good');
CREATE TABLE shop.events_rest PARTITION OF shop.events DEFAULT;
CREATE INDEX event_notes ON shop.events (note);
CREATE TABLE shop.base (id int PRIMARY KEY, name text); CREATE TABLE shop.heir (extra int, PRIMARY KEY (id)) INHERITS (shop.base);
`;

const keep = (columns: Readonly<Record<string, string>> = {}) => ({ to: null, columns });
const to = (name: string, columns: Readonly<Record<string, string>> = {}) => ({ to: name, columns });

async function rename(session: Session, catalog: Catalog, map: NameMap, made = false): Promise<RenamedCatalog> {
  const { renames, findings } = resolveNames(catalog, map);
  return findings.length > 0 ? { findings } : renameCatalog(session, catalog, renames, made);
}

async function described({ source }: CatalogFixture, schema = SCHEMA): Promise<Catalog> {
  await sql(source, `SET search_path = public; ${schema}; SET search_path = pg_catalog`);
  return readCatalog(source, ALL);
}

/** Made on the target under its new names, it reads there as it was foretold. */
async function expectMade({ target }: CatalogFixture, catalog: Catalog | undefined): Promise<Catalog> {
  if (catalog === undefined) throw new Error('nothing was renamed');
  expect(await checkTarget(target, catalog, false)).toEqual([]);
  for (let time = 0; time < 2; time++) {
    await createTables(target, catalog);
    await completeSchema(target, catalog, () => undefined);
  }
  const read = await readCatalog(target, ALL);
  expect(comparable(read)).toEqual(comparable(catalog));
  return read;
}

/** Ids are those of the source in one and the target's in the other; estimates and the order of names differ. */
function comparable({ tables, parents, types, sequences, schemas }: Catalog): unknown {
  const name = (table: { schema: string; name: string }) => `${table.schema}.${table.name}`;
  const names = new Map([...tables, ...parents].map(({ table }) => [table.id, name(table)]));
  const relation = ({ table, ...rest }: Catalog['tables'][number] | Catalog['parents'][number]) => ({
    ...rest,
    name: name(table),
    columns: rest.columns.map((column) => ({ ...column, identity: column.identity !== null })),
    rows: 'columns' in table ? [table.columns, table.key, table.identity, table.spread] : null,
    foreignKeys: rest.foreignKeys.map((key) => ({ ...key, references: key.references && names.get(key.references) })),
    partitionOf: rest.partitionOf && [name(rest.partitionOf.parent), rest.partitionOf.bound],
    inherits: 'inherits' in rest ? rest.inherits.map(name) : [],
  });
  const byName = <T>(list: readonly T[]): readonly T[] =>
    list.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  return {
    tables: byName(tables.map((definition) => JSON.parse(JSON.stringify(relation(definition))) as unknown)),
    parents: byName(parents.map((definition) => JSON.parse(JSON.stringify(relation(definition))) as unknown)),
    types: byName(types),
    sequences: byName(
      sequences.map((sequence) => ({
        ...sequence,
        owner: sequence.owner && { ...sequence.owner, table: names.get(sequence.owner.table) },
        users: sequence.users.map((user) => names.get(user)),
      })),
    ),
    schemas,
  };
}

test('a schema takes its tables, types and sequences to another, and every text follows', () =>
  withFixture(async (fixture) => {
    const catalog = await described(fixture);
    const map: NameMap = {
      'shop.*': to('depot.*'),
      'shop.orders': to('depot.purchases', { buyer: 'customer' }),
      'shop.people': keep({ email: 'address', mood: `m'o"o\\d %s` }),
      'shop.events': keep({ note: 'remark' }),
      'shop.base': keep({ name: 'title' }),
      'store.orders': to(`a\\.b "c".\\* d'é\\\\`),
    };
    const { catalog: renamed, findings } = await rename(fixture.target, catalog, map);
    expect(findings).toEqual([]);
    expect(await fixture.target.query("SELECT 1 FROM pg_namespace WHERE nspname ~ 'shop|depot|migrate'")).toEqual([]);
    const made = await expectMade(fixture, renamed);
    expect(made.schemas).toEqual(['a.b "c"', 'depot']);
    // The core goes on with the source's ids.
    expect(renamed?.tables.map(({ table }) => table.id)).toEqual(catalog.tables.map(({ table }) => table.id));
    // What is there is described without being made.
    expect(await rename(fixture.target, catalog, map, true)).toEqual({ catalog: renamed, findings: [] });
    const heir = made.tables.find(({ table }) => table.name === 'heir');
    expect(heir?.columns.map(({ name }) => name)).toEqual(['id', 'title', 'extra']);
    await dropSchema(fixture.target, renamed ?? catalog);
    expect(await fixture.target.query("SELECT 1 FROM pg_class WHERE relnamespace = 'depot'::regnamespace")).toEqual([]);
  }));

test('names change hands: two schemas, two tables and two columns take the place of each other', () =>
  withFixture(async (fixture) => {
    const catalog = await described(fixture);
    const { catalog: renamed, findings } = await rename(fixture.target, catalog, {
      'shop.*': to('store.*'),
      'store.*': to('shop.*'),
      'shop.orders': to('shop.people', { a: 'b', b: 'a' }),
      'shop.people': to('shop.orders'),
      'store.orders': to('store.people'),
    });
    expect(findings).toEqual([]);
    await expectMade(fixture, renamed);
    const [orders] = renamed?.tables.filter(({ table }) => table.id === 'shop.orders') ?? [];
    expect(orders?.checks.map(({ definition }) => definition)).toEqual(['CHECK ((b < a))']);
  }));

test('what a map cannot mean is told, all at once', () =>
  withFixture(async (fixture) => {
    const catalog = await described(fixture);
    const { findings } = resolveNames(catalog, {
      'shop.nothing': to('shop.x'),
      'nowhere.*': to('store.*'),
      'shop.people': keep({ emial: 'x', email: 'id' }),
      'shop.heir': keep({ name: 'own' }),
      'shop.orders': to('store.orders'),
    });
    expect(findings.map(({ subject, message }) => `${subject}: ${message}`)).toEqual([
      'tables.map shop.nothing: no selected table has this name',
      'tables.map nowhere.*: no selected table is in a schema of this name',
      'tables.map shop.people: the table has no column "emial"',
      'tables.map shop.heir: column "name" comes from shop.base: rename it there',
      'tables.map shop.people: two columns would be called "id"',
      'tables.map store.orders: shop.orders and store.orders would have this name on the target',
    ]);
    const cases: readonly (readonly [NameMap, string])[] = [
      [{ 'shop.orders': to(`shop.${'é'.repeat(32)}`) }, 'a name has at most 63 bytes'],
      [{ 'shop.*': to('migrate.*') }, 'this schema is kept for'],
      [{ 'store.*': to('shop.*'), 'store.orders': to('shop.sales') }, 'relation "orders_pkey" already exists'],
    ];
    for (const [map, text] of cases) {
      const refused = await rename(fixture.target, catalog, map);
      expect(refused.findings.map(({ code }) => code)).toEqual(['PREFLIGHT.RENAME']);
      expect(refused.findings[0]?.message).toContain(text);
    }
    // Somebody else's table under an old name is found, and not touched.
    await sql(fixture.target, 'CREATE SCHEMA shop; CREATE TABLE shop.orders (mine int)');
    const taken = await rename(fixture.target, catalog, { 'shop.*': to('depot.*') });
    expect(taken.findings.map(({ code, subject }) => [code, subject])).toEqual([
      ['PREFLIGHT.TARGET_NOT_EMPTY', 'shop.orders'],
    ]);
    expect(await fixture.target.query('SELECT mine FROM shop.orders')).toEqual([]);
  }));
