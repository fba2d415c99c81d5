// The fence on real servers: what it stops, what passes, who is waited for, and when it opens.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresFence } from '../../src/databases/postgres/fence.ts';
import { closedFromBirth } from '../../src/databases/postgres/fence-function.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/journal-schema.ts';
import { quoteTable } from '../../src/databases/postgres/sql.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { openPair, type Pair } from '../fleet/databases.ts';

const ROLE = `app_${randomBytes(4).toString('hex')}`;
const never = new AbortController().signal;
const table = (name: string): Table => ({
  id: tableId('shop', name),
  schema: 'shop',
  name,
  columns: [],
  key: [0],
  rowEstimate: 0,
  identity: 'key',
  spread: true,
  byteEstimate: 0,
});
const TABLES = ['item', 'part', 'measure', 'measure_1', 'odd "na\'me'].map(table);

const SCHEMA = `
  CREATE SCHEMA shop;
  CREATE TABLE shop.item (id int PRIMARY KEY, v text);
  CREATE TABLE shop.part (id int PRIMARY KEY, item int REFERENCES shop.item ON DELETE CASCADE);
  CREATE TABLE shop.outside (id int PRIMARY KEY, v text);
  CREATE TABLE shop.child (id int PRIMARY KEY, item int REFERENCES shop.item);
  CREATE TABLE shop.measure (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
  CREATE TABLE shop.measure_1 PARTITION OF shop.measure FOR VALUES IN (1);
  CREATE TABLE shop."odd ""na'me" (id int PRIMARY KEY);
  INSERT INTO shop.item SELECT n, 'x' FROM generate_series(1, 10) n;
  INSERT INTO shop.part SELECT n, n FROM generate_series(1, 10) n;
  INSERT INTO shop.measure VALUES (1, 1);
  GRANT USAGE ON SCHEMA shop TO ${ROLE};
  GRANT ALL ON ALL TABLES IN SCHEMA shop TO ${ROLE};`;

