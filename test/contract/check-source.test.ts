import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { readServerFacts } from '../../src/databases/postgres/check/facts.ts';
import { sql, withFixture } from './catalog-fixture.ts';
import { codes, findingsOf, only, withRole } from './check-fixture.ts';

test('a role without rights is told each one, and has no error left when all cures were run', () =>
  withFixture(async ({ source, connect }) => {
    await sql(
      source,
      `CREATE SCHEMA shop; CREATE TABLE shop.t (id serial PRIMARY KEY); CREATE SCHEMA migrate;
       CREATE SEQUENCE shop.free`,
    );
    await withRole([source], (owner) =>
      withRole([source], async (role) => {
        await sql(source, `ALTER TABLE shop.t OWNER TO ${owner}; REVOKE ALL ON shop.t FROM ${owner}`);
        const session = await connect('source', role);
        const before = await findingsOf(session);
        expect([...codes(before)].sort()).toEqual([
          'CREATE_DATABASE',
          'CREATE_MIGRATE',
          'OWNER',
          'REPLICATION',
          'SELECT',
          'SELECT',
          'SELECT',
          'USAGE',
        ]);
        for (const { level, cure } of before) if (level === 'error') await sql(source, cure ?? '');
        expect(codes(await findingsOf(session))).toEqual([]);
      }),
    );
  }));

test('a publication of our name that belongs to someone else is found, and gone when it was dropped', () =>
  withFixture(async ({ source, connect }) => {
    await sql(source, 'CREATE PUBLICATION "Migrate p"');
    await withRole([source], async (role) => {
      const context = { publication: 'Migrate p' };
      const session = await connect('source', role);
      const finding = only(await findingsOf(session, undefined, context), 'PUBLICATION');
      expect(codes(await findingsOf(source, undefined, context))).not.toContain('PUBLICATION');
      await sql(source, finding.cure ?? '');
      expect(codes(await findingsOf(session, undefined, context))).not.toContain('PUBLICATION');
    });
  }));

test('a slot of our name that was made for something else is found, and gone when it was dropped', () =>
  withFixture(async ({ source }) => {
    const slot = `slot_${randomBytes(6).toString('hex')}`;
    await source.query('SELECT pg_create_physical_replication_slot($1)', [slot]);
    const finding = only(await findingsOf(source, undefined, { slot }), 'SLOT');
    await sql(source, finding.cure ?? '');
    expect(codes(await findingsOf(source, undefined, { slot }))).not.toContain('SLOT');
  }));

test('a subscription that writes into a captured table is found, and gone when it is disabled', () =>
  withFixture(async ({ source, target, targetUrl }) => {
    const table = 'CREATE TABLE public.t (id int PRIMARY KEY)';
    await sql(source, table);
    await sql(target, `${table}; CREATE PUBLICATION p FOR TABLE public.t`);
    await source.run(
      `CREATE SUBSCRIPTION "Sub" CONNECTION '${targetUrl}' PUBLICATION p
       WITH (enabled = false, create_slot = false, slot_name = NONE, copy_data = false)`,
      [],
    );
    expect(codes(await findingsOf(source))).not.toContain('SUBSCRIPTION');
    await source.run('ALTER SUBSCRIPTION "Sub" SET (slot_name = no_such_slot)', []);
    await source.run('ALTER SUBSCRIPTION "Sub" ENABLE', []);
    const finding = only(await findingsOf(source), 'SUBSCRIPTION');
    await sql(source, finding.cure ?? '');
    expect(codes(await findingsOf(source))).not.toContain('SUBSCRIPTION');
    await source.run('ALTER SUBSCRIPTION "Sub" SET (slot_name = NONE)', []);
    await source.run('DROP SUBSCRIPTION "Sub"', []);
  }));

test('a prepared transaction is an error once it is old, and gone when it was ended', () =>
  withFixture(async ({ source, connect }) => {
    const gid = `it's ${randomBytes(6).toString('hex')}`;
    const subject = `prepared transaction ${gid}`;
    const other = await connect('source');
    await sql(other, `BEGIN; CREATE TABLE public.t (id int); PREPARE TRANSACTION '${gid.replace("'", "''")}'`);
    expect(only(await findingsOf(source), 'PREPARED_TRANSACTION', subject).level).toBe('warning');
    const finding = only(await findingsOf(source, undefined, { longSeconds: 0 }), 'PREPARED_TRANSACTION', subject);
    expect(finding.level).toBe('error');
    await sql(source, finding.cure ?? '');
    const left = await findingsOf(source, undefined, { longSeconds: 0 });
    expect(left.filter((found) => found.subject === subject)).toEqual([]);
  }));

test('an open transaction is a warning that names its session, and gone when that was ended', () =>
  withFixture(async ({ source, connect }) => {
    const other = await connect('source');
    await sql(other, 'BEGIN');
    const subject = `session ${other.pid}`;
    expect((await findingsOf(source)).filter((found) => found.subject === subject)).toEqual([]);
    const finding = only(await findingsOf(source, undefined, { longSeconds: 0 }), 'OPEN_TRANSACTION', subject);
    expect(finding).toMatchObject({ level: 'warning', message: expect.stringContaining('user postgres') });
    await sql(source, finding.cure ?? '');
    await expect(sql(other, 'SELECT 1')).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
    const left = await findingsOf(source, undefined, { longSeconds: 0 });
    expect(left.filter((found) => found.subject === subject)).toEqual([]);
  }));

test('a database whose sessions are read only is found, and gone for new sessions after the cure', () =>
  withFixture(async ({ source, connect }) => {
    const { database } = await readServerFacts(source);
    await sql(source, `ALTER DATABASE ${database} SET default_transaction_read_only = on`);
    const session = await connect('source');
    const finding = only(await findingsOf(session), 'READ_ONLY');
    await sql(session, finding.cure ?? '');
    expect(codes(await findingsOf(await connect('source')))).not.toContain('READ_ONLY');
  }));
