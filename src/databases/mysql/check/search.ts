// Searches the rows of a source for what only they tell. Each has a limit in time.

import type { MysqlSession } from '../connection.ts';
import { serverErrno } from '../errors.ts';
import type { ServerFacts } from './facts.ts';

export interface Search {
  readonly session: MysqlSession;
  readonly facts: ServerFacts;
  readonly limitMs: number;
}

/** MySQL's and MariaDB's. */
const OUT_OF_TIME = new Set([3024, 1969]);
const DENIED = new Set([1142, 1143]);

/** `selected`: what follows SELECT. Undefined when it took too long, or without the right to read it, which another check tells. */
export async function searched(
  { session, facts, limitMs }: Search,
  selected: string,
): Promise<readonly (readonly (string | null)[])[] | undefined> {
  if (limitMs <= 0) return undefined;
  const hint = facts.isMariadb ? '' : `/*+ MAX_EXECUTION_TIME(${limitMs}) */ `;
  const limited = facts.isMariadb ? `SET STATEMENT max_statement_time = ${limitMs / 1_000} FOR ` : '';
  try {
    return await session.query(`${limited}SELECT ${hint}${selected}`);
  } catch (error) {
    const errno = serverErrno(error) ?? 0;
    if (OUT_OF_TIME.has(errno) || DENIED.has(errno)) return undefined;
    throw error;
  }
}
