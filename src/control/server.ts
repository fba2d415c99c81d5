// The control API over a Unix socket that only its owner can open. JSON in, JSON out.

import { renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { CutoverDecision } from '../cutover/options.ts';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import type { Controls, LetterRequest, TableRequest } from './controls.ts';

export interface ControlServer {
  close(): Promise<void>;
}

/** Listens at `path`. The caller holds the run's lease, so a socket file found there is a dead or fenced runner's. */
export async function serveControls(path: string, controls: Controls): Promise<ControlServer> {
  const server = createAdaptorServer(controlApp(controls));
  // Bound under another name and renamed: closing unlinks the name that was bound, and by then `path` may belong to the
  // runner that took over from this one.
  const bound = join(dirname(path), `.${process.pid.toString(36)}`);
  rmSync(bound, { force: true });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(new MigrateError('CONTROL.SOCKET', `cannot listen at ${path}: ${error.message}`)),
      );
      server.listen(bound, resolve);
    });
    renameSync(bound, path);
  } finally {
    process.umask(umask);
  }
  const { ino } = statSync(path);
  return {
    close: () =>
      new Promise((resolve) => {
        if (statSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
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
  app.post('/table', async (context) => {
    const answer = await controls.table(tableRequestOf(await context.req.json().catch(() => ({}))));
    return context.json({ ok: true, status: controls.status(), answer });
  });
  app.post('/letters', async (context) => {
    const answer = await controls.letters(letterRequestOf(await context.req.json().catch(() => ({}))));
    return context.json({ ok: true, status: controls.status(), answer });
  });
  act('/stop', () => controls.stop());
  app.onError((thrown, context) => {
    const error = toMigrateError(thrown);
    return context.json({ ok: false, code: error.code, message: error.message, fix: error.fix }, 409);
  });
  return app;
}

function letterRequestOf(body: unknown): LetterRequest {
  const fields = typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  const { verb, by, ids, table, reason } = fields;
  const numbers =
    Array.isArray(ids) && ids.every((id) => Number.isSafeInteger(id)) ? (ids as readonly number[]) : undefined;
  if (typeof by === 'string' && verb === 'retry') {
    return { verb, by, ids: numbers, table: typeof table === 'string' ? table : undefined };
  }
  if (typeof by === 'string' && verb === 'waive' && numbers !== undefined && typeof reason === 'string') {
    return { verb, by, ids: numbers, reason };
  }
  throw new MigrateError('USAGE.ARGUMENT', 'not something that can be asked for dead letters');
}

function tableRequestOf(body: unknown): TableRequest {
  const fields = typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  const text = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
  const shared = { table: text('table'), by: text('by') };
  switch (fields.verb) {
    case 'skip':
      return { ...shared, verb: 'skip', reason: text('reason') };
    case 'add':
    case 'copy':
    case 'retry':
      return { ...shared, verb: fields.verb };
    default:
      throw new MigrateError('USAGE.ARGUMENT', 'not something that can be asked for a table');
  }
}

function decisionOf(body: unknown): CutoverDecision | undefined {
  const decision = typeof body === 'object' && body !== null && 'decision' in body ? body.decision : undefined;
  return decision === 'switched' || decision === 'undo' ? decision : undefined;
}
