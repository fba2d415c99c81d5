// Names of tables as a plan writes them: `schema.name`, or `schema.*` for every table of a schema.

import type { TableName } from '../model/table.ts';

export interface WrittenName {
  readonly schema: string;
  /** Null for `*`. */
  readonly name: string | null;
}

/** The only text that a pattern matches; undefined when it matches more. */
export function literalOf(pattern: string): string | undefined {
  return /^(?:\\.|[^\\*?])*$/su.test(pattern) ? pattern.replace(/\\(.)/gsu, '$1') : undefined;
}

/**
 * The first dot divides; a backslash takes the character after it as it is, so that `\.` is a dot within a schema and `\*` a
 * table of that name. Nothing is folded to lower case and no quotes are taken off. Undefined when there is no such name.
 */
export function readName(text: string): WrittenName | undefined {
  const characters: readonly string[] = text.match(/\\.|[^\\]/gsu) ?? [];
  // What is not matched is a backslash at the end.
  if (characters.join('') !== text) return undefined;
  const dot = characters.indexOf('.');
  if (dot < 1 || dot === characters.length - 1) return undefined;
  const plain = (part: readonly string[]): string =>
    part
      .map((character) => (character.length > 1 && character.startsWith('\\') ? character.slice(1) : character))
      .join('');
  const name = characters.slice(dot + 1);
  return {
    schema: plain(characters.slice(0, dot)),
    name: name.length === 1 && name[0] === '*' ? null : plain(name),
  };
}

/** Divided at every dot; a backslash takes the character after it as it is. Undefined where a part would be empty. */
export function splitName(text: string): readonly string[] | undefined {
  const characters: readonly string[] = text.match(/\\.|[^\\]/gsu) ?? [];
  if (characters.join('') !== text) return undefined;
  const parts = [''];
  for (const character of characters) {
    if (character === '.') parts.push('');
    else parts[parts.length - 1] += character.length > 1 && character.startsWith('\\') ? character.slice(1) : character;
  }
  return parts.includes('') ? undefined : parts;
}

/** Of a column, as `splitName` divides it. */
export function columnPath({ schema, name }: Pick<TableName, 'schema' | 'name'>, column: string): string {
  return [schema, name, column].map((part) => part.replace(/[.\\]/g, '\\$&')).join('.');
}
