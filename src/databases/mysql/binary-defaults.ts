// Defaults of binary columns. MySQL's information_schema shows them up to the first zero byte; the statement that would make the
// table has all of them.

import type { MysqlSession, TextRow } from './connection.ts';
import { quoteName, quoteTable } from './sql.ts';

const DEFAULT = /^(?:var)?binary\(\d+\) (?:NOT NULL )?DEFAULT (0x[0-9a-f]+|'(?:[^'\\]|''|\\.)*')/is;
const TYPE = 3;
const VALUE = 5;

/** Rows of `COLUMNS`, with the whole default of each binary column, as SQL. */
export async function withBinaryDefaults(
  session: MysqlSession,
  columns: readonly TextRow[],
): Promise<readonly TextRow[]> {
  const whole: TextRow[] = [];
  for (const row of columns) {
    const [schema, name, column] = row;
    if (!isBinary(row) || row[VALUE] === null) whole.push(row);
    else {
      const table = quoteTable({ schema: schema ?? '', name: name ?? '' });
      const [shown] = await session.query(`SHOW CREATE TABLE ${table}`);
      const line = `\n  ${quoteName(column ?? '')} `;
      const definition = shown?.[1] ?? '';
      const found = DEFAULT.exec(definition.slice(definition.indexOf(line) + line.length))?.[1];
      whole.push(row.with(VALUE, found ?? row[VALUE] ?? null));
    }
  }
  return whole;
}

function isBinary(row: TextRow): boolean {
  return /^(var)?binary\b/.test(row[TYPE] ?? '');
}
