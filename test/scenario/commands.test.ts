import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runMigrate, startMigrate } from '../fleet/runner.ts';
import { AUTO, catalogOf, MANUAL, openScene } from './scene.ts';

const COMMANDS = [
  'init',
  'run',
  'check',
  'status',
  'pause',
  'resume',
  'cutover',
  'tune',
  'abort',
  'report',
  'audit',
  'grants',
  'explain',
  'demo',
  'completion',
];

test('check prints every finding with its cure and exits with 2, and with 0 once nothing stands in the way', async () => {
  const s = await openScene();
  await s.onTarget('CREATE SCHEMA app', 'CREATE TABLE app.items (id bigint PRIMARY KEY)');
  await s.onSource(
    'CREATE TABLE app.ruled (id int PRIMARY KEY)',
    'CREATE RULE r AS ON INSERT TO app.ruled DO ALSO NOTHING',
  );
  const before = await Promise.all([catalogOf(s.sourceUrl), catalogOf(s.targetUrl)]);

  const failed = await s.run(['check', '--json']);
  expect(failed.code).toBe(2);
  const findings = failed.json?.findings as { level: string; subject: string; cure?: string }[];
  const errors = findings.filter(({ level }) => level === 'error');
  expect(errors.map(({ subject }) => subject)).toEqual(
    expect.arrayContaining([expect.stringContaining('app.ruled'), expect.stringContaining('app.items')]),
  );
  expect(errors.every(({ cure }) => cure !== undefined)).toBe(true);
  expect(failed.json).toMatchObject({ result: 'failed', next: [{ command: 'migrate check' }] });
  const text = await s.run(['check']);
  expect(text.stdout).toMatch(/^error\[/m);
  expect(text.stdout).toMatch(/^ {2}cure {2}/m);
  expect(text.stdout).toMatch(/2 errors/);
  const refused = await s.run(['run', '--json']);
  expect(refused).toMatchObject({ code: 2, json: { code: 'PREFLIGHT.FAILED' } });
  expect(await Promise.all([catalogOf(s.sourceUrl), catalogOf(s.targetUrl)])).toEqual(before);

  await s.onTarget('DROP SCHEMA app CASCADE');
  await s.onSource('DROP TABLE app.ruled');
  const ok = await s.run(['check', '--json']);
  expect(ok).toMatchObject({ code: 0, json: { result: 'ok', next: [{ command: 'migrate run' }] } });
  expect(await catalogOf(s.targetUrl)).not.toContainEqual(expect.stringContaining('migrate'));
});

test('status tells what is done with a process and without, in every form', async () => {
  const s = await openScene({ sections: { cutover: MANUAL } });
  expect(await s.run(['status', '--json'])).toMatchObject({ code: 2, json: { code: 'RUN.NONE' } });
  const running = s.start();
  await s.ready(running);

  const live = await s.run(['status', '--json']);
  expect(live).toMatchObject({
    code: 0,
    json: {
      process: 'alive',
      run: 'test',
      stage: 'cutover',
      writable: 'source',
      next: [{ command: 'migrate cutover' }],
    },
  });
  const short = await s.run(['status', '--short']);
  expect(short.stdout.trim().split('\n')).toHaveLength(1);
  expect(short.stdout).toMatch(/^test: cutover .*waiting: ready/);
  const text = await s.run(['status']);
  for (const fact of ['run', 'stage', 'writable', 'waiting', 'copied', 'applied', 'verified'])
    expect(text.stdout).toMatch(new RegExp(`^${fact} `, 'm'));
  expect(text.stdout).toMatch(/^copied {4}80 rows/m);

  running.kill('SIGKILL');
  await running.exited;
  const offline = await s.run(['status', '--json']);
  expect(offline).toMatchObject({
    code: 0,
    json: {
      process: 'none',
      stage: 'cutover',
      writable: 'source',
      snapshot: { rows: 80 },
      next: [{ command: 'migrate run' }],
    },
  });
  const offlineText = await s.run(['status']);
  expect(offlineText.stdout).toMatch(/no process is working on it/);
  expect(offlineText.stdout).toMatch(/^ended {5}not recorded: it was killed/m);
  const offlineShort = await s.run(['status', '--short']);
  expect(offlineShort.stdout.trim().split('\n')).toHaveLength(1);
  expect(offlineShort.stdout).toMatch(/^test: cutover/);

  const finished = s.start();
  await s.ready(finished);
  expect(await s.run(['cutover', '--json'])).toMatchObject({ code: 0, json: { result: 'requested' } });
  expect(await finished.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect(await s.run(['status', '--json'])).toMatchObject({
    code: 0,
    json: { process: 'none', stage: 'complete', writable: 'target', next: [] },
  });
});

test('status counts what was copied before a restart, and tells what a run died of', async () => {
  const s = await openScene({ sections: { cutover: MANUAL } });
  expect(await s.run(['run', '--until', 'snapshot', '--json'])).toMatchObject({ code: 0 });
  expect((await s.run(['status'])).stdout).toMatch(/^ended {5}\S+Z, where it was asked to stop$/m);
  const running = s.start();
  await s.ready(running);
  expect((await s.run(['status'])).stdout).toMatch(/^copied {4}80 rows of about \d+ \(\d+%\)$/m);

  await s.onTarget('ALTER TABLE app.items ADD CONSTRAINT stricter CHECK (n < 1000)');
  await s.onSource('UPDATE app.items SET n = 987654 WHERE id = 7');
  expect(await running.exited).toMatchObject({ code: 2, json: { code: 'APPLY.CONSTRAINT' } });
  const [text, short, json] = await Promise.all(
    [['status'], ['status', '--short'], ['status', '--json']].map((args) => s.run(args)),
  );
  expect(text?.stdout).toMatch(/^error {5}APPLY\.CONSTRAINT: .*stricter/m);
  expect(text?.stdout).toMatch(/^when {6}\d{4}-\S+Z$/m);
  expect(text?.stdout).toMatch(/^cure {6}Compare the constraint/m);
  expect(text?.stdout).toMatch(/^Next: migrate run \(.*after the cure\)$/m);
  expect(short?.stdout).toMatch(/^test: cutover .*last error: APPLY\.CONSTRAINT/);
  const lastError = {
    code: 'APPLY.CONSTRAINT',
    at: expect.stringMatching(/Z$/),
    fix: expect.stringMatching(/^Compare/),
  };
  expect(json?.json).toMatchObject({ process: 'none', lastError, endedAt: expect.any(String) });
  for (const answer of [text, short, json]) expect(answer?.stdout).not.toContain('987654');

  await s.onTarget('ALTER TABLE app.items DROP CONSTRAINT stricter');
  const again = s.start();
  await s.ready(again);
  again.kill('SIGKILL');
  await again.exited;
  // What was cured is not what this one died of.
  expect((await s.run(['status', '--json'])).json).toMatchObject({ lastError: null, endedAt: null });
});

test('pause holds copy and apply, survives a restart, and can be set and taken back without a process', async () => {
  const s = await openScene({ sections: { cutover: MANUAL } });
  const first = s.start();
  await s.ready(first);
  for (let time = 0; time < 2; time++)
    expect(await s.run(['pause', '--json'])).toMatchObject({ code: 0, json: { result: 'paused', process: 'alive' } });
  expect((await s.until(first, ({ waiting }) => waiting === 'paused by the operator')).waiting).toMatch(/paused/);
  await s.onSource(`INSERT INTO app.items (id, name) VALUES (1000, 'while paused')`);
  first.kill('SIGKILL');
  await first.exited;
  expect(await s.run(['status', '--json'])).toMatchObject({ json: { process: 'none', paused: ['run'] } });

  const second = s.start();
  await s.until(second, ({ stage, waiting }) => stage === 'catch-up' && waiting?.includes('paused') === true);
  expect((await s.compare()).differences).toMatchObject([{ table: 'app.items', key: '1000', kind: 'missing' }]);
  expect(await s.run(['status', '--short'])).toMatchObject({ stdout: expect.stringMatching(/waiting: paused/) });
  second.kill('SIGKILL');
  await second.exited;
  for (let time = 0; time < 2; time++)
    expect(await s.run(['resume', '--json'])).toMatchObject({ code: 0, json: { result: 'resumed', process: 'none' } });
  // The parts are held apart: what holds the apply is none of the copy's business, and the other way round.
  for (const part of ['snapshot', 'apply'])
    expect(await s.run(['pause', '--only', part, '--json'])).toMatchObject({ code: 0, json: { process: 'none' } });
  expect((await s.run(['resume', '--only', 'snapshot'])).code).toBe(0);

  const third = s.start();
  const APPLY = 'the apply is paused by the operator';
  expect(await s.until(third, ({ waiting }) => waiting === APPLY)).toMatchObject({ paused: ['apply'] });
  expect((await s.run(['pause', '--only', 'snapshot'])).stdout).toContain('the copy holds');
  expect((await s.run(['resume', '--only', 'snapshot'])).stdout).toContain(`resumed; ${APPLY}`);
  for (let time = 0; time < 2; time++)
    expect(await s.run(['resume', '--json'])).toMatchObject({ code: 0, json: { result: 'resumed', process: 'alive' } });
  await s.ready(third);
  expect((await s.compare()).differences).toEqual([]);
});

test('a manual cutover says beforehand what it would do, can be taken back, and then happens', async () => {
  const s = await openScene({ sections: { cutover: { ...MANUAL, budget: '60s' } } });
  const gate = s.hold('go');
  expect(await s.run(['cutover', '--json'])).toMatchObject({ code: 2, json: { code: 'CONTROL.UNREACHABLE' } });
  const running = s.start(undefined, { failpoints: `cutover.before_arm=pause(${gate.path})` });
  await s.ready(running);
  expect(await s.run(['cutover', '--dry-run', '--json'])).toMatchObject({
    code: 0,
    json: {
      result: 'forecast',
      stage: 'cutover',
      forecast: { ready: true, budgetMs: 60_000, keysToCompare: expect.any(Number) },
    },
  });
  expect(running.stderr).not.toContain('failpoint cutover.before_arm 1');
  await s.run(['pause']);
  expect(await s.run(['cutover', '--json'])).toMatchObject({ json: { result: 'requested' } });
  expect(await s.run(['cutover', '--cancel', '--json'])).toMatchObject({ code: 0, json: { result: 'cancelled' } });
  await s.run(['resume']);
  await s.ready(running);
  expect(running.stderr).not.toContain('failpoint cutover.before_arm 1');

  await s.run(['cutover']);
  await running.waitFor(/failpoint cutover.before_arm 1/);
  await gate.release();
  expect(await running.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect((await s.compare()).differences).toEqual([]);
});

test('a permission is refused to be taken back once the freeze has begun', async () => {
  const s = await openScene({ sections: { cutover: { ...MANUAL, budget: '60s' } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.closed=pause(${gate.path})` });
  await s.ready(running);
  await s.run(['cutover']);
  await running.waitFor(/failpoint cutover.closed 1/);
  expect(await s.run(['cutover', '--cancel', '--json'])).toMatchObject({ code: 5, json: { code: 'CUTOVER.REFUSED' } });
  expect(await s.run(['status', '--json'])).toMatchObject({ json: { writable: 'none', cutover: { step: 'close' } } });
  await gate.release();
  expect(await running.exited).toMatchObject({ code: 0 });
});

test('abort leaves the source exactly as it was, keeps the copy closed, and can be given twice', async () => {
  const s = await openScene({ sections: { cutover: { ...MANUAL, budget: '60s' } } });
  const before = await catalogOf(s.sourceUrl);
  expect(await s.run(['abort', '--yes', '--json'])).toMatchObject({ code: 2, json: { code: 'RUN.NONE' } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.armed=pause(${gate.path})` });
  await s.ready(running);
  await s.run(['cutover']);
  await running.waitFor(/failpoint cutover.armed 1/);
  expect(await catalogOf(s.sourceUrl)).not.toEqual(before);
  running.kill('SIGKILL');
  await running.exited;
  expect(await s.run(['abort', '--no-input', '--json'])).toMatchObject({ code: 64 });

  expect(await s.run(['abort', '--yes', '--json'])).toMatchObject({ code: 0, json: { result: 'aborted' } });
  expect(await catalogOf(s.sourceUrl)).toEqual(before);
  await expect(s.onTarget('DELETE FROM app.items')).rejects.toMatchObject({ code: '25006' });
  expect(await s.run(['status', '--json'])).toMatchObject({ code: 0, json: { stage: 'aborted', writable: 'source' } });
  expect(await s.run()).toMatchObject({ code: 2, json: { code: 'RUN.ABORTED' } });
  expect(await catalogOf(s.sourceUrl)).toEqual(before);

  expect(await s.run(['abort', '--yes', '--json'])).toMatchObject({ code: 0, json: { result: 'aborted' } });
  expect(await catalogOf(s.sourceUrl)).toEqual(before);
  expect(await s.run(['abort', '--drop', '--yes', '--json'])).toMatchObject({ code: 0, json: { result: 'aborted' } });
  expect(await catalogOf(s.sourceUrl)).toEqual(before);
});

test('abort --drop stops a living runner and leaves neither side with anything of the run', async () => {
  const s = await openScene({ sections: { cutover: MANUAL } });
  const before = await Promise.all([catalogOf(s.sourceUrl), catalogOf(s.targetUrl)]);
  const running = s.start();
  await s.ready(running);
  const aborted = await s.run(['abort', '--drop', '--yes', '--json']);
  expect(aborted.stderr).toBe('');
  expect(aborted).toMatchObject({ code: 0, json: { result: 'aborted', left: [] } });
  expect(await running.exited).toMatchObject({ code: 3, json: { code: 'INTERRUPTED' } });
  const [onSource = [], onTarget = []] = before;
  expect(await catalogOf(s.sourceUrl)).toEqual(onSource);
  // A schema may have been there before, empty: it stays.
  expect((await catalogOf(s.targetUrl)).filter((line) => !line.startsWith('namespace | app'))).toEqual(onTarget);
  expect(await s.run(['abort', '--drop', '--yes', '--json'])).toMatchObject({ code: 2, json: { code: 'RUN.NONE' } });

  // Past the commit point a process has still work to do, and nothing may stop it.
  await s.write({ cutover: AUTO });
  const gate = s.hold('released');
  const over = s.start(undefined, { failpoints: `cleanup.before_release=pause(${gate.path})` });
  await over.waitFor(/^failpoint cleanup\.before_release 1$/);
  const refused = { code: 2, json: { code: 'RUN.COMPLETE', fix: expect.stringContaining('nothing was done') } };
  expect(await s.run(['abort', '--yes', '--json'])).toMatchObject(refused);
  await gate.release();
  expect(await over.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect(await s.run(['abort', '--yes', '--json'])).toMatchObject(refused);
  await s.onTarget(`INSERT INTO app.items (id, name) VALUES (7777, 'after')`);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s during the copy ends the run with %i, and the same command goes on', async (signal, code) => {
  const s = await openScene({ sections: { cutover: AUTO, snapshot: { chunkRows: 5 } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `chunk.after_commit@3=pause(${gate.path})` });
  await running.waitFor(/failpoint chunk.after_commit 3/);
  running.kill(signal);
  await gate.release();
  const stopped = await running.exited;
  expect(stopped).toMatchObject({ code, json: { result: 'failed', code: 'INTERRUPTED' } });
  expect(stopped.stderr).toContain(`stopped by ${signal}`);
  expect(await s.run(['status', '--json'])).toMatchObject({ json: { stage: 'snapshot', writable: 'source' } });
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect((await s.compare()).differences).toEqual([]);
});

test('running a complete run again prints the same result and writes nothing', async () => {
  const s = await openScene();
  const first = await s.run();
  expect(first).toMatchObject({ code: 0, json: { result: 'complete', wayBack: 'none', verify: { differences: 0 } } });
  await s.onTarget(`INSERT INTO app.items (id, name) VALUES (7777, 'after')`);
  const again = await s.run();
  expect(again.code).toBe(0);
  expect(again.json).toEqual(first.json);
  // The old tables are of no use any more: that they are gone is no reason to fail.
  await s.onSource('DROP SCHEMA app CASCADE');
  expect(await s.run()).toMatchObject({ code: 0, json: first.json });
});

test('a wrong plan is refused with every fault at its line and column', async () => {
  const s = await openScene();
  const path = join(s.workspace.directory, 'wrong.yaml');
  const lines = [
    'version: 1',
    'name: "Not Good"',
    'tabels: { include: ["a.*"] }',
    'snapshot: { readers: 0 }',
    'cutover: { when: soon }',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  const result = await runMigrate(['check', path, '--json']);
  expect(result).toMatchObject({ code: 2, json: { code: 'PLAN.INVALID' } });
  for (const place of ['2:7', '3:1', '4:22', '5:18']) expect(result.stderr).toContain(`wrong.yaml:${place} `);
  for (const name of ['source', 'target', 'reverse']) expect(result.stderr).toContain(name);
  expect(await runMigrate(['check', join(s.workspace.directory, 'none.yaml'), '--json'])).toMatchObject({
    code: 2,
    json: { code: 'PLAN.FILE' },
  });
});

test('what the command line does not know is refused with 64, and every command shows examples', async () => {
  for (const args of [['run', '--unknown'], ['unknown'], ['run', 'a', 'b'], ['cutover', '--switched=maybe']]) {
    const refused = await runMigrate(args);
    expect([args, refused.code]).toEqual([args, 64]);
    expect(refused.stderr).toMatch(/^error: /);
  }
  expect(await runMigrate(['cutover', '--switched', '--undo'])).toMatchObject({ code: 64 });
  for (const command of COMMANDS) {
    const help = await runMigrate([command, '--help']);
    expect([command, help.code]).toEqual([command, 0]);
    expect(help.stdout).toMatch(new RegExp(`Examples:\n +\\$ migrate ${command}`));
  }
  const help = await runMigrate(['--help']);
  expect(help.code).toBe(0);
  for (const command of COMMANDS) expect(help.stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
});

test('neither the password nor a value of a row is in any output, however the run ends', async () => {
  const SECRET = 'canary-password-9f3';
  const VALUE = 'canary-value-7c1';
  const s = await openScene({ sections: { cutover: MANUAL } });
  const withPassword = (url: string): string => url.replace('postgres@', `postgres:${SECRET}@`);
  await s.workspace.writePlan({
    name: 'test',
    sourceUrl: withPassword(s.sourceUrl),
    targetUrl: withPassword(s.targetUrl),
    cutover: MANUAL,
    control: { directory: s.workspace.directory, metricsPort: 0 },
  });
  await s.onSource(`INSERT INTO app.items (id, name, body) VALUES (500, '${VALUE}', '${VALUE}')`);
  const outputs: string[] = [];
  const note = async (args: readonly string[]): Promise<number | null> => {
    const { code, stdout, stderr } = await s.run(args);
    outputs.push(stdout, stderr);
    return code;
  };
  expect(await note(['check', '-v'])).toBe(0);
  const running = s.start(['run', '--json', '-v']);
  await s.ready(running);
  const [, url = ''] = await running.waitFor(/"url":"([^"]+)"/);
  outputs.push(await (await fetch(`${url}/metrics`)).text());
  for (const command of [['status'], ['status', '--json'], ['cutover', '--dry-run'], ['pause'], ['resume']])
    expect(await note(command)).toBe(0);
  outputs.push(readFileSync(`/proc/${running.pid}/cmdline`, 'utf8'));
  const applications = `SELECT string_agg(application_name || query, ' ') AS all FROM pg_stat_activity WHERE application_name ~ '^migrate'`;
  outputs.push(JSON.stringify(await (await s.connect(s.sourceUrl)).query(applications)));
  // A row in the way: the error of the server quotes it.
  await s.onTarget(
    `SET session_replication_role = replica; INSERT INTO app.items (id, name) VALUES (9000, '${VALUE} x')`,
  );
  await s.onSource(`INSERT INTO app.items (id, name) VALUES (501, '${VALUE} x')`);
  const ended = await running.exited;
  outputs.push(ended.stdout, ended.stderr);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('app.items');
  await s.workspace.writePlan({
    name: 'test',
    sourceUrl: withPassword(s.sourceUrl).replace('postgres:', 'nobody:'),
    targetUrl: s.targetUrl,
  });
  expect(await note(['run', '--json', '-v'])).toBe(2);
  const all = outputs.join('\n');
  expect(all).not.toContain(SECRET);
  expect(all).not.toContain(VALUE);
});

test('the control socket is its owner’s alone, and the metrics endpoint serves every documented name', async () => {
  const s = await openScene({ sections: { cutover: MANUAL } });
  const directory = join(s.workspace.directory, 'control');
  await s.write({ cutover: MANUAL, control: { directory, metricsPort: 0 } });
  const running = s.start();
  const [, url = ''] = await running.waitFor(/"url":"(http:\/\/127\.0\.0\.1:\d+)[^"]*"/);
  const found = (ending: string): readonly string[] =>
    readdirSync(directory).flatMap((name) => (name.endsWith(ending) ? [join(directory, name)] : []));
  const sockets = (): readonly string[] => found('.sock');
  const [socket = ''] = sockets();
  expect(sockets()).toHaveLength(1);
  expect(socket).toMatch(/test.*\.sock$/);
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  const [access = ''] = found('.http');
  expect(statSync(access).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  const served = await fetch(`${url}/metrics`);
  expect(served.status).toBe(200);
  const text = await served.text();
  const documented = [
    ...readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8').matchAll(/`(migrate_\w+)/g),
  ];
  expect(documented.length).toBeGreaterThan(5);
  for (const [, name] of documented) expect(text).toContain(`# TYPE ${name} `);
  running.kill('SIGTERM');
  expect((await running.exited).code).toBe(143);
  await expect(fetch(`${url}/metrics`)).rejects.toThrow();
  expect(sockets()).toEqual([]);
});

test('a second signal ends a process that does not come to an end', async () => {
  const s = await openScene();
  const gate = s.hold('never');
  const running = startMigrate(['run', '-p', s.plan], { failpoints: `copy.planned=pause(${gate.path})` });
  await running.waitFor(/failpoint copy.planned 1/);
  // Two of the same could arrive as one.
  running.kill('SIGINT');
  running.kill('SIGTERM');
  expect([130, 143]).toContain((await running.exited).code);
});
