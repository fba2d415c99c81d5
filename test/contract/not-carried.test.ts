// What is not carried, and that the one command which a check prints for it carries it: with the tools of the PostgreSQL of
// Debian, because the one from npm has none.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PostgresServer, type Session } from '../../src/databases/postgres/connection.ts';
import { openEmbedded } from '../../src/demo/embedded.ts';
import { Closer } from '../../src/lib/closer.ts';
import { sql } from './catalog-fixture.ts';
import { codes, findingsOf } from './check-fixture.ts';

const ROOT = ['14', '15', '16', '17'].map((version) => `/usr/lib/postgresql/${version}`).find(existsSync);
/** Not where everything must run. */
const SKIPPED = ROOT === undefined && process.env.CI !== 'true';

const TABLES = `
CREATE SCHEMA "the shop"; CREATE SCHEMA other;
CREATE TABLE "the shop".t (id int PRIMARY KEY, n int); CREATE INDEX ON "the shop".t (n);`;
const REST = `
INSERT INTO "the shop".t VALUES (1, 10), (2, 20);
CREATE FUNCTION "the shop".twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
REVOKE EXECUTE ON FUNCTION "the shop".twice(int) FROM PUBLIC;
CREATE VIEW "the shop"."It's" AS SELECT id, "the shop".twice(n) AS n FROM "the shop".t;
COMMENT ON VIEW "the shop"."It's" IS 'twice';
CREATE MATERIALIZED VIEW "the shop".m AS SELECT sum(n) AS n FROM "the shop"."It's"; CREATE UNIQUE INDEX m_n ON "the shop".m (n);
CREATE FUNCTION "the shop".f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE INSERT ON "the shop".t FOR EACH ROW EXECUTE FUNCTION "the shop".f();
CREATE TYPE "the shop".e AS ENUM ('a'); CREATE STATISTICS "the shop".st ON id, n FROM "the shop".t;
CREATE POLICY p ON "the shop".t; GRANT SELECT ON "the shop".t TO PUBLIC; CREATE PUBLICATION theirs FOR TABLE "the shop".t;
CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION pg_trgm SCHEMA public;
CREATE FUNCTION other.not_ours() RETURNS int LANGUAGE sql AS 'SELECT 1'`;

/** What the check names, and what comes with it. */
const OBJECTS = `
SELECT 'class ' || relname || ' ' || relkind::text || coalesce(relacl::text, '') || coalesce(obj_description(c.oid, 'pg_class'), '') AS object
FROM pg_class c WHERE relnamespace = '"the shop"'::regnamespace
UNION ALL SELECT 'function ' || proname || coalesce(proacl::text, '') FROM pg_proc WHERE pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname = 'the shop')
UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = '"the shop"'::regnamespace
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger
UNION ALL SELECT 'policy ' || polname FROM pg_policy
UNION ALL SELECT 'statistics ' || stxname FROM pg_statistic_ext
UNION ALL SELECT 'publication ' || pubname FROM pg_publication JOIN pg_publication_rel r ON r.prpubid = pg_publication.oid
ORDER BY 1`;

const SELECTION = { include: ['the shop.*'], exclude: [] };
const closer = new Closer();
let source: Session;
let target: Session;
let urls: Readonly<Record<'SOURCE' | 'TARGET', string>>;

beforeAll(async () => {
  if (ROOT === undefined) {
    if (process.env.CI === 'true') throw new Error('no older PostgreSQL: apt-get install postgresql-15');
    return;
  }
  const server = await openEmbedded({ root: ROOT, settings: { fsync: 'off', wal_level: 'logical' } });
  closer.add(() => server.close());
  const session = async (side: 'source' | 'target', database: string): Promise<Session> => {
    const opened = new PostgresServer(side, server.url(database), 'test');
    closer.add(() => opened.close());
    return opened.session({ purpose: 'test' });
  };
  source = await session('source', 'postgres');
  await sql(source, 'CREATE DATABASE target TEMPLATE template0');
  target = await session('target', 'target');
  urls = { SOURCE: server.url('postgres'), TARGET: server.url('target') };
  await sql(source, TABLES + REST);
  // As a run leaves it: the tables, and what was there before.
  await sql(
    target,
    `${TABLES} INSERT INTO "the shop".t VALUES (1, 10), (2, 20); CREATE EXTENSION citext SCHEMA public`,
  );
});
afterAll(() => closer.close());

const left = async (): Promise<readonly [string, string | undefined][]> => {
  const targetExtensions = async () =>
    (await target.query('SELECT extname FROM pg_extension')).map((row) => row.extname ?? '');
  const found = await findingsOf(source, SELECTION, { targetExtensions });
  expect(codes(found)).toEqual([]);
  return found.filter(({ code }) => code === 'PREFLIGHT.NOT_CARRIED').map(({ subject, cure }) => [subject, cure]);
};

test.skipIf(SKIPPED)('no statement of PostgreSQL is given for a target of another engine', async () => {
  const found = await findingsOf(source, SELECTION, { targetExtensions: async () => undefined });
  const left = found.filter(({ code }) => code === 'PREFLIGHT.NOT_CARRIED');
  expect(left.map(({ subject }) => subject)).toContain('view');
  expect(left.filter(({ subject, cure }) => cure !== undefined || /extension|all at once/.test(subject))).toEqual([]);
});

test.skipIf(SKIPPED)('one command carries everything that has no statement of its own', async () => {
  const findings = new Map(await left());
  expect(findings.get('extension')).toBe('CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;');
  const [last] = [...findings].slice(-1);
  expect(last?.[0]).toBe('all at once');
  const folder = await mkdtemp(join(tmpdir(), 'not-carried-'));
  closer.add(() => rm(folder, { recursive: true, force: true }));
  const env = { ...urls, PATH: `${ROOT}/bin:${process.env.PATH}` };
  const { stderr } = await promisify(execFile)('sh', ['-ec', last?.[1] ?? 'false'], { cwd: folder, env });
  expect(stderr).toBe('');
  expect(await target.query(OBJECTS)).toEqual(await source.query(OBJECTS));
  expect(await target.query('SELECT n FROM "the shop".m')).toEqual([{ n: '60' }]);
});
