// The parts of keys, indexes and foreign keys, read from their definitions in either engine's words.

import type { Dialect } from './dialects.ts';
import { type Token, tokensOf } from './tokens.ts';

export interface IndexPart {
  readonly column: string;
  /** Only so many characters of it. */
  readonly length: number | null;
  readonly descending: boolean;
}

/** Of the list in parentheses that ends the definition; undefined when it has more in it than columns. */
export function indexParts(list: string, dialect: Dialect): readonly IndexPart[] | undefined {
  const tokens = tokensOf(list, dialect);
  if (tokens?.at(0)?.text !== '(' || tokens.at(-1)?.text !== ')') return undefined;
  const parts: IndexPart[] = [];
  for (const words of divided(tokens.slice(1, -1))) {
    const part = partOf(words);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts.length === 0 ? undefined : parts;
}

/** Undefined unless they are whole columns. */
export function columnNames(list: string, dialect: Dialect): readonly string[] | undefined {
  const parts = indexParts(list, dialect);
  return parts?.every(({ length }) => length === null) === true ? parts.map(({ column }) => column) : undefined;
}

function divided(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'sign' && token.text === ',') parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

/** The order of NULLs does not matter to what an index is for. */
const ORDER = /^(?:\((\d+)\))?( asc| desc)?(?: nulls (?:first|last))?$/;

function partOf([first, ...rest]: readonly Token[]): IndexPart | undefined {
  if (first === undefined || (first.kind !== 'name' && first.kind !== 'word')) return undefined;
  const words = rest.map(({ kind, text }) => (kind === 'word' ? ` ${text}` : text)).join('');
  const order = ORDER.exec(words);
  if (order === null) return undefined;
  const [, length, direction] = order;
  return {
    column: first.text,
    length: length === undefined ? null : Number(length),
    descending: direction === ' desc',
  };
}
