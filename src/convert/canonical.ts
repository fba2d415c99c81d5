// Texts of PostgreSQL that differ where the values are equal, put into one form: what a database of MySQL can give back of them.

import type { Column } from '../model/table.ts';
import { plainDecimal } from './decimals.ts';
import { canonicalJson } from './json-text.ts';

/** For `Column.handling` of PostgreSQL's column. */
export const COMPARED_AS = { json: 'compared as json', number: 'compared as a number' } as const;

/** Undefined for a column whose equal values are equal texts. */
export function canonicalOf({ handling }: Column): ((text: string) => string) | undefined {
  if (handling?.includes(COMPARED_AS.json) === true) return canonicalJson;
  return handling?.includes(COMPARED_AS.number) === true ? plainDecimal : undefined;
}
