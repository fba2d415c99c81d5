// Who is told what, over a whole run: a webhook that is down at first, one that never answers, and a program.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MANUAL, openScene } from './scene.ts';

const ALL = ['stage', 'paused', 'error', 'ready', 'done'];

/** Refuses the first message twice; whoever asks at /silent never gets an answer. */
async function receiver() {
  const told: string[] = [];
  let asked = 0;
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      if (request.url === '/silent') return;
      if (++asked === 1) {
        response.writeHead(503).end();
        return;
      }
      const { event, text: said } = JSON.parse(text) as { event: string; text: string };
      told.push(`${event} ${said}`);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { told, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('a run tells of its stages, holds, errors and end in order, and waits for nobody', async () => {
  const { told, url } = await receiver();
  const scene = await openScene();
  const file = join(scene.workspace.directory, 'told');
  const program = ['sh', '-c', 'echo "$MIGRATE_EVENT $MIGRATE_TEXT" >> "$0"', file];
  await scene.write({
    cutover: MANUAL,
    notify: [
      { kind: 'webhook', url: `${url}/hook`, on: ALL },
      { kind: 'webhook', url: `${url}/silent`, on: ['ready'], timeout: '60s' },
      { kind: 'command', run: program, on: ALL },
    ],
  });
  const running = scene.start();
  await scene.ready(running);
  expect((await scene.run(['pause'])).code).toBe(0);
  expect((await scene.run(['resume'])).code).toBe(0);
  await scene.onTarget(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'migrate%' AND datname = current_database()",
  );
  await scene.until(running, ({ restarts }) => restarts > 0);
  const done = await scene.complete(running);
  expect(done.stderr).toMatch(/webhook 127\.0\.0\.1.*a notification was given up/);

  const stages = ['schema', 'snapshot', 'catch-up', 'verify', 'cutover'].map(
    (stage) => `stage test: stage ${stage} begins`,
  );
  const expected = [
    ...stages,
    'ready test: ready: waiting for `migrate cutover`',
    'paused test: paused by the operator',
    'paused test: goes on',
    // After the error.
    'ready test: ready: waiting for `migrate cutover`',
    expect.stringMatching(/^error test: (TARGET\.CONNECTION|SOURCE\.CONNECTION|TARGET|LEASE)/),
    'done test: complete, the applications write to the target',
  ];
  const byProgram = readFileSync(file, 'utf8').trimEnd().split('\n');
  for (const heard of [told, byProgram]) {
    expect(heard.filter((line) => expected.some((each) => each === line))).toEqual(
      expected.filter((each) => typeof each === 'string'),
    );
    expect(heard.filter((line) => line.startsWith('error '))).not.toEqual([]);
  }
});
