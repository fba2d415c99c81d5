// Names in Oracle: in capitals, of some length in bytes, and given once.

import { foldedName, markedName } from '../lib/oracle-names.ts';

/** What no column can be called, quoted or not. */
const KEPT: ReadonlySet<string> = new Set(['ROWID']);

export class OracleNames {
  readonly #longest: number;
  readonly #taken = new Set<string>();

  /** `longest`: in bytes; 30 before Oracle 12.2. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /**
   * A name that is given once in its space: the wanted one in capitals, unless that is too long or given already; then one that
   * depends on `origin` and not on the others.
   */
  in(space: string, origin: string, wanted: string): string {
    const folded = foldedName(wanted);
    const isFree = (name: string): boolean =>
      !KEPT.has(name) && Buffer.byteLength(name) <= this.#longest && !this.#taken.has(`${space}\0${name}`);
    let name = folded;
    for (let count = 0; !isFree(name); count++) {
      name = markedName(folded, `${origin}\0${wanted}\0${count}`, this.#longest);
    }
    this.#taken.add(`${space}\0${name}`);
    return name;
  }
}
