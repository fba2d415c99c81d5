// Check of a source whose target holds an empty text for NULL.

import { refusedEmpties } from '../../empty-search.ts';
import { isEmpty } from '../rows.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { searched } from './search.ts';
import type { SourceCheck } from './source-subject.ts';

export const emptyTexts: SourceCheck = ({ session, facts, catalog, context }) =>
  refusedEmpties(
    catalog,
    {
      isEmpty,
      isText: ({ name }, text) =>
        `CAST(CONVERT(t.${quoteName(name)} USING utf8mb4) AS BINARY) = X'${Buffer.from(text).toString('hex')}'`,
      first: async (table, conditions, limitMs) => {
        const selected = `${conditions.join(', ')} FROM ${quoteTable(table)} AS t WHERE ${conditions.join(' OR ')} LIMIT 1`;
        const rows = await searched({ session, facts, limitMs }, selected);
        return rows && (rows[0] ?? []).map((value) => value === '1');
      },
    },
    context.searchMs,
  );
