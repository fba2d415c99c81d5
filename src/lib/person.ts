// Who gives a command, for the audit trail.

import { hostname, userInfo } from 'node:os';

/** `user@host`; a user that the machine has no name for, as in some containers, is told by its number. */
export function person(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env.USER ?? `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
