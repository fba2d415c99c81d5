// Errors of writing single rows. They name tables and constraints, never values.

import type { Refusal } from '../../../journal/dead-letters.ts';
import { MigrateError } from '../../../lib/errors.ts';
import type { Table } from '../../../model/table.ts';
import { sqlState } from '../errors.ts';

const REFUSED = /^2[23]...$/;

/**
 * True when a row was refused for what is in it: a value that its type cannot take, or a unique, foreign key, check, not-null
 * or exclusion constraint. Rights, locks, space and connections never are.
 */
export function isRefused(error: unknown): boolean {
  return REFUSED.test(sqlState(error) ?? '');
}

/** `table` is named when the server does not name one. */
export function constraintError(error: unknown, asked?: Table): MigrateError {
  const { schema, table, constraint, column } = serverFields(error);
  const where = table === undefined ? (asked?.id ?? 'a table') : `${schema ?? '?'}.${table}`;
  const what =
    constraint === undefined ? (column === undefined ? 'a value' : `column ${column}`) : `constraint ${constraint}`;
  const message = `${where} refused a row: ${what} (${sqlState(error)})`;
  return new MigrateError('APPLY.CONSTRAINT', message, { cause: error });
}

export function refusalOf(error: unknown): Refusal {
  const { constraint, column } = serverFields(error);
  return { sqlState: sqlState(error) ?? '', constraint: constraint ?? null, column: column ?? null };
}

interface ServerFields {
  readonly schema?: string;
  readonly table?: string;
  readonly constraint?: string;
  readonly column?: string;
}

function serverFields(error: unknown): ServerFields {
  if (error instanceof MigrateError) return serverFields(error.cause);
  return typeof error === 'object' && error !== null ? (error as ServerFields) : {};
}
