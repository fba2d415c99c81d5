// The status page and the control API on the loopback interface. Whoever may use it proves it with the token; a web page of
// another origin is refused before that, and so is a name that leads here without being this machine's.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono, type Next } from 'hono';
import { MigrateError } from '../lib/errors.ts';
import { type Access, newToken } from './access.ts';
import { type AppOptions, controlApp } from './app.ts';
import { StatusFeed } from './feed.ts';
import { History } from './history.ts';
import { openApiDocument } from './openapi.ts';
import { type PageFile, pageFile } from './page-files.ts';

const HOST = '127.0.0.1';
// Any port: a tunnel may end at another one.
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;
const MOST_CONNECTIONS = 128;
const LAST_WORDS_MS = 300;

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export interface HttpOptions extends AppOptions {
  /** 0: the port that `former` names, else any free one. */
  readonly port: number;
  /** What an earlier process of the run had. Its token is taken over only together with its port. */
  readonly former: Access | undefined;
}

export interface HttpServer {
  readonly access: Access;
  close(): Promise<void>;
}

/** Rejects with CONTROL.PORT when the port cannot be had. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const { controls, scrub, former, port } = options;
  const history = new History(() => controls.status());
  const feed = new StatusFeed({ read: () => controls.status(), history: () => history.samples, scrub });
  const secret = { token: newToken() };
  // Without limits of its own for slow requests Node's hold: a minute for headers, five for a request.
  const server = createAdaptorServer({ ...httpApp(options, feed, secret), autoCleanupIncoming: true }) as Server;
  server.maxConnections = MOST_CONNECTIONS;
  try {
    const bound = await firstOf(server, port === 0 && former !== undefined ? [former.port, 0] : [port]);
    if (former?.port === bound) secret.token = former.token;
    return {
      access: { port: bound, token: secret.token },
      close: () => {
        history.close();
        return closed(server, feed);
      },
    };
  } catch (error) {
    history.close();
    throw error;
  }
}

function httpApp(options: AppOptions, feed: StatusFeed, secret: { readonly token: string }): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) context.res.headers.set(name, value);
  });
  app.use(localOnly);
  app.get('/api/openapi.json', (context) => context.json(openApiDocument()));
  app.use('/api/*', sameOrigin);
  app.use('/api/*', bearer(secret));
  app.get('/api/events', (context) => {
    const events = feed.watch();
    if (events === undefined) return refused(context, 503, 'too many pages are open');
    return context.body(events, 200, { 'content-type': 'text/event-stream' });
  });
  app.route('/api', controlApp(options));
  app.get('*', (context) => {
    const file = pageFile(context.req.path);
    return file === undefined ? refused(context, 404, 'there is no such path') : served(context, file);
  });
  app.all('*', (context) => {
    context.header('allow', 'GET');
    return refused(context, 405, 'only GET is answered here');
  });
  return app;
}

function served(context: Context, { type, body }: PageFile): Response {
  return context.body(body, 200, { 'content-type': type });
}

function refused(context: Context, status: 401 | 403 | 404 | 405 | 503, message: string): Response {
  return context.json({ ok: false, code: 'CONTROL.REFUSED', message }, status);
}

/** Another name means that a web page has made the browser call here under a name of its own. */
async function localOnly(context: Context, next: Next): Promise<Response | undefined> {
  if (!LOOPBACK.test(context.req.header('host') ?? '')) return refused(context, 403, 'this name is not served here');
  await next();
  return undefined;
}

/** No page but ours asks: browsers say where a request comes from, and other programs say nothing. */
async function sameOrigin(context: Context, next: Next): Promise<Response | undefined> {
  const origin = context.req.header('origin');
  const site = context.req.header('sec-fetch-site') ?? 'none';
  const ours = origin === undefined || origin === `http://${context.req.header('host')}`;
  if (!ours || !['same-origin', 'none'].includes(site)) return refused(context, 403, 'another origin may not ask');
  await next();
  return undefined;
}

function bearer(secret: { readonly token: string }): (context: Context, next: Next) => Promise<Response | undefined> {
  return async (context, next) => {
    const given = /^Bearer (\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? '';
    if (!timingSafeEqual(digest(given), digest(secret.token))) {
      context.header('www-authenticate', 'Bearer');
      return refused(context, 401, 'the token is missing or not the one of this run');
    }
    await next();
    return undefined;
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Listens at the first port that is free. */
async function firstOf(server: Server, ports: readonly number[]): Promise<number> {
  let failure: unknown;
  for (const port of ports) {
    try {
      await listen(server, port);
      return (server.address() as AddressInfo).port;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.removeAllListeners('error').once('error', (cause: NodeJS.ErrnoException) => {
      reject(new MigrateError('CONTROL.PORT', `port ${port} on ${HOST} cannot be opened (${cause.code})`, { cause }));
    });
    server.listen(port, HOST, () => {
      // A connection that cannot be accepted, for want of file handles, must not end the run.
      server.removeAllListeners('error').on('error', () => undefined);
      resolve();
    });
  });
}

/** What watchers are told last is worth a moment: how the run ended. */
async function closed(server: Server, feed: StatusFeed): Promise<void> {
  const isWatched = feed.watchers > 0;
  const ended = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  feed.close();
  const cut = setTimeout(() => server.closeAllConnections(), isWatched ? LAST_WORDS_MS : 0);
  await ended;
  clearTimeout(cut);
}
