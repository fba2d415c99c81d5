// Dead letters as they are told: without values, which a key has too, or with those of the rows that were asked for.

import type { DeadLetter } from '../journal/dead-letters.ts';
import type { Row, Value } from '../model/change.ts';
import type { Table } from '../model/table.ts';

export interface LettersView {
  readonly letters: readonly DeadLetter[];
  /** Of letters whose rows were asked for; null for a delete. */
  readonly rows: ReadonlyMap<number, Row | null>;
  readonly tables: readonly Table[];
}

/** A key is a value of cells. */
export function withoutKey({ key, newKey, ...letter }: DeadLetter): Omit<DeadLetter, 'key' | 'newKey'> {
  return letter;
}

/** The row by the names of its columns; what the log did not carry is left out, it did not change. */
export function withValues(letter: DeadLetter, { rows, tables }: Pick<LettersView, 'rows' | 'tables'>) {
  const columns = tables.find(({ id }) => id === letter.table)?.columns.map(({ name }) => name) ?? [];
  const row = rows.get(letter.id) ?? null;
  const values = row?.flatMap((value, index): [string, string | null][] =>
    value === undefined ? [] : [[columns[index] ?? `column ${index + 1}`, shownValue(value)]],
  );
  const key = (of: DeadLetter['key'] | null) => of?.map(shownValue) ?? null;
  return {
    ...letter,
    key: key(letter.key),
    newKey: key(letter.newKey),
    row: values === undefined ? null : Object.fromEntries(values),
  };
}

function shownValue(value: Value): string | null {
  return value === null || typeof value === 'string' ? value : `\\x${value.toString('hex')}`;
}
