import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { readServerFacts } from '../../src/databases/postgres/check/facts.ts';
import { checkVersion } from '../../src/databases/postgres/check/server.ts';
import { checkTarget } from '../../src/databases/postgres/check/target.ts';
import { PostgresServer, type Session } from '../../src/databases/postgres/connection.ts';
import type { Finding } from '../../src/model/finding.ts';
import { startServer, type TestServer } from '../fleet/postgres.ts';
import { ALL, sql } from './catalog-fixture.ts';
import { codes, findingsOf, only } from './check-fixture.ts';

const SETTINGS = {
  wal_level: 'replica',
  max_replication_slots: '2',
  max_wal_senders: '1',
  max_connections: '15',
  max_prepared_transactions: '0',
  max_locks_per_transaction: '10',
  max_slot_wal_keep_size: '100MB',
  idle_replication_slot_timeout: '1h',
};

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ settings: SETTINGS });
});
afterAll(() => server.close());

async function withSession<T>(
  database: string,
  work: (session: Session) => Promise<T>,
  on: TestServer = server,
): Promise<T> {
  const opened = new PostgresServer('source', on.url(database), 'test');
  return opened.with('test', work).finally(() => opened.close());
}

/** The findings about a source and a target of many tables on one server. */
async function findingsOn(on: TestServer): Promise<readonly Finding[]> {
  await withSession('postgres', (session) => sql(session, 'CREATE DATABASE target TEMPLATE template0'), on);
  const source = await withSession(
    'postgres',
    async (session) => {
      const tables = Array.from({ length: 130 }, (_, n) => `CREATE TABLE public.t${n} (id int PRIMARY KEY)`);
      for (const half of [tables.slice(0, 65), tables.slice(65)]) await sql(session, half.join(';'));
      return { findings: await findingsOf(session), catalog: await readCatalog(session, ALL) };
    },
    on,
  );
  const target = await withSession('target', (session) => checkTarget(session, source.catalog, false), on);
  return [...source.findings, ...target];
}

test('the settings of a server are checked, and a server with all cures has no finding', async () => {
  const findings = await findingsOn(server);
  expect(codes(findings)).toEqual(['WAL_LEVEL', 'REPLICATION_SLOTS', 'WAL_SENDERS', 'LOCKS', 'LOCKS']);
  expect(codes(findings, 'warning')).toEqual(['SLOT_KEEP_SIZE', 'SLOT_IDLE_TIMEOUT']);
  expect(only(findings, 'SLOT_IDLE_TIMEOUT').message).toContain('3600 s');
  const statements = findings.flatMap(({ cure }) => cure?.split(/(?<=;) /) ?? []);
  await withSession('postgres', async (session) => {
    for (const statement of statements) await sql(session, statement);
  });
  // The tests' servers take their settings from the command line, which wins over ALTER SYSTEM.
  const changed = statements.flatMap((statement) => [...statement.matchAll(/SET (\w+) = '?([-\w]+)/g)]);
  const settings = Object.fromEntries(changed.map(([, name, value]) => [name, value ?? '']));
  const cured = await startServer({ settings: { ...SETTINGS, ...settings } });
  try {
    expect(await findingsOn(cured)).toEqual([]);
  } finally {
    await cured.close();
  }
});

test('encodings that cannot be converted are errors', async () => {
  await withSession('postgres', async (session) => {
    for (const encoding of ['SQL_ASCII', 'LATIN1']) {
      await sql(session, `CREATE DATABASE ${encoding} ENCODING '${encoding}' LOCALE 'C' TEMPLATE template0`);
    }
  });
  await withSession('sql_ascii', async (session) => {
    expect(codes(await findingsOf(session))).toContain('ENCODING');
    expect(codes(await checkTarget(session, await readCatalog(session, ALL), false))).toEqual(['ENCODING']);
  });
  await withSession('latin1', async (session) => {
    expect(codes(await findingsOf(session))).not.toContain('ENCODING');
    const catalog = await readCatalog(session, ALL);
    const finding = only(await checkTarget(session, catalog, false), 'ENCODING');
    const source = await readServerFacts(session);
    expect(codes(await checkTarget(session, catalog, false, { source }))).toEqual([]);
    await sql(session, finding.cure ?? '');
    await withSession('new_target', async (fresh) => {
      expect(codes(await checkTarget(fresh, catalog, false))).toEqual([]);
    });
  });
});

test('a standby is refused on both sides', async () => {
  const directory = await withSession('postgres', (session) => session.one('SHOW data_directory'));
  await server.stop();
  await writeFile(join(directory?.data_directory ?? '', 'standby.signal'), '');
  await server.start();
  await withSession('postgres', async (session) => {
    expect(codes(await findingsOf(session))).toContain('STANDBY');
    expect(codes(await checkTarget(session, await readCatalog(session, ALL), true))).toEqual(['STANDBY']);
    await sql(session, 'SELECT pg_promote()');
    expect(codes(await findingsOf(session))).not.toContain('STANDBY');
  });
});

test('versions that are too old are refused, and newer ones than were tested are a warning', async () => {
  const facts = await withSession('postgres', readServerFacts);
  expect(checkVersion(facts)).toEqual([]);
  expect(codes(checkVersion({ ...facts, version: 130_022 }))).toEqual(['VERSION']);
  expect(codes(checkVersion({ ...facts, version: 140_001 }))).toEqual([]);
  expect(codes(checkVersion({ ...facts, version: 190_000 }), 'warning')).toEqual(['VERSION']);
});
