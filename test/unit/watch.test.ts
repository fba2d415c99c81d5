// migrate status --watch: goes on until nobody answers.

import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { watchStatus } from '../../src/cli/watch.ts';
import { Secrets } from '../../src/observe/secrets.ts';
import { RunStatus, type StatusSnapshot } from '../../src/observe/status.ts';

test('every answer of a process is told, and its end is the end', async () => {
  const out = new PassThrough();
  const io = { stdout: out, stderr: out, env: {}, signal: new AbortController().signal, secrets: new Secrets() };
  const status = new RunStatus('orders').snapshot();
  const answers: (StatusSnapshot | undefined)[] = [{ ...status, stage: 'verify' }, undefined];
  const told: string[] = [];
  const ask = async () => answers.shift();
  await watchStatus(io, status, { ask, told: ({ stage }) => told.push(stage) });
  expect(told).toEqual(['verify']);
  expect(answers).toEqual([]);
});
