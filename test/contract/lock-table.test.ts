import { afterAll, beforeAll, expect, test } from 'vitest';
import { completeSchema, createClosed, dropSchema, readOwn } from '../../src/databases/postgres/build.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresServer, type Session } from '../../src/databases/postgres/connection.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import {
  createPublication,
  dropPublication,
  publishedRelations,
} from '../../src/databases/postgres/log/publication.ts';
import { Closer } from '../../src/lib/closer.ts';
import { startServer } from '../fleet/postgres.ts';
import { ALL, CLOSING, sql } from './catalog-fixture.ts';

// Far more than the server's lock table has room for.
const TABLES = 1_500;
const SMALL = {
  max_locks_per_transaction: '10',
  max_connections: '20',
  max_wal_senders: '5',
  max_replication_slots: '5',
  max_prepared_transactions: '0',
};
const closer = new Closer();
let source: Session;
let target: Session;

beforeAll(async () => {
  const server = await closer.open(startServer({ settings: SMALL }));
  const open = async (side: 'source' | 'target', database: string): Promise<Session> => {
    const made = new PostgresServer(side, server.url(database), 'test');
    closer.add(() => made.close());
    return made.session({ purpose: 'test' });
  };
  source = await open('source', 'postgres');
  await sql(source, 'CREATE DATABASE other');
  target = await open('target', 'other');
  for (let from = 1; from <= TABLES; from += 100) {
    await sql(
      source,
      `DO $$ BEGIN FOR n IN ${from}..${from + 99} LOOP
         EXECUTE format('CREATE TABLE public.t%s (id serial PRIMARY KEY, n int REFERENCES public.t%s)', n, greatest(1, n - 1));
         EXECUTE format('CREATE INDEX ON public.t%s (n)', n);
       END LOOP; END $$`,
    );
  }
  await sql(target, LEASE_SCHEMA);
});
afterAll(() => closer.close());

test('a publication, a schema and its end need no more locks than a small server has', async () => {
  const catalog = await readCatalog(source, ALL);
  const tables = catalog.tables.map(({ table }) => table);
  expect(tables).toHaveLength(TABLES);
  const proven = (session: Session, work: () => Promise<void>): Promise<void> => session.transaction(work);
  await createPublication(source, 'p', tables, proven);
  expect((await publishedRelations(source, 'p')).size).toBe(TABLES);
  await dropPublication(source, 'p', proven);
  await createClosed(target, catalog, CLOSING);
  await completeSchema(target, catalog, () => undefined);
  const made = await target.query(
    `SELECT (SELECT count(*) FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace) AS indexes,
            (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated) AS keys`,
  );
  expect(made).toEqual([{ indexes: String(2 * TABLES), keys: String(TABLES) }]);
  await dropSchema(target, await readOwn(target, catalog, CLOSING.id));
  expect(await target.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")).toEqual([]);
});
