// The rights that `migrate grants` prints: enough for preflight, and none too many.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { checkSource } from '../../src/databases/postgres/check/source.ts';
import { checkTarget } from '../../src/databases/postgres/check/target.ts';
import type { Session } from '../../src/databases/postgres/connection.ts';
import { readSourceGrants, readTargetGrants } from '../../src/databases/postgres/grants.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Finding } from '../../src/model/finding.ts';
import type { Grant } from '../../src/model/grant.ts';
import { ALL, type CatalogFixture, openCatalogFixture, sql } from './catalog-fixture.ts';

const suffix = randomBytes(6).toString('hex');
const ROLES = { owner: `Owner ${suffix}`, other: `other_${suffix}`, migrator: `Migrator's ${suffix}` };
const CONTEXT = { id: 's', slot: 'migrate_s', publication: 'migrate_p', selection: ALL, endsTransactions: true };

let fixture: CatalogFixture;
let catalog: Catalog;

/** Everything that can be missing: another owner, a schema of a third role, what not even its owner may read. */
beforeAll(async () => {
  fixture = await openCatalogFixture();
  for (const admin of [fixture.source, fixture.target]) {
    for (const role of Object.values(ROLES)) await sql(admin, `CREATE ROLE "${role}" LOGIN`);
  }
  await sql(
    fixture.source,
    `CREATE SCHEMA shop AUTHORIZATION "${ROLES.owner}"; CREATE SCHEMA types;
     CREATE TYPE types.mood AS ENUM ('good'); CREATE EXTENSION citext;
     CREATE TABLE shop.orders (id serial PRIMARY KEY, mood types.mood);
     CREATE TABLE shop.notes (text text);
     CREATE SEQUENCE shop.numbers;
     CREATE SCHEMA ext; ALTER EXTENSION citext SET SCHEMA ext;
     CREATE TABLE shop."Odd name" (id int PRIMARY KEY, c ext.citext);
     ALTER TABLE shop.orders OWNER TO "${ROLES.owner}"; ALTER TABLE shop."Odd name" OWNER TO "${ROLES.owner}";
     ALTER TABLE shop.notes OWNER TO "${ROLES.other}"; ALTER SEQUENCE shop.numbers OWNER TO "${ROLES.other}";
     CREATE TABLE shop.rented (id int PRIMARY KEY); ALTER TABLE shop.rented OWNER TO "${ROLES.owner}";
     ALTER TABLE shop.rented ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.rented FORCE ROW LEVEL SECURITY;
     REVOKE ALL ON shop."Odd name" FROM "${ROLES.owner}"; REVOKE ALL ON SEQUENCE shop.numbers FROM "${ROLES.other}"`,
  );
  await sql(
    fixture.target,
    'CREATE SCHEMA migrate; CREATE SCHEMA shop; CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext',
  );
  catalog = await readCatalog(fixture.source, ALL);
});

afterAll(async () => {
  for (const admin of [fixture.source, fixture.target]) {
    for (const role of Object.values(ROLES)) {
      await sql(admin, `DROP OWNED BY "${role}" CASCADE; DROP ROLE "${role}"`);
    }
  }
  await fixture.close();
});

interface Case {
  readonly admin: () => Session;
  readonly grants: () => Promise<readonly Grant[]>;
  readonly findings: () => Promise<readonly Finding[]>;
}

const CASES: Readonly<Record<'source' | 'target', Case>> = {
  source: {
    admin: () => fixture.source,
    grants: async () => (await readSourceGrants(fixture.source, { ...CONTEXT, catalog, role: ROLES.migrator })).grants,
    findings: () => asMigrator('source', (session) => checkSource(session, catalog, CONTEXT)),
  },
  target: {
    admin: () => fixture.target,
    grants: async () =>
      (await readTargetGrants(fixture.target, { catalog, role: ROLES.migrator, existing: false })).grants,
    findings: () => asMigrator('target', (session) => checkTarget(session, catalog, false)),
  },
};

/** On a session of its own: rights are looked up when a session begins. */
async function asMigrator<T>(side: 'source' | 'target', work: (session: Session) => Promise<T>): Promise<T> {
  const session = await fixture.connect(side, encodeURIComponent(ROLES.migrator));
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

const errors = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ level }) => level === 'error');

