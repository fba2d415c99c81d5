// Texts of PostgreSQL that differ where the values are equal, put into one form: what a database of another engine can give back of them.

import { withoutSignOfZero } from '../lib/postgres-floats.ts';
import type { Column } from '../model/table.ts';
import { plainDecimal } from './decimals.ts';
import { canonicalJson } from './json-text.ts';

/** For `Column.handling` of PostgreSQL's column. */
export const COMPARED_AS = {
  json: 'compared as json',
  number: 'compared as a number',
  oneZero: 'compared with one zero',
} as const;
const CANONICAL: readonly (readonly [string, (text: string) => string])[] = [
  [COMPARED_AS.json, canonicalJson],
  [COMPARED_AS.number, plainDecimal],
  [COMPARED_AS.oneZero, withoutSignOfZero],
];

/** Undefined for a column whose equal values are equal texts. */
export function canonicalOf({ handling }: Column): ((text: string) => string) | undefined {
  return CANONICAL.find(([word]) => handling?.includes(word) === true)?.[1];
}
