// Names for objects that MySQL names within their table, and PostgreSQL within the schema.

import { createHash } from 'node:crypto';
import type { TableName } from '../model/table.ts';

/** PostgreSQL cuts longer names, in bytes. */
const LONGEST = 63;

export class PostgresNames {
  readonly #taken: Set<string>;

  constructor(tables: readonly TableName[]) {
    this.#taken = new Set(tables.map(({ schema, name }) => `${schema}\0${name}`));
  }

  /**
   * A name that is given once: the table's and the object's, unless that is too long or given already; then one that depends on the
   * table and not on the others.
   */
  in({ id, schema, name: table }: TableName, object: string): string {
    const wanted = `${table}_${object}`;
    const taken = (name: string): boolean => this.#taken.has(`${schema}\0${name}`);
    let name = wanted;
    for (let count = 0; Buffer.byteLength(name) > LONGEST || taken(name); count++) {
      name = shortened(wanted, `${id}\0${object}\0${count}`);
    }
    this.#taken.add(`${schema}\0${name}`);
    return name;
  }
}

function shortened(name: string, origin: string): string {
  const mark = createHash('sha256').update(origin).digest('hex').slice(0, 8);
  let start = '';
  for (const character of name) {
    if (Buffer.byteLength(`${start}${character}_${mark}`) > LONGEST) break;
    start += character;
  }
  return `${start}_${mark}`;
}