/** What takes a statement back. */
function reversed(statement: string): string {
  const plain = statement.replace(/ WITH INHERIT TRUE, SET FALSE;$/, ';');
  if (plain.startsWith('ALTER ROLE')) return plain.replace(/ (REPLICATION|BYPASSRLS);$/, ' NO$1;');
  return plain.replace(/^GRANT (.*) TO /, 'REVOKE $1 FROM ');
}

describe.each(['source', 'target'] as const)('on the %s', (side) => {
  const { admin, grants, findings } = CASES[side];

  test('the statements are all that preflight asks for', async () => {
    expect(errors(await findings())).not.toEqual([]);
    for (const { statement } of await grants()) await sql(admin(), statement);
    expect(errors(await findings())).toEqual([]);
  });

  test('they stay the same when they were run', async () => {
    const before = await grants();
    for (const { statement } of before) await sql(admin(), statement);
    expect(await grants()).toEqual(before);
  });

  test('each one that is taken back is found, with itself as the cure', async () => {
    const all = await grants();
    expect(all.length).toBeGreaterThan(3);
    for (const { statement } of all) await sql(admin(), statement);
    for (const { statement, optional } of all) {
      await sql(admin(), reversed(statement));
      const found = (await findings()).filter(({ cure }) => cure?.startsWith(statement) === true);
      expect(
        found.map(({ level }) => level),
        statement,
      ).toEqual([optional ? 'warning' : 'error']);
      await sql(admin(), statement);
    }
    expect(errors(await findings())).toEqual([]);
  });
});

test('what is shown covers each kind of right once', async () => {
  const name = (role: string): string => `"${role}"`;
  const migrator = name(ROLES.migrator);
  const database = new URL(fixture.sourceUrl).pathname.slice(1);
  expect((await CASES.source.grants()).map(({ phase, statement }) => `${phase}: ${statement}`)).toEqual([
    `check: GRANT pg_read_all_stats TO ${migrator};`,
    `copy: GRANT USAGE ON SCHEMA "types" TO ${migrator};`,
    `copy: GRANT SELECT ON "shop"."Odd name" TO ${migrator};`,
    `copy: ALTER ROLE ${migrator} BYPASSRLS;`,
    `stream: ALTER ROLE ${migrator} REPLICATION;`,
    `stream: GRANT CREATE ON DATABASE ${database} TO ${migrator};`,
    `stream: GRANT ${name(ROLES.owner)} TO ${migrator} WITH INHERIT TRUE, SET FALSE;`,
    `stream: GRANT ${ROLES.other} TO ${migrator} WITH INHERIT TRUE, SET FALSE;`,
    `freeze: GRANT SELECT ON SEQUENCE "shop"."numbers" TO ${migrator};`,
    `freeze: GRANT pg_signal_backend TO ${migrator};`,
  ]);
  expect((await CASES.target.grants()).map(({ phase, statement }) => `${phase}: ${statement}`)).toEqual([
    `schema: GRANT CREATE ON DATABASE ${database} TO ${migrator};`,
    `schema: GRANT USAGE, CREATE ON SCHEMA "migrate" TO ${migrator};`,
    `schema: GRANT USAGE ON SCHEMA "ext" TO ${migrator};`,
    `schema: GRANT USAGE, CREATE ON SCHEMA "shop" TO ${migrator};`,
    `apply: GRANT SET ON PARAMETER session_replication_role TO ${migrator};`,
  ]);
});

test('owners and row security, which stay behind, are named with the statements that bring them', async () => {
  const findings = await checkSource(fixture.source, catalog, CONTEXT);
  const cure = (subject: string): string => {
    const found = findings.find((finding) => finding.code.endsWith('NOT_CARRIED') && finding.subject === subject);
    return found?.cure ?? '';
  };
  expect(cure('owner')).toContain(`ALTER TABLE shop."Odd name" OWNER TO "${ROLES.owner}";`);
  expect(cure('owner')).toContain(`ALTER TABLE shop.numbers OWNER TO ${ROLES.other};`);
  expect(cure('owner')).toContain(`ALTER SCHEMA shop OWNER TO "${ROLES.owner}";`);
  expect(cure('owner')).not.toContain('types');
  expect(cure('row security')).toBe('ALTER TABLE shop.rented ENABLE ROW LEVEL SECURITY;');
  expect(cure('forced row security')).toBe('ALTER TABLE shop.rented FORCE ROW LEVEL SECURITY;');
  expect(cure('extension')).toBe('CREATE EXTENSION IF NOT EXISTS citext SCHEMA ext;');
});
