// The one place where PostgreSQL text is quoted.

import type { Key, Value } from '../../model/change.ts';

/** An identifier, always quoted. */
export function quoteName(name: string): string {
  if (name.includes('\0')) throw new TypeError('a name cannot contain a zero byte');
  return `"${name.replaceAll('"', '""')}"`;
}

/** A name with its schema. */
export function quoteTable(table: { readonly schema: string; readonly name: string }): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** A string literal that means the same whatever standard_conforming_strings says. For statements that take no parameters. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new TypeError('a text cannot contain a zero byte');
  const doubled = text.replaceAll("'", "''");
  return doubled.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

const NEEDS_QUOTES = /[{}",\\\s]/;

/** A one-dimensional array in text form, for `$n::type[]`. */
export function arrayLiteral(values: readonly (Value | undefined)[]): string {
  const array = new ArrayText();
  for (const value of values) array.add(value);
  return array.end();
}

/** The same, value by value. */
export class ArrayText {
  #text = '{';

  add(value: Value | undefined): void {
    if (this.#text.length > 1) this.#text += ',';
    if (value === null || value === undefined) this.#text += 'NULL';
    else this.#text += arrayElement(typeof value === 'string' ? value : `\\x${value.toString('hex')}`);
  }

  end(): string {
    return `${this.#text}}`;
  }
}

function arrayElement(text: string): string {
  if (text === '' || NEEDS_QUOTES.test(text) || (text.length === 4 && text.toUpperCase() === 'NULL')) {
    return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  }
  return text;
}

/** The text of a key value, for a parameter or a literal. */
export function valueText(value: Value): string {
  if (value === null) throw new TypeError('a key column cannot be null');
  return typeof value === 'string' ? value : `\\x${value.toString('hex')}`;
}

/** A key as a row of typed literals: `ROW('1'::int4,'x'::text)`. */
export function keyLiteral(castTypes: readonly string[], key: Key): string {
  return `ROW(${key.map((value, index) => `${quoteLiteral(valueText(value))}::${castTypes[index]}`).join(',')})`;
}
