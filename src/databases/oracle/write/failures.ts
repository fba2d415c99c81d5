// What the server says when a row cannot be written. Errors name tables, columns and constraints, never values.

import type { Refusal } from '../../../journal/dead-letters.ts';
import type { ErrorCode } from '../../../lib/codes.ts';
import { MigrateError } from '../../../lib/errors.ts';
import type { Table } from '../../../model/table.ts';
import { CURES } from '../error-cures.ts';
import type { ErrorNames } from '../error-names.ts';
import { oraCode } from '../errors.ts';

/** By the server's numbers: it has no classes. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  // Unique, NULL, check, parent missing, child there, no partition, outside of a view.
  ...[1, 1400, 1407, 1402, 2290, 2291, 2292, 14300, 14400, 14401].map((number) => [number, '23000'] as const),
  // Out of the range of a number, an interval or a floating-point number.
  ...[1426, 1428, 1438, 1455, 1457, 1873, 1874].map((number) => [number, '22003'] as const),
  // Too long: a text, bytes, what a conversion makes of them, an interval's leading part.
  ...[1401, 1460, 1461, 1489, 6502, 12899, 22835].map((number) => [number, '22001'] as const),
  // No date, no time, no zone, no interval.
  ...range(1830, 1872).map((number) => [number, '22007'] as const),
  ...[1875, 1876, 1877, 1878, 1879, 1880, 1881, 1882].map((number) => [number, '22007'] as const),
  // No number, no hexadecimal digits, no text of the database's character set.
  ...[1465, 1722, 29275].map((number) => [number, '22018'] as const),
  // No JSON.
  ...[40441, 40478, 40490, 40583, 40587].map((number) => [number, '22032'] as const),
]);

/**
 * True when a row was refused for what is in it: a value that its column cannot take, by the server or by its conversion, or a
 * constraint. Rights, locks, space and connections never are.
 */
export function isRefused(error: unknown): boolean {
  const number = oraCode(error);
  if (number !== undefined) return REFUSED.has(number);
  return error instanceof MigrateError && ['TARGET.REFUSED', 'APPLY.CONSTRAINT'].includes(error.code);
}

/** For `code` of a row that was refused. */
export function refusedRow(code: ErrorCode, table: Pick<Table, 'id'>, error: unknown): MigrateError {
  const number = oraCode(error);
  if (number === undefined && error instanceof MigrateError) {
    return new MigrateError(code, `${table.id}: ${error.message}`, { cause: error, fix: error.fix });
  }
  const { constraint, column } = namesOf(error);
  const what =
    constraint === undefined ? (column === undefined ? 'a value' : `column ${column}`) : `constraint ${constraint}`;
  const label = `ORA-${String(number).padStart(5, '0')}`;
  const fix = CURES.get(number ?? 0);
  return new MigrateError(code, `${table.id} refused a row: ${what} (${label})`, {
    cause: error,
    ...(fix === undefined ? {} : { fix }),
  });
}

export function refusalOf(error: unknown): Refusal {
  const { constraint, column } = namesOf(error);
  return {
    sqlState: REFUSED.get(oraCode(error) ?? 0) ?? '22000',
    constraint: constraint ?? null,
    column: column ?? null,
  };
}

function namesOf(error: unknown): ErrorNames {
  if (error instanceof MigrateError) return namesOf(error.cause);
  return typeof error === 'object' && error !== null ? (error as ErrorNames) : {};
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
