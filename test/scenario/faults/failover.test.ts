// A source that fails over to its standby. The run goes on where the new server has the run's slot and everything the run
// has carried; else it says what is missing, stops, and calls nothing complete.

import { afterEach, expect, test } from 'vitest';
import { compareDatabases } from '../../fleet/compare.ts';
import { findOlder, startServer, type TestServer } from '../../fleet/postgres.ts';
import { type FaultProxy, openProxy } from '../../fleet/proxy.ts';
import { openWorkspace } from '../../fleet/runner.ts';
import { type Standby, type StandbyOptions, startStandby } from '../../fleet/standby.ts';
import { AUTO, execute, MANUAL, Scene, SHOP } from '../scene.ts';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Site {
  readonly source: TestServer;
  readonly target: TestServer;
  readonly standby: Standby;
  /** The name by which the run finds the source. */
  readonly name: FaultProxy;
  readonly scene: Scene;
}

async function openSite(options: StandbyOptions): Promise<Site> {
  const [source, target] = await Promise.all([startServer({ root: options.root }), startServer()]);
  closing.push(
    () => source.close(),
    () => target.close(),
  );
  const standby = await startStandby(source, options);
  const name = await openProxy(source.port);
  closing.push(
    () => standby.server.close(),
    () => name.close(),
  );
  await execute(source.url(), [SHOP]);
  const pair = { sourceUrl: name.url(source.url()), targetUrl: target.url(), close: async () => undefined };
  const scene = new Scene(pair, await openWorkspace());
  closing.push(() => scene.close());
  // The slot, and with it its copy, moves as often as the position is confirmed: a third of this.
  await scene.write({ cutover: MANUAL, limits: { networkTimeout: '6s' } });
  return { source, target, standby, name, scene };
}

async function failOver({ source, standby, name }: Site): Promise<void> {
  await source.stop('immediate');
  await standby.promote();
  name.turnTo(standby.server.port);
}

const more = (server: TestServer, from: number): Promise<void> =>
  execute(server.url(), [
    `INSERT INTO app.items (id, name) SELECT n, 'later' || n FROM generate_series(${from}, ${from + 9}) n`,
  ]);

test('a run goes on with a promoted standby that kept its slot, and completes', async () => {
  const site = await openSite({ keepSlots: true });
  const { source, target, standby, scene } = site;
  const run = scene.start();
  await scene.ready(run);
  await standby.slotsInStep();
  await more(source, 100);
  await standby.caughtUp();
  await failOver(site);
  await more(standby.server, 200);
  await scene.until(run, ({ restarts, stream }) => restarts > 0 && stream.changes === 20);
  await scene.ready(run);
  expect(await scene.run(['cutover'])).toMatchObject({ code: 0 });
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  expect((await compareDatabases(standby.server.url(), target.url())).differences).toEqual([]);
});

// Before 17 no standby has a copy of a slot. Where everything must run, there is such a server.
const BEFORE_17 = findOlder('16', '15', '14');
const SERVERS = [
  { version: 'that is asked for none', root: undefined },
  ...(BEFORE_17 === undefined && process.env.CI !== 'true'
    ? []
    : [{ version: 'of a version that knows none', root: BEFORE_17 ?? 'missing: apt-get install postgresql-15' }]),
];

test.each(SERVERS)('a run stops for good when the promoted standby, $version, has not its slot', async ({ root }) => {
  const site = await openSite({ keepSlots: false, root });
  const { source, standby, target, scene } = site;
  const run = scene.start();
  await scene.ready(run);
  await more(source, 100);
  await standby.caughtUp();
  await failOver(site);
  await more(standby.server, 200);
  const { code, json } = await run.exited;
  expect({ code, json }).toMatchObject({ code: 2, json: { result: 'failed', code: 'STREAM.GONE' } });
  expect(json?.message).toMatch(/slot \S+ does not exist .*failed over/);
  expect(json?.fix).toContain('sync_replication_slots');
  expect((await scene.run()).json).toMatchObject({ code: 'STREAM.GONE' });
  expect((await scene.run(['status', '--json'])).json).toMatchObject({ process: 'none', writable: 'source' });
  // The cure is one.
  expect(await scene.run(['abort', '--drop', '--yes', '--json'])).toMatchObject({ json: { result: 'aborted' } });
  await scene.write({ cutover: AUTO });
  const again = await scene.run();
  expect(again, again.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  expect((await compareDatabases(standby.server.url(), target.url())).differences).toEqual([]);
});

test('a run stops for good when the promoted standby lacks changes that were carried, however far it has come since', async () => {
  const { source, standby, name, scene } = await openSite({ keepSlots: true });
  const run = scene.start();
  await scene.ready(run);
  await standby.slotsInStep();
  await standby.caughtUp();
  // What it is not sent it does not have.
  await standby.server.stop();
  await more(source, 100);
  await scene.until(run, ({ stream }) => stream.changes === 10);
  name.blackhole(true);
  await source.stop('immediate');
  await standby.server.start();
  await standby.promote();
  // Its log is longer than the lost one before the run sees it.
  for (const from of [300, 400, 500]) await more(standby.server, from);
  name.turnTo(standby.server.port);
  name.blackhole(false);
  const { code, json } = await run.exited;
  expect({ code, json }).toMatchObject({ code: 2, json: { code: 'STREAM.GONE' } });
  expect(json?.message).toMatch(/timeline 2 .* the source lost what it had carried/);
  expect((await scene.run(['status', '--json'])).json).toMatchObject({ process: 'none', writable: 'source' });
});
