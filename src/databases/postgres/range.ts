// A key range as a condition of this server: the one form in which copy, apply and verify write it.

import type { KeyRange } from '../../model/chunk.ts';
import type { Table } from '../../model/table.ts';
import { keyLiteral, quoteLiteral, quoteName, valueText } from './sql.ts';

/** The key columns, quoted, in key order. */
export function keyColumns(table: Table): readonly string[] {
  return keyed(table).map((column) => quoteName(column.name));
}

/** The cast types of the key columns, in key order. */
export function keyCastTypes(table: Table): readonly string[] {
  return keyed(table).map((column) => column.castType);
}

/** `"id" >= '1'::int4 AND "id" < '9'::int4`, or `TRUE` for a range that is open at both ends. */
export function rangeCondition(table: Table, range: KeyRange): string {
  const columns = keyColumns(table);
  const types = keyCastTypes(table);
  const [column] = columns;
  const [type] = types;
  // A single column is compared as such: planners handle a plain comparison better than a row of one.
  const single = columns.length === 1 && column !== undefined && type !== undefined;
  const left = single ? column : `ROW(${columns.join(',')})`;
  const side = (operator: string, key: KeyRange['lower']): readonly string[] => {
    if (key === null) return [];
    if (key.length !== columns.length) throw new TypeError(`a bound of ${table.id} has ${key.length} values`);
    const right = single ? `${quoteLiteral(valueText(key[0] ?? null))}::${type}` : keyLiteral(types, key);
    return [`${left} ${operator} ${right}`];
  };
  const conditions = [...side('>=', range.lower), ...side('<', range.upper)];
  return conditions.length === 0 ? 'TRUE' : conditions.join(' AND ');
}

function keyed(table: Table): readonly Table['columns'][number][] {
  return table.key.map((index) => {
    const column = table.columns[index];
    if (column === undefined) throw new TypeError(`${table.id} has no column ${index}`);
    return column;
  });
}
