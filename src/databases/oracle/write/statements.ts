// The statements that rows are written with, each for one row or for many: what differs is bound. None touches a row but by its
// key, so that no other unique value can lead it to another row.

import { quoteTable } from '../sql.ts';
import type { WrittenColumn, WrittenTable } from './columns.ts';

export interface RowStatement {
  readonly text: string;
  /** What is bound, by place. */
  readonly places: readonly WrittenColumn[];
}

/** `hint`: what the server is told of how to write the rows. */
export function insertStatement({ table, order }: WrittenTable, hint?: string): RowStatement {
  const names = order.map(({ name }) => name).join(', ');
  const values = order.map(({ kind }, index) => kind.bind(`:${index + 1}`)).join(', ');
  const insert = hint === undefined ? 'INSERT' : `INSERT ${hint}`;
  return { text: `${insert} INTO ${quoteTable(table)} (${names}) VALUES (${values})`, places: order };
}

/** Of the row with a key. */
export function deleteStatement({ table, key }: WrittenTable): RowStatement {
  return { text: `DELETE FROM ${quoteTable(table)} WHERE ${areBound(key, 0)}`, places: key };
}

/** `carried`: what is assigned; the key it is found by comes after them. */
export function updateStatement({ table, key }: WrittenTable, carried: readonly WrittenColumn[]): RowStatement {
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
