// The control API over a Unix socket that only its owner can open.

import { renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { MigrateError } from '../lib/errors.ts';
import { type AppOptions, controlApp } from './app.ts';

export interface ControlServer {
  close(): Promise<void>;
}

/** Listens at `path`. The caller holds the run's lease, so a socket file found there is a dead or fenced runner's. */
export async function serveControls(path: string, options: AppOptions): Promise<ControlServer> {
  const server = createAdaptorServer(controlApp(options));
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
