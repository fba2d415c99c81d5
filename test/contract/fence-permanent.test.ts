// When a closed fence becomes permanent, and when it must not.

import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { fenceWorld, never, ROLE, refused, TABLES } from './fence-fixture.ts';

describe('the fence', () => {
  const world = fenceWorld();

  it('becomes permanent while enough time is left, and stays so', async () => {
    await world.closeFence();
    await world.fence.permanent(500);
    expect(await world.fence.state()).toEqual({ kind: 'permanent' });
    await world.fence.permanent(500);
    await expect(world.superuser.query('DELETE FROM shop.part')).rejects.toMatchObject(refused);
    await expect(world.fence.close(1_000)).rejects.toMatchObject({ code: 'INTERNAL.BUG' });
    await world.fence.open();
    await world.superuser.query('DELETE FROM shop.part');
  });

  it('is not made permanent when too little time is left, when it expired, or when it was never closed', async () => {
    await world.fence.arm(TABLES, never);
    await expect(world.fence.permanent(500)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    await world.fence.close(400);
    await expect(world.fence.permanent(500)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    await world.fence.close(0);
    await expect(world.fence.permanent(0)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    expect((await world.fence.state()).kind).toBe('closed');
  });

  it('is not permanent when it had to wait past the deadline', async () => {
    await world.fence.arm(TABLES, never);
    await world.fence.close(600);
    await world.superuser.query('BEGIN; LOCK TABLE migrate.lease IN EXCLUSIVE MODE');
    const outcome = expect(world.fence.permanent(100)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    // Only the deadline lets an application write again.
    const app = await world.connect(ROLE);
    while (await refuses(app));
    await world.superuser.query('COMMIT');
    await outcome;
    expect((await world.fence.state()).kind).not.toBe('permanent');
  });

  it('is not permanent while a statement that may still run the old function is open past the deadline', async () => {
    await world.fence.arm(TABLES, never);
    await world.fence.close(1_000);
    // Holds the table's write lock from its planning on, and calls the trigger only after the row lock is granted.
    await world.superuser.query(`INSERT INTO shop.outside VALUES (1, 'x')`);
    await world.superuser.query(`BEGIN; UPDATE shop.outside SET v = 'held'`);
    const late = (await world.connect())
      .query(
        `WITH o AS (UPDATE shop.outside SET v = 'late' RETURNING id), i AS (INSERT INTO shop.item VALUES (501, 'late'))
       SELECT count(*) FROM o`,
      )
      .catch(() => undefined);
    const watcher = await world.connect();
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    while ((await watcher.query(waiting)).rows.length === 0);
    await expect(world.fence.permanent(10)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    expect((await world.fence.state()).kind).not.toBe('permanent');
    await world.superuser.query('COMMIT');
    await late;
  });

  it('is closed for good without a deadline where none is asked for', async () => {
    await world.fence.arm(TABLES, never);
    await world.fence.permanent();
    expect(await world.fence.state()).toEqual({ kind: 'permanent' });
    await expect(world.superuser.query('DELETE FROM shop.part')).rejects.toMatchObject(refused);
    await world.fence.open();
    await world.fence.permanent();
    expect(await world.fence.state()).toEqual({ kind: 'permanent' });
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
