// Check of a source: rows that refer to none in spite of a foreign key, as `foreign_key_checks = 0` lets in. Only reading a table
// tells, so that the search has a limit in time.

import type { Finding } from '../../../model/finding.ts';
import { infoFinding, warningFinding } from '../../findings.ts';
import { DEFAULT_SEARCH_MS, unsearchedText } from '../../searches.ts';
import { orphansOf } from '../foreign-keys.ts';
import { quoteName } from '../sql.ts';
import { searched } from './search.ts';
import type { SourceCheck } from './source-subject.ts';

export const orphans: SourceCheck = async ({ session, facts, catalog, context }) => {
  const findings: Finding[] = [];
  const unsearched: string[] = [];
  const deadline = performance.now() + (context.searchMs ?? DEFAULT_SEARCH_MS);
  // The small ones first: a large one may take all of the time.
  const bySize = catalog.tables.toSorted((one, other) => one.table.byteEstimate - other.table.byteEstimate);
  for (const { table, foreignKeys } of bySize) {
    for (const key of foreignKeys.filter(({ references }) => references !== null)) {
      const limitMs = Math.floor(deadline - performance.now());
      const found = await searched({ session, facts, limitMs }, `1 FROM ${orphansOf(table, key)} LIMIT 1`);
      const subject = `foreign key ${quoteName(key.name)} on ${table.id}`;
      if (found === undefined) unsearched.push(subject);
      else if (found.length > 0) {
        findings.push(
          warningFinding({
            code: 'ORPHANS',
            subject,
            message:
              'there are rows that refer to none: PostgreSQL does not take the foreign key, so that the run stops before the cutover; MySQL does, and the run tells of it at its end',
            cure: `SELECT c.* FROM ${orphansOf(table, key)}; -- the rows: correct or delete them on the source`,
          }),
        );
      }
    }
  }
  if (unsearched.length > 0) {
    const message = unsearchedText('rows that refer to none', unsearched);
    findings.push(infoFinding({ code: 'ORPHANS', subject: 'search', message }));
  }
  return findings;
};
