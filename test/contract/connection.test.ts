// What keeps a session from being opened, and what the operator is told to do about it.

import { randomBytes } from 'node:crypto';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { type EmbeddedServer, openEmbedded } from '../../src/demo/embedded.ts';
import { withClient } from '../fleet/databases.ts';

const PASSWORD = randomBytes(12).toString('hex');
let secured: EmbeddedServer;

beforeAll(async () => {
  secured = await openEmbedded({ password: PASSWORD, settings: { fsync: 'off', wal_level: 'logical' } });
  const rules = join(secured.dataDirectory, 'pg_hba.conf');
  await writeFile(rules, `host "Shop 1" all 127.0.0.1/32 scram-sha-256\nhost all outsider 127.0.0.1/32 reject\n`);
  await appendFile(rules, 'host postgres postgres 127.0.0.1/32 scram-sha-256\nhost all trusted 127.0.0.1/32 trust\n');
  await admin(
    'CREATE ROLE "No one" LOGIN PASSWORD \'p\'',
    "CREATE ROLE nobody PASSWORD 'p'",
    'SELECT pg_reload_conf()',
  );
  await admin(
    'CREATE ROLE trusted LOGIN',
    'CREATE DATABASE "Shop 1"',
    'REVOKE CONNECT ON DATABASE "Shop 1" FROM PUBLIC',
  );
});

afterAll(() => secured?.close());

const admin = (...statements: readonly string[]): Promise<void> =>
  withClient(secured.url(), async (client) => {
    for (const statement of statements) await client.query(statement);
  });

function url(login: string, database = 'Shop 1'): string {
  return `postgres://${login}@127.0.0.1:${secured.port}/${encodeURIComponent(database)}`;
}

/** login, database, what the cure has to say */
const REFUSED: readonly (readonly [string, string, string, string])[] = [
  ['a wrong password', `postgres:${PASSWORD}x`, 'Shop 1', `ALTER ROLE "postgres" PASSWORD`],
  ['no password', 'postgres', 'Shop 1', 'source.url has none'],
  [
    'a role without CONNECT',
    'No%20one:p',
    'Shop 1',
    'GRANT CONNECT ON DATABASE "Shop 1" TO "No one"; -- on the source',
  ],
  ['a role without LOGIN', 'nobody:p', 'Shop 1', 'ALTER ROLE "nobody" LOGIN;'],
  ['a database that does not exist', `trusted`, 'none', 'CREATE DATABASE "none";'],
  ['an address that may not come in', 'stranger:p', 'none', 'pg_hba.conf of the source'],
  ['a role that may not read the log', 'trusted', 'postgres', 'ALTER ROLE "trusted" REPLICATION;'],
  ['a login that is rejected', 'outsider:p', 'none', 'host "none" "outsider"'],
];

test.each(REFUSED)('%s is refused with the cure of just that', async (_, login, database, cure) => {
  const server = new PostgresServer('source', url(login, database), 'test');
  const error = await server
    .session({ purpose: 'test', replication: database === 'postgres' })
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: 'SOURCE.AUTHENTICATION',
    disposition: 'operator',
    fix: expect.stringContaining(cure),
    message: expect.not.stringContaining(PASSWORD),
  });
});

test('a server without TLS is refused with what to correct, and not tried again', async () => {
  const plain = `postgres://postgres@127.0.0.1:${inject('fleet').source}/postgres?sslmode=require`;
  const server = new PostgresServer('source', plain, 'test');
  await expect(server.session({ purpose: 'test' })).rejects.toMatchObject({
    code: 'SOURCE.CONNECTION',
    disposition: 'operator',
    fix: expect.stringContaining('sslmode'),
  });
});
