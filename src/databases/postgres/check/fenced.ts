// Check of a source: tables that another run has closed. Our own fence would be refused there, and only at the cutover.

import { errorFinding } from '../../findings.ts';
import { FENCE_TRIGGER, MODES, readState } from '../fence/function.ts';
import { field } from '../row.ts';
import type { SourceCheck } from './source-subject.ts';

const MOST_NAMED = 5;

export const fencedByOthers: SourceCheck = async ({ session, oids, context }) => {
  const rows = await session.query(
    `SELECT p.oid, quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS fence,
       json_agg(t.tgrelid::regclass::text ORDER BY t.tgrelid::regclass::text)::text AS tables
     FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE t.tgname = $1 AND t.tgrelid = ANY ($2::oid[]) AND p.proname <> 'fence_' || $3
     GROUP BY 1, 2 ORDER BY 2`,
    [FENCE_TRIGGER, oids, context.id],
  );
  const findings = [];
  for (const row of rows) {
    const state = readState(await session.one(`${MODES} WHERE p.oid = $1`, [field(row, 'oid')]));
    if (state.kind !== 'permanent' && !(state.kind === 'closed' && !state.expired)) continue;
    const tables = JSON.parse(field(row, 'tables')) as readonly string[];
    const more = tables.length > MOST_NAMED ? ` and ${tables.length - MOST_NAMED} more` : '';
    findings.push(
      errorFinding({
        code: 'FENCED',
        subject: `fence ${field(row, 'fence')}`,
        message: `another run moves, or has moved, ${tables.slice(0, MOST_NAMED).join(', ')}${more}, and has closed them to writes`,
        cure:
          `DROP FUNCTION ${field(row, 'fence')}() CASCADE;` +
          ' -- on the source, only when these tables are to be written here again: else exclude them',
      }),
    );
  }
  return findings;
};
