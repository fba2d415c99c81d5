// Rows of a table in which equal values may be different texts: each value is put into its one form in this process.

import type { Column, Table } from '../../model/table.ts';
import { EMPTY_IS_NULL } from '../conversion.ts';
import { rowDigest } from '../row-text.ts';
import type { TextRow } from './connection.ts';
import { quoteName } from './sql.ts';

/** Puts the texts of a column into the form in which equal values are equal texts; undefined where they are so already. */
export type CanonicalOf = (column: Column) => ((text: string) => string) | undefined;

/** The value of a column of the table `t` as the other side has it. */
export function comparedValue(column: Column): string {
  const value = `t.${quoteName(column.name)}`;
  return column.handling?.includes(EMPTY_IS_NULL) === true
    ? `CASE WHEN NOT (${isEmpty(column)}) THEN ${value} END`
    : value;
}

/** True for an empty text, or no bytes at all, in a column of the table `t`; NULL for NULL. */
export function isEmpty({ name, type }: Column): string {
  // Not every type has an equality, and to a collation more may be equal.
  return `octet_length(t.${quoteName(name)}${type === 'bytea' ? '' : '::text'}) = 0`;
}

export class CanonicalRows {
  /** Of the table `t`, as `c0`, `c1`, … */
  readonly columns: string;
  readonly #forms: readonly (((text: string) => string) | undefined)[];

  private constructor(table: Table, forms: readonly (((text: string) => string) | undefined)[]) {
    this.columns = table.columns.map((column, index) => `${comparedValue(column)} AS c${index}`).join(', ');
    this.#forms = forms;
  }

  /** Undefined for a table whose rows are equal exactly when their texts are. */
  static of(table: Table, canonicalOf: CanonicalOf): CanonicalRows | undefined {
    const forms = table.columns.map(canonicalOf);
    return forms.every((form) => form === undefined) ? undefined : new CanonicalRows(table, forms);
  }

  digest(row: TextRow): string {
    return rowDigest(
      this.#forms.map((form, index) => {
        const text = row[`c${index}`] ?? null;
        return text === null || form === undefined ? text : form(text);
      }),
    );
  }
}
