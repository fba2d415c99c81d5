// The control API over HTTP, against a run that is made up: who may ask, what is answered, and that watchers cost little.

import { request } from 'node:http';
import { connect } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { StatusFeed } from '../../src/control/feed.ts';
import { type HttpServer, serveHttp } from '../../src/control/http.ts';
import { openApiDocument } from '../../src/control/openapi.ts';
import { COMMANDS, QUERIES } from '../../src/control/routes.ts';
import { statusSchema } from '../../src/control/status-schema.ts';
import { MadeUpRun } from '../fleet/made-up-run.ts';

const COPYING = { stage: 'snapshot', copied: 0.5, rate: 1_000 } as const;

async function serve(options: { readonly port?: number; readonly former?: HttpServer['access'] } = {}) {
  const run = new MadeUpRun(COPYING);
  const { port = 0, former } = options;
  const server = await serveHttp({ controls: run, scrub: (text) => text.replaceAll('s3cret', '***'), port, former });
  onTestFinished(() => server.close());
  return { run, server, ...server.access };
}

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Not with fetch, which sends the host that it connects to. */
function ask(port: number, { method = 'GET', path = '/api/status', headers = {}, body }: Asked) {
  return new Promise<{ status: number; headers: Readonly<Record<string, unknown>>; json: Record<string, unknown> }>(
    (resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => {
          const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
          resolve({ status: response.statusCode ?? 0, headers: response.headers, json });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    },
  );
}

const JSON_TYPE = { 'content-type': 'application/json' };

test('the token opens everything, and says what a command has changed and who has asked', async () => {
  const { port, token, run } = await serve();
  const headers = { authorization: `Bearer ${token}`, ...JSON_TYPE };
  expect(await ask(port, { headers })).toMatchObject({
    status: 200,
    json: { run: 'orders-to-pg18', stage: 'snapshot' },
  });
  const answer = await ask(port, { method: 'POST', path: '/api/pause', headers, body: '{"by":"Ada"}' });
  expect(answer).toMatchObject({ status: 200, json: { ok: true, changed: true, status: { paused: ['run'] } } });
  expect(answer.json.said).toContain('paused');
  await ask(port, { method: 'POST', path: '/api/resume', headers });
  expect(run.asked).toEqual(['pause by Ada', 'resume by unknown']);
  expect(await ask(port, { path: '/api/audit', headers })).toMatchObject({
    status: 200,
    json: { entries: [{ by: 'unknown', command: 'resume', result: 'resumed' }, { by: 'Ada' }] },
  });
});

const REFUSED: readonly (readonly [string, number, (token: string, port: number) => Asked])[] = [
  ['no token', 401, () => ({})],
  ['a wrong token', 401, (token) => ({ headers: { authorization: `Bearer ${token}x` } })],
  ['an empty token', 401, () => ({ headers: { authorization: 'Bearer ' } })],
  ['the token in the address', 401, (token) => ({ path: `/api/status?token=${token}` })],
  [
    'a name that is not this machine',
    403,
    (token) => ({ headers: { authorization: `Bearer ${token}`, host: 'evil.example' } }),
  ],
  [
    'a name that begins like this machine',
    403,
    (token) => ({ headers: { authorization: `Bearer ${token}`, host: 'localhost.evil.example' } }),
  ],
  ['a name that is not this machine, for the page', 403, () => ({ path: '/', headers: { host: 'evil.example' } })],
  [
    'another origin',
    403,
    (token) => ({ headers: { authorization: `Bearer ${token}`, origin: 'https://evil.example' } }),
  ],
  [
    'another port of this machine',
    403,
    (token) => ({ headers: { authorization: `Bearer ${token}`, origin: 'http://127.0.0.1:1' } }),
  ],
  [
    'no origin at all, as of a sandbox',
    403,
    (token) => ({ headers: { authorization: `Bearer ${token}`, origin: 'null' } }),
  ],
  [
    'a page of another site',
    403,
    (token) => ({ headers: { authorization: `Bearer ${token}`, 'sec-fetch-site': 'cross-site' } }),
  ],
  [
    'asking what other origins may',
    403,
    () => ({ method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } }),
  ],
  [
    'a form',
    415,
    (token) => ({
      method: 'POST',
      path: '/api/pause',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'text/plain' },
      body: '{}',
    }),
  ],
  [
    'a path that is not there',
    404,
    (token) => ({ path: '/api/nothing', headers: { authorization: `Bearer ${token}` } }),
  ],
  ['a file that is not there', 404, () => ({ path: '/../package.json' })],
  ['another method', 405, (token) => ({ path: '/api/pause', headers: { authorization: `Bearer ${token}` } })],
  [
    'another method for the status',
    405,
    (token) => ({ method: 'DELETE', headers: { authorization: `Bearer ${token}` } }),
  ],
  [
    'a body that is too long',
    413,
    (token) => ({
      method: 'POST',
      path: '/api/pause',
      headers: { authorization: `Bearer ${token}`, ...JSON_TYPE },
      body: `{"by":"${'x'.repeat(1 << 20)}"}`,
    }),
  ],
  [
    'a body that is no JSON',
    400,
    (token) => ({
      method: 'POST',
      path: '/api/pause',
      headers: { authorization: `Bearer ${token}`, ...JSON_TYPE },
      body: '{',
    }),
  ],
  [
    'a field that there is not',
    400,
    (token) => ({
      method: 'POST',
      path: '/api/pause',
      headers: { authorization: `Bearer ${token}`, ...JSON_TYPE },
      body: '{"until":1}',
    }),
  ],
  [
    'a waiver without a reason',
    400,
    (token) => ({
      method: 'POST',
      path: '/api/letters',
      headers: { authorization: `Bearer ${token}`, ...JSON_TYPE },
      body: '{"verb":"waive","ids":[1]}',
    }),
  ],
];

