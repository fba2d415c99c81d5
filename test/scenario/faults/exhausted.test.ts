// A target whose connections others have used up: the run says so in the same words everywhere, holds what it can, and goes on by
// itself, but where the plan has it paused.

import pg from 'pg';
import { expect, test } from 'vitest';
import { readAccess } from '../../../src/control/access.ts';
import { startServer, type TestServer } from '../../fleet/postgres.ts';
import { MANUAL, openScene } from '../scene.ts';

/** Takes all that are left; resolves with what gives them back. */
async function useUp(server: TestServer): Promise<() => Promise<void>> {
  const clients: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: server.url() });
    client.on('error', () => undefined);
    try {
      await client.connect();
      clients.push(client);
    } catch {
      return async () => {
        await Promise.all(clients.map((each) => each.end()));
      };
    }
  }
}

test('a target without a connection left is waited for, by a process at work and by one that starts, and says why everywhere', async () => {
  const target = await startServer({ settings: { max_connections: '20' } });
  try {
    const scene = await openScene();
    const control = { directory: scene.workspace.directory, metricsPort: 0 };
    const health = { interval: '200ms', recover: '400ms', target: { critical: { connections: 99 } } };
    await scene.write({ targetUrl: target.url(), cutover: MANUAL, control, health });
    const first = scene.start();
    await scene.ready(first);
    let giveBack = await useUp(target);
    const held = /^unwell: target: connections in use 1\d\d(\.\d)? %, critical above 99 %$/;
    const said = await scene.until(first, ({ waiting }) => held.test(waiting ?? ''));
    const { stdout } = await scene.run(['status']);
    expect(stdout).toMatch(/waiting +unwell: target: connections in use 1[\d.]+ %, critical above 99 %\n/);
    expect(stdout).toMatch(/\nhealth +target: connections in use .*\ncure +End sessions that nobody needs/);
    expect((await scene.run(['status', '--json'])).json).toMatchObject({ waiting: expect.stringMatching(held) });
    const access = readAccess(`${(await scene.socket())?.replace(/sock$/, 'http')}`);
    const page = await fetch(`http://127.0.0.1:${access?.port}/api/status`, {
      headers: { authorization: `Bearer ${access?.token}` },
    });
    expect(await page.json()).toMatchObject({ waiting: expect.stringMatching(held), restarts: said.restarts });
    const metrics = /"url":"(http:[^"]+\/metrics)"/.exec(first.stderr.join('\n'))?.[1] ?? '';
    expect(await (await fetch(metrics)).text()).toMatch(
      /migrate_apply_paused\{migration="test",reason="unwell: target: connections in use [N.]+ %, critical above N %"\} 1/,
    );
    // Its sessions are among those in use, and somebody else takes them.
    first.kill('SIGKILL');
    await first.exited;
    const giveBackMore = await useUp(target);
    await scene.onSource('UPDATE app.items SET n = n + 1');
    const run = scene.start();
    await run.waitFor(/too many clients already \(53300\)/);
    await Promise.all([giveBack(), giveBackMore()]);
    await scene.until(run, ({ stream }) => stream.changes >= 40);
    await scene.ready(run);

    await scene.write({
      targetUrl: target.url(),
      cutover: MANUAL,
      control,
      health: { ...health, onCritical: 'pause' },
    });
    run.kill('SIGTERM');
    await run.exited;
    const last = scene.start();
    await scene.ready(last);
    giveBack = await useUp(target);
    await scene.until(last, ({ paused }) => paused.includes('critical'));
    await giveBack();
    // All is well, and it waits for a person.
    const paused = await scene.until(last, ({ health: { probes } }) => probes.every(({ state }) => state === 'well'));
    expect(paused.waiting).toMatch(
      /^paused until `migrate resume`, because a reading was critical: target: connections in/,
    );
    await scene.onSource('UPDATE app.items SET n = n + 1');
    expect((await scene.run(['resume'])).code).toBe(0);
    await scene.until(last, ({ stream, waiting }) => stream.changes >= 80 && waiting !== paused.waiting);
    await scene.ready(last);
    expect(await scene.run(['cutover'])).toMatchObject({ code: 0 });
    expect(await last.exited).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  } finally {
    await target.close();
  }
});
