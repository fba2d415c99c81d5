// Notifications: what is told, that it arrives once and in order, and that nobody waits for a receiver that does not answer.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Receiver } from '../../src/control/delivery.ts';
import { NewsDesk } from '../../src/control/news.ts';
import { Notifier } from '../../src/control/notifier.ts';
import type { Log } from '../../src/observe/log.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { READY } from '../../src/stages/permission.ts';

const ALL = ['stage', 'paused', 'error', 'ready', 'done'] as const;
const ERROR = { code: 'TARGET.CONNECTION', message: 'gone', fix: 'Look.', at: '2030-01-01T00:00:00Z' };

function notifierFor(receivers: readonly Receiver[]) {
  const warnings: string[] = [];
  const log: Log = {
    ...{ debug: () => undefined, info: () => undefined, error: () => undefined },
    warn: (message, fields) => warnings.push(`${message}: ${fields?.subject} ${fields?.reason}`),
  };
  const status = new RunStatus('orders');
  const notifier = new Notifier({ receivers, scrub: (text) => text.replaceAll('s3cret', '***'), log });
  status.watch(notifier.look);
  return { status, notifier, warnings };
}

/** Answers with these, then with 200. */
async function webhook(answers: readonly number[] = []) {
  const taken: Record<string, unknown>[] = [];
  const left = [...answers];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      const answer = left.shift() ?? 200;
      if (answer === 200) taken.push(JSON.parse(text) as Record<string, unknown>);
      if (answer !== 0) response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook-s3cret`;
  return { taken, url };
}

test('a run tells of stages, holds, errors, readiness and its end, each once', () => {
  const status = new RunStatus('orders');
  const desk = new NewsDesk();
  const told: string[] = [];
  status.watch((value) => told.push(...desk.look(value).map(({ event, text }) => `${event} | ${text}`)));
  status.enter('snapshot');
  const probe = { side: 'target', name: 'connections', unit: '%', value: 97, limit: 95, cure: '' } as const;
  const unwell = { ...probe, state: 'unwell', reason: 'target: 97 % of connections', holds: ['snapshot'] } as const;
  status.update((value) => {
    value.health = { probes: [unwell], leftOut: [] };
  });
  status.update((value) => {
    value.health = { probes: [{ ...unwell, value: 98, reason: 'target: 98 % of connections' }], leftOut: [] };
  });
  status.update((value) => {
    value.health = { probes: [], leftOut: [] };
    value.lastError = ERROR;
  });
  status.update((value) => {
    value.lastError = { ...ERROR, at: '2030-01-01T00:00:09Z' };
  });
  status.enter('snapshot');
  status.finished();
  status.enter('cutover');
  for (const reason of [READY, null, READY]) status.waitsFor(reason);
  status.update((value) => {
    value.paused = ['run'];
  });
  status.update((value) => {
    value.lastError = { ...ERROR, code: 'INTERRUPTED' };
    value.writable = 'target';
  });
  status.enter('complete');
  expect(told).toEqual([
    'stage | orders: stage snapshot begins',
    'paused | orders: target: 97 % of connections',
    'paused | orders: goes on',
    'error | orders: TARGET.CONNECTION: gone Look.',
    'stage | orders: stage cutover begins',
    `ready | orders: ${READY}`,
    'paused | orders: paused by the operator',
    'done | orders: complete, the applications write to the target',
  ]);
});

test('a webhook that fails at first gets every message it wants, in order and without secrets', async () => {
  const { taken, url } = await webhook([500]);
  const { status, notifier, warnings } = notifierFor([
    { kind: 'webhook', url, on: ['stage', 'error'], timeout: 5_000 },
  ]);
  status.enter('preflight');
  status.waitsFor(READY);
  status.update((value) => {
    value.lastError = { ...ERROR, message: 'password s3cret refused' };
  });
  await notifier.close();
  expect(taken).toMatchObject([
    { run: 'orders', event: 'stage', stage: 'preflight', text: 'orders: stage preflight begins' },
    { event: 'error', text: 'orders: TARGET.CONNECTION: password *** refused Look.' },
  ]);
  expect(warnings).toEqual([]);
});

test('a webhook that never answers holds up neither the run nor its end, and its address is not told', async () => {
  const { taken, url } = await webhook([0, 0, 0, 0]);
  const { status, notifier, warnings } = notifierFor([{ kind: 'webhook', url, on: [...ALL], timeout: 60_000 }]);
  status.enter('preflight');
  await notifier.close(20);
  expect(taken).toEqual([]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^a notification was given up: webhook 127\.0\.0\.1:\d+ no answer in time$/);
});

test('a program gets the message in its environment, and nothing else of ours', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'migrate-notify-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  process.env.SOURCE_PASSWORD = 's3cret';
  onTestFinished(() => {
    delete process.env.SOURCE_PASSWORD;
  });
  const run = ['sh', '-c', 'env > "$0"', join(folder, 'told')];
  const { status, notifier } = notifierFor([{ kind: 'command', run, on: ['stage'], timeout: 5_000 }]);
  status.enter('verify');
  await notifier.close();
  const told = readFileSync(join(folder, 'told'), 'utf8');
  expect(told).toContain('MIGRATE_EVENT=stage\n');
  expect(told).toContain('MIGRATE_TEXT=orders: stage verify begins\n');
  expect(told).not.toContain('s3cret');
});

test('a receiver that is overrun loses messages instead of keeping all of them', async () => {
  const { url } = await webhook([0]);
  const { status, notifier, warnings } = notifierFor([{ kind: 'webhook', url, on: ['paused'], timeout: 60_000 }]);
  for (let i = 0; i < 300; i++) {
    status.update((value) => {
      value.paused = i % 2 === 0 ? ['run'] : [];
    });
  }
  expect(warnings).toHaveLength(199);
  await notifier.close(20);
});
