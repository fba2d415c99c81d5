import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { AUTO, execute, MANUAL, openScene, refusal, type Scene } from '../scene.ts';

test('a transaction that stays open is named, the freeze is undone, the source writable, and the next attempt completes', async () => {
  const s = await openScene({ sections: { cutover: { ...MANUAL, budget: '2s' } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.armed=pause(${gate.path})` });
  await s.ready(running);
  await s.run(['cutover']);
  await running.waitFor(/failpoint cutover.armed 1/);
  const writer = await s.connect(s.sourceUrl);
  const { rows } = await writer.query('SELECT pg_backend_pid() AS pid');
  await writer.query('BEGIN');
  await writer.query(`SET application_name = 'nightly job'; UPDATE app.items SET n = -1 WHERE id = 1`);
  await gate.release();
  const undone = await running.waitFor(/cutover attempt 1 was undone: (.*)/);
  expect(undone[1]).toContain(`session ${rows[0]?.pid} (user postgres, nightly job)`);
  expect(await refusal(s.sourceUrl, `UPDATE app.items SET n = -2 WHERE id = 2`)).toBeUndefined();
  expect((await s.ready(running)).waiting).toMatch(/attempt 1 was undone at wait: still open .*nightly job/);
  await writer.query('COMMIT');
  expect(await s.complete(running)).toMatchObject({ json: { cutover: { attempts: 2 } } });
});

test('without retries an automatic cutover that is kept from ending fails with 5, and the same command goes on', async () => {
  const s = await openScene({ sections: { cutover: { ...AUTO, budget: '1s', retries: 0 } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.armed=pause(${gate.path})` });
  await running.waitFor(/failpoint cutover.armed 1/);
  const writer = await s.connect(s.sourceUrl);
  await writer.query('BEGIN');
  await writer.query(`UPDATE app.items SET n = -1 WHERE id = 1`);
  await gate.release();
  expect(await running.exited).toMatchObject({ code: 5, json: { code: 'CUTOVER.BUDGET' } });
  expect(await refusal(s.sourceUrl, `UPDATE app.items SET n = -2 WHERE id = 2`)).toBeUndefined();
  await writer.query('ROLLBACK');
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect((await s.compare()).differences).toEqual([]);
});

test('where the plan says so, a transaction that stays open is ended, and nothing of it is on the target', async () => {
  const s = await openScene({ sections: { cutover: { ...AUTO, budget: '3s', openTransactions: 'end' } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.armed=pause(${gate.path})` });
  await running.waitFor(/failpoint cutover.armed 1/);
  const writer = await s.connect(s.sourceUrl);
  await writer.query('BEGIN');
  await writer.query(`UPDATE app.items SET n = -1 WHERE id = 1`);
  await gate.release();
  const ended = await running.exited;
  expect(ended).toMatchObject({ code: 0, json: { result: 'complete', cutover: { attempts: 1 } } });
  expect(ended.stderr).toContain('ending open transactions: session ');
  await expect(writer.query('COMMIT')).rejects.toThrow();
  expect((await s.compare()).differences).toEqual([]);
  expect(
    await refusal(s.targetUrl, `DO $$ BEGIN ASSERT (SELECT n FROM app.items WHERE id = 1) = 1; END $$`),
  ).toBeUndefined();
});

test('a prepared transaction is named by its gid, also where transactions may be ended, and is never lost', async () => {
  const s = await openScene({ sections: { cutover: { ...MANUAL, budget: '2s', openTransactions: 'end' } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.armed=pause(${gate.path})` });
  await s.ready(running);
  await s.run(['cutover']);
  await running.waitFor(/failpoint cutover.armed 1/);
  await execute(s.sourceUrl, [
    'BEGIN',
    `UPDATE app.items SET n = -7 WHERE id = 7`,
    `PREPARE TRANSACTION 'transfer 42'`,
  ]);
  await gate.release();
  const [, reason] = await running.waitFor(/cutover attempt 1 was undone: (.*)/);
  expect(reason).toContain('prepared transaction \\"transfer 42\\"');
  expect(await refusal(s.sourceUrl, `UPDATE app.items SET n = -2 WHERE id = 2`)).toBeUndefined();
  await s.ready(running);
  await s.onSource(`COMMIT PREPARED 'transfer 42'`);
  await s.complete(running);
});

test('in the freeze every way to write is refused on both sides, to superusers too, and reading goes on', async () => {
  const s = await openScene({ sections: { cutover: { ...AUTO, budget: '60s' } } });
  const gate = s.hold('go');
  const armed = s.hold('armed');
  const running = s.start(undefined, {
    failpoints: `cutover.armed=pause(${armed.path});cutover.settled=pause(${gate.path})`,
  });
  await running.waitFor(/failpoint cutover.armed 1/);
  const old = await s.connect(s.sourceUrl);
  await old.query(`PREPARE write AS INSERT INTO app.items (id) VALUES ($1)`);
  await old.query('EXECUTE write(600)');
  await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await old.query('SELECT count(*) FROM pg_class');
  await armed.release();
  await running.waitFor(/failpoint cutover.settled 1/);
  for (const statement of [
    `INSERT INTO app.items (id) VALUES (601)`,
    `UPDATE app.items SET n = 0 WHERE false`,
    `DELETE FROM app.notes`,
    `TRUNCATE app.notes`,
    `TRUNCATE app.items CASCADE`,
    `COPY app.items (id) FROM PROGRAM 'echo 602'`,
    `MERGE INTO app.items i USING (VALUES (1)) v(id) ON i.id = v.id WHEN MATCHED THEN DELETE`,
    `WITH gone AS (DELETE FROM app.notes RETURNING id) SELECT count(*) FROM gone`,
  ]) {
    expect([statement, await refusal(s.sourceUrl, statement)]).toEqual([statement, '25006']);
    expect([statement, await refusal(s.targetUrl, statement)]).toEqual([statement, '25006']);
  }
  await expect(old.query('EXECUTE write(603)')).rejects.toMatchObject({ code: '25006' });
  await old.query('ROLLBACK');
  expect(await refusal(s.sourceUrl, 'SELECT count(*) FROM app.items')).toBeUndefined();
  await gate.release();
  expect(await running.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect((await s.compare()).differences).toEqual([]);
});

test('a freeze that hangs ends at its deadline by itself: the source takes writes before the runner says a word', async () => {
  const s = await openScene({ sections: { cutover: { ...AUTO, budget: '1s', retries: 1 } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.settled=pause(${gate.path})` });
  await running.waitFor(/failpoint cutover.settled 1/);
  const write = `INSERT INTO app.items (id) VALUES (700)`;
  for (let state = await refusal(s.sourceUrl, write); state !== undefined; state = await refusal(s.sourceUrl, write))
    expect(state).toBe('25006');
  expect(running.stderr.join('\n')).not.toContain('was undone');
  await gate.release();
  await running.waitFor(/cutover attempt 1 was undone: .*used up its 1000 ms/);
  expect(await running.exited).toMatchObject({ code: 0, json: { cutover: { attempts: 2 } } });
  expect(await s.compare()).toMatchObject({ rows: 81, differences: [] });
});

test('a fence that has opened by itself is not made permanent afterwards', async () => {
  const s = await openScene({ sections: { cutover: { ...AUTO, budget: '1s', retries: 0 } } });
  const gate = s.hold('go');
  const running = s.start(undefined, { failpoints: `cutover.before_permanent=pause(${gate.path})` });
  await running.waitFor(/failpoint cutover.before_permanent 1/);
  running.kill('SIGSTOP');
  const write = `INSERT INTO app.items (id) VALUES (700)`;
  for (let state = await refusal(s.sourceUrl, write); state !== undefined; state = await refusal(s.sourceUrl, write))
    expect(state).toBe('25006');
  await gate.release();
  running.kill('SIGCONT');
  expect(await running.exited).toMatchObject({ code: 5, json: { result: 'failed' } });
  expect(await refusal(s.sourceUrl, `INSERT INTO app.items (id) VALUES (701)`)).toBeUndefined();
  expect(await refusal(s.targetUrl, `INSERT INTO app.items (id) VALUES (701)`)).toBe('25006');
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect(await s.compare()).toMatchObject({ rows: 82, differences: [] });
});

const switching = (run: readonly string[], more: Readonly<Record<string, unknown>> = {}) => ({
  cutover: { ...AUTO, budget: '5s', switch: [{ kind: 'command', run, ...more }] },
});
const writeTo = (s: Scene): Promise<readonly (string | undefined)[]> => {
  const write = `UPDATE app.items SET n = n + 1 WHERE id = 1`;
  return Promise.all([refusal(s.sourceUrl, write), refusal(s.targetUrl, write)]);
};

test('a switch that fails is undone with the freeze, and a corrected plan completes', async () => {
  const s = await openScene();
  const undone = s.hold('undone');
  const failing = ['sh', '-c', 'echo the proxy said no >&2; exit 3'];
  await s.write(switching(failing, { undo: ['touch', undone.path] }));
  const failed = await s.run();
  expect(failed).toMatchObject({ code: 5, json: { code: 'CUTOVER.SWITCH' } });
  expect(failed.json?.message).toContain('failed with exit code 3: the proxy said no');
  expect(await writeTo(s)).toEqual([undefined, '25006']);
  expect(existsSync(undone.path)).toBe(true);
  await s.write(switching(['true']));
  expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete', cutover: { attempts: 2 } } });
  expect(await writeTo(s)).toEqual(['25006', undefined]);
});

/** A run that ended because nobody knows whether its switch took effect. */
async function ambiguous(): Promise<Scene> {
  const s = await openScene();
  await s.write(switching(['sleep', '60'], { timeout: '200ms' }));
  expect(await s.run()).toMatchObject({ code: 5, json: { code: 'CUTOVER.AMBIGUOUS', disposition: 'ambiguous' } });
  expect(await writeTo(s)).toEqual(['25006', '25006']);
  expect(await s.run(['status', '--json'])).toMatchObject({ json: { process: 'none', writable: 'none' } });
  expect((await s.run(['status'])).stdout).toContain('both sides are closed');
  return s;
}

test.each(['switched', 'undo'] as const)(
  'a switch with an unknown outcome keeps both sides closed until an operator says --%s',
  async (decision) => {
    const s = await ambiguous();
    const running = s.start();
    const asked = await s.until(running, ({ waiting }) => waiting?.includes('--switched') === true);
    expect(asked).toMatchObject({ writable: 'none', waiting: expect.stringContaining('closed') });
    expect(await s.run(['status', '--json'])).toMatchObject({ json: { process: 'alive', writable: 'none' } });
    // A permission is no answer to this question.
    await s.run(['cutover']);
    expect(await writeTo(s)).toEqual(['25006', '25006']);
    expect(await s.run(['cutover', `--${decision}`, '--json'])).toMatchObject({ code: 0 });
    if (decision === 'switched') {
      expect(await running.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
      expect((await s.compare()).differences).toEqual([]);
      expect(await writeTo(s)).toEqual(['25006', undefined]);
      return;
    }
    // Although the plan says auto: who undid one cutover is asked before the next.
    expect(await s.ready(running)).toMatchObject({ writable: 'source' });
    expect(await writeTo(s)).toEqual([undefined, '25006']);
    running.kill('SIGINT');
    expect((await running.exited).code).toBe(130);
    await s.write(switching(['true']));
    expect(await s.run()).toMatchObject({ code: 0, json: { result: 'complete', cutover: { attempts: 2 } } });
    expect(await writeTo(s)).toEqual(['25006', undefined]);
  },
);

test('a person who has to switch is asked while both sides are closed, and the answer is obeyed', async () => {
  const s = await openScene({
    sections: { cutover: { ...AUTO, switch: [{ kind: 'operator', message: 'point the DNS' }] } },
  });
  const running = s.start();
  await s.until(running, ({ waiting }) => waiting?.startsWith('point the DNS') === true);
  expect(await writeTo(s)).toEqual(['25006', '25006']);
  await s.run(['cutover', '--undo']);
  await s.until(running, ({ waiting }) => waiting?.startsWith('Take this back') === true);
  await s.run(['cutover', '--switched']);
  expect(await running.exited).toMatchObject({ code: 5, json: { code: 'CUTOVER.SWITCH' } });
  expect(await writeTo(s)).toEqual([undefined, '25006']);
});
