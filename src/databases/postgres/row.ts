// Reading fields of text rows.

import { MigrateError } from '../../lib/errors.ts';
import type { TextRow } from './connection.ts';

/** A field that the query never leaves null. */
export function field(row: TextRow, name: string): string {
  const value = row[name];
  if (value === null || value === undefined) throw new MigrateError('INTERNAL.BUG', `field ${name} is null`);
  return value;
}

/** A boolean field: PostgreSQL prints `t` or `f`. */
export function isTrue(row: TextRow, name: string): boolean {
  return row[name] === 't';
}
