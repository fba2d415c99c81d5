// A real Prometheus scrapes a run, and every panel has something to show.

import { expect, it, onTestFinished } from 'vitest';
import { ask } from '../../src/control/client.ts';
import { freePort } from '../../src/demo/embedded.ts';
import { type Asked, annotationQueries, panelQueries, rules } from '../fleet/grafana.ts';
import { type Prometheus, promtool, startPrometheus } from '../fleet/prometheus.ts';
import type { MigrateProcess } from '../fleet/runner.ts';
import { seedWorkload, startWriters } from '../fleet/writers.ts';
import { AUTO, openScene, type Scene } from './scene.ts';

const RUN = 'test';
const ROWS = 100;

/** Panels that such a run has nothing for, with the reason. */
const WITHOUT_DATA: Readonly<Record<string, string>> = {
  'migrate-lag-and-freeze: Lag by its parts A': 'no topic is in between',
  'migrate-lag-and-freeze: Messages in the topic A': 'no topic is in between',
  'migrate-lag-and-freeze: Connector at work A': 'no connector is in between',
  'migrate-lag-and-freeze: Writers held up by the snapshot A': 'PostgreSQL makes its snapshot without a lock',
};

it('the files for Prometheus are in order', async () => {
  expect(await promtool(['check', 'config', 'prometheus.yml'])).toMatchObject({ code: 0 });
  const { code, said } = await promtool(['test', 'rules', 'rules_test.yml']);
  expect(code, said).toBe(0);
});

it('every panel has data of a run that is paused, fails once and cuts over', async () => {
  const port = await freePort();
  const starting = startPrometheus(port);
  onTestFinished(async () => (await starting).close());
  const scene = await openRun(port);
  const prometheus = await starting;
  const copy = scene.hold('copy');
  const caughtUp = scene.hold('caught-up');
  const freeze = scene.hold('freeze');
  const end = scene.hold('end');
  const failpoints = [
    'chunk.read@3=throw',
    // An estimate of the copy takes more than a second of it.
    'chunk.before_commit@5=delay(1100)',
    `chunk.after_commit@8=pause(${copy.path})`,
    `schema.before_complete=pause(${caughtUp.path})`,
    `cutover.settled=pause(${freeze.path})`,
    `cleanup.before_release=pause(${end.path})`,
  ].join(';');
  const run = scene.start(['run', '--json'], { failpoints, limitMs: 60_000 });

  await seen(run, prometheus, 'migrate_snapshot_eta_seconds and on () migrate_last_error{code="TEST.FAILPOINT"}');
  // Not sooner: rows that come during the copy are not in its estimate.
  const writers = await startWriters({ sourceUrl: scene.sourceUrl, targetUrl: scene.targetUrl, rows: ROWS, rate: 60 });
  onTestFinished(() => writers.close());
  await copy.release();
  await run.waitFor(/^failpoint schema\.before_complete 1$/);
  await backlog(scene, run, prometheus);
  await caughtUp.release();
  await seen(run, prometheus, 'migrate_cutover_write_pause_seconds');
  await freeze.release();
  await seen(run, prometheus, 'migrate_writable{side="target"} == 1');
  await expectLinted(port);
  await expectData(prometheus);
  await end.release();
  expect(await run.exited).toMatchObject({ code: 0 });
});

/** A small shop, and a plan that takes it in small steps. */
async function openRun(metricsPort: number): Promise<Scene> {
  const scene = await openScene({ schema: 'SELECT 1' });
  await seedWorkload(scene.sourceUrl, 'shop', ROWS);
  // The copy is estimated from what the source knows of its tables.
  await scene.onSource('ANALYZE');
  await scene.write({
    ...{
      snapshot: { chunkRows: 30, readers: 1 },
      apply: { batchRows: 20, batchWait: '5ms' },
      verify: { chunkRows: 200 },
    },
    cutover: { ...AUTO, budget: '30s' },
    control: { directory: scene.workspace.directory, metricsPort },
  });
  return scene;
}

/** The apply stands still until there is a backlog, and then until that shrinks. */
async function backlog(scene: Scene, run: MigrateProcess, prometheus: Prometheus): Promise<void> {
  const socket = await scene.socket();
  if (socket === undefined) throw new Error('the run has no control socket');
  await ask(socket, 'POST', '/pause');
  await seen(
    run,
    prometheus,
    'migrate_lag_bytes > 5000 and on () migrate_apply_paused{reason="paused by the operator"}',
  );
  await ask(socket, 'POST', '/resume');
  await seen(
    run,
    prometheus,
    filled('migrate_lag_bytes{migration="$migration"} and deriv(migrate_lag_bytes[$__rate_interval]) < 0'),
  );
}

/** Resolves when it was scraped; rejects when the process has ended. */
async function seen(run: MigrateProcess, prometheus: Prometheus, expr: string): Promise<void> {
  const ended = run.exited.then(({ stderr }) => {
    throw new Error(`the process ended without ${expr}\n${stderr.slice(-2_000)}`);
  });
  await Promise.race([prometheus.seen(expr), ended]);
}

async function expectLinted(port: number): Promise<void> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(await promtool(['check', 'metrics'], text)).toEqual({ code: 0, said: '' });
}

async function expectData(prometheus: Prometheus): Promise<void> {
  const recorded: readonly Asked[] = rules().flatMap(({ record }) =>
    record === undefined ? [] : [{ name: record, expr: record }],
  );
  const empty: string[] = [];
  for (const { name, expr, legend = '' } of [...panelQueries(), ...annotationQueries(), ...recorded]) {
    const series = await prometheus.ask(filled(expr));
    if (series.length === 0) empty.push(name);
    for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
      for (const { metric } of series) expect(metric, name).toHaveProperty(label);
    }
  }
  expect(empty).toEqual(Object.keys(WITHOUT_DATA));
}

/** As Grafana fills in its variables. */
function filled(expr: string): string {
  return expr.replaceAll('$migration', RUN).replaceAll('$table', '.*').replaceAll('$__rate_interval', '4s');
}
