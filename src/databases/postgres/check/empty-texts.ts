// Check of a source whose target holds an empty text for NULL.

import { refusedEmpties } from '../../empty-search.ts';
import { isEmpty } from '../canonical-rows.ts';
import type { Session, TextRow } from '../connection.ts';
import { sqlState } from '../errors.ts';
import { quoteLiteral, quoteName, quoteTable } from '../sql.ts';
import type { SourceCheck } from './source-subject.ts';

/** Out of time, and denied. */
const NOT_READ = new Set(['57014', '42501']);

export const emptyTexts: SourceCheck = ({ session, catalog, context }) =>
  refusedEmpties(
    catalog,
    {
      isEmpty,
      isText: ({ name }, text) => `t.${quoteName(name)}::text COLLATE "C" = ${quoteLiteral(text)}`,
      first: async (table, conditions, limitMs) => {
        const columns = conditions.map((condition, index) => `${condition} AS c${index}`);
        const found = await searched(
          session,
          limitMs,
          `SELECT ${columns.join(', ')} FROM ONLY ${quoteTable(table)} AS t WHERE ${conditions.join(' OR ')} LIMIT 1`,
        );
        return found?.flatMap((row) => conditions.map((_, index) => row[`c${index}`] === 't'));
      },
    },
    context.searchMs,
  );

/** Undefined when it took too long, or without the right to read it. */
async function searched(session: Session, limitMs: number, select: string): Promise<readonly TextRow[] | undefined> {
  if (limitMs <= 0) return undefined;
  try {
    return await session.transaction(async () => {
      await session.query(`SET LOCAL statement_timeout = ${limitMs}`);
      return session.query(select);
    });
  } catch (error) {
    if (NOT_READ.has(sqlState(error) ?? '')) return undefined;
    throw error;
  }
}
