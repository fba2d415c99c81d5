// GET /metrics on the loopback interface, for a Prometheus agent on the same machine.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MigrateError } from '../lib/errors.ts';
import type { Metrics } from './metrics.ts';

const HOST = '127.0.0.1';
// Any other name means that a web page made the browser call here under a name of its own.
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

export interface MetricsServer {
  readonly url: string;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/** `port` 0 takes any free port. Rejects with CONTROL.PORT when the port cannot be had. */
export async function openMetricsServer(port: number, metrics: Metrics): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    answer(metrics, request, response).catch(() => response.destroy());
  });
  await listen(server, port);
  let closing: Promise<void> | undefined;
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/metrics`,
    close: () => {
      closing ??= close(server);
      return closing;
    },
  };
}

async function answer(metrics: Metrics, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const refused = refusal(request);
  if (refused !== undefined) {
    response.writeHead(refused, { 'content-type': 'text/plain' }).end();
    return;
  }
  const text = await metrics.render();
  response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
}

function refusal(request: IncomingMessage): number | undefined {
  if (!LOOPBACK.test(request.headers.host ?? '')) return 403;
  if (request.url?.replace(/\?.*$/, '') !== '/metrics') return 404;
  return request.method === 'GET' ? undefined : 405;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new MigrateError('CONTROL.PORT', `port ${port} on ${HOST} cannot be opened (${error.code})`, { cause: error }),
      );
    });
    server.listen(port, HOST, () => {
      // A connection that cannot be accepted, for want of file handles, must not end the run.
      server.removeAllListeners('error').on('error', () => undefined);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
