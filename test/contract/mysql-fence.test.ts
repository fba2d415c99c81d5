// The fence of MySQL and MariaDB: what it stops, what passes, and that no write is lost.

import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { closeNew, fencedTables } from '../../src/databases/mysql/fence/new.ts';
import { passFence } from '../../src/databases/mysql/pass.ts';
import { quoteTable } from '../../src/databases/mysql/sql.ts';
import { CLAIM, errnoOf, fenceWorld, ID, KINDS, LONG, never, REFUSED, TABLES, table } from './mysql-fence-fixture.ts';

describe.each(KINDS)('the fence of $kind', ({ kind, start }) => {
  const world = fenceWorld(start);
  const triggers = () =>
    world.app.query(
      "SELECT TRIGGER_NAME, EVENT_MANIPULATION, ACTION_ORDER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop' ORDER BY 2, 3",
    );

  test('refuses every kind of write that fires triggers while it is closed, and nothing else', async () => {
    const [older, prepared] = [await world.connect(), await world.connect()];
    await world.fence.arm([...TABLES, table(LONG)], never);
    const insert = { sql: 'INSERT INTO shop.item (v) VALUES (?)', parameters: ['x'] };
    await prepared.write(insert);
    await prepared.query("PREPARE kept FROM 'UPDATE shop.item SET v = 1'");
    await older.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await older.query('SELECT COUNT(*) FROM shop.item');
    await world.fence.close(30_000);
    for (const statement of [
      "INSERT INTO shop.item (v) VALUES ('y')",
      "INSERT IGNORE INTO shop.item (v) VALUES ('y')",
      "INSERT INTO shop.item VALUES (1, 'y') ON DUPLICATE KEY UPDATE v = 'z'",
      'INSERT INTO shop.item (v) SELECT v FROM shop.item',
      "REPLACE INTO shop.item VALUES (1, 'y')",
      "UPDATE shop.item SET v = 'y' WHERE id = 1",
      "UPDATE IGNORE shop.item SET v = 'y' WHERE id = 1",
      "UPDATE shop.outside o RIGHT JOIN shop.item i ON true SET o.v = 'a', i.v = 'a'",
      'DELETE FROM shop.part WHERE id = 1',
      'DELETE IGNORE FROM shop.part',
      `INSERT INTO ${quoteTable(table(LONG))} VALUES (1)`,
    ]) {
      expect(await errnoOf(world.app.query(statement)), statement).toBe(REFUSED);
    }
    const load = {
      sql: "LOAD DATA LOCAL INFILE 'x' INTO TABLE shop.item",
      file: () => Readable.from([Buffer.from('77\tx\n')]),
    };
    expect(await errnoOf(world.app.write(load))).toBe(REFUSED);
    expect(await errnoOf(prepared.write(insert))).toBe(REFUSED);
    expect(await errnoOf(prepared.query('EXECUTE kept'))).toBe(REFUSED);
    expect(await errnoOf(older.query("UPDATE shop.item SET v = 'late' WHERE id = 1"))).toBe(REFUSED);
    // The deadline goes by the server's clock.
    await world.app.query('SET timestamp = UNIX_TIMESTAMP() + 3600');
    expect(await errnoOf(world.app.query('DELETE FROM shop.part'))).toBe(REFUSED);
    await world.app.query("INSERT INTO shop.outside (v) VALUES ('free')");
    expect(await world.app.query('SELECT COUNT(*) FROM shop.item')).toEqual([['4']]);
  });

  test('is not put on while replication writes to the server, which no trigger sees', async () => {
    const words =
      kind === 'MariaDB' ? ['MASTER', 'SLAVE', 'MASTER_HOST'] : ['REPLICATION SOURCE', 'REPLICA', 'SOURCE_HOST'];
    await world.app.query(`CHANGE ${words[0]} TO ${words[2]} = '127.0.0.1'`);
    try {
      await world.app.query(`START ${words[1]} SQL_THREAD`);
      await expect(world.fence.arm(TABLES, never)).rejects.toMatchObject({ code: 'CUTOVER.REFUSED' });
      expect(await triggers()).toEqual([]);
      await world.app.query(`STOP ${words[1]}`);
      await world.fence.arm(TABLES, never);
    } finally {
      await world.app.query(`STOP ${words[1]}`);
      await world.app.query(`RESET ${words[1]} ALL`);
    }
  });

  test('tells its state, and opens by itself at the deadline', async () => {
    expect(await world.fence.state()).toEqual({ kind: 'absent' });
    await world.fence.open();
    await world.fence.arm(TABLES, never);
    expect(await world.fence.state()).toEqual({ kind: 'open' });
    await world.fence.close(30_000);
    const state = await world.fence.state();
    expect(state.kind === 'closed' && !state.expired && state.remainingMs > 0 && state.remainingMs <= 30_000).toBe(
      true,
    );
    await world.fence.open();
    expect(await world.fence.state()).toEqual({ kind: 'open' });
    await world.app.query("UPDATE shop.item SET v = 'open' WHERE id = 1");
    await world.fence.close(0);
    expect(await world.fence.openWriters()).toEqual([]);
    expect(await world.fence.state()).toEqual({ kind: 'closed', expired: true, remainingMs: 0 });
    await world.app.query("UPDATE shop.item SET v = 'expired' WHERE id = 1");
    await expect(world.fence.permanent(0)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
  });

  test('becomes permanent while enough time is left, whoever was refused and idles', async () => {
    await world.fence.arm(TABLES, never);
    await expect(world.fence.permanent(500)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    await world.fence.close(400);
    await expect(world.fence.permanent(500)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    await world.fence.close(10_000);
    const idle = await world.connect();
    await idle.query('START TRANSACTION');
    expect(await errnoOf(idle.query('DELETE FROM shop.part'))).toBe(REFUSED);
    await world.fence.permanent(500);
    expect(await world.fence.state()).toEqual({ kind: 'permanent' });
    await world.fence.permanent(500);
    await expect(world.fence.close(1_000)).rejects.toMatchObject({ code: 'INTERNAL.BUG' });
    // As if the deadline had passed.
    await idle.query('ROLLBACK');
    await world.app.query("UPDATE migrate.fence SET until_at = UTC_TIMESTAMP(6) WHERE part = 'state'");
    expect(await errnoOf(world.app.query('DELETE FROM shop.part'))).toBe(REFUSED);
    await world.fence.open();
    await world.app.query('DELETE FROM shop.part');
    await world.fence.permanent();
    expect(await world.fence.state()).toEqual({ kind: 'permanent' });
    expect(await errnoOf(world.app.query('DELETE FROM shop.item'))).toBe(REFUSED);
  });

  test('is not permanent when somebody may have written after the deadline', async () => {
    await world.fence.arm(TABLES, never);
    await world.fence.close(200);
    await world.app.query('START TRANSACTION');
    while ((await errnoOf(world.app.query("UPDATE shop.item SET v = 'again' WHERE id = 1"))) === REFUSED);
    await world.app.query('COMMIT');
    await expect(world.fence.permanent(0)).rejects.toMatchObject({ code: 'FENCE.EXPIRED' });
    expect((await world.fence.state()).kind).toBe('closed');
  });

  test('waits for an open writer, names it and ends it, and refuses whoever came meanwhile', async () => {
    const [first, second, late] = [await world.connect(), await world.connect(), await world.connect()];
    await world.fence.arm(TABLES, never);
    for (const writer of [first, second]) {
      await writer.query('START TRANSACTION');
      await writer.query("INSERT INTO shop.item (v) VALUES ('open')");
    }
    // As long as it runs MySQL tells of no session at all in information_schema.
    const odd = await world.connect();
    void odd.query("SELECT SLEEP(60), '𝄞'").catch(() => undefined);
    while (!JSON.stringify(await world.app.query('SHOW PROCESSLIST')).includes('SLEEP'));
    await world.fence.close(30_000);
    const writers = await world.fence.openWriters();
    expect([...writers].sort((a, b) => Number(a.id) - Number(b.id))).toMatchObject(
      [first, second].map(({ id }) => ({ kind: 'session', id: `${id}`, user: 'root' })),
    );
    const refused = errnoOf(late.query("INSERT INTO shop.item (v) VALUES ('late')"));
    await first.query('INSERT INTO shop.part (item) VALUES (1)');
    await first.query('COMMIT');
    // It has gone on to other work.
    await first.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await world.fence.end(writers);
    await expect(second.lost).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
    expect(await refused).toBe(REFUSED);
    await drained(writers);
    await first.query('COMMIT');
    expect(await world.app.query("SELECT v FROM shop.item WHERE v <> 'x'")).toEqual([['open']]);
  });

  const drained = async (before = [] as Awaited<ReturnType<typeof world.fence.openWriters>>): Promise<void> => {
    for (let left = before; ; ) {
      left = await world.fence.openWriters(left);
      if (left.length === 0) return;
    }
  };

  test('is taken back while it waits, by the run or by its death', async () => {
    await world.fence.arm(TABLES, never);
    await world.app.query('START TRANSACTION');
    await world.app.query("UPDATE shop.item SET v = 'open' WHERE id = 1");
    await world.fence.close(30_000);
    expect(await world.fence.openWriters()).toHaveLength(1);
    await world.fence.open();
    const other = await world.connect();
    await other.query("UPDATE shop.item SET v = 'other' WHERE id = 2");
    await world.fence.close(30_000);
    await world.server.close();
    // The server does not notice before it is that session's turn.
    await world.app.query('COMMIT');
    await other.query("UPDATE shop.item SET v = 'after' WHERE id = 2");
    const next = world.newFence({ server: world.newServer() });
    expect(await next.state()).toEqual({ kind: 'open' });
  });

  test('is not closed while a transaction is prepared, and never ends it', async () => {
    await world.fence.arm(TABLES, never);
    await world.app.query("XA START 'a ''b'''");
    await world.app.query("UPDATE shop.item SET v = 'prepared' WHERE id = 1");
    await world.app.query("XA END 'a ''b'''");
    await world.app.query("XA PREPARE 'a ''b'''");
    await world.fence.close(30_000);
    const prepared = await world.fence.openWriters();
    expect(prepared).toMatchObject([{ id: "a 'b'" }]);
    await world.fence.end(prepared);
    await world.app.query("XA COMMIT 'a ''b'''");
    await drained();
    expect((await world.fence.state()).kind).toBe('closed');
  });

  test('is closed after LOCK TABLES has ended, or in spite of it', async () => {
    await world.fence.arm(TABLES, never);
    await world.app.query('LOCK TABLES shop.item WRITE');
    await world.fence.close(30_000);
    // MySQL locks the fence's table with it, MariaDB refuses its next write.
    const writers = await world.fence.openWriters();
    expect(writers).toMatchObject(kind === 'MySQL' ? [{ id: `${world.app.id}` }] : []);
    await world.app.query('UNLOCK TABLES');
    await drained();
    expect(await errnoOf(world.app.query('DELETE FROM shop.item'))).toBe(REFUSED);
  });

  test('loses no write of clients that never stop, over 30 closings', async () => {
    await world.fence.arm(TABLES, never);
    const writers = await Promise.all(Array.from({ length: 4 }, () => world.connect()));
    for (const client of writers.slice(2)) await client.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    let stop = false;
    let refusals = 0;
    let opened = Promise.resolve();
    const running = writers.map(async (client, index) => {
      while (!stop) {
        try {
          if (index > 0) await client.query('START TRANSACTION');
          await client.query("INSERT INTO shop.item (v) VALUES ('w')");
          await client.query('UPDATE shop.part SET item = item + 1 WHERE id = 1');
          if (index > 0) await client.query('COMMIT');
        } catch (error) {
          expect([REFUSED, 1213]).toContain(await errnoOf(Promise.reject(error)));
          await client.query('ROLLBACK');
          // A few times more: the rest would only keep the machine busy.
          if (++refusals > 20) await opened;
        }
      }
    });
    const count = async (): Promise<string> => {
      const [row] = await world.app.query('SELECT (SELECT COUNT(v) FROM shop.item), (SELECT SUM(item) FROM shop.part)');
      return (row ?? []).join('/');
    };
    let last = await count();
    for (let round = 0; round < 30; round++) {
      while ((await count()) === last);
      let open = (): void => undefined;
      opened = new Promise((resolve) => {
        open = resolve;
      });
      refusals = 0;
      await world.fence.close(30_000);
      await drained();
      last = await count();
      for (let look = 0; look < 5; look++) expect(await count()).toBe(last);
      if (round % 3 === 0) {
        await world.fence.permanent(500);
        expect(await count()).toBe(last);
      }
      await world.fence.open();
      open();
    }
    stop = true;
    await Promise.all(running);
  });

  test('is put on a table that is in use when that ends, names who uses it, and leaves nothing when it is taken off', async () => {
    await world.app.query(
      'CREATE TRIGGER shop.theirs BEFORE INSERT ON shop.item FOR EACH ROW SET NEW.v = UPPER(NEW.v)',
    );
    const before = await triggers();
    const reader = await world.connect();
    await reader.query('START TRANSACTION');
    await reader.query('UPDATE shop.part SET item = 5 WHERE id = 1');
    let tell: (reason: string | null) => void = () => undefined;
    const told = new Promise<string | null>((resolve) => {
      tell = resolve;
    });
    const armed = world.newFence({ onWaiting: tell }).arm(TABLES, never);
    expect(await told).toContain(`shop.part: it is held by session ${reader.id}`);
    const hasty = world.newFence({ armTimeoutMs: 0 });
    await expect(hasty.arm(TABLES, never)).rejects.toMatchObject({
      code: 'FENCE.ARM',
      message: expect.stringContaining(`session ${reader.id} (user root`),
    });
    await reader.query('COMMIT');
    await armed;
    await world.fence.arm(TABLES, never);
    // Ours is the first to be asked.
    expect((await triggers()).filter(([, event]) => event === 'INSERT').slice(0, 1)).not.toEqual(before);
    await world.app.query("INSERT INTO shop.item (v) VALUES ('small')");
    expect(await world.app.query('SELECT v FROM shop.item WHERE id > 3')).toEqual([['SMALL']]);
    await world.app.query(`DROP TRIGGER shop.${(await triggers()).find(([, event]) => event === 'DELETE')?.[0]}`);
    await expect(world.fence.close(1_000)).rejects.toMatchObject({ code: 'FENCE.ARM' });
    await world.fence.arm(TABLES, never);
    await world.fence.close(30_000);
    await world.fence.disarm();
    await world.fence.disarm();
    expect(await triggers()).toEqual(before);
    expect(await world.fence.state()).toEqual({ kind: 'absent' });
    expect(await world.app.query('SELECT * FROM migrate.fence')).toEqual([]);
  });

  test('changes nothing for a runner that was taken over', async () => {
    await world.closeFence();
    const old = world.newFence({ claim: () => ({ ...CLAIM, epoch: 6 }), tables: TABLES });
    for (const act of [
      () => old.open(),
      () => old.permanent(),
      () => old.permanent(10),
      () => old.close(1),
      () => old.disarm(),
      () => old.arm([table('outside')], never),
    ]) {
      await expect(act()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    }
    expect((await world.fence.state()).kind).toBe('closed');
  });

  test('asks for rights by name', async () => {
    await world.app.query('DROP USER IF EXISTS little');
    await world.app.query('CREATE USER little');
    for (const grant of [
      'SELECT, TRIGGER ON shop.*',
      'ALL ON migrate.*',
      'PROCESS ON *.*',
      ...(kind === 'MySQL' ? ['XA_RECOVER_ADMIN ON *.*'] : []),
    ])
      await world.app.query(`GRANT ${grant} TO little`);
    const fence = world.newFence({ server: world.newServer('little') });
    await expect(fence.arm(TABLES, never)).rejects.toMatchObject({
      code: 'FENCE.ARM',
      fix: expect.stringContaining('log_bin_trust_function_creators'),
    });
    await world.app.query('SET GLOBAL log_bin_trust_function_creators = 1');
    try {
      await fence.arm(TABLES, never);
      await world.app.query('START TRANSACTION');
      await world.app.query("UPDATE shop.item SET v = 'open' WHERE id = 1");
      await fence.close(30_000);
      // It may not ask for locks, and sees who has written.
      expect(await fence.openWriters()).toMatchObject([{ id: `${world.app.id}` }]);
    } finally {
      await world.app.query('SET GLOBAL log_bin_trust_function_creators = 0');
    }
  });

  test('keeps a new target closed but for the run, and is opened whoever holds it', async () => {
    const lane = await world.server.session();
    await closeNew(lane, { id: ID, claim: CLAIM }, [table('item')]);
    await closeNew(lane, { id: ID, claim: CLAIM }, [table('item'), table('part')]);
    expect(await fencedTables(lane, ID, TABLES)).toEqual([table('item'), table('part')]);
    expect(await world.fence.state()).toEqual({ kind: 'permanent' });
    await world.app.query('START TRANSACTION');
    for (const guess of ['NULL', '0', "''", "'0'", '1', '1e0', 'true']) {
      await world.app.query(`SET @migrate_pass = ${guess}`);
      expect(await errnoOf(world.app.query('DELETE FROM shop.item')), guess).toBe(REFUSED);
    }
    expect(await errnoOf(lane.query("INSERT INTO shop.item (v) VALUES ('ours')"))).toBe(REFUSED);
    await passFence(lane, CLAIM.run);
    await lane.query("INSERT INTO shop.item (v) VALUES ('ours')");
    // While a session that was refused still has its transaction open.
    await world.fence.open();
    await closeNew(lane, { id: ID, claim: CLAIM }, [table('item')]);
    expect(await world.fence.state()).toEqual({ kind: 'open' });
    await expect(world.app.lost).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
    const app = await world.connect();
    await app.query('DELETE FROM shop.item');
    await world.fence.disarm();
    expect(await fencedTables(lane, ID, TABLES)).toEqual([]);
  });
});
