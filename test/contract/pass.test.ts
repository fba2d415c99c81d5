// The way past a closed fence for a role that may not switch triggers off, and for nobody else.

import { createHash } from 'node:crypto';
import pg from 'pg';
import { expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { checkExisting } from '../../src/databases/postgres/check/existing.ts';
import { checkTarget } from '../../src/databases/postgres/check/target.ts';
import type { Session } from '../../src/databases/postgres/connection.ts';
import { functionStatement, triggerStatement } from '../../src/databases/postgres/fence/function.ts';
import { readFiring } from '../../src/databases/postgres/firing.ts';
import { JOURNAL_SCHEMA } from '../../src/databases/postgres/journal/schema.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { maySwitchOff, needsPass, PASS_SETTING, passFence, preparePass } from '../../src/databases/postgres/pass.ts';
import { ALL, type CatalogFixture, sql, withFixture } from './catalog-fixture.ts';
import { codes, withRole } from './check-fixture.ts';

const RUN = 'orders';

/** A table of the role's own, closed by a fence that lets the run pass. */
async function closed(fixture: CatalogFixture, role: string): Promise<Session> {
  const { target } = fixture;
  await sql(target, `${LEASE_SCHEMA}; ${JOURNAL_SCHEMA}`);
  await sql(
    target,
    `INSERT INTO migrate.run (name, id, format, plan_hash, plan_fields, source_identity, target_identity, catalog, fingerprint, lanes)
     VALUES ('${RUN}', '01', 1, '', '{}', '', '', '{}', '', 1);
     GRANT ALL ON SCHEMA migrate, public TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA migrate TO ${role};
     CREATE TABLE public.t (id int PRIMARY KEY); ALTER TABLE public.t OWNER TO ${role}`,
  );
  const session = await fixture.connect('target', role);
  await session.transaction(async () => {
    await session.run(functionStatement('01', 'permanent', await preparePass(session, RUN)), []);
    await session.run(triggerStatement('01', { schema: 'public', name: 't' }), []);
  });
  return session;
}

const refusedWith = async (session: Session, statement: string): Promise<string | undefined> => {
  try {
    await session.query(statement);
    return undefined;
  } catch (error) {
    const { cause } = error as Error;
    return cause instanceof pg.DatabaseError ? cause.code : String(error);
  }
};

test('the run passes its fence with the secret; an application, a guess and the digest itself do not', () =>
  withFixture((fixture) =>
    withRole([fixture.target], async (role) => {
      const session = await closed(fixture, role);
      expect(await session.transaction(() => maySwitchOff(session))).toBe(false);
      expect(await needsPass(session, RUN)).toBe(true);
      const insert = (id: number): string => `INSERT INTO public.t VALUES (${id})`;
      expect(await refusedWith(session, insert(1))).toBe('25006');
      expect(await refusedWith(fixture.target, insert(1))).toBe('25006');
      const source = await session.one("SELECT prosrc FROM pg_proc WHERE proname = 'fence_01'");
      const digest = /[0-9a-f]{64}/.exec(source?.prosrc ?? '')?.[0] ?? '';
      for (const guess of ['', 'guess', digest]) {
        await session.query(`SELECT set_config('${PASS_SETTING}', $1, false)`, [guess]);
        expect([guess, await refusedWith(session, 'TRUNCATE public.t')]).toEqual([guess, '25006']);
      }
      const secret = (await session.one('SELECT secret FROM migrate.pass'))?.secret ?? '';
      expect(source?.prosrc).not.toContain(secret);
      expect(createHash('sha256').update(secret).digest('hex')).toBe(digest);
      await passFence(session, RUN);
      expect(await refusedWith(session, `${insert(2)}; UPDATE public.t SET id = 3; TRUNCATE public.t`)).toBe(undefined);
    }),
  ));

test('a role that may switch triggers off needs no secret, and none is made', () =>
  withFixture(async (fixture) => {
    const { target } = fixture;
    await sql(target, `${LEASE_SCHEMA}; ${JOURNAL_SCHEMA}`);
    expect(await target.transaction(() => preparePass(target, RUN))).toBe(undefined);
    expect(await needsPass(target, RUN)).toBe(false);
    await passFence(target, RUN);
    expect(await target.one('SHOW session_replication_role')).toEqual({ session_replication_role: 'replica' });
  }));

test('tables made by hand must not have foreign keys and triggers that the role cannot switch off', () =>
  withFixture(async (fixture) => {
    const ddl =
      'CREATE TABLE public.a (id int PRIMARY KEY); CREATE TABLE public.b (id int PRIMARY KEY REFERENCES public.a)';
    await sql(fixture.source, ddl);
    await sql(
      fixture.target,
      `${ddl}; CREATE TABLE public."Theirs" (a int REFERENCES public.a ON DELETE CASCADE);
       CREATE TRIGGER noted BEFORE UPDATE ON public.a FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
    );
    const catalog = await readCatalog(fixture.source, ALL);
    const found = async (switchesOff: boolean) =>
      checkExisting({ session: fixture.target, catalog, role: 'postgres', switchesOff });
    expect(await found(true)).toEqual([]);
    const fires = await found(false);
    expect(codes(fires)).toEqual(['TARGET_FIRES', 'TARGET_FIRES', 'TARGET_FIRES']);
    expect(fires.map(({ subject }) => subject)).toContain('foreign key Theirs_a_fkey on public."Theirs"');
    for (const { cure } of fires) await sql(fixture.target, cure ?? '');
    expect((await found(false)).map(({ level, code }) => `${level} ${code}`)).toEqual(['info PREFLIGHT.TARGET_LACKS']);
  }));

test('what was put on the tables of a run under way is found if it acts on the rows of the run', () =>
  withFixture(async (fixture) => {
    const { source, target } = fixture;
    const ddl = 'CREATE TABLE public.a (id int PRIMARY KEY)';
    await sql(source, ddl);
    const calls = (name: string): string =>
      `CREATE TRIGGER ${name} BEFORE UPDATE ON public.a FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`;
    await sql(
      target,
      `${ddl}; ${calls('ordinary')}; ${calls('always')}; ALTER TABLE public.a ENABLE ALWAYS TRIGGER always;
       CREATE RULE kept AS ON DELETE TO public.a DO INSTEAD NOTHING`,
    );
    const { tables } = await readCatalog(source, ALL);
    const found = async (switchesOff: boolean) =>
      (
        await readFiring(
          target,
          tables.map(({ table }) => table),
          switchesOff,
        )
      ).map(({ kind, name }) => `${kind} ${name}`);
    expect(await found(true)).toEqual(['TRIGGER always']);
    expect(await found(false)).toEqual(['RULE kept', 'TRIGGER always', 'TRIGGER ordinary']);
    const fires = (await checkTarget(target, await readCatalog(source, ALL), true)).filter(
      ({ code }) => code === 'PREFLIGHT.TARGET_FIRES',
    );
    expect(fires.map(({ subject }) => subject)).toEqual(['trigger always on public.a']);
    await sql(target, fires[0]?.cure ?? '');
    expect(await found(true)).toEqual([]);
  }));

test('a role that may not switch triggers off is warned, not refused', () =>
  withFixture((fixture) =>
    withRole([fixture.target], async (role) => {
      const database = (await fixture.target.one('SELECT current_database() AS it'))?.it;
      await sql(fixture.target, `GRANT CREATE ON DATABASE ${database} TO ${role}`);
      const catalog = await readCatalog(fixture.source, ALL);
      const findings = await checkTarget(await fixture.connect('target', role), catalog, false);
      expect(findings.map(({ level, code }) => `${level} ${code}`)).toEqual(['warning PREFLIGHT.REPLICATION_ROLE']);
    }),
  ));
