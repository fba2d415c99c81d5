// Who gives a command, for the audit trail.

import { hostname, userInfo } from 'node:os';

export function person(): string {
  return `${userInfo().username}@${hostname()}`;
}
