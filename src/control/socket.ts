// Where the control socket of a run lives: a directory only its owner can enter.

import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MigrateError } from '../lib/errors.ts';

// The limit of sockaddr_un on Linux is 108 bytes, on macOS 104.
const LONGEST_PATH = 103;

/** The socket's path; the directory is created with mode 0700. */
export function socketPath(directory: string | undefined, run: string): string {
  const home = directory ?? process.env.MIGRATE_HOME ?? join(homedir(), '.migrate');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const found = lstatSync(home);
  if (!found.isDirectory()) throw new MigrateError('CONTROL.SOCKET', `${home} is not a directory`);
  if ((found.mode & 0o077) !== 0) chmodSync(home, 0o700);
  const path = join(home, `${run}.sock`);
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new MigrateError(
      'CONTROL.SOCKET',
      `the path of the control socket is longer than ${LONGEST_PATH} bytes: ${path}`,
    );
  }
  return path;
}
