// The fence is put on tables that are in use, by the runner that holds the lease, and taken off again.

import { describe, expect, it } from 'vitest';
import { fenceWorld, never, ROLE, refused, TABLES } from './fence-fixture.ts';

describe('the fence', () => {
  const world = fenceWorld();

  it('keeps trying for a lock, then names the session or prepared transaction that holds the table', async () => {
    const app = await world.connect(ROLE);
    await app.query(`SET application_name = 'report'; BEGIN; UPDATE shop.part SET item = 1 WHERE id = 1`);
    const impatient = world.newFence({ armTimeoutMs: 0 });
    await expect(impatient.arm(TABLES, never)).rejects.toMatchObject({
      code: 'FENCE.ARM',
      message: expect.stringMatching(new RegExp(`shop"\\."part" is held by session \\d+ \\(user ${ROLE}, report\\)`)),
    });
    const told: (string | null)[] = [];
    const patient = world.newFence({ onWaiting: (reason) => void told.push(reason) }).arm(TABLES, never);
    const waiting = async (): Promise<boolean> =>
      (await world.superuser.query(`SELECT 1 FROM pg_locks WHERE relation = 'shop.part'::regclass AND NOT granted`))
        .rows.length > 0;
    while (!(await waiting()));
    while (await waiting());
    await app.query('COMMIT');
    await patient;
    expect(told[0]).toContain('the fence waits for a lock on "shop"."part": it is held by session');
    expect(told.at(-1)).toBe(null);
    await app.query(`BEGIN; INSERT INTO shop.part VALUES (77)`);
    await world.superuser.query(`BEGIN; UPDATE shop.item SET v = 'x' WHERE id = 3; PREPARE TRANSACTION 'held'`);
    await app.query('COMMIT');
    await expect(impatient.disarm()).rejects.toMatchObject({
      message: expect.stringContaining('prepared transaction "held"'),
    });
    await world.superuser.query(`ROLLBACK PREPARED 'held'`);
  });

  it('stops trying when it is told to', async () => {
    const app = await world.connect();
    await app.query('BEGIN; LOCK TABLE shop.item');
    const abort = new AbortController();
    const arming = world.fence.arm(TABLES, abort.signal);
    abort.abort(new Error('interrupted'));
    await expect(arming).rejects.toThrow();
    await app.query('ROLLBACK');
  });

  it('does not close unless its trigger is in force on every table, and arming again cures that', async () => {
    await world.fence.arm(TABLES, never);
    await world.superuser.query('DROP TRIGGER migrate_fence ON shop.part; ALTER TABLE shop.item DISABLE TRIGGER ALL');
    await expect(world.fence.close(1_000)).rejects.toMatchObject({
      code: 'FENCE.ARM',
      message: 'the fence is not on shop.item (disabled), shop.part (missing)',
    });
    await world.fence.arm(TABLES, never);
    await world.fence.close(30_000);
    await world.superuser.query('ALTER TABLE shop.item DISABLE TRIGGER ALL');
    await expect(world.fence.permanent(10)).rejects.toMatchObject({ code: 'FENCE.ARM' });
  });

  it('leaves on what another run has closed, and takes the place of a fence that is open', async () => {
    await world.closeFence();
    await world.fence.permanent(10);
    const theirs = world.newFence({ id: 'b2', armTimeoutMs: 0 });
    await expect(theirs.arm(TABLES, never)).rejects.toMatchObject({
      code: 'FENCE.ARM',
      message: expect.stringContaining('is closed by the fence of another run, migrate.fence_a1b2c3d4()'),
    });
    await expect(world.superuser.query('DELETE FROM shop.part')).rejects.toMatchObject(refused);
    await world.fence.open();
    await theirs.arm(TABLES, never);
    await expect(world.fence.close(1_000)).rejects.toMatchObject({ code: 'FENCE.ARM' });
    await theirs.close(30_000);
    await expect(world.superuser.query('DELETE FROM shop.part')).rejects.toMatchObject(refused);
  });

  it('does nothing for a runner whose lease was taken over', async () => {
    await world.closeFence();
    const stale = world.newFence({ epoch: 6 });
    await expect(stale.open()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await expect(stale.permanent(10)).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await expect(stale.disarm()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    expect((await stale.state()).kind).toBe('closed');
  });

  it('works again after its connection was cut', async () => {
    await world.closeFence();
    await world.superuser.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'migrate orders fence' AND datname = current_database()`,
    );
    await world.fence.open().catch(() => undefined);
    await world.fence.open();
    await world.superuser.query('DELETE FROM shop.part');
  });

  it('leaves no trace after it is taken away', async () => {
    const catalog = async (): Promise<unknown> =>
      (
        await world.superuser.query(`
        SELECT 'trigger ' || tgname || ' ' || tgrelid::regclass AS object FROM pg_trigger
        UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace
        UNION ALL SELECT 'class ' || oid::regclass FROM pg_class WHERE relnamespace = 'migrate'::regnamespace
        UNION ALL SELECT 'acl ' || relname || coalesce(relacl::text, '') || relhastriggers FROM pg_class
          WHERE relnamespace = 'shop'::regnamespace AND relname <> 'outside' AND relname NOT LIKE 'odd%' AND relname NOT LIKE 'measure%'
        ORDER BY 1`)
      ).rows;
    const before = await catalog();
    await world.closeFence();
    await world.fence.permanent(500);
    await world.fence.open();
    await world.fence.disarm();
    await world.fence.disarm();
    expect(await catalog()).toEqual(before);
    expect(await world.fence.state()).toEqual({ kind: 'absent' });
    await world.fence.open();
    expect(await world.fence.state()).toEqual({ kind: 'absent' });
  });
});
