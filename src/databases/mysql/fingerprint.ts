// A digest of everything in the source's schema that the log and the copy depend on. Equal digests at two moments mean that the
// tables are still as they were. Indexes besides the primary key, defaults, triggers and constraints are not part of it.

import { createHash } from 'node:crypto';
import type { AddedColumn } from '../../model/drift.ts';
import type { TableSelection } from '../source.ts';
import type { MysqlSession, TextRow } from './connection.ts';
import { readDescriptions } from './descriptions.ts';
import { OWN_SCHEMAS, selectedBy } from './selection.ts';
import { quoteLiteral } from './sql.ts';

const OWN = OWN_SCHEMAS.map(quoteLiteral).join(', ');
const text = (expression: string): string => `CONVERT(${expression} USING utf8mb4)`;
const named = (kind: string): string => `'${kind}', ${text('TABLE_SCHEMA')}, ${text('TABLE_NAME')}`;

// What tells that a table was dropped and made again also tells that it was emptied, which is allowed: the log has both. The
// expression of a computed column is not carried, and a default says nothing of the rows that are there.
const LINES = `
  SELECT ${named('table')}, '', '', '', '', '', '' FROM information_schema.TABLES
    WHERE TABLE_TYPE = 'BASE TABLE' AND ENGINE = 'InnoDB' AND TABLE_SCHEMA NOT IN (${OWN})
  UNION ALL
  SELECT ${named('column')}, LPAD(ORDINAL_POSITION, 5, '0'), ${text('COLUMN_NAME')}, ${text('COLUMN_TYPE')}, ${text('IS_NULLABLE')},
      IF(GENERATION_EXPRESSION <> '', 'generated', IF(EXTRA LIKE '%auto_increment%', 'counted',
        IF(COLUMN_DEFAULT IS NULL OR COLUMN_DEFAULT = 'NULL', 'empty', 'given'))), ${text("COALESCE(COLLATION_NAME, '')")}
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN (${OWN})
  UNION ALL
  SELECT ${named('key')}, LPAD(SEQ_IN_INDEX, 5, '0'), ${text('COLUMN_NAME')}, COALESCE(SUB_PART, ''), '', '', ''
    FROM information_schema.STATISTICS WHERE INDEX_NAME = 'PRIMARY' AND TABLE_SCHEMA NOT IN (${OWN})`;

/**
 * One statement, quick enough for the freeze. `without` are columns to pass over; one that may have given a value to rows that
 * were there is never passed over.
 */
export async function readFingerprint(
  session: MysqlSession,
  selection: TableSelection,
  without: readonly AddedColumn[] = [],
): Promise<string> {
  const isSelected = selectedBy(selection);
  const rows = (await readDescriptions(session, LINES)).filter(([, schema, name]) =>
    isSelected({ schema: schema ?? '', name: name ?? '' }),
  );
  const tables = new Set(rows.filter(([kind]) => kind === 'table').map(tableOf));
  const passed = new Set(without.map(({ table, column }) => JSON.stringify([table.schema, table.name, column])));
  const lines = rows
    .filter((row) => tables.has(tableOf(row)) && !(passed.has(columnOf(row)) && isEmpty(row)))
    .map((row) => [JSON.stringify(row.slice(0, 4)), line(row)] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256')
    .update(lines.map(([, text]) => text).join('\n'))
    .digest('hex');
}

function tableOf([, schema, name]: TextRow): string {
  return JSON.stringify([schema, name]);
}

function columnOf([kind, schema, name, , column]: TextRow): string {
  return kind === 'column' ? JSON.stringify([schema, name, column]) : '';
}

/** NULL in every row that was there when it was added: whoever takes a default away alters the table, which the log tells. */
function isEmpty([, , , , , , nullable, value]: TextRow): boolean {
  return nullable === 'YES' && value === 'empty';
}

/** A column is where it is among the others, whichever are passed over. */
function line([kind, schema, name, place, column, type, nullable, value, collation]: TextRow): string {
  const at = kind === 'column' ? '' : place;
  return JSON.stringify([kind, schema, name, at, column, type, nullable, value === 'generated', collation]);
}
