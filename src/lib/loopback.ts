// Which servers are reached without leaving the machine, and so without TLS unless it is asked for.

import { isIP } from 'node:net';

/** True for a loopback address, and for '' and a path, which are Unix sockets. */
export function isLoopback(host: string): boolean {
  return (
    host === '' ||
    host === 'localhost' ||
    host.startsWith('/') ||
    host === '::1' ||
    (isIP(host) === 4 && host.startsWith('127.'))
  );
}
