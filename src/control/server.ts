// The control API over a Unix socket that only its owner can open. JSON in, JSON out.

import { rmSync } from 'node:fs';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import type { Controls, CutoverDecision } from './controls.ts';

export interface ControlServer {
  close(): Promise<void>;
}

/** Listens at `path`. The caller holds the run's lease, so a socket file found there is a dead runner's. */
export async function serveControls(path: string, controls: Controls): Promise<ControlServer> {
  const server = createAdaptorServer(controlApp(controls));
  rmSync(path, { force: true });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(new MigrateError('CONTROL.SOCKET', `cannot listen at ${path}: ${error.message}`)),
      );
      server.listen(path, resolve);
    });
  } finally {
    process.umask(umask);
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

function controlApp(controls: Controls): Hono {
  const app = new Hono();
  const act = (path: string, action: (context: Context) => Promise<void>): void => {
    app.post(path, async (context) => {
      await action(context);
      return context.json({ ok: true, status: controls.status() });
    });
  };
  app.get('/status', (context) => context.json(controls.status()));
  act('/pause', () => controls.pause());
  act('/resume', () => controls.resume());
  act('/cutover', async (context) => controls.cutover(decisionOf(await context.req.json().catch(() => ({})))));
  act('/cutover/cancel', () => controls.cancelCutover());
  act('/stop', () => controls.stop());
  app.onError((thrown, context) => {
    const error = toMigrateError(thrown);
    return context.json({ ok: false, code: error.code, message: error.message, fix: error.fix }, 409);
  });
  return app;
}

function decisionOf(body: unknown): CutoverDecision | undefined {
  const decision = typeof body === 'object' && body !== null && 'decision' in body ? body.decision : undefined;
  return decision === 'switched' || decision === 'undo' ? decision : undefined;
}