test.each(REFUSED)('%s is refused with %i, and changes nothing', async (_, status, asked) => {
  const { port, token, run } = await serve();
  const answer = await ask(port, asked(token, port));
  expect(answer.status).toBe(status);
  expect(answer.json).toMatchObject({ ok: false, code: status === 400 ? 'USAGE.ARGUMENT' : 'CONTROL.REFUSED' });
  expect(JSON.stringify(answer.json)).not.toContain(token);
  expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
  expect(run.asked).toEqual([]);
});

test('letters are listed without their values; whoever asks for those is in the audit trail', async () => {
  const { port, token, run } = await serve();
  run.refuseChanges(3);
  const headers = { authorization: `Bearer ${token}`, ...JSON_TYPE };
  const listed = await ask(port, { path: '/api/letters', headers });
  expect(listed).toMatchObject({ status: 200, json: { total: 3, letters: [{ id: 1, state: 'open' }, { id: 2 }, {}] } });
  expect(JSON.stringify(listed.json)).not.toMatch(/key|secret value/i);
  const body = '{"ids":[2],"by":"Ada"}';
  expect(await ask(port, { method: 'POST', path: '/api/letters/show', headers, body })).toMatchObject({
    json: { answer: { letters: [{ id: 2, key: ['2'], row: { 'column 2': 'secret value' } }] } },
  });
  expect(run.asked).toEqual(['dead-letters show 2 by Ada']);
});

test('an origin of this machine at the same port is the page itself, also through a tunnel', async () => {
  const { port, token } = await serve();
  const headers = { authorization: `Bearer ${token}`, host: 'localhost:9000', origin: 'http://localhost:9000' };
  expect((await ask(port, { headers })).status).toBe(200);
});

test('what the run refuses is told with its code, and without secrets', async () => {
  const { port, token, run } = await serve();
  run.pause = () => Promise.reject(new Error('s3cret'));
  const headers = { authorization: `Bearer ${token}`, ...JSON_TYPE };
  expect(await ask(port, { method: 'POST', path: '/api/pause', headers })).toMatchObject({
    status: 500,
    json: { ok: false, code: 'INTERNAL.BUG', message: '***' },
  });
});

