// Disks that are full. On the target's the run waits, says why, and goes on when there is space; its own it does not need.

import { chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withClient } from '../../fleet/databases.ts';
import { openSmallDisk, type SmallDisk } from '../../fleet/disk.ts';
import { startServer, type TestServer } from '../../fleet/postgres.ts';
import { inScene, type LiveStatus, type Scene } from './network-scene.ts';

const execute = (server: TestServer, sql: string) => withClient(server.url(), (client) => client.query(sql));

/** Everything of the target on the small disk, its log included: without space for that the server stops altogether. */
async function wholeTarget(disk: SmallDisk): Promise<TestServer> {
  return startServer({ directory: disk.directory, settings: { max_wal_size: '32MB' } });
}

/** Only the rows: the server goes on, and refuses them. */
async function rowsOfTarget(disk: SmallDisk): Promise<TestServer> {
  const server = await startServer();
  const directory = join(disk.directory, 'rows');
  await mkdir(directory, { mode: 0o700 });
  const { uid, gid } = await stat(server.dataDirectory);
  await chown(directory, uid, gid);
  await execute(server, `CREATE TABLESPACE small LOCATION '${directory}'`);
  await execute(server, 'ALTER DATABASE postgres SET default_tablespace = small');
  return server;
}

/** Some 24 MB that hardly compress. */
const BULK = `INSERT INTO bulk SELECT n, (SELECT string_agg(md5(n::text || k), '') FROM generate_series(1, 60) k)
  FROM generate_series(1, 12000) n`;

/** What the run says once it has failed several times in a row. */
async function whileFull(scene: Scene, disk: SmallDisk, source: TestServer, times: number): Promise<LiveStatus> {
  await disk.leaveFree(3);
  await execute(source, BULK);
  const full = await scene.until(
    ({ restarts, lastError }) => restarts >= times && lastError?.code.startsWith('TARGET.') === true,
  );
  expect(full).toMatchObject({
    waiting: `trying again after ${full.lastError?.code}`,
    writable: 'source',
    stream: { lagSeconds: null },
  });
  // Nobody closed the source.
  await scene.writers.more('source', 20);
  return full;
}

test.each([
  ['with its log', wholeTarget, 'TARGET.', '15m', 3],
  // However long it takes: what the server says itself is no stall. So many attempts take longer than it may stall.
  ['for its rows', rowsOfTarget, 'TARGET.FULL: target: could not extend file', '3s', 5],
] as const)(
  'a target whose disk is full %s makes the run wait and say so, and everything is there once it has space again',
  async (_, startTarget, reason, giveUpAfter, times) => {
    const disk = await openSmallDisk(300);
    try {
      const [source, target] = await Promise.all([startServer(), startTarget(disk)]);
      await inScene({ servers: { source, target }, plan: { limits: { giveUpAfter } } }, async (scene) => {
        await execute(source, 'CREATE TABLE bulk (id int PRIMARY KEY, body text)');
        const run = scene.run();
        await scene.ready();
        const full = await whileFull(scene, disk, source, times);
        expect(`${full.lastError?.code}: ${full.lastError?.message}`).toContain(reason);
        await disk.leaveFree(200);
        await target.start();
        await scene.ready();
        await scene.complete(run);
      });
    } finally {
      await disk.close();
    }
  },
);

test('a runner whose own disk is full carries everything: it keeps nothing there', async () => {
  const disk = await openSmallDisk(1);
  try {
    await inScene({}, async (scene) => {
      // Not a byte more fits.
      await writeFile(join(disk.directory, 'ballast'), Buffer.alloc(2 ** 20)).catch(() => undefined);
      await expect(writeFile(join(disk.directory, 'more'), 'x'.repeat(5_000))).rejects.toThrow('ENOSPC');
      const run = scene.run({ cwd: disk.directory, env: { TMPDIR: disk.directory, HOME: disk.directory } });
      await scene.ready();
      await scene.complete(run);
    });
  } finally {
    await disk.close();
  }
});
