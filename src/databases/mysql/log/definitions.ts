// What a statement in the log does to the tables of the run: it may empty one, and anything else stops the reading.

import { MigrateError } from '../../../lib/errors.ts';
import type { Truncate } from '../../../model/change.ts';
import type { Table } from '../../../model/table.ts';
import type { Statement } from './statements.ts';
import type { LoggedTables } from './tables.ts';

/** Undefined when it does nothing to them. */
export function defined(statement: Statement, tables: LoggedTables): Truncate | undefined {
  switch (statement.does) {
    case 'truncate': {
      const table = tables.captured(statement.table.schema, statement.table.name);
      return table && { op: 'truncate', tables: [table] };
    }
    case 'alter': {
      const named = statement.tables.map(({ schema, name }) => tables.captured(schema, name));
      const table = named.find((one) => one !== undefined) ?? anyOf(statement.schema, tables);
      if (table === undefined || (statement.dropped !== undefined && carriesNone(table, statement.dropped)))
        return undefined;
      throw new MigrateError('SCHEMA.CHANGED', `${table.id} was altered, dropped or renamed during the run`, {
        where: table.id,
      });
    }
    case 'rows':
      throw new MigrateError('STREAM.FORMAT', `the log holds a change as a statement (${statement.verb})`, {
        fix: 'SET GLOBAL binlog_format = ROW and let every session that set it otherwise reconnect; then abort with --drop and start again.',
      });
    case 'unknown':
      throw new MigrateError(
        'STREAM.UNKNOWN',
        `the log holds a statement of a kind that is not known: ${statement.verb}`,
      );
    default:
      return undefined;
  }
}

function anyOf(schema: string | undefined, tables: LoggedTables): Table | undefined {
  return [...tables.all].find(({ table }) => table.schema === schema)?.table;
}

/** So a column that was added during the run may go again: rows that had it would have been noticed. */
function carriesNone({ columns }: Table, dropped: readonly string[]): boolean {
  const names = new Set(dropped.map((name) => name.toLowerCase()));
  return columns.every(({ name }) => !names.has(name.toLowerCase()));
}
