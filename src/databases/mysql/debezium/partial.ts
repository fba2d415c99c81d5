// A value of which the message lacks something.

import { MigrateError } from '../../../lib/errors.ts';

export const NATIVE_FIX =
  'Set stream.via: native in the plan, or exclude the table; then abort with --drop and start again.';

export function partial(what: string): MigrateError {
  return new MigrateError('STREAM.FORMAT', `Debezium wrote ${what}`, { fix: NATIVE_FIX });
}
