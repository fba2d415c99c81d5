// Where the control socket of a run lives: a directory only its owner can enter.

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MigrateError } from '../lib/errors.ts';
import type { Plan } from '../plan/plan.ts';

// The limit of sockaddr_un on Linux is 108 bytes, on macOS 104.
const LONGEST_PATH = 103;

/** The socket's path; a directory that is missing is created with mode 0700. */
export function socketPath(plan: Pick<Plan, 'name' | 'source' | 'target' | 'control'>): string {
  const home = plan.control.directory ?? process.env.MIGRATE_HOME ?? join(homedir(), '.migrate');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const found = lstatSync(home);
  if (!found.isDirectory()) throw new MigrateError('CONTROL.SOCKET', `${home} is not a directory`);
  if ((found.mode & 0o022) !== 0) {
    throw new MigrateError(
      'CONTROL.SOCKET',
      `others may write to ${home}: the control socket needs a directory of its own`,
    );
  }
  const path = join(home, `${plan.name}-${placeOf(plan)}.sock`);
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new MigrateError(
      'CONTROL.SOCKET',
      `the path of the control socket is longer than ${LONGEST_PATH} bytes: ${path}`,
    );
  }
  return path;
}

/** Two plans of one name, for other databases, must not answer for each other. Users and passwords may change. */
function placeOf({ source, target }: Pick<Plan, 'source' | 'target'>): string {
  const places = [source, target].map(({ url }) => {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  });
  return createHash('sha256').update(places.join(' ')).digest('hex').slice(0, 8);
}
