// A connection url, read into the driver's options, with TLS on by default for everything that leaves the machine.

import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'mysql2';
import { MigrateError } from '../../lib/errors.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { Side } from '../../model/side.ts';

/**
 * Reads `mysql://user:password@host:port/` (or `mariadb://`); a database may follow and changes nothing. TLS: `sslmode` and
 * `sslrootcert` mean what they do for PostgreSQL: a loopback server needs none, any other must present a certificate that
 * verifies for its name (verify-full).
 */
export function connectionOptions(side: Side, text: string): ConnectionOptions {
  const malformed = (message: string): MigrateError =>
    new MigrateError(side === 'source' ? 'SOURCE.URL' : 'TARGET.URL', message, {
      fix: 'Use mysql://user:password@host:port/?sslmode=….',
    });
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw malformed(`the ${side} url cannot be read`);
  }
  if (!/^(mysql|mariadb):$/.test(url.protocol) || url.hostname === '' || url.username === '') {
    throw malformed(`the ${side} url must be mysql://user@host:port/`);
  }
  const host = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '');
  const mode = url.searchParams.get('sslmode') ?? (isLoopback(host) ? 'disable' : 'verify-full');
  const ssl = tls(mode, url.searchParams.get('sslrootcert'));
  if (ssl === undefined) {
    throw malformed(`sslmode=${mode} is not supported: use disable, require, verify-ca or verify-full`);
  }
  return {
    host,
    port: Number(url.port === '' ? 3306 : url.port),
    user: decodeURIComponent(url.username),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(ssl === false ? {} : { ssl }),
    connectTimeout: 10_000,
    enableKeepAlive: true,
    keepAliveInitialDelay: 10_000,
  };
}

/** False for none, undefined for a mode that is not known. */
function tls(mode: string, authority: string | null): NonNullable<ConnectionOptions['ssl']> | false | undefined {
  const ca = authority === null ? {} : { ca: readFileSync(authority, 'utf8') };
  switch (mode) {
    case 'disable':
      return false;
    case 'require':
      return { ...ca, rejectUnauthorized: authority !== null };
    case 'verify-ca':
      return { ...ca, rejectUnauthorized: true, verifyIdentity: false };
    case 'verify-full':
      return { ...ca, rejectUnauthorized: true, verifyIdentity: true };
    default:
      return undefined;
  }
}
