// Errors of writing single rows. They name tables and constraints, never values.

import { MigrateError } from '../../../lib/errors.ts';
import type { Table } from '../../../model/table.ts';
import { sqlState } from '../errors.ts';

/** A unique, foreign key, check, not-null or exclusion constraint. */
export function isConstraintViolation(error: unknown): boolean {
  return sqlState(error)?.startsWith('23') === true;
}

export function constraintError(error: unknown): MigrateError {
  const { schema, table, constraint, column } = serverFields(error);
  const what = constraint === undefined ? `column ${column ?? '?'}` : `constraint ${constraint}`;
  const state = sqlState(error);
  return new MigrateError('APPLY.CONSTRAINT', `${schema ?? '?'}.${table ?? '?'} refused a row: ${what} (${state})`, {
    cause: error,
  });
}

export function rowMissing(table: Table, op: string, rows: number): MigrateError {
  return new MigrateError('APPLY.ROW_MISSING', `${table.id}: ${op} of one row touched ${rows} rows`);
}

/** Of `wanted` copies of rows only `found` were there. */
export function copiesMissing(table: Table, wanted: number, found: number): MigrateError {
  return new MigrateError('APPLY.ROW_MISSING', `${table.id}: of ${wanted} rows to delete ${found} were found`);
}

interface ServerFields {
  readonly schema?: string;
  readonly table?: string;
  readonly constraint?: string;
  readonly column?: string;
}

function serverFields(error: unknown): ServerFields {
  const cause = error instanceof MigrateError ? error.cause : error;
  return typeof cause === 'object' && cause !== null ? (cause as ServerFields) : {};
}
