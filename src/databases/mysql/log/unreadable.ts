// Events that change data in a way that cannot be followed, each with what makes a server write it.

import { MigrateError } from '../../../lib/errors.ts';
import type { Unreadable } from './events.ts';

const AS_ROWS = 'SET GLOBAL binlog_format = ROW and let every session that set it otherwise reconnect';
const WHOLE_ROWS = "SET GLOBAL binlog_row_value_options = '' and let every session that set it otherwise reconnect";
const COPIED_AGAIN = 'then abort with --drop and start again';

const KINDS: Readonly<Record<number, readonly [string, string]>> = {
  5: ['a change that was logged as a statement', `${AS_ROWS}; ${COPIED_AGAIN}.`],
  13: ['a change that was logged as a statement', `${AS_ROWS}; ${COPIED_AGAIN}.`],
  14: ['a change that was logged as a statement', `${AS_ROWS}; ${COPIED_AGAIN}.`],
  17: ['a LOAD DATA that was logged as a statement', `${AS_ROWS}; ${COPIED_AGAIN}.`],
  18: ['a LOAD DATA that was logged as a statement', `${AS_ROWS}; ${COPIED_AGAIN}.`],
  26: [
    'an incident: the server says that changes are missing from its log',
    'See the error log of the source for the cause; then abort with --drop and start again.',
  ],
  39: ['a JSON value that was logged in parts (binlog_row_value_options)', `${WHOLE_ROWS}; ${COPIED_AGAIN}.`],
};

/** Throws STREAM.UNKNOWN for a type that is not known. */
export function unreadable(type: number, place: Pick<Unreadable, 'size' | 'end'>): Unreadable {
  const kind = KINDS[type];
  if (kind === undefined) throw new MigrateError('STREAM.UNKNOWN', `the log contains an event of type ${type}`);
  return { kind: 'unreadable', ...place, what: kind[0], fix: kind[1] };
}
