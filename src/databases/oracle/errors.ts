// Driver and server errors → MigrateError. The server's own words are kept only where they name things: others quote values,
// which newer servers do even for a unique key.

import type { ErrorCode } from '../../lib/codes.ts';
import { MigrateError } from '../../lib/errors.ts';
import type { Side } from '../../model/side.ts';
import { CURES } from './error-cures.ts';
import { namesIn } from './error-names.ts';

/** What the driver's errors carry besides their message. */
interface Coded {
  /** `NJS-500`, `ORA-00060`. */
  readonly code?: string;
  readonly errorNum?: number;
  readonly message: string;
}

/** Not a statement's fault: the session is gone, or the server starts, stops, changes its role or takes no more sessions. */
const UNAVAILABLE = new Set([
  ...[18, 20, 22, 28, 31, 45, 376, 378, 600, 602, 603, 609, 1012, 1014, 1033, 1034, 1035, 1041, 1043, 1089, 1090, 1092],
  ...[1109, 1115, 1219, 2391, 2392, 2394, 2396, 2399, 3113, 3114, 3122, 3135, 3136, 7445, 12153, 12170, 12505, 12514],
  ...[12516, 12518, 12519, 12520, 12521, 12526, 12527, 12528, 12537, 12541, 12543, 12545, 12547, 12560, 12570, 12571],
  ...[12583, 12757, 16000, 16456, 25408, 27102, 27146, 28511, 56600],
]);
/** Of the driver: sockets, listeners, names, closed connections, packets, which it has no number for when it knows no such kind (68). */
const UNAVAILABLE_DRIVER = new Set([
  ...[3, 40, 68, 76, 103, 112, 500, 501, 503, 506, 509, 510, 511, 513, 518, 519, 521, 522, 530],
]);
/** Lock, deadlock, snapshot, undo, memory, cursors, changed meanwhile, interrupted or out of time. */
const TRANSIENT = new Set([
  ...[
    40, 51, 52, 53, 54, 55, 56, 60, 104, 1000, 1013, 1410, 1466, 1555, 1562, 1591, 2049, 4020, 4021, 4022, 4030, 4031,
  ],
  ...[4036, 4061, 4065, 4068, 8103, 8176, 8177, 12805, 12829, 12842, 14403, 14411, 22922, 22924, 30006, 30027, 30036],
]);
/** No room, which somebody makes while the run tries again: quota, temporary, tables, indexes, LOBs, archive, recovery area. */
const FULL = new Set([
  ...[257, 1536, 1631, 1632, 1652, 1653, 1654, 1655, 1658, 1659, 1683, 1684, 1688, 1691, 1692, 1693, 19804, 19809],
  ...[30032, 65114],
]);
/** At login, and of a session whose password runs out. */
const LOGIN = new Set([1004, 1005, 1017, 1045, 28000, 28001, 28009, 28040, 28041, 65162]);
const LOGIN_DRIVER = new Set([101, 116]);
/** What tnsnames.ora does not have, is not there, or cannot be read. */
const NAMING_DRIVER = new Set([125, 512, 514, 515, 516, 517, 520]);
const OLD_SERVER_DRIVER = 138;
const CALL_TIMEOUT = 123;
const TLS_DRIVER = new Set([505, 507, 508, 529]);
/** A handshake that broke, or one that the certificate ended. */
const TLS_HANDSHAKE = 506;
const CERTIFICATE = /certificate|self.signed|wrong version number|unknown protocol/i;

/** These name tables, columns, users, tablespaces and rights, and what kept a thing from being made. */
const NAMES_ONLY = new Set([
  ...[54, 60, 257, 900, 902, 903, 904, 905, 906, 907, 911, 922, 923, 925, 933, 936, 942, 955, 957, 959, 972, 990, 1017],
  ...[1031, 1045, 1408, 1418, 1430, 1439, 1440, 1441, 1442, 1450, 1451, 1452, 1489, 1536, 1555, 1652, 1653, 1654, 1658],
  ...[
    1655, 1659, 1688, 1691, 1692, 1693, 1720, 1749, 1775, 1918, 1920, 1935, 1950, 2260, 2261, 2264, 2267, 2270, 2275,
    2289, 2298, 2299,
  ],
  ...[2327, 2329, 2430, 2431, 2437, 2438, 2443, 4020, 4021, 4080, 4081, 4098, 8177, 12899, 28000, 28001, 30006, 30036],
  ...[1502, 1552, 2393, 2395, 12953, 14402, 28365, 28374, 32795, 38104, 54013, 65096],
]);

/** The server's number of an error, looking through translated ones: 942 for ORA-00942. */
export function oraCode(error: unknown): number | undefined {
  if (error instanceof MigrateError) return oraCode(error.cause);
  if (!(error instanceof Error)) return undefined;
  const { errorNum, message }: Coded = error;
  // A commit that a deferred constraint stops, a trigger and a parallel server that fail, say first that they did.
  const numbers = [...message.matchAll(/\bORA-(\d{5})\b/g)].map(([, digits]) => Number(digits));
  const cause = numbers.find((number) => !WRAPPERS.has(number));
  return cause ?? (errorNum !== undefined && errorNum > 0 ? errorNum : numbers[0]);
}

