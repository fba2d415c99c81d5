// What a closed fence stops, what passes, and who is waited for.

import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import { describe, expect, it } from 'vitest';
import { fenceWorld, never, ROLE, refused, TABLES, table } from './fence-fixture.ts';

describe('the fence', () => {
  const world = fenceWorld();

  it('refuses every kind of write, by superusers and by applications, while it is closed', async () => {
    const app = await world.connect(ROLE);
    await world.fence.arm(TABLES, never);
    await app.query(`INSERT INTO shop.item VALUES (90, 'before')`);
    await world.fence.close(30_000);
    for (const client of [world.superuser, app]) {
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
    await world.fence.arm([table('part')], never);
    await world.fence.close(30_000);
    await expect(world.superuser.query('DELETE FROM shop.item WHERE id = 1')).rejects.toMatchObject(refused);
    await expect(world.superuser.query('TRUNCATE shop.item CASCADE')).rejects.toMatchObject(refused);
    expect((await world.superuser.query('SELECT count(*)::int AS n FROM shop.part')).rows).toEqual([{ n: 10 }]);
  });

  it('refuses prepared statements, open sessions and transactions with an older snapshot', async () => {
    const [prepared, older] = [await world.connect(ROLE), await world.connect(ROLE)];
    await world.fence.arm(TABLES, never);
    const insert = (id: number) => ({ name: 'i', text: 'INSERT INTO shop.item VALUES ($1)', values: [id] });
    for (let id = 100; id < 110; id++) await prepared.query(insert(id));
    await older.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM shop.item');
    await world.fence.close(30_000);
    await expect(prepared.query(insert(120))).rejects.toMatchObject(refused);
    await expect(older.query(`UPDATE shop.item SET v = 'late' WHERE id = 1`)).rejects.toMatchObject(refused);
  });

  it('lets a replica-role session pass', async () => {
    await world.closeFence();
    await world.superuser.query(`SET session_replication_role = replica; INSERT INTO shop.item VALUES (200, 'ours')`);
  });

  it('does not depend on the search_path of the application', async () => {
    const app = await world.connect();
    await app.query(`CREATE FUNCTION shop.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'infinity'::timestamptz$$;
    SET search_path = shop, pg_catalog`);
    await world.closeFence();
    await expect(app.query('DELETE FROM part')).rejects.toMatchObject(refused);
  });

  it('tells its state, and opens by itself at the deadline', async () => {
    expect(await world.fence.state()).toEqual({ kind: 'absent' });
    await world.fence.arm(TABLES, never);
    expect(await world.fence.state()).toEqual({ kind: 'open' });
    await world.fence.close(30_000);
    const state = await world.fence.state();
    expect(state).toMatchObject({ kind: 'closed', expired: false });
    expect(state.kind === 'closed' && state.remainingMs > 0 && state.remainingMs <= 30_000).toBe(true);
    await world.fence.open();
    expect(await world.fence.state()).toEqual({ kind: 'open' });
    await world.superuser.query(`UPDATE shop.item SET v = 'open' WHERE id = 1`);
    await world.fence.close(0);
    expect(await world.fence.state()).toEqual({ kind: 'closed', expired: true, remainingMs: 0 });
    await world.superuser.query(`UPDATE shop.item SET v = 'expired' WHERE id = 1`);
  });

  it('sees an open writer until it ends, and leaves newcomers out', async () => {
    const app = await world.connect(ROLE);
    await world.fence.arm(TABLES, never);
    await app.query(`SET application_name = 'till'; BEGIN; UPDATE shop.item SET v = 'open' WHERE id = 1`);
    await world.fence.close(30_000);
    const first = await world.fence.openWriters();
    expect(first).toMatchObject([{ kind: 'session', user: ROLE, application: 'till', tables: ['shop.item'] }]);
    expect(await world.fence.openWriters(first)).toHaveLength(1);
    await app.query('COMMIT; BEGIN; LOCK TABLE shop.part IN ROW EXCLUSIVE MODE');
    expect(await world.fence.openWriters()).toHaveLength(1);
    expect(await world.fence.openWriters(first)).toEqual([]);
    await app.query('ROLLBACK');
  });

  it('names a prepared transaction by its gid and never ends it', async () => {
    const app = await world.connect();
    await world.fence.arm(TABLES, never);
    await app.query(`BEGIN; UPDATE shop.item SET v = 'p' WHERE id = 1; SAVEPOINT s; UPDATE shop.item SET v = 'q'`);
    await world.fence.close(30_000);
    const before = await world.fence.openWriters();
    await app.query(`PREPARE TRANSACTION 'gid ''1'''`);
    const writers = await world.fence.openWriters(before);
    expect(writers).toMatchObject([{ kind: 'prepared', id: `gid '1'`, user: 'postgres' }]);
    await world.fence.end(writers);
    // Known before or not: what is prepared has written.
    expect(await world.fence.openWriters([])).toHaveLength(1);
    await app.query(`ROLLBACK PREPARED 'gid ''1'''`);
    expect(await world.fence.openWriters(writers)).toEqual([]);
  });

  it('ends the session of an open writer, but not one that has gone on to other work', async () => {
    const [app, other] = [await world.connect(), await world.connect()];
    await world.fence.arm(TABLES, never);
    for (const client of [app, other]) await client.query('BEGIN; LOCK TABLE shop.item IN ROW EXCLUSIVE MODE');
    const writers = await world.fence.openWriters();
    await other.query('COMMIT; BEGIN; SELECT 1');
    const ended = new Promise<void>((resolve) => app.once('end', resolve));
    await world.fence.end(writers);
    await ended;
    await other.query('COMMIT');
    await expect(app.query('SELECT 1')).rejects.toThrow();
  });

  it('loses no write of clients that never stop, over 20 closings', async () => {
    await world.fence.arm(TABLES, never);
    const writers = await Promise.all(Array.from({ length: 4 }, () => world.connect(ROLE)));
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
        await world.superuser.query(
          'SELECT (SELECT count(*) FROM shop.item) || $$/$$ || (SELECT count(*) FROM shop.part) AS n',
        )
      ).rows[0].n;
    let last = await count();
    for (let round = 0; round < 20; round++) {
      while ((await count()) === last) await world.superuser.query('SELECT 1');
      await world.fence.close(30_000);
      let left = await world.fence.openWriters();
      while (left.length > 0) left = await world.fence.openWriters(left);
      last = await count();
      for (let look = 0; look < 10; look++) expect(await count()).toBe(last);
      if (round % 2 === 0) {
        await world.fence.permanent(500);
        expect(await count()).toBe(last);
      }
      await world.fence.open();
    }
    stop = true;
    await Promise.all(running);
  });
});
