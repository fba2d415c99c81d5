// Driver and server errors → MigrateError. The server's own words are kept only where they name things: most others quote
// values or the statement.

import type { ErrorCode } from '../../lib/codes.ts';
import { MigrateError } from '../../lib/errors.ts';
import type { Side } from '../../model/side.ts';
import { VITALS } from '../../model/vital.ts';
import { namesIn } from './error-names.ts';

/** What the driver's errors carry besides their message. */
interface Coded {
  readonly code?: string;
  readonly errno?: number;
  readonly fatal?: boolean;
  readonly message: string;
}

const TABLE_CHANGED = 1412;
// Password, host, user or database; at login also the right to use the database.
const LOGIN = new Set([1044, 1045, 1049, 1130, 1698, 1820, 1862, 3118, 4151]);
// Too many connections, shutting down, broken packets, killed.
const UNAVAILABLE = new Set([1040, 1053, 1077, 1079, 1129, 1158, 1159, 1160, 1161, 1203, 1226, 1927, 3032, 3169]);
// Lock wait, deadlock, interrupted, out of time, memory or locks, altered while it was prepared.
const TRANSIENT = new Set([1037, 1038, 1041, 1205, 1206, 1213, 1317, 1615, 1969, 3024]);
// These name tables, columns, users and rights, and what kept a table from being made: names that are taken or too long,
// keys and rows that are too long, a column's default, a collation, a foreign key that does not fit.
const NAMES_ONLY = new Set([
  ...[1044, 1045, 1049, 1050, 1054, 1059, 1060, 1061, 1067, 1069, 1071, 1072, 1074, 1075, 1115, 1118, 1130, 1142],
  ...[1143, 1146, 1170, 1171, 1193, 1227, 1235, 1273, 1419, 1698, 1822, 1824, 1826, 3780, 3822],
]);
// The disk is full; a table is, which InnoDB says of its files. What is about a file has the system's number for it.
const FULL = new Set([20, 1021, 1114]);
const OF_FILES = new Set([3, 1005, 1025, 1026, 1030]);
const NO_SPACE = /\b(?:errno: |errno |error )28\b/;
const TOO_MANY_CONNECTIONS = new Set([1040, 1203]);
const CERTIFICATE =
  /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|HANDSHAKE_NO_SSL_SUPPORT)/;
/** The driver has its own code for all that a handshake can end with, and keeps the words of TLS. */
const CERTIFICATE_WORDS = /certificate|Hostname\/IP/i;
const SOCKET =
  /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EAI_|ENOTFOUND|EADDR|ENOENT|ERR_TLS_|ERR_SSL_|EPROTO|PROTOCOL_|HANDSHAKE_)/;
const CLOSED = /closed state|connection (lost|closed|is in)|server closed/i;

/** The server's number of an error, looking through translated ones. */
export function serverErrno(error: unknown): number | undefined {
  if (error instanceof MigrateError) return serverErrno(error.cause);
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' && error.errno > 0
    ? error.errno
    : undefined;
}

/** The driver adds the statement to its errors, and the server's words may quote a value: only the names in them are kept. */
function withoutStatement(thrown: unknown): unknown {
  const errno = serverErrno(thrown);
  if (errno === undefined || !(thrown instanceof Error)) return thrown;
  const { code = '' }: Coded = thrown;
  return Object.assign(new Error(`${code} ${errno}`), { code, errno, ...namesIn(errno, thrown.message) });
}

/** Translates what the driver threw; passes MigrateErrors through. `login`: while a session was opened. */
export function translateError(side: Side, thrown: unknown, login = false): MigrateError {
  if (thrown instanceof MigrateError) return thrown;
  const error: Coded = thrown instanceof Error ? thrown : { message: String(thrown) };
  const { code = '' } = error;
  const cause = withoutStatement(thrown);
  const named = (name: 'CONNECTION' | 'AUTHENTICATION' | 'FULL' | 'TRANSIENT' | 'REFUSED'): ErrorCode =>
    side === 'source' ? `SOURCE.${name}` : `TARGET.${name}`;
  const errno = serverErrno(thrown);
  if (CERTIFICATE.test(code) || (code === 'HANDSHAKE_SSL_ERROR' && CERTIFICATE_WORDS.test(error.message))) {
    return new MigrateError(named('CONNECTION'), `${side}: ${error.message}`, {
      cause,
      fix: `Correct sslmode or sslrootcert in ${side}.url, or the certificate of the server.`,
      disposition: 'operator',
    });
  }
  const text = (): string => {
    if (errno === undefined) return `${side}: ${error.message}`;
    return `${side}: ${NAMES_ONLY.has(errno) ? error.message : 'a statement was refused'} (${code} ${errno})`;
  };
  if (errno === TABLE_CHANGED) {
    return new MigrateError('SNAPSHOT.LOST', 'a table was emptied or altered after the snapshot was made', {
      cause,
    });
  }
  if (login && errno !== undefined && LOGIN.has(errno)) {
    const fix = `Correct the user or the password in ${side}.url. An account that is let in with TLS only (REQUIRE SSL) is refused the same way: there sslmode=require or stricter.`;
    return new MigrateError(named('AUTHENTICATION'), text(), { cause, ...(errno === 1045 ? { fix } : {}) });
  }
  if (errno !== undefined && (FULL.has(errno) || (OF_FILES.has(errno) && NO_SPACE.test(error.message))))
    return new MigrateError(named('FULL'), text(), { cause });
  if (errno !== undefined && TOO_MANY_CONNECTIONS.has(errno))
    return new MigrateError(named('CONNECTION'), text(), { cause, fix: VITALS.connections.cure });
  if (errno !== undefined && TRANSIENT.has(errno)) return new MigrateError(named('TRANSIENT'), text(), { cause });
  const isLost = SOCKET.test(code) || CLOSED.test(error.message) || (errno !== undefined && UNAVAILABLE.has(errno));
  if (isLost) return new MigrateError(named('CONNECTION'), text(), { cause });
  if (errno !== undefined) return new MigrateError(named('REFUSED'), text(), { cause });
  return new MigrateError('INTERNAL.BUG', error.message, { cause });
}
