// Driver and server errors → MigrateError. Server texts keep their message but never their DETAIL: it quotes cell values.

import type { ErrorCode } from '../../lib/codes.ts';
import { MigrateError } from '../../lib/errors.ts';
import type { Side } from '../../model/side.ts';
import { VITALS } from '../../model/vital.ts';
import { quoteName } from './sql.ts';

/** What a server or socket error carries besides its message. */
interface Coded {
  readonly code?: string;
  readonly message: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  /** What the server was at, which begins with the place and then quotes the value. */
  readonly where?: string;
  /** Of the server's own source, where the error was raised. */
  readonly routine?: string;
}

/** The SQLSTATE or errno of an error, looking through translated ones. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof MigrateError) return sqlState(error.cause);
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}

const SOCKET = /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EAI_|ENOTFOUND|EADDR|ENOENT)/;
// A certificate that is not accepted now will not be accepted later; a handshake that broke may have been the network.
const CERTIFICATE = /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;
const HANDSHAKE = /^(ERR_TLS_|ERR_SSL_|EPROTO)/;
const NO_TLS = /does not support SSL/;
// Server shutdown, crash recovery, "too many connections", and connection exceptions.
const UNAVAILABLE = new Set(['57P01', '57P02', '57P03', '57P05', '53300', '25P03', '25P04']);
// Safe to run again as a whole: serialization failure, deadlock, lock timeout, cancelled statement, out of resources.
const TRANSIENT = new Set(['40001', '40P01', '55P03', '57014', '53000', '53200', '55006']);
const DISK_FULL = '53100';
const TOO_MANY_CONNECTIONS = '53300';

// Data exceptions quote the value in the message itself, and what a user's own function raises or asserts may say anything.
const QUOTES_VALUES = /^(22...|38...|P000[14])$/;
// RAISE of PL/pgSQL, which takes any SQLSTATE.
const RAISED = 'exec_stmt_raise';
/** What a fence says, of this run or another: the only words of a function that are ours. */
export const WRITES_STOPPED = 'writes are stopped: this database is being moved';

/** Table and column of a row that COPY could not read, and nothing of what follows: that is the value. */
const COPIED = /^COPY (.+), line \d+(?:, column (.+?): )?/;

/** The server's message with its SQLSTATE, or only where it happened when the message may quote a cell. */
function safeMessage(error: Coded, state: string): string {
  if (!/^[0-9A-Z]{5}$/.test(state)) return error.message;
  const isRaised = error.routine === RAISED && error.message !== WRITES_STOPPED;
  if (!QUOTES_VALUES.test(state) && !isRaised) return `${error.message} (${state})`;
  const [, table = error.table, column = error.column] = COPIED.exec(error.where ?? '') ?? [];
  const place = [error.schema, table, column ?? error.constraint].filter((part) => part !== undefined);
  const what = state.startsWith('22') ? 'a value' : 'a statement';
  return `${what} was refused with SQLSTATE ${state}${place.length === 0 ? '' : ` at ${place.join('.')}`}`;
}

/** Who logs in where, as the url says. */
export interface Login {
  readonly user: string;
  readonly database: string;
  readonly replication: boolean;
}

/** Translates what kept a session from being opened. What the server refuses comes with the cure of just that. */
export function translateLogin(side: Side, thrown: unknown, login: Login): MigrateError {
  const error = translateError(side, thrown);
  const fix = loginCure(side, error, login);
  if (fix === undefined) return error;
  const code = side === 'source' ? 'SOURCE.AUTHENTICATION' : 'TARGET.AUTHENTICATION';
  const ours = sqlState(thrown) === undefined;
  return new MigrateError(code, ours ? `${side}: the server asks for a password` : error.message, {
    cause: thrown,
    fix,
  });
}

// By codes, and by what is the same in every language that a server may speak.
function loginCure(side: Side, error: MigrateError, login: Login): string | undefined {
  const user = quoteName(login.user);
  const asAdmin = (statement: string): string => `${statement} -- on the ${side}, as a superuser`;
  switch (sqlState(error.cause)) {
    case '42501':
      return login.replication
        ? asAdmin(`ALTER ROLE ${user} REPLICATION;`)
        : asAdmin(`GRANT CONNECT ON DATABASE ${quoteName(login.database)} TO ${user};`);
    case '3D000':
      return `Name a database that exists on the ${side} in ${side}.url, or: ${asAdmin(`CREATE DATABASE ${quoteName(login.database)};`)}`;
    case '28P01':
      return (
        `Correct the user or the password in ${side}.url, or where that takes it from; a server says the same of a role that` +
        ` does not exist, has no password or one that has expired. To set it: ${asAdmin(`ALTER ROLE ${user} PASSWORD '...';`)}`
      );
    case '28000':
      if (/pg_hba\.conf/.test(error.message)) return hbaCure(side, login);
      return `Correct the user in ${side}.url, or let it log in: ${asAdmin(`ALTER ROLE ${user} LOGIN;`)}`;
    case undefined:
      // The driver, which was asked for a password that the url does not have.
      if (!/password must be a/.test(error.message)) return undefined;
      return `${side}.url has none: write it there as a reference to the environment, user:\${PASSWORD}@host.`;
    default:
      return undefined;
  }
}

function hbaCure(side: Side, { user, database }: Login): string {
  return (
    `Let this machine in, in pg_hba.conf of the ${side}, above any line that rejects it:` +
    ` host ${quoteName(database)} ${quoteName(user)} <the address in the message>/32 scram-sha-256` +
    ` and then SELECT pg_reload_conf(); where the server takes TLS connections only: sslmode=require or stricter in ${side}.url`
  );
}

/** Translates what `pg` threw; passes MigrateErrors through. */
export function translateError(side: Side, thrown: unknown): MigrateError {
  if (thrown instanceof MigrateError) return thrown;
  const error: Coded = thrown instanceof Error ? (thrown as Coded) : { message: String(thrown) };
  const state = error.code ?? '';
  const code = (name: 'CONNECTION' | 'AUTHENTICATION' | 'FULL' | 'TRANSIENT' | 'REFUSED'): ErrorCode =>
    side === 'source' ? `SOURCE.${name}` : `TARGET.${name}`;
  const made = (name: ErrorCode, fix?: string): MigrateError =>
    new MigrateError(name, `${side}: ${safeMessage(error, state)}`, {
      cause: thrown,
      ...(fix === undefined ? {} : { fix }),
    });
  if (CERTIFICATE.test(state) || NO_TLS.test(error.message)) {
    return new MigrateError(code('CONNECTION'), `${side}: ${error.message}`, {
      cause: thrown,
      fix: `Correct sslmode or sslrootcert in ${side}.url, or the certificate of the server.`,
      disposition: 'operator',
    });
  }
  if (state === TOO_MANY_CONNECTIONS) return made(code('CONNECTION'), VITALS.connections.cure);
  if (state === DISK_FULL) return made(code('FULL'));
  if (SOCKET.test(state) || HANDSHAKE.test(state) || state.startsWith('08') || UNAVAILABLE.has(state))
    return made(code('CONNECTION'));
  if (state.startsWith('28') || state === '3D000') return made(code('AUTHENTICATION'));
  if (TRANSIENT.has(state)) return made(code('TRANSIENT'));
  if (/^[0-9A-Z]{5}$/.test(state)) return made(code('REFUSED'));
  if (
    /connection (terminated|ended|closed)|SSL connection|not queryable|timeout expired|socket|Connection terminated/i.test(
      error.message,
    )
  ) {
    return made(code('CONNECTION'));
  }
  return new MigrateError('INTERNAL.BUG', error.message, { cause: thrown });
}