const WRAPPERS = new Set([604, 2091, 6512, 4088, 12801]);

/** True of what leaves the connection unusable. */
export function isFatal(thrown: unknown): boolean {
  const driver = driverCode(thrown);
  const number = oraCode(thrown);
  return (driver !== undefined && UNAVAILABLE_DRIVER.has(driver)) || (number !== undefined && UNAVAILABLE.has(number));
}

/** Translates what the driver threw; passes MigrateErrors through. `login`: while a session was opened. */
export function translateError(side: Side, thrown: unknown, login = false): MigrateError {
  if (thrown instanceof MigrateError) return thrown;
  const number = oraCode(thrown);
  const driver = driverCode(thrown);
  const message = firstLine(thrown);
  const cause = withoutValues(thrown, number, driver);
  const fix = number === undefined ? undefined : CURES.get(number);
  const named = (name: 'URL' | 'CONNECTION' | 'AUTHENTICATION' | 'FULL' | 'TRANSIENT' | 'REFUSED'): ErrorCode =>
    side === 'source' ? `SOURCE.${name}` : `TARGET.${name}`;
  const as = (
    name: Parameters<typeof named>[0],
    details: { readonly fix?: string; readonly disposition?: 'operator' } = {},
  ): MigrateError =>
    new MigrateError(named(name), `${side}: ${text(message, number)}`, {
      cause,
      ...(fix === undefined ? {} : { fix }),
      ...details,
    });
  if (
    driver !== undefined &&
    (TLS_DRIVER.has(driver) || (driver === TLS_HANDSHAKE && CERTIFICATE.test(String(thrown))))
  ) {
    return as('CONNECTION', {
      disposition: 'operator',
      fix: `Correct sslmode, or the authorities that Node trusts (NODE_EXTRA_CA_CERTS, walletLocation) in ${side}.url, or the certificate of the server.`,
    });
  }
  if (/encryption|Native Network|NJS-53[123]/.test(message) && login) {
    return as('CONNECTION', {
      disposition: 'operator',
      fix: 'The server demands Native Network Encryption, which the driver does not speak: offer TLS (tcps), or set SQLNET.ENCRYPTION_SERVER and SQLNET.CRYPTO_CHECKSUM_SERVER to ACCEPTED.',
    });
  }
  if (driver === OLD_SERVER_DRIVER) {
    return as('CONNECTION', { disposition: 'operator', fix: 'Oracle 12.1 or later is needed.' });
  }
  if (login && driver !== undefined && NAMING_DRIVER.has(driver)) {
    return as('URL', {
      fix: `Correct the alias (tns) or its folder (configDir, TNS_ADMIN) in ${side}.url, or the entry in tnsnames.ora.`,
    });
  }
  if ((number !== undefined && LOGIN.has(number)) || (login && driver !== undefined && LOGIN_DRIVER.has(driver))) {
    return as('AUTHENTICATION');
  }
  if (isFatal(thrown)) return as('CONNECTION');
  if (number !== undefined && FULL.has(number)) return as('FULL');
  if (driver === CALL_TIMEOUT || (number !== undefined && TRANSIENT.has(number))) return as('TRANSIENT');
  if (number !== undefined) return as('REFUSED');
  return new MigrateError('INTERNAL.BUG', message, { cause });
}

/** Of an error that is the driver's own: 500 for NJS-500. */
function driverCode(thrown: unknown): number | undefined {
  if (thrown instanceof MigrateError) return driverCode(thrown.cause);
  if (!(thrown instanceof Error)) return undefined;
  const { code = '', message }: Coded = thrown;
  const match = /^NJS-(\d{3})/.exec(code) ?? /^NJS-(\d{3})/.exec(message);
  return match === null ? undefined : Number(match[1]);
}

/** What follows is where it was raised, and an address of the manual; of the driver's own errors of connections it is the reason. */
function firstLine(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const [first = '', second = '', ...rest] = message.split('\n');
  const line = [first, second, ...rest].find((one) => /^ORA-\d{5}/.test(one) && !WRAPPERS.has(Number(one.slice(4, 9))));
  if (line !== undefined) return line;
  return (/^NJS-5\d\d/.test(first) ? `${first} ${second}` : first).replaceAll(/ ?\(CONNECTION_ID=[^)]*\)/g, '').trim();
}

function text(message: string, number: number | undefined): string {
  if (number === undefined || NAMES_ONLY.has(number)) return message;
  const { constraint, column } = namesIn(number, message);
  const label = `ORA-${String(number).padStart(5, '0')}`;
  if (constraint !== undefined) return `constraint ${constraint} was violated (${label})`;
  if (column !== undefined) return `a value for ${column} was refused (${label})`;
  return UNAVAILABLE.has(number) || TRANSIENT.has(number) || FULL.has(number)
    ? message
    : `a statement was refused (${label})`;
}

/** The server's words may quote a value: only its numbers and the names in them are kept. */
function withoutValues(thrown: unknown, number: number | undefined, driver: number | undefined): unknown {
  if (number === undefined || !(thrown instanceof Error)) return thrown;
  const code = driver === undefined ? `ORA-${String(number).padStart(5, '0')}` : `NJS-${driver}`;
  return Object.assign(new Error(code), { code, errorNum: number, ...namesIn(number, firstLine(thrown)) });
}
