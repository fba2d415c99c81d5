// The replica identities that a run needs: set before its tables are published, put back exactly when they no longer are,
// whatever happens in between.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDeferred } from '../../src/apply/deferred.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresFence } from '../../src/databases/postgres/fence/fence.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import type { PostgresLog } from '../../src/databases/postgres/log/log.ts';
import {
  type IdentityOptions,
  restoreIdentities,
  setIdentities,
} from '../../src/databases/postgres/replica-identity.ts';
import type { Table } from '../../src/model/table.ts';
import { releaseSource } from '../../src/stages/open.ts';
import { type LogFixture, openLogFixture } from './log-fixture.ts';

let fixture: LogFixture;

beforeEach(async () => {
  fixture = await openLogFixture();
  await fixture.db.query(LEASE_SCHEMA);
});

afterEach(() => fixture.close());

const options = (more: Partial<IdentityOptions> = {}): IdentityOptions => ({
  server: fixture.server,
  run: 'test',
  prove: async () => undefined,
  ...more,
});

async function tables(): Promise<readonly Table[]> {
  const selection = { include: ['public.*'], exclude: [] };
  const catalog = await fixture.server.with('catalog', (session) => readCatalog(session, selection));
  return catalog.tables.map(({ table }) => table);
}

/** Each table's identity by name: its letter and, for an index, that. */
async function identities(): Promise<Readonly<Record<string, string>>> {
  const { rows } = await fixture.db.query(
    `SELECT relname, concat_ws(' ', relreplident, (SELECT indexrelid::regclass FROM pg_index
       WHERE indrelid = c.oid AND indisreplident)) AS identity
     FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  );
  return Object.fromEntries(rows.map(({ relname, identity }) => [relname, identity]));
}

async function records(): Promise<number> {
  const { rows } = await fixture.db.query('SELECT count(*)::int AS n FROM migrate.replica_identity');
  return rows[0].n;
}

const KINDS = `
CREATE TABLE fine (id int PRIMARY KEY);
CREATE TABLE full_already (a int); ALTER TABLE full_already REPLICA IDENTITY FULL;
CREATE TABLE keyless (a int, b text);
CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE);
CREATE TABLE "Unique" (a int NOT NULL, b int NOT NULL, c int, CONSTRAINT "U q" UNIQUE (b, a));
CREATE TABLE other (id int PRIMARY KEY, u int NOT NULL UNIQUE); ALTER TABLE other REPLICA IDENTITY USING INDEX other_u_key;
CREATE TABLE wider (id int PRIMARY KEY, u int NOT NULL, UNIQUE (u, id));
ALTER TABLE wider REPLICA IDENTITY USING INDEX wider_u_id_key;
CREATE TABLE bare (a int NOT NULL UNIQUE, b int NOT NULL); CREATE UNIQUE INDEX bare_ab ON bare (a, b);
ALTER TABLE bare REPLICA IDENTITY USING INDEX bare_ab;`;

test('only what does not name the key is changed, as little as can be, and put back exactly', async () => {
  await fixture.db.query(KINDS);
  const before = await identities();
  await setIdentities(options(), await tables());
  expect(await identities()).toEqual({
    ...before,
    keyless: 'f',
    nothing: 'd',
    deferred: 'f',
    Unique: 'i "U q"',
    other: 'd',
  });
  await restoreIdentities(options());
  expect(await identities()).toEqual(before);
  expect(await records()).toBe(0);
});

test('an application may update and delete in every published table, and the log names the whole rows', async () => {
  await fixture.db.query(KINDS);
  await fixture.db.query(`ALTER TABLE keyless ALTER b SET STORAGE EXTERNAL;
    INSERT INTO keyless VALUES (1, repeat('x', 5000)), (1, repeat('x', 5000)), (NULL, NULL), (2, '')`);
  const log = fixture.log();
  const start = await log.pin(await tables());
  await fixture.db.query(`UPDATE keyless SET a = 7 WHERE ctid = (SELECT min(ctid) FROM keyless);
    DELETE FROM keyless WHERE a IS NULL; UPDATE deferred SET id = 2; UPDATE "Unique" SET c = 1; UPDATE nothing SET id = 3`);
  const reader = await fixture.read(start.at, await tables());
  await log.mark('end');
  await reader.untilMarker('end');
  const big = 'x'.repeat(5_000);
  expect(reader.changes.map((change) => ({ ...change, table: 'table' in change && change.table.name }))).toEqual([
    { op: 'update', table: 'keyless', key: ['1', big], row: ['7', big] },
    { op: 'delete', table: 'keyless', key: [null, null] },
  ]);
  await reader.close();
  await start.close();
  await log.release();
  expect((await identities()).keyless).toBe('d');
  await log.release();
});

test.each([1, 2, 3])(
  'a runner that dies at transaction %i has recorded what it changed and nothing else',
  async (fatal) => {
    await fixture.db.query('CREATE TABLE a (x int); CREATE TABLE b (x int)');
    const before = await identities();
    let proofs = 0;
    const prove = async (): Promise<void> => {
      if (++proofs === fatal) throw new Error('killed');
    };
    await expect(setIdentities(options({ prove }), await tables())).rejects.toThrow('killed');
    const changed = Object.values(await identities()).filter((identity) => identity === 'f').length;
    expect(changed).toBe(Math.max(0, fatal - 2));
    // Begun again, or given up.
    await setIdentities(options(), await tables());
    expect(await identities()).toEqual({ a: 'f', b: 'f' });
    proofs = 0;
    await (fatal < 3
      ? expect(restoreIdentities(options({ prove }))).rejects.toThrow('killed')
      : restoreIdentities(options({ prove })));
    expect(await records()).toBe(fatal < 3 ? 3 - fatal : 0);
    await restoreIdentities(options());
    await restoreIdentities(options());
    expect(await identities()).toEqual(before);
  },
);

test('what an operator has set meanwhile is left, also when a table was dropped or has another name', async () => {
  await fixture.db.query('CREATE TABLE a (x int NOT NULL); CREATE TABLE b (x int); CREATE TABLE c (x int)');
  await setIdentities(options(), await tables());
  await fixture.db.query(`CREATE UNIQUE INDEX mine ON a (x); ALTER TABLE a REPLICA IDENTITY USING INDEX mine;
    DROP TABLE b; ALTER TABLE c RENAME TO d`);
  await restoreIdentities(options());
  expect(await identities()).toEqual({ a: 'i mine', d: 'd' });
  expect(await records()).toBe(0);
});

test.each([
  ['its row filter', 'TABLE a WHERE (u > 0)'],
  ['a partitioned table', 'TABLE p'],
  ['a root that it is published by', 'TABLE p WITH (publish_via_partition_root = true)'],
])('an index that another publication needs for %s gives way to all columns only', async (_, others) => {
  await fixture.db.query(`CREATE TABLE p (id int, u int NOT NULL, n int) PARTITION BY LIST (n);
    CREATE TABLE a PARTITION OF p FOR VALUES IN (0);
    ALTER TABLE a ADD PRIMARY KEY (id); ALTER TABLE a ADD CONSTRAINT u UNIQUE (u);
    ALTER TABLE a REPLICA IDENTITY USING INDEX u; INSERT INTO p VALUES (1, 1, 0);
    CREATE PUBLICATION theirs FOR ${others}`);
  await setIdentities(options(), await tables());
  await fixture.db.query('UPDATE p SET u = 2; DELETE FROM p');
  expect(await identities()).toEqual({ a: 'f' });
  await restoreIdentities(options());
  expect(await identities()).toEqual({ a: 'i u' });
});

test.each([
  ['was dropped', 'ALTER TABLE a DROP CONSTRAINT u'],
  ['may hold NULL', 'ALTER TABLE a ALTER u DROP NOT NULL'],
])('an identity whose index %s meanwhile becomes none, which it then was', async (_, change) => {
  await fixture.db.query(`CREATE TABLE a (id int PRIMARY KEY, u int NOT NULL CONSTRAINT u UNIQUE);
    ALTER TABLE a REPLICA IDENTITY USING INDEX u`);
  await setIdentities(options(), await tables());
  await fixture.db.query(change);
  await restoreIdentities(options());
  expect(await identities()).toEqual({ a: 'n' });
});

test('of two runs on one table the last to end puts the identity back', async () => {
  await fixture.db.query('CREATE TABLE a (x int)');
  await setIdentities(options(), await tables());
  await setIdentities(options({ run: 'other' }), await tables());
  await restoreIdentities(options());
  expect(await identities()).toEqual({ a: 'f' });
  await setIdentities(options(), await tables());
  await restoreIdentities(options({ run: 'other' }));
  expect(await identities()).toEqual({ a: 'f' });
  await restoreIdentities(options());
  expect(await identities()).toEqual({ a: 'd' });
});

test('a table that is held is waited for, its holder is named, and others get their turn meanwhile', async () => {
  await fixture.db.query('CREATE TABLE a (x int)');
  const holder = await fixture.client();
  await holder.query("SET application_name = 'report'; BEGIN; SELECT FROM a");
  await expect(setIdentities(options({ lockTimeoutMs: 0 }), await tables())).rejects.toMatchObject({
    code: 'SOURCE.LOCKED',
    message: expect.stringMatching(/public\.a .*report/),
  });
  const told: (string | null)[] = [];
  const heard = createDeferred<void>();
  const onWaiting = (reason: string | null): void => {
    told.push(reason);
    heard.resolve();
  };
  const setting = setIdentities(options({ onWaiting }), await tables());
  await heard.promise;
  await fixture.db.query('INSERT INTO a VALUES (1)');
  await holder.query('COMMIT');
  await setting;
  expect(told[0]).toContain('report');
  expect(told.at(-1)).toBeNull();
  expect(await identities()).toEqual({ a: 'f' });
});

test('no table is published before it has its identity, nor loses it while it is published', async () => {
  await fixture.db.query('CREATE TABLE a (x int); INSERT INTO a VALUES (1)');
  const holder = await fixture.client();
  const waits = async (work: (log: PostgresLog) => Promise<unknown>): Promise<number> => {
    const heard = createDeferred<void>();
    await holder.query('BEGIN; SELECT FROM a');
    const working = work(fixture.log({ onWaiting: () => heard.resolve() }));
    await heard.promise;
    const { rows } = await fixture.db.query('SELECT count(*)::int AS n FROM pg_publication');
    await fixture.db.query('UPDATE a SET x = x + 1');
    await holder.query('COMMIT');
    await working;
    return rows[0].n;
  };
  expect(await waits(async (log) => (await log.pin(await tables())).close())).toBe(0);
  expect(await waits((log) => log.release())).toBe(0);
  expect(await identities()).toEqual({ a: 'd' });
});

test('a run that is given up stops keeping the log although somebody reads a table that its fence is on', async () => {
  await fixture.db.query(`CREATE TABLE a (id int PRIMARY KEY); INSERT INTO migrate.lease VALUES ('test', 1, 'test')`);
  const log = fixture.log();
  await (await log.pin(await tables())).close();
  const fence = new PostgresFence({
    server: fixture.server,
    claim: () => ({ run: 'test', epoch: 1 }),
    id: '01',
    armTimeoutMs: 0,
  });
  await fence.arm(await tables(), new AbortController().signal);
  const reader = await fixture.client();
  await reader.query('BEGIN; SELECT FROM a');
  await expect(releaseSource({ fence, log })).rejects.toMatchObject({ code: 'FENCE.ARM' });
  expect(
    (await fixture.db.query('SELECT slot_name FROM pg_replication_slots WHERE slot_name = $1', [fixture.slot])).rows,
  ).toEqual([]);
  await fixture.db.query('INSERT INTO a VALUES (1)');
  await reader.query('COMMIT');
  await releaseSource({ fence, log });
  expect((await fixture.db.query('SELECT FROM pg_trigger')).rows).toEqual([]);
});
