// Changes of a transaction in the middle of which the connector began again. It tells of the begin once more and numbers from 1
// what it sends from then on, which may have been there before. Only where the rows stand tells which change is which.

import { MigrateError } from '../../lib/errors.ts';

/** Where a change stands within its transaction. The two halves of a change of key are one row. */
export function placeWithin(row: number, isSecondHalf: boolean): number {
  return 2 * row + Number(isSecondHalf);
}

export interface LastChange {
  /** So many changes of the transaction were met. */
  readonly count: number;
  /** Of the first and of the last of them, as `placeWithin` gives it. */
  readonly first: number;
  readonly place: number;
  /** It is the first half of a change of key. */
  readonly isHalf: boolean;
}

export class Restarted {
  readonly #last: LastChange;
  /** The last number since the begin was told again. */
  #number = 0;
  #place = -1;
  /** How many changes come before the one that has number 1 now; undefined until it is known. */
  #before: number | undefined;

  constructor(last: LastChange) {
    this.#last = last;
  }

  /** True when nothing was left out: the change that comes first now stands where the first one stood, or before it. */
  isWhole(place: number): boolean {
    return this.#number === 0 && place <= this.#last.first;
  }

  /** Which one the next change is of all changes of the transaction, from 1; 0 for one that was there before. */
  orderOf(number: number, place: number): number {
    const { count, place: last, isHalf } = this.#last;
    // Its numbers go on.
    if (this.#number === 0 && number > 1) [this.#number, this.#before] = [number - 1, 0];
    if (number !== this.#number + 1 || place <= this.#place) throw unclear();
    this.#number = number;
    this.#place = place;
    if (this.#before === undefined && place >= last) {
      // What holds half of a change of key may have been sent alone, and the other half never.
      if (place > last && isHalf && place !== last + 1) throw unclear();
      this.#before = (place === last ? count : count + 1) - number;
      if (this.#before < 0) throw unclear();
    }
    return this.#before === undefined ? 0 : this.#before + number;
  }

  /** Of all changes of the transaction, when it ends after so many by the new numbers. */
  countOf(number: number): number {
    const { count, isHalf } = this.#last;
    if (number !== this.#number || (number > 0 && this.#before === undefined) || (number === 0 && isHalf))
      throw unclear();
    return number + (this.#before ?? count);
  }
}

function unclear(): MigrateError {
  return new MigrateError(
    'STREAM.FORMAT',
    'the connector began again within a transaction, and left out a part of it',
    {
      fix: 'Nobody can tell which changes are missing: abort with --drop and start again.',
    },
  );
}
