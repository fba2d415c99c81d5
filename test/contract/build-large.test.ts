import { expect, test } from 'vitest';
import { createDeferred } from '../../src/apply/deferred.ts';
import { completeSchema } from '../../src/databases/postgres/build.ts';
import { buildLarge } from '../../src/databases/postgres/build-large.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import type { Session } from '../../src/databases/postgres/connection.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { ALL, createTables, sql, withFixture } from './catalog-fixture.ts';

/** The catalog as if every table had many rows, each more than the one before. */
async function readLarge(session: Session): Promise<Catalog> {
  const catalog = await readCatalog(session, ALL);
  const tables = catalog.tables.map((definition, index) => ({
    ...definition,
    table: { ...definition.table, rowEstimate: 0, byteEstimate: 1e9 + index },
  }));
  return { ...catalog, tables };
}

const prove = async (): Promise<void> => undefined;

test('partitions, heirs and tables that stand alone are built at the same time, and the target reads like the source', () =>
  withFixture(async ({ source, target, server }) => {
    await sql(
      source,
      `CREATE TABLE public.root (region int, id int, v text, u int, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
       CREATE TABLE public.r0 PARTITION OF public.root FOR VALUES IN (0);
       CREATE TABLE public.r1 PARTITION OF public.root FOR VALUES IN (1) PARTITION BY RANGE (id);
       CREATE TABLE public.r1a PARTITION OF public.r1 FOR VALUES FROM (0) TO (9);
       CREATE TABLE public.r1b PARTITION OF public.r1 FOR VALUES FROM (9) TO (99);
       CREATE INDEX ON public.root (v); ALTER TABLE public.root ADD UNIQUE (region, u, id);
       CREATE INDEX "of r0" ON public.r0 (u); ALTER TABLE public.r0 CLUSTER ON "of r0";
       CREATE TABLE public.old (id int PRIMARY KEY, a int UNIQUE);
       CREATE TABLE public.heir (PRIMARY KEY (id)) INHERITS (public.old); CREATE INDEX ON public.heir (a);
       CREATE TABLE public.alone (id int PRIMARY KEY, r int REFERENCES public.old, EXCLUDE USING btree (r WITH =))`,
    );
    const catalog = await readLarge(source);
    await createTables(target, catalog);
    const built: string[] = [];
    const progress = (subject: string): number => built.push(subject);
    // Each waits for all the others: one after another they would wait for ever.
    const all = createDeferred<void>();
    let begun = 0;
    const waiting = async (): Promise<void> => {
      if (++begun === 3) all.resolve();
      await all.promise;
    };
    await buildLarge(server('target'), catalog, { builders: 3, progress, prove: waiting });
    await completeSchema(target, catalog, progress);
    expect(built).toHaveLength(new Set(built).size);
    expect(await readLarge(target)).toEqual(catalog);
  }));

test('a failure stops the others before their next table, and the same call goes on with what is missing', () =>
  withFixture(async ({ source, target, server }) => {
    const names = ['a', 'b', 'c', 'd'];
    await sql(source, names.map((name) => `CREATE TABLE public.${name} (id int PRIMARY KEY, u int UNIQUE)`).join(';'));
    const catalog = await readLarge(source);
    await createTables(target, catalog);
    const built: string[] = [];
    const options = { builders: 2, progress: (subject: string) => built.push(subject) };
    const failure = new Error('failed');
    // The second to come lets the first one fail, and goes on when that one is gone.
    const second = createDeferred<void>();
    let provers = 0;
    const outlast = async (): Promise<void> => {
      if (++provers === 1) {
        await second.promise;
        throw failure;
      }
      second.resolve();
      const builders = `SELECT count(*) AS n FROM pg_stat_activity
        WHERE application_name = 'migrate test build' AND datname = current_database()`;
      while ((await target.one(builders))?.n !== '1');
    };
    await expect(buildLarge(server('target'), catalog, { ...options, prove: outlast })).rejects.toBe(failure);
    expect(built.toSorted()).toEqual(['constraint "c_u_key" on public.c', 'constraint "d_u_key" on public.d']);
    await buildLarge(server('target'), catalog, { ...options, prove });
    expect(built).toHaveLength(5);
    expect(await readLarge(target)).toEqual(catalog);
  }));

test('who has lost the lease builds nothing', () =>
  withFixture(async ({ source, target, server }) => {
    await sql(
      source,
      'CREATE TABLE public.a (id int PRIMARY KEY, u int UNIQUE); CREATE TABLE public.b (LIKE public.a INCLUDING ALL)',
    );
    const catalog = await readLarge(source);
    await createTables(target, catalog);
    const lost = new Error('lost');
    const options = { builders: 2, progress: () => undefined, prove: () => Promise.reject(lost) };
    await expect(buildLarge(server('target'), catalog, options)).rejects.toBe(lost);
    expect((await readLarge(target)).tables.flatMap((table) => table.uniqueConstraints)).toEqual([]);
  }));
