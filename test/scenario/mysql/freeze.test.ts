// What others do while a run from MySQL to MySQL freezes, or hands over: readers that idle, snapshots from before, transactions that
// were prepared, a runner that stood still.

import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { openClient, sqlStateOf } from '../../fleet/text-client.ts';
import { Crossing, rootUrl } from './crossing.ts';

let source: MysqlServer;
let target: MysqlServer;

beforeAll(async () => {
  // It has to be asked who holds what.
  source = await startMysql(['--performance-schema=ON']);
  target = await startMysql(['--local-infile=ON']);
}, 300_000);
afterAll(() => Promise.all([source?.close(), target?.close()]));

const open = (plan = {}): Promise<Crossing> =>
  Crossing.open({
    source: { kind: 'mysql', url: rootUrl(source.port) },
    target: { kind: 'mysql', url: rootUrl(target.port) },
    accounts: 60,
    plan,
  });

/** Asks the live process until it says what it waits for. */
async function waitsFor(crossing: Crossing, reason: RegExp): Promise<void> {
  while (!reason.test(JSON.stringify(await crossing.status()))) await sleep(100);
}

test('a cutover under clients that never stop waits for an idle reader by name, and an older snapshot writes nothing', async () => {
  const crossing = await open();
  const [reader, older] = [await openClient(crossing.source), await openClient(crossing.source)];
  const file = crossing.path('go-on');
  const result = await crossing.run(`cutover.before_arm=pause(${file})`, async (process) => {
    await process.waitFor(/^failpoint cutover\.before_arm 1$/);
    const [[id] = []] = (await reader.query('SELECT CONNECTION_ID()')).rows;
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM work.accounts');
    await older.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await writeFile(file, '');
    await waitsFor(crossing, new RegExp(`work\\.accounts: it is held by session ${id}`));
    await reader.query('COMMIT');
  });
  await crossing.expectComplete(result);
  const late = "INSERT INTO work.ledger (token) VALUES ('late')";
  // Either the fence, or the server: the table has got a trigger since the snapshot.
  expect(await older.query(late).catch(sqlStateOf)).toMatch(/^(25006|HY000)$/);
  await older.query('COMMIT');
  expect((await older.query("SELECT count(*) FROM work.ledger WHERE token = 'late'")).rows).toEqual([['0']]);
  await Promise.all([reader.close(), older.close()]);
});

test('a runner that was taken over in the middle of a batch is refused, ends, and has written nothing', async () => {
  const crossing = await open({ limits: { networkTimeout: '4s' } });
  const file = crossing.path('zombie');
  const zombie = crossing.start(`apply.before_commit@2=pause(${file})`);
  await zombie.waitFor(/^failpoint apply\.before_commit 2$/);
  zombie.kill('SIGSTOP');
  await writeFile(file, '');
  const woken = async (process: typeof zombie): Promise<void> => {
    await process.waitFor(/"stage":"verify","message":"stage begins"/);
    zombie.kill('SIGCONT');
    const ended = await zombie.exited;
    expect(ended.code).toBe(2);
    expect(['LEASE.HELD', 'LEASE.LOST']).toContain(ended.json?.code);
  };
  await crossing.expectComplete(await crossing.run(undefined, woken, '--takeover'));
});

test('what was prepared before the runner and the source were killed is carried when it is committed, and not frozen away', async () => {
  const crossing = await open();
  const first = crossing.start(`verify.done=pause(${crossing.path('never')})`);
  await first.waitFor(/^failpoint verify\.done 1$/);
  const before = await openClient(crossing.source);
  for (const statement of ["START 'x'", "END 'x'", "PREPARE 'x'"]) {
    if (statement.startsWith('END')) await before.query("INSERT INTO work.ledger (token) VALUES ('prepared')");
    await before.query(`XA ${statement}`);
  }
  first.kill();
  await first.exited;
  await source.crash();
  await before.close();
  const result = await crossing.run(undefined, async () => {
    await waitsFor(crossing, /work\.ledger: it is held by prepared transaction .+x/);
    const after = await openClient(crossing.source);
    await after.query("XA COMMIT 'x'");
    await after.close();
  });
  await crossing.expectComplete(result);
  const there = await openClient(crossing.target);
  expect((await there.query("SELECT count(*) FROM work.ledger WHERE token = 'prepared'")).rows).toEqual([['1']]);
  await there.close();
});
