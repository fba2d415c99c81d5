// Names in Oracle: in capitals, of some length in bytes, and given once.

import { foldedName, markedName } from '../lib/oracle-names.ts';

/** What no column can be called, quoted or not. */
const KEPT: ReadonlySet<string> = new Set(['ROWID']);

export class OracleNames {
  readonly #longest: number;
  /** Whose each name is, as the source calls it. */
  readonly #taken = new Map<string, string>();

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
    this.#taken.set(`${space}\0${name}`, wanted);
    return name;
  }

  /** Why a name is not given as it is wanted, but for its capitals; undefined where it is. Asked before it is given. */
  obstacle(space: string, wanted: string): string | undefined {
    const folded = foldedName(wanted);
    const bytes = Buffer.byteLength(folded);
    const other = this.#taken.get(`${space}\0${folded}`);
    if (KEPT.has(folded)) return 'Oracle keeps this name for itself';
    if (bytes > this.#longest) return `it has ${bytes} bytes, and ${this.#longest} are taken`;
    if (other !== undefined) return `in capitals it is the name of ${other} as well`;
    return /["\0]/.test(wanted) ? 'Oracle takes no quotation mark in a name' : undefined;
  }
}
