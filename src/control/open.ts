// Opens what a run is steered by, for as long as its process lives: the Unix socket, and the HTTP server if the plan has one.

import type { Closer } from '../lib/closer.ts';
import type { Plan } from '../plan/plan.ts';
import { accessPath, pageUrl, readAccess, writeAccess } from './access.ts';
import type { AppOptions } from './app.ts';
import { serveHttp } from './http.ts';
import { serveControls } from './server.ts';
import { socketPath } from './socket.ts';

/** Resolves with the address of the status page, token included. */
export async function openControls(
  plan: Pick<Plan, 'name' | 'source' | 'target' | 'control'>,
  options: AppOptions,
  closer: Closer,
): Promise<string | undefined> {
  const socket = socketPath(plan);
  await closer.open(serveControls(socket, options));
  const { httpPort: port } = plan.control;
  if (port === 'off') return undefined;
  const path = accessPath(socket);
  const { access } = await closer.open(serveHttp({ ...options, port, former: readAccess(path) }));
  writeAccess(path, access);
  return pageUrl(access);
}
