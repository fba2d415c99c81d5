// A connection url, read into the driver's options, with TLS on by default for everything that leaves the machine.

import { readFileSync } from 'node:fs';
import type { ConnectionAttributes } from 'oracledb';
import { MigrateError } from '../../lib/errors.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { Side } from '../../model/side.ts';

const FORM =
  'Use oracle://user:password@host:1521/SERVICE?sslmode=… or oracle://user:password@tns/?tns=ALIAS&configDir=….';
/** Parts of a connect descriptor, which has no quotes. */
const HOST = /^[\w.:-]+$/;
const SERVICE = /^[\w.$#-]+$/;

/**
 * Reads `oracle://user:password@host:port/SERVICE`; `?sid=` in place of a service for what still has only that. With
 * `?tns=ALIAS` everything else is in tnsnames.ora, in `configDir` or $TNS_ADMIN, and the host means nothing. TLS: a loopback server needs none, any other must
 * present a certificate that verifies for its name (sslmode=verify-full), or for any name (verify-ca); the port is then that
 * of TCPS. The authorities are those of Node (NODE_EXTRA_CA_CERTS adds one), or those of the wallet in `walletLocation`: a
 * folder with ewallet.pem, whose password is in `walletPassword`.
 */
export function connectionOptions(side: Side, text: string): ConnectionAttributes {
  const malformed = (message: string): MigrateError =>
    new MigrateError(side === 'source' ? 'SOURCE.URL' : 'TARGET.URL', message, { fix: FORM });
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw malformed(`the ${side} url cannot be read`);
  }
  if (url.protocol !== 'oracle:' || url.username === '') {
    throw malformed(`the ${side} url must be oracle://user@host:port/SERVICE`);
  }
  const asked = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const wallet = asked('walletLocation');
  const walletPassword = asked('walletPassword');
  const configDir = asked('configDir') ?? process.env.TNS_ADMIN;
  const common = {
    user: decodeURIComponent(url.username),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(configDir === undefined ? {} : { configDir }),
    ...(wallet === undefined ? {} : { walletLocation: wallet }),
    ...(walletPassword === undefined ? {} : { walletPassword }),
    ...rootOptions(side, asked('sslrootcert')),
    connectTimeout: 20,
    transportConnectTimeout: 10,
    expireTime: 1,
    // Each is a cursor that stays open on the server, which may allow no more than 50 (OPEN_CURSORS).
    stmtCacheSize: 30,
  };
  const alias = asked('tns');
  if (alias !== undefined) {
    if (!SERVICE.test(alias)) throw malformed(`${alias} cannot be an alias of tnsnames.ora`);
    return { ...common, connectString: alias };
  }
  const host = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '');
  const service = decodeURIComponent(url.pathname.slice(1));
  const sid = asked('sid');
  if (!HOST.test(host) || !SERVICE.test(sid ?? service)) {
    throw malformed(`the ${side} url must name a host and a service: oracle://user@host:port/SERVICE`);
  }
  const mode = asked('sslmode') ?? (isLoopback(host) ? 'disable' : 'verify-full');
  const tls = TLS_MODES.get(mode);
  if (tls === undefined) {
    throw malformed(`sslmode=${mode} is not supported: use disable, verify-ca or verify-full`);
  }
  const data = sid === undefined ? `(SERVICE_NAME=${service})` : `(SID=${sid})`;
  const port = url.port === '' ? '1521' : url.port;
  return {
    ...common,
    ...(tls.protocol === 'tcps' ? { sslServerDNMatch: tls.names } : {}),
    connectString: `(DESCRIPTION=(ADDRESS=(PROTOCOL=${tls.protocol})(HOST=${host})(PORT=${port}))(CONNECT_DATA=${data}))`,
  };
}

const TLS_MODES: ReadonlyMap<string, { readonly protocol: 'tcp' | 'tcps'; readonly names: boolean }> = new Map([
  ['disable', { protocol: 'tcp', names: false }],
  ['verify-ca', { protocol: 'tcps', names: false }],
  ['verify-full', { protocol: 'tcps', names: true }],
] as const);

/** The driver takes authorities only from a wallet, and a wallet only with a key. */
function rootOptions(side: Side, file: string | undefined): { readonly walletContent?: string } {
  if (file === undefined) return {};
  const content = readFileSync(file, 'utf8');
  if (/PRIVATE KEY/.test(content)) return { walletContent: content };
  throw new MigrateError(
    side === 'source' ? 'SOURCE.URL' : 'TARGET.URL',
    `${file} holds no private key, and the Oracle driver takes no authorities without one`,
    {
      fix: `Start migrate with NODE_EXTRA_CA_CERTS=${file} in place of sslrootcert, or name a wallet: walletLocation.`,
    },
  );
}
