// Statements with values in them, each quoted. MySQL prepares statements by an extra round trip, and not all of them.

import { quoteLiteral } from './sql.ts';

/** A list is for IN. Values of JavaScript's boolean and bigint types are not among them: say what they are in SQL. */
export type StatementValue = string | number | null | readonly (string | number)[];

/** `sql`SELECT … WHERE run = ${run} AND id IN ${ids}``. An empty list matches nothing. */
export function sql(parts: TemplateStringsArray, ...values: readonly StatementValue[]): string {
  return parts.reduce((text, part, index) => `${text}${literal(values[index - 1] ?? null)}${part}`);
}

/** `(1, 'a', NULL)`: a row of VALUES. */
export function tuple(values: readonly (string | number | null)[]): string {
  return `(${values.map(literal).join(', ')})`;
}

/**
 * Statements that begin alike, each with as many of the rows as fit: at least one, at most `ROWS` and about `CHARACTERS`.
 * Far below what a server takes in one packet; a row that is larger alone is sent alone.
 */
export function* inPieces(rows: Iterable<string>): Generator<string> {
  let piece: string[] = [];
  let size = 0;
  for (const row of rows) {
    if (piece.length > 0 && (piece.length >= ROWS || size + row.length > CHARACTERS)) {
      yield piece.join(',\n');
      piece = [];
      size = 0;
    }
    piece.push(row);
    size += row.length;
  }
  if (piece.length > 0) yield piece.join(',\n');
}

const ROWS = 1_000;
const CHARACTERS = 1 << 18;

function literal(value: StatementValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return quoteLiteral(value);
  if (typeof value === 'number') return String(value);
  return value.length === 0 ? '(NULL)' : tuple(value);
}
