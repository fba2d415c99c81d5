// The client of the control socket, against processes that end instead of answering.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ask } from '../../src/control/client.ts';

async function listen(meet: (socket: Socket) => void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'migrate-control-'));
  const path = join(folder, 's');
  const server = createServer(meet);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return path;
}

test.each([
  ['hangs up at once', (socket: Socket) => socket.destroy()],
  ['hangs up on the question', (socket: Socket) => socket.once('data', () => socket.destroy())],
  [
    'hangs up in the middle of its answer',
    (socket: Socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{', () => socket.destroy()),
      ),
  ],
])('a process that %s counts as none', async (_, meet) => {
  const path = await listen(meet);
  expect(await ask(path, 'GET', '/status')).toBeUndefined();
  expect(await ask(path, 'POST', '/pause', { padding: 'x'.repeat(1 << 20) })).toBeUndefined();
});

test('no socket is no process', async () => {
  expect(await ask(join(tmpdir(), 'migrate-control-none'), 'GET', '/status')).toBeUndefined();
});
