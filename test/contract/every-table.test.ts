import { expect, test } from 'vitest';
import { completeSchema, createClosed, dropSchema, readOwn } from '../../src/databases/postgres/build.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { rehearse } from '../../src/databases/postgres/check/rehearsal.ts';
import type { Session } from '../../src/databases/postgres/connection.ts';
import { PostgresFence } from '../../src/databases/postgres/fence/fence.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { writtenTables } from '../../src/model/catalog.ts';
import { ALL, CLOSING, sql, withFixture } from './catalog-fixture.ts';
import { codes, findingsOf } from './check-fixture.ts';
import { RENTAL, readFacts } from './rental.ts';

async function prepare(source: Session, target: Session): Promise<void> {
  await sql(source, RENTAL);
  await sql(target, LEASE_SCHEMA);
}

test('every kind of table is made on the target as the source has it', () =>
  withFixture(async ({ source, target }) => {
    await prepare(source, target);
    expect(codes(await findingsOf(source))).toEqual([]);
    const catalog = await readCatalog(source, ALL);
    expect(await rehearse(target, catalog)).toEqual([]);
    for (let time = 0; time < 2; time++) await createClosed(target, catalog, CLOSING);
    const built: string[] = [];
    for (let time = 0; time < 2; time++) await completeSchema(target, catalog, (subject) => built.push(subject));
    expect(new Set(built).size).toBe(built.length);
    await sql(target, 'ALTER TABLE rental.person ALTER id SET GENERATED ALWAYS');
    expect(await readFacts(target)).toEqual(await readFacts(source));
  }));

// Through the root, through a root of some partitions, and to a partition itself; the same for an heir.
const WRITES = [
  "INSERT INTO rental.payment (at, region) VALUES ('2026-05-01', 'eu')",
  "INSERT INTO rental.payment_late (at, region) VALUES ('2026-05-01', 'eu')",
  "INSERT INTO rental.payment_late_eu (payment_id, at, region) VALUES (1, '2026-05-01', 'eu')",
  'UPDATE rental.payment SET amount = 1',
  'DELETE FROM rental.payment WHERE false',
  'TRUNCATE rental.payment CASCADE',
  'TRUNCATE rental.payment_late CASCADE',
  'TRUNCATE "Old ""part"""."March" CASCADE',
  'COPY rental.payment (at) FROM STDIN',
  "MERGE INTO rental.payment p USING (VALUES (1)) v ON false WHEN NOT MATCHED THEN INSERT (at) VALUES ('2026-05-01')",
  'UPDATE rental.person SET name = name',
  'UPDATE ONLY rental.boss SET wage = 1',
  'TRUNCATE rental.person',
  'INSERT INTO rental.empty_root VALUES (1)',
];

async function refusals(session: Session, expected: string): Promise<void> {
  for (const statement of WRITES) {
    const answer = await session.run(statement, []).then(
      () => 'done',
      (error: Error) => error.message,
    );
    expect(answer, statement).toContain(expected);
  }
}

test('a closed fence stops writes through roots, to partitions and to heirs, on either side', () =>
  withFixture(async ({ source, target, server, connect }) => {
    await prepare(source, target);
    await sql(source, LEASE_SCHEMA);
    await sql(source, "INSERT INTO migrate.lease VALUES ('r', 1, 'test')");
    const [catalog, facts] = [await readCatalog(source, ALL), await readFacts(source)];
    await createClosed(target, catalog, CLOSING);
    await refusals(await connect('target'), 'writes are stopped');

    const fence = new PostgresFence({
      server: server('source'),
      claim: () => ({ run: 'r', epoch: 1 }),
      id: CLOSING.id,
    });
    await fence.arm(writtenTables(catalog), new AbortController().signal);
    await fence.close(60_000);
    await refusals(await connect('source'), 'writes are stopped');
    await fence.open();
    await sql(
      source,
      `BEGIN; ${WRITES[0]}; TRUNCATE rental.payment CASCADE; UPDATE rental.person SET name = name; ROLLBACK`,
    );
    await fence.disarm();
    expect(await readFacts(source)).toEqual(facts);
    expect((await readCatalog(source, ALL)).notCarried).toEqual(catalog.notCarried);
  }));

test('a creation that stops anywhere goes on where it stopped', () =>
  withFixture(async ({ source, target }) => {
    await sql(
      source,
      `DO $$ BEGIN FOR n IN 1..210 LOOP EXECUTE format('CREATE TABLE public.t%s (id serial PRIMARY KEY)', n);
      END LOOP; END $$`,
    );
    await sql(target, LEASE_SCHEMA);
    const catalog = await readCatalog(source, ALL);
    // The first proof is of the fence, the next three of the sequences, the last three of the tables.
    let refuseAt = 1;
    const stopped = new Error('stopped');
    for (; refuseAt < 20; refuseAt++) {
      let proofs = 0;
      const prove = async (): Promise<void> => {
        if (++proofs === 3) throw stopped;
      };
      const left = await createClosed(target, catalog, { ...CLOSING, prove }).catch((error: unknown) => error);
      if (left === undefined) break;
      expect(left).toBe(stopped);
      const open = await target.query(
        `SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid)`,
      );
      expect(open).toEqual([]);
    }
    expect(refuseAt).toBe(6);
    expect((await readCatalog(target, ALL)).tables).toHaveLength(210);
  }));

test('a table that somebody else made is not taken over, nor dropped', () =>
  withFixture(async ({ source, target }) => {
    await sql(source, 'CREATE TABLE public.a (id serial PRIMARY KEY); CREATE TABLE public.b (id int PRIMARY KEY)');
    await sql(target, LEASE_SCHEMA);
    const catalog = await readCatalog(source, ALL);
    await sql(target, 'CREATE TABLE public.b (id int PRIMARY KEY)');
    await expect(createClosed(target, catalog, CLOSING)).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
    expect((await readCatalog(target, ALL)).tables).toHaveLength(1);
    await sql(target, 'DROP TABLE public.b');
    await createClosed(target, catalog, CLOSING);
    await sql(target, 'DROP TABLE public.b; CREATE TABLE public.b (id int PRIMARY KEY)');
    await expect(createClosed(target, catalog, CLOSING)).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
    await dropSchema(target, await readOwn(target, catalog, CLOSING.id));
    expect((await readCatalog(target, ALL)).tables.map(({ table }) => table.name)).toEqual(['b']);
  }));

test('a drop removes partitioned tables, heirs and what they share, and can be repeated', () =>
  withFixture(async ({ source, target }) => {
    await prepare(source, target);
    const catalog = await readCatalog(source, ALL);
    await createClosed(target, catalog, CLOSING);
    await completeSchema(target, catalog, () => undefined);
    for (let time = 0; time < 2; time++) await dropSchema(target, catalog);
    const rest = await readCatalog(target, ALL);
    expect([rest.tables, rest.parents, rest.sequences, rest.types]).toEqual([[], [], [], []]);
  }));
