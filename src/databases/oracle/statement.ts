// Statements with values in them, each of which is bound: the server keeps one plan for all of them.

import type { Bind, OracleSession, ValueRow } from './connection.ts';

export interface Statement {
  /** One more than there are values. */
  readonly parts: readonly string[];
  readonly binds: readonly Bind[];
}

/** A list is for IN; of a statement its text and its values are taken over. */
export type StatementValue = Bind | Statement | readonly (string | number)[];

/** `sql`SELECT … WHERE "RUN" = ${run} AND "ID" IN ${ids}``. An empty list matches nothing; one may have `IN_LIMIT` members. */
export function sql(parts: TemplateStringsArray, ...values: readonly StatementValue[]): Statement {
  return parts
    .slice(1)
    .reduce(
      (before, part, index) => joined(joined(before, asStatement(values[index] ?? null)), raw(part)),
      raw(parts[0] ?? ''),
    );
}

function asStatement(value: StatementValue): Statement {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return { parts: ['', ''], binds: [value] };
  if ('parts' in value) return value;
  if (value.length === 0) return raw('(NULL)');
  return { parts: ['(', ...value.slice(1).map(() => ', '), ')'], binds: value };
}

function joined(first: Statement, second: Statement): Statement {
  const seam = `${first.parts.at(-1) ?? ''}${second.parts[0] ?? ''}`;
  return {
    parts: [...first.parts.slice(0, -1), seam, ...second.parts.slice(1)],
    binds: [...first.binds, ...second.binds],
  };
}

/** Text of our own making. */
export function raw(text: string): Statement {
  return { parts: [text], binds: [] };
}

/** More the server does not take in one list. */
export const IN_LIMIT = 500;

/** Lists that are short enough for IN. */
export function* inLists<T>(values: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < values.length; from += IN_LIMIT) yield values.slice(from, from + IN_LIMIT);
}

export function textOf({ parts }: Statement): string {
  return parts.reduce((text, part, index) => `${text}:${index}${part}`);
}

export function query(session: OracleSession, statement: Statement): Promise<readonly ValueRow[]> {
  return session.query(textOf(statement), statement.binds);
}

/** How many rows it wrote. */
export function execute(session: OracleSession, statement: Statement): Promise<number> {
  return session.execute(textOf(statement), statement.binds);
}
