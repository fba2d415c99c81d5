// A connection url, read into the driver's options, with TLS on by default for everything that leaves the machine.

import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { MigrateError } from '../../lib/errors.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { Side } from '../../model/side.ts';

/**
 * Reads a connection url. TLS: `sslmode` as in libpq, but the default depends on where the server is: a loopback or
 * Unix-socket server needs none, any other must present a certificate that verifies for its name (verify-full).
 */
export function clientConfig(side: Side, text: string): pg.ClientConfig {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new MigrateError(side === 'source' ? 'SOURCE.URL' : 'TARGET.URL', `the ${side} url cannot be read`);
  }
  const host = decodeURIComponent(url.searchParams.get('host') ?? url.hostname).replace(/^\[|\]$/g, '');
  const database = decodeURIComponent(url.pathname.slice(1));
  if (!/^postgres(ql)?:$/.test(url.protocol) || database === '') {
    throw new MigrateError(
      side === 'source' ? 'SOURCE.URL' : 'TARGET.URL',
      `the ${side} url must be postgres://user@host:port/database`,
    );
  }
  const mode = url.searchParams.get('sslmode') ?? (isLoopback(host) ? 'disable' : 'verify-full');
  const authority = url.searchParams.get('sslrootcert');
  return {
    host: host === '' ? 'localhost' : host,
    port: Number(url.port === '' ? 5432 : url.port),
    user: decodeURIComponent(url.username),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    database,
    ssl: tls(side, mode, authority),
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

function tls(side: Side, mode: string, authority: string | null): pg.ClientConfig['ssl'] {
  const ca = authority === null ? {} : { ca: readFileSync(authority, 'utf8') };
  switch (mode) {
    case 'disable':
      return false;
    case 'require':
      return { ...ca, rejectUnauthorized: authority !== null };
    case 'verify-ca':
      return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { ...ca, rejectUnauthorized: true };
    default:
      throw new MigrateError(
        side === 'source' ? 'SOURCE.URL' : 'TARGET.URL',
        `sslmode=${mode} is not supported: use disable, require, verify-ca or verify-full`,
      );
  }
}
