// Rows that a target should have and does not, in the words of every database.

import { MigrateError } from '../lib/errors.ts';
import type { Table } from '../model/table.ts';

export function rowMissing(table: Table, op: string, rows: number): MigrateError {
  return new MigrateError('APPLY.ROW_MISSING', `${table.id}: ${op} of one row touched ${rows} rows`);
}

/** Of `wanted` copies of rows only `found` were there. */
export function copiesMissing(table: Table, wanted: number, found: number): MigrateError {
  return new MigrateError('APPLY.ROW_MISSING', `${table.id}: of ${wanted} rows to delete ${found} were found`);
}
