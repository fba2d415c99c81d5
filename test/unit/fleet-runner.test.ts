// The test harness for the command line: waiting on lines, and plans.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { MigrateProcess, openWorkspace } from '../fleet/runner.ts';

function start(script: string, limitMs = 20_000): MigrateProcess {
  return new MigrateProcess(spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'pipe'] }), limitMs);
}

test('the result has the exit code, both streams and the last line as JSON', async () => {
  const result = await start(
    `console.log('one'); console.log('{"result":"complete"}'); console.error('log'); process.exitCode = 3`,
  ).exited;
  expect(result).toMatchObject({ code: 3, signal: null, stderr: 'log', json: { result: 'complete' } });
});

test('a line can be waited for from the start or from now on', async () => {
  const child = start(`console.error('step 1'); setInterval(() => console.error('step 2'), 10)`);
  expect((await child.waitFor(/step (\d)/))[1]).toBe('1');
  expect((await child.waitFor(/step (\d)/, { from: 'now' }))[1]).toBe('2');
  child.kill();
  expect((await child.exited).signal).toBe('SIGKILL');
});

test('waiting for a line that never comes ends with the process and shows its last lines', async () => {
  await expect(start(`console.error('almost')`).waitFor(/never/)).rejects.toThrow('almost');
});

test('a process over its limit is killed', async () => {
  await expect(start('setInterval(() => undefined, 1000)', 100).exited).rejects.toThrow('still running');
});

test('a plan has defaults that sections replace', async () => {
  const workspace = await openWorkspace();
  try {
    const path = await workspace.writePlan({
      sourceUrl: 'postgres://a/s',
      targetUrl: 'postgres://b/t',
      apply: { lanes: 3 },
    });
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
      name: 'test',
      source: { url: 'postgres://a/s' },
      cutover: { when: 'auto', reverse: 'off' },
      apply: { lanes: 3 },
    });
  } finally {
    await workspace.close();
  }
});