test('a process that takes the run up again has the same port and token; without the port it has another token', async () => {
  const first = await serve();
  await first.server.close();
  const second = await serve({ former: first.server.access });
  expect(second.server.access).toEqual(first.server.access);
  const third = await serve({ former: first.server.access });
  expect(third.port).not.toBe(first.port);
  expect(third.token).not.toBe(first.token);
});

test('a port that another program has is told', async () => {
  const { port } = await serve();
  await expect(serve({ port })).rejects.toMatchObject({ code: 'CONTROL.PORT' });
});

test('a client that hangs up in the middle of a command does not stop it', async () => {
  const { port, token, run } = await serve();
  let pause: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    run.pause = async (_part, by) => {
      resolve();
      await new Promise<void>((go) => {
        pause = go;
      });
      run.asked.push(`pause by ${by}`);
      return { changed: true, said: 'paused' };
    };
  });
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `POST /api/pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n` +
      'Content-Length: 12\r\n\r\n{"by":"Ada"}',
  );
  await begun;
  socket.destroy();
  pause();
  await vi.waitFor(() => expect(run.asked).toEqual(['pause by Ada']));
});

function feedOf(run: MadeUpRun): StatusFeed {
  const feed = new StatusFeed({ read: () => run.status(), history: () => [], scrub: (text) => text });
  onTestFinished(() => feed.close());
  return feed;
}

async function next(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ name: string; data: Record<string, unknown> }> {
  const { value } = await reader.read();
  const [, name = '', data = '{}'] = /^event: (\w+)\ndata: (.*)\n\n$/.exec(Buffer.from(value ?? []).toString()) ?? [];
  return { name, data: JSON.parse(data) as Record<string, unknown> };
}

test('a watcher gets a whole status, then only the tables that have changed', async () => {
  const feed = feedOf(new MadeUpRun(COPYING));
  const reader = feed.watch()!.getReader();
  const whole = await next(reader);
  expect(whole.name).toBe('status');
  expect(Object.keys(whole.data.tables as object)).toHaveLength(20);
  feed.tick();
  const change = await next(reader);
  expect(change.name).toBe('change');
  expect(Object.keys(change.data.tables as object).length).toBeLessThan(2);
  expect(change.data).toMatchObject({ run: 'orders-to-pg18', stage: 'snapshot' });
});

test('for a watcher that does not read nothing piles up, and it gets a whole status when it does again', async () => {
  const feed = feedOf(new MadeUpRun(COPYING));
  const reader = feed.watch()!.getReader();
  for (let i = 0; i < 100; i++) feed.tick();
  expect((await next(reader)).name).toBe('status');
  feed.tick();
  expect((await next(reader)).name).toBe('status');
  feed.tick();
  expect((await next(reader)).name).toBe('change');
});

test('more watchers than people are refused, and one that leaves makes room', async () => {
  const feed = feedOf(new MadeUpRun(COPYING));
  const streams = Array.from({ length: 32 }, () => feed.watch()!);
  expect(feed.watch()).toBeUndefined();
  await streams[0]!.cancel();
  expect(feed.watchers).toBe(31);
  expect(feed.watch()).toBeDefined();
});

test('a watcher learns how it ended before its stream does', async () => {
  const { port, token, run, server } = await serve();
  const response = await fetch(`http://127.0.0.1:${port}/api/events`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const reader = response.body!.getReader();
  expect((await next(reader)).name).toBe('status');
  run.shown.enter('complete');
  void server.close();
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read())
    text += Buffer.from(part.value).toString();
  expect(text).toContain('"stage":"complete"');
});

test('every field of a status is documented, and every command', () => {
  const shape = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .map(([key, inner]) => [key, shape(inner)])
            .toSorted(),
        )
      : typeof value;
  const status = new MadeUpRun(COPYING).status();
  expect(shape(statusSchema.parse(status))).toEqual(shape(status));
  const { paths } = openApiDocument();
  const described = [...QUERIES, ...COMMANDS].map(({ path }) => path);
  expect(Object.keys(paths as object).toSorted()).toEqual([...new Set(['/events', ...described])].toSorted());
  expect(paths).toMatchObject({ '/letters': { get: {}, post: {} } });
});
