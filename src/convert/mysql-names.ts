// Names for constraints that PostgreSQL names within their table, and MySQL within the database.

import { createHash } from 'node:crypto';
import type { TableId } from '../model/table.ts';

/** In characters. */
const LONGEST = 64;

export class MysqlNames {
  readonly #taken = new Set<string>();

  /**
   * A name that is given once in its space: the wanted one, unless that is given already; then one that depends on the table and
   * not on the others. Case does not matter.
   */
  in(space: string, table: TableId, wanted: string): string {
    const taken = (name: string): boolean => this.#taken.has(`${space}\0${name.toLowerCase()}`);
    let name = wanted;
    for (let count = 0; name === '' || [...name].length > LONGEST || taken(name); count++) {
      const mark = createHash('sha256').update(`${table}\0${wanted}\0${count}`).digest('hex').slice(0, 8);
      name = `${[...wanted].slice(0, LONGEST - 9).join('')}_${mark}`;
    }
    this.#taken.add(`${space}\0${name.toLowerCase()}`);
    return name;
  }
}
