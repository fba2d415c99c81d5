// How rows, keys and key ranges of one table are said to MySQL, and read back as what PostgreSQL prints for them.

import type { Key } from '../../src/model/change.ts';
import type { KeyRange } from '../../src/model/chunk.ts';
import type { Column, Table } from '../../src/model/table.ts';
import type { TextValues } from './mysql-session.ts';
import { formOf, literal, quoteName } from './mysql-types.ts';

/** The select list of some columns. */
export function reading(columns: readonly Column[], alias = ''): string {
  return columns.map((column) => formOf(column.type).read(`${alias}${quoteName(column.name)}`)).join(', ');
}

/** What PostgreSQL prints for what `reading` has read. */
export function printed(columns: readonly Column[], values: TextValues): TextValues {
  return columns.map((column, index) => {
    const value = values[index] ?? null;
    return value === null ? null : formOf(column.type).print(value);
  });
}

export function keyColumns(table: Table): readonly Column[] {
  return table.key.flatMap((index) => table.columns[index] ?? []);
}

export function orderOf(table: Table, alias = ''): string {
  return keyColumns(table)
    .map(({ name }) => `${alias}${quoteName(name)}`)
    .join(', ');
}

export function literals(table: Table, key: Key): readonly string[] {
  return keyColumns(table).map((column, index) => literal(column, key[index] ?? null));
}

export function rangeCondition(table: Table, { lower, upper }: KeyRange): string {
  const sides = [
    ...(lower === null ? [] : [beyond(table, '>', literals(table, lower), true)]),
    ...(upper === null ? [] : [beyond(table, '<', literals(table, upper), false)]),
  ];
  return sides.length === 0 ? 'TRUE' : sides.join(' AND ');
}

/** Spelled out: a comparison of rows would not use the index. */
function beyond(table: Table, operator: '<' | '>', values: readonly string[], inclusive: boolean): string {
  const columns = keyColumns(table).map(({ name }) => quoteName(name));
  return columns.reduceRight((rest, column, index) => {
    const value = values[index];
    if (index === columns.length - 1) return `${column} ${operator}${inclusive ? '=' : ''} ${value}`;
    return `(${column} ${operator} ${value} OR (${column} = ${value} AND ${rest}))`;
  }, '');
}
