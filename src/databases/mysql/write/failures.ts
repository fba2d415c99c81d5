// What the server says when a row cannot be written. Errors name tables, columns and constraints, never values.

import type { Refusal } from '../../../journal/dead-letters.ts';
import type { ErrorCode } from '../../../lib/codes.ts';
import { MigrateError } from '../../../lib/errors.ts';
import type { Table } from '../../../model/table.ts';
import type { MysqlSession } from '../connection.ts';
import { type ErrorNames, namesIn } from '../error-names.ts';
import { serverErrno } from '../errors.ts';

/** By the server's numbers: half of them have no class of their own. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  // Unique, not null, foreign key, check, partition.
  ...[1022, 1048, 1062, 1169, 1216, 1217, 1364, 1451, 1452, 1526, 1557, 1586, 1748, 1761, 1762, 1859, 3819, 4025].map(
    (errno) => [errno, '23000'] as const,
  ),
  [1264, '22003'],
  [1690, '22003'],
  [1406, '22001'],
  [1292, '22007'],
  [1411, '22007'],
  ...[3140, 3141, 3143, 3144, 3157].map((errno) => [errno, '22032'] as const),
  // Cut, not a value of its type, a row too large for a page, not a geometry, another reference system, not a vector.
  ...[1118, 1265, 1366, 1367, 1416, 3037, 3548, 3616, 3617, 3643, 3713, 6136, 6138].map(
    (errno) => [errno, '22000'] as const,
  ),
]);

/**
 * True when a row was refused for what is in it: a value that its column cannot take, by the server or by its conversion, or a
 * constraint. Rights, locks, space and connections never are.
 */
export function isRefused(error: unknown): boolean {
  const errno = serverErrno(error);
  if (errno !== undefined) return REFUSED.has(errno);
  return error instanceof MigrateError && ['TARGET.REFUSED', 'APPLY.CONSTRAINT'].includes(error.code);
}

/** For `code` of a row that was refused. */
export function refusedRow(code: ErrorCode, table: Pick<Table, 'id'>, error: unknown): MigrateError {
  const errno = serverErrno(error);
  if (errno === undefined && error instanceof MigrateError) {
    return new MigrateError(code, `${table.id}: ${error.message}`, { cause: error, fix: error.fix });
  }
  const { constraint, column } = namesOf(error);
  const what =
    constraint === undefined ? (column === undefined ? 'a value' : `column ${column}`) : `constraint ${constraint}`;
  return new MigrateError(code, `${table.id} refused a row: ${what} (${errno})`, { cause: error });
}

export function refusalOf(error: unknown): Refusal {
  const { constraint, column } = namesOf(error);
  return {
    sqlState: REFUSED.get(serverErrno(error) ?? 0) ?? '22000',
    constraint: constraint ?? null,
    column: column ?? null,
  };
}

/** These speak of the statement, not of its values: deprecated words, and what only a log of statements could not repeat. */
const HARMLESS = new Set([1287, 1592, 1681, 3719, 3778]);

/**
 * What the last statement of the session did to a value instead of refusing it, as the error it should have been: the server
 * rounds numbers and cuts spaces with no more than a note. Undefined when it only had something to say.
 */
export async function changedValue(session: MysqlSession): Promise<MigrateError | undefined> {
  for (const [, number, message] of await session.query('SHOW WARNINGS')) {
    const errno = Number(number);
    if (HARMLESS.has(errno)) continue;
    const cause = Object.assign(new Error(`warning ${errno}`), { errno, ...namesIn(errno, message ?? '') });
    return new MigrateError('TARGET.REFUSED', `the target changed a value (${errno})`, { cause });
  }
  return undefined;
}

/** A row that does not fit into what the server takes at once. */
export function tooLarge(bytes: number, maxPacket: number): MigrateError {
  return new MigrateError(
    'TARGET.REFUSED',
    `a row takes ${bytes} bytes, and the target takes no more than max_allowed_packet = ${maxPacket}`,
    { fix: 'SET GLOBAL max_allowed_packet on the target to more than that, at most 1073741824.' },
  );
}

function namesOf(error: unknown): ErrorNames {
  if (error instanceof MigrateError) return namesOf(error.cause);
  return typeof error === 'object' && error !== null ? (error as ErrorNames) : {};
}
