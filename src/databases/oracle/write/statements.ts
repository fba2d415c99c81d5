// The statements that rows are written with, each for one row or for many: what differs is bound. None touches a row but by its
// key, so that no other unique value can lead it to another row.

import { quoteTable } from '../sql.ts';
import type { WrittenColumn, WrittenTable } from './columns.ts';

export interface RowStatement {
  readonly text: string;
  /** What is bound, by place. */
  readonly places: readonly WrittenColumn[];
  /** Writes one row for each, or refuses it: there is nothing to count. */
  readonly isInsert?: true;
}

export function insertStatement({ table, columns }: WrittenTable): RowStatement {
  const names = columns.map(({ name }) => name).join(', ');
  const values = columns.map(({ kind }, index) => kind.bind(`:${index + 1}`)).join(', ');
  return { text: `INSERT INTO ${quoteTable(table)} (${names}) VALUES (${values})`, places: columns, isInsert: true };
}

/** Of the row with a key. */
export function deleteStatement({ table, key }: WrittenTable): RowStatement {
  return { text: `DELETE FROM ${quoteTable(table)} WHERE ${areBound(key, 0)}`, places: key };
}

/** `columns`: indexes of what is assigned; the key it is found by comes after them. */
export function updateStatement({ table, columns, key }: WrittenTable, indexes: readonly number[]): RowStatement {
  const carried = indexes.flatMap((index) => columns[index] ?? []);
  const assigned = carried.map(({ name, kind }, index) => `${name} = ${kind.bind(`:${index + 1}`)}`);
  // A row with nothing to change must be touched.
  const touched = key.slice(0, 1).map(({ name }) => `${name} = ${name}`);
  const set = (assigned.length > 0 ? assigned : touched).join(', ');
  return {
    text: `UPDATE ${quoteTable(table)} SET ${set} WHERE ${areBound(key, carried.length)}`,
    places: [...carried, ...key],
  };
}

function areBound(key: readonly WrittenColumn[], before: number): string {
  return key.map(({ name, kind }, index) => `${name} = ${kind.bind(`:${before + index + 1}`)}`).join(' AND ');
}