describe('the fence', () => {
  let pair: Pair;
  let server: PostgresServer;
  let fence: PostgresFence;
  let superuser: pg.Client;
  let clients: pg.Client[];

  beforeAll(async () => {
    pair = await openPair();
    const client = await open(pair.sourceUrl);
    await client.query(`CREATE ROLE ${ROLE} LOGIN`);
    await client.end();
  });

  afterAll(async () => {
    const client = await open(pair.sourceUrl);
    await client.query(`DROP OWNED BY ${ROLE}; DROP ROLE ${ROLE}`);
    await client.end();
    await pair.close();
  });

  beforeEach(async () => {
    clients = [];
    superuser = await connect();
    await superuser.query('DROP SCHEMA IF EXISTS shop CASCADE; DROP SCHEMA IF EXISTS migrate CASCADE');
    await superuser.query(SCHEMA);
    await superuser.query(LEASE_SCHEMA);
    await superuser.query(`INSERT INTO migrate.lease VALUES ('orders', 7, 'test')`);
    server = new PostgresServer('source', pair.sourceUrl, 'orders');
    fence = newFence();
    return async () => {
      await server.close();
      await Promise.all(clients.map((client) => client.end()));
    };
  });

  function newFence(epoch = 7, armTimeoutMs = 30_000): PostgresFence {
    return new PostgresFence({ server, claim: { run: 'orders', epoch }, id: 'a1b2c3d4', armTimeoutMs });
  }

  async function connect(user = 'postgres'): Promise<pg.Client> {
    const client = await open(pair.sourceUrl.replace('postgres@', `${user}@`));
    clients.push(client);
    return client;
  }

  async function closed(): Promise<void> {
    await fence.arm(TABLES, never);
    await fence.close(30_000);
  }

  const refused = { code: '25006' };

  it('refuses every kind of write, by superusers and by applications, while it is closed', async () => {
    const app = await connect(ROLE);
    await fence.arm(TABLES, never);
    await app.query(`INSERT INTO shop.item VALUES (90, 'before')`);
    await fence.close(30_000);
    for (const client of [superuser, app]) {
      for (const statement of [
        `INSERT INTO shop.item VALUES (91, 'x')`,
        `UPDATE shop.item SET v = 'y' WHERE id = 1`,
        'DELETE FROM shop.part WHERE id = 1',
        'MERGE INTO shop.part p USING (SELECT 1 AS id) q ON p.id = q.id WHEN MATCHED THEN UPDATE SET item = 2',
        `INSERT INTO shop.item VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET v = 'z'`,
        'TRUNCATE shop.part',
        'TRUNCATE shop.item CASCADE',
        'INSERT INTO shop.measure VALUES (2, 1)',
        'INSERT INTO shop.measure_1 VALUES (3, 1)',
        `WITH gone AS (DELETE FROM shop.part RETURNING id) SELECT count(*) FROM gone`,
        `INSERT INTO shop."odd ""na'me" VALUES (1)`,
        'SELECT 1; UPDATE shop.item SET v = v',
      ]) {
        await expect(client.query(statement), statement).rejects.toMatchObject(refused);
      }
      const copy = client.query(copyFrom('COPY shop.item FROM STDIN'));
      const failed = once(copy, 'error');
      copy.end('92\tx\n');
      expect((await failed.catch((error: unknown) => [error]))[0]).toMatchObject(refused);
      await client.query(`INSERT INTO shop.outside VALUES (1, 'free') ON CONFLICT DO NOTHING`);
    }
  });

  it('refuses the cascade of a write to a table outside', async () => {
    await fence.arm([table('part')], never);
    await fence.close(30_000);
    await expect(superuser.query('DELETE FROM shop.item WHERE id = 1')).rejects.toMatchObject(refused);
    await expect(superuser.query('TRUNCATE shop.item CASCADE')).rejects.toMatchObject(refused);
    expect((await superuser.query('SELECT count(*)::int AS n FROM shop.part')).rows).toEqual([{ n: 10 }]);
  });

  it('refuses prepared statements, open sessions and transactions with an older snapshot', async () => {
    const [prepared, older] = [await connect(ROLE), await connect(ROLE)];
    await fence.arm(TABLES, never);
    const insert = (id: number) => ({ name: 'i', text: 'INSERT INTO shop.item VALUES ($1)', values: [id] });
    for (let id = 100; id < 110; id++) await prepared.query(insert(id));
    await older.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM shop.item');
    await fence.close(30_000);
    await expect(prepared.query(insert(120))).rejects.toMatchObject(refused);
    await expect(older.query(`UPDATE shop.item SET v = 'late' WHERE id = 1`)).rejects.toMatchObject(refused);
  });

  it('lets a replica-role session pass', async () => {
    await closed();
    await superuser.query(`SET session_replication_role = replica; INSERT INTO shop.item VALUES (200, 'ours')`);
  });

  it('does not depend on the search_path of the application', async () => {
    const app = await connect();
    await app.query(`CREATE FUNCTION shop.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'infinity'::timestamptz$$;
      SET search_path = shop, pg_catalog`);
    await closed();
    await expect(app.query('DELETE FROM part')).rejects.toMatchObject(refused);
  });

  it('tells its state, and opens by itself at the deadline', async () => {
    expect(await fence.state()).toEqual({ kind: 'absent' });
    await fence.arm(TABLES, never);
    expect(await fence.state()).toEqual({ kind: 'open' });
    await fence.close(30_000);
    const state = await fence.state();
    expect(state).toMatchObject({ kind: 'closed', expired: false });
    expect(state.kind === 'closed' && state.remainingMs > 0 && state.remainingMs <= 30_000).toBe(true);
    await fence.open();
    expect(await fence.state()).toEqual({ kind: 'open' });
    await superuser.query(`UPDATE shop.item SET v = 'open' WHERE id = 1`);
    await fence.close(0);
    expect(await fence.state()).toEqual({ kind: 'closed', expired: true, remainingMs: 0 });
    await superuser.query(`UPDATE shop.item SET v = 'expired' WHERE id = 1`);
  });

  it('becomes permanent while enough time is left, and stays so', async () => {
    await closed();
    await fence.permanent(500);
    expect(await fence.state()).toEqual({ kind: 'permanent' });
    await fence.permanent(500);
    await expect(superuser.query('DELETE FROM shop.part')).rejects.toMatchObject(refused);
    await expect(fence.close(1_000)).rejects.toMatchObject({ code: 'INTERNAL.BUG' });
    await fence.open();
    await superuser.query('DELETE FROM shop.part');
  });

  it('is not made permanent when too little time is left, when it expired, or when it was never closed', async () => {
    await fence.arm(TABLES, never);
    await expect(fence.permanent(500)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    await fence.close(400);
    await expect(fence.permanent(500)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    await fence.close(0);
    await expect(fence.permanent(0)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    expect((await fence.state()).kind).toBe('closed');
  });

  it('is not permanent when it had to wait past the deadline', async () => {
    await fence.arm(TABLES, never);
    await fence.close(600);
    await superuser.query('BEGIN; LOCK TABLE migrate.lease IN EXCLUSIVE MODE');
    const outcome = expect(fence.permanent(100)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    // Only the deadline lets an application write again.
    const app = await connect(ROLE);
    while (await refuses(app));
    await superuser.query('COMMIT');
    await outcome;
    expect((await fence.state()).kind).not.toBe('permanent');
  });

  it('is not permanent while a statement that may still run the old function is open past the deadline', async () => {
    await fence.arm(TABLES, never);
    await fence.close(1_000);
    // Holds the table's write lock from its planning on, and calls the trigger only after the row lock is granted.
    await superuser.query(`INSERT INTO shop.outside VALUES (1, 'x')`);
    await superuser.query(`BEGIN; UPDATE shop.outside SET v = 'held'`);
    const late = (await connect())
      .query(
        `WITH o AS (UPDATE shop.outside SET v = 'late' RETURNING id), i AS (INSERT INTO shop.item VALUES (501, 'late'))
         SELECT count(*) FROM o`,
      )
      .catch(() => undefined);
    const watcher = await connect();
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    while ((await watcher.query(waiting)).rows.length === 0);
    await expect(fence.permanent(10)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    expect((await fence.state()).kind).not.toBe('permanent');
    await superuser.query('COMMIT');
    await late;
  });

  it('is closed for good without a deadline where none is asked for', async () => {
    for (const statement of closedFromBirth('a1b2c3d4', TABLES)) await superuser.query(statement);
    expect(await fence.state()).toEqual({ kind: 'permanent' });
    await expect(superuser.query('DELETE FROM shop.part')).rejects.toMatchObject(refused);
    await fence.open();
    await fence.permanent();
    expect(await fence.state()).toEqual({ kind: 'permanent' });
  });

  it('sees an open writer until it ends, and leaves newcomers out', async () => {
    const app = await connect(ROLE);
    await fence.arm(TABLES, never);
    await app.query(`SET application_name = 'till'; BEGIN; UPDATE shop.item SET v = 'open' WHERE id = 1`);
    await fence.close(30_000);
    const first = await fence.openWriters();
    expect(first).toMatchObject([{ kind: 'session', user: ROLE, application: 'till', tables: ['shop.item'] }]);
    expect(await fence.openWriters(first)).toHaveLength(1);
    await app.query('COMMIT; BEGIN; LOCK TABLE shop.part IN ROW EXCLUSIVE MODE');
    expect(await fence.openWriters()).toHaveLength(1);
    expect(await fence.openWriters(first)).toEqual([]);
    await app.query('ROLLBACK');
  });

  it('names a prepared transaction by its gid and never ends it', async () => {
    const app = await connect();
    await fence.arm(TABLES, never);
    await app.query(`BEGIN; UPDATE shop.item SET v = 'p' WHERE id = 1; SAVEPOINT s; UPDATE shop.item SET v = 'q'`);
    await fence.close(30_000);
    const before = await fence.openWriters();
    await app.query(`PREPARE TRANSACTION 'gid ''1'''`);
    const writers = await fence.openWriters(before);
    expect(writers).toMatchObject([{ kind: 'prepared', id: `gid '1'`, user: 'postgres' }]);
    await fence.end(writers);
    // Known before or not: what is prepared has written.
    expect(await fence.openWriters([])).toHaveLength(1);
    await app.query(`ROLLBACK PREPARED 'gid ''1'''`);
    expect(await fence.openWriters(writers)).toEqual([]);
  });

  it('ends the session of an open writer, but not one that has gone on to other work', async () => {
    const [app, other] = [await connect(), await connect()];
    await fence.arm(TABLES, never);
    for (const client of [app, other]) await client.query('BEGIN; LOCK TABLE shop.item IN ROW EXCLUSIVE MODE');
    const writers = await fence.openWriters();
    await other.query('COMMIT; BEGIN; SELECT 1');
    const ended = new Promise<void>((resolve) => app.once('end', resolve));
    await fence.end(writers);
    await ended;
    await other.query('COMMIT');
    await expect(app.query('SELECT 1')).rejects.toThrow();
  });

  it('loses no write of clients that never stop, over 20 closings', async () => {
    await fence.arm(TABLES, never);
    const writers = await Promise.all(Array.from({ length: 4 }, () => connect(ROLE)));
    let stop = false;
    let id = 1_000;
    const running = writers.map(async (client) => {
      while (!stop) {
        try {
          await client.query(`BEGIN; INSERT INTO shop.item VALUES (${id++}, 'w')`);
          await client.query(`INSERT INTO shop.part VALUES (${id++}); COMMIT`);
        } catch (error) {
          expect((error as { code: string }).code).toBe('25006');
          await client.query('ROLLBACK');
        }
      }
    });
    const count = async (): Promise<string> =>
      (
        await superuser.query(
          'SELECT (SELECT count(*) FROM shop.item) || $$/$$ || (SELECT count(*) FROM shop.part) AS n',
        )
      ).rows[0].n;
    let last = await count();
    for (let round = 0; round < 20; round++) {
      while ((await count()) === last) await superuser.query('SELECT 1');
      await fence.close(30_000);
      let left = await fence.openWriters();
      while (left.length > 0) left = await fence.openWriters(left);
      last = await count();
      for (let look = 0; look < 10; look++) expect(await count()).toBe(last);
      if (round % 2 === 0) {
        await fence.permanent(500);
        expect(await count()).toBe(last);
      }
      await fence.open();
    }
    stop = true;
    await Promise.all(running);
  });

  it('keeps trying for a lock, then names the session or prepared transaction that holds the table', async () => {
    const app = await connect(ROLE);
    await app.query(`SET application_name = 'report'; BEGIN; UPDATE shop.part SET item = 1 WHERE id = 1`);
    const impatient = newFence(7, 0);
    await expect(impatient.arm(TABLES, never)).rejects.toMatchObject({
      code: 'FENCE.ARM',
      message: expect.stringMatching(new RegExp(`shop"\\."part" is held by session \\d+ \\(user ${ROLE}, report\\)`)),
    });
    const patient = fence.arm(TABLES, never);
    const waiting = async (): Promise<boolean> =>
      (await superuser.query(`SELECT 1 FROM pg_locks WHERE relation = 'shop.part'::regclass AND NOT granted`)).rows
        .length > 0;
    while (!(await waiting()));
    while (await waiting());
    await app.query('COMMIT');
    await patient;
    await app.query(`BEGIN; INSERT INTO shop.part VALUES (77)`);
    await superuser.query(`BEGIN; UPDATE shop.item SET v = 'x' WHERE id = 3; PREPARE TRANSACTION 'held'`);
    await app.query('COMMIT');
    await expect(impatient.disarm()).rejects.toMatchObject({
      message: expect.stringContaining('prepared transaction "held"'),
    });
    await superuser.query(`ROLLBACK PREPARED 'held'`);
  });

  it('stops trying when it is told to', async () => {
    const app = await connect();
    await app.query('BEGIN; LOCK TABLE shop.item');
    const abort = new AbortController();
    const arming = fence.arm(TABLES, abort.signal);
    abort.abort(new Error('interrupted'));
    await expect(arming).rejects.toThrow();
    await app.query('ROLLBACK');
  });

  it('does not close unless its trigger is in force on every table, and arming again cures that', async () => {
    await fence.arm(TABLES, never);
    await superuser.query('DROP TRIGGER migrate_fence ON shop.part; ALTER TABLE shop.item DISABLE TRIGGER ALL');
    await expect(fence.close(1_000)).rejects.toMatchObject({
      code: 'FENCE.ARM',
      message: 'the fence is not on shop.item (disabled), shop.part (missing)',
    });
    await fence.arm(TABLES, never);
    await fence.close(30_000);
    await superuser.query('ALTER TABLE shop.item DISABLE TRIGGER ALL');
    await expect(fence.permanent(10)).rejects.toMatchObject({ code: 'FENCE.ARM' });
  });

  it('leaves on what another run has closed, and takes the place of a fence that is open', async () => {
    await closed();
    await fence.permanent(10);
    const theirs = new PostgresFence({ server, claim: { run: 'orders', epoch: 7 }, id: 'b2', armTimeoutMs: 0 });
    await expect(theirs.arm(TABLES, never)).rejects.toMatchObject({
      code: 'FENCE.ARM',
      message: expect.stringContaining('is closed by the fence of another run, migrate.fence_a1b2c3d4()'),
    });
    await expect(superuser.query('DELETE FROM shop.part')).rejects.toMatchObject(refused);
    await fence.open();
    await theirs.arm(TABLES, never);
    await expect(fence.close(1_000)).rejects.toMatchObject({ code: 'FENCE.ARM' });
    await theirs.close(30_000);
    await expect(superuser.query('DELETE FROM shop.part')).rejects.toMatchObject(refused);
  });

  it('does nothing for a runner whose lease was taken over', async () => {
    await closed();
    const stale = newFence(6);
    await expect(stale.open()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await expect(stale.permanent(10)).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await expect(stale.disarm()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    expect((await stale.state()).kind).toBe('closed');
  });

  it('works again after its connection was cut', async () => {
    await closed();
    await superuser.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'migrate orders fence' AND datname = current_database()`,
    );
    await fence.open().catch(() => undefined);
    await fence.open();
    await superuser.query('DELETE FROM shop.part');
  });

  it('leaves no trace after it is taken away', async () => {
    const catalog = async (): Promise<unknown> =>
      (
        await superuser.query(`
          SELECT 'trigger ' || tgname || ' ' || tgrelid::regclass AS object FROM pg_trigger
          UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace
          UNION ALL SELECT 'class ' || oid::regclass FROM pg_class WHERE relnamespace = 'migrate'::regnamespace
          UNION ALL SELECT 'acl ' || relname || coalesce(relacl::text, '') || relhastriggers FROM pg_class
            WHERE relnamespace = 'shop'::regnamespace AND relname <> 'outside' AND relname NOT LIKE 'odd%' AND relname NOT LIKE 'measure%'
          ORDER BY 1`)
      ).rows;
    const before = await catalog();
    await closed();
    await fence.permanent(500);
    await fence.open();
    await fence.disarm();
    await fence.disarm();
    expect(await catalog()).toEqual(before);
    expect(await fence.state()).toEqual({ kind: 'absent' });
    await fence.open();
    expect(await fence.state()).toEqual({ kind: 'absent' });
  });

  it('quotes what it is given', () => {
    expect(quoteTable(table('odd "na\'me'))).toBe(`"shop"."odd ""na'me"`);
  });
});

async function refuses(client: pg.Client): Promise<boolean> {
  try {
    await client.query(`UPDATE shop.item SET v = 'again' WHERE id = 1`);
    return false;
  } catch (error) {
    expect((error as { code: string }).code).toBe('25006');
    return true;
  }
}

async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
