// The statements a lane writes rows with. Each is a function of the table and the columns carried only, so that it can be
// prepared once. Values travel as text: one array per column for sets, one parameter per value for single rows.

import { createHash } from 'node:crypto';
import type { Column, Table } from '../../../model/table.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { ridesAsText } from '../types.ts';

export interface Statement {
  /** Names the prepared statement; equal for equal texts. */
  readonly name: string;
  readonly text: string;
}

/** Parameters: an array per key column. */
export function setDelete(table: Table): Statement {
  return cached(table, 'set delete', () => {
    const { key } = table;
    return `DELETE FROM ONLY ${quoteTable(table)} AS t USING ${unnested(table, key)} WHERE ${sameKey(table)}`;
  });
}

/** Parameters: an array per key column, then one per carried column. */
export function setUpdate(table: Table, columns: readonly number[]): Statement {
  return cached(table, `set update ${columns.join(',')}`, () => {
    const { key } = table;
    const from = unnested(table, [...key, ...columns]);
    const carried = columns.map((column, index) => [column, key.length + index] as const);
    const set = assignments(table, carried, (column, index) => unnestedValue(columnAt(table, column), index));
    return `UPDATE ONLY ${quoteTable(table)} AS t SET ${set} FROM ${from} WHERE ${sameKey(table)}`;
  });
}

/** Parameters: an array per column. */
export function setInsert(table: Table): Statement {
  return cached(table, 'set insert', () => {
    const all = table.columns.map((_, index) => index);
    const names = table.columns.map(({ name }) => quoteName(name)).join(',');
    const values = table.columns.map(unnestedValue).join(',');
    return `INSERT INTO ${quoteTable(table)} (${names}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM ${unnested(table, all)}`;
  });
}

/** Parameters: the key. */
export function rowDelete(table: Table): Statement {
  return cached(table, 'row delete', () => `DELETE FROM ONLY ${quoteTable(table)} AS t WHERE ${boundKey(table)}`);
}

/** Parameters: the key as it was, then the carried columns; these may be of the key. */
export function rowUpdate(table: Table, columns: readonly number[]): Statement {
  return cached(table, `row update ${columns.join(',')}`, () => {
    const carried = columns.map((column, index) => [column, table.key.length + index] as const);
    const set = assignments(table, carried, (column, index) => `$${index + 1}::${columnAt(table, column).castType}`);
    return `UPDATE ONLY ${quoteTable(table)} AS t SET ${set} WHERE ${boundKey(table)}`;
  });
}

/** Parameters: every column. */
export function rowInsert(table: Table): Statement {
  return cached(table, 'row insert', () => {
    const names = table.columns.map(({ name }) => quoteName(name)).join(',');
    const values = table.columns.map(({ castType }, index) => `$${index + 1}::${castType}`).join(',');
    return `INSERT INTO ${quoteTable(table)} (${names}) OVERRIDING SYSTEM VALUE VALUES (${values})`;
  });
}

export function columnAt(table: Table, index: number): Column {
  const column = table.columns[index];
  if (column === undefined) throw new TypeError(`${table.id} has no column ${index}`);
  return column;
}

const statements = new WeakMap<Table, Map<string, Statement>>();

function cached(table: Table, kind: string, build: () => string): Statement {
  const known = statements.get(table) ?? new Map<string, Statement>();
  statements.set(table, known);
  let statement = known.get(kind);
  if (statement === undefined) {
    const text = build();
    statement = { name: `w_${createHash('sha256').update(text).digest('base64url').slice(0, 30)}`, text };
    known.set(kind, statement);
  }
  return statement;
}

/** `unnest($1::int4[],$2::text[]) AS s(c0,c1)`. */
export function unnested(table: Table, columns: readonly number[]): string {
  const parameters = columns.map((column, index) => {
    const definition = columnAt(table, column);
    return `$${index + 1}::${ridesAsText(definition) ? 'text' : definition.castType}[]`;
  });
  return `unnest(${parameters.join(',')}) AS s(${columns.map((_, index) => `c${index}`).join(',')})`;
}

/** Only what must rides as text: a cast from text is not for every type what reading its text is ("char", geometry). */
export function unnestedValue(column: Column, index: number): string {
  return ridesAsText(column) ? `s.c${index}::${column.castType}` : `s.c${index}`;
}

export function sameKey(table: Table): string {
  return table.key
    .map((column, index) => {
      const definition = columnAt(table, column);
      return `t.${quoteName(definition.name)} = ${unnestedValue(definition, index)}`;
    })
    .join(' AND ');
}

function boundKey(table: Table): string {
  return table.key
    .map((column, index) => {
      const { name, castType } = columnAt(table, column);
      return `t.${quoteName(name)} = $${index + 1}::${castType}`;
    })
    .join(' AND ');
}

/** A row that carries nothing is still touched, so that one that is not there shows. */
function assignments(
  table: Table,
  carried: readonly (readonly [column: number, index: number])[],
  value: (column: number, index: number) => string,
): string {
  const [first = 0] = table.key;
  const list = carried.length > 0 ? carried : [[first, 0] as const];
  return list
    .map(([column, index]) => `${quoteName(columnAt(table, column).name)} = ${value(column, index)}`)
    .join(',');
}
