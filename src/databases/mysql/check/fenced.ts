// Check of a source: tables that another run has closed. Their writes are stopped, and ours could not be told from that.

import { errorFinding } from '../../findings.ts';
import { triggerPrefix } from '../fence/text.ts';
import { quoteLiteral, quoteTable } from '../sql.ts';
import type { SourceCheck } from './source-subject.ts';

const MOST_NAMED = 5;

export const fencedByOthers: SourceCheck = async ({ session, catalog, context, facts }) => {
  // Without it there can be no fence, and this account none that it could read.
  if (catalog.tables.length === 0 || !facts.rights.has('SELECT', { schema: 'migrate' })) return [];
  const there = await session.query(
    "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'migrate' AND TABLE_NAME = 'fence'",
  );
  if (there.length === 0) return [];
  const closed = await session.query(
    `SELECT DISTINCT id FROM migrate.fence WHERE id <> ${quoteLiteral(context.id ?? '')}
     AND (mode = 'permanent' OR (part = 'state' AND mode = 'closed' AND until_at > UTC_TIMESTAMP(6)))`,
  );
  if (closed.length === 0) return [];
  const rows = await session.query(
    `SELECT TRIGGER_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS
     WHERE TRIGGER_SCHEMA IN (${catalog.schemas.map(quoteLiteral).join(', ')}) ORDER BY 1, 2, 3`,
  );
  const ids = new Map(catalog.tables.map(({ table }) => [JSON.stringify([table.schema, table.name]), table.id]));
  return closed.flatMap(([id]) => {
    const own = rows.filter(
      ([schema, table, name]) =>
        name?.startsWith(triggerPrefix(id ?? '')) === true && ids.has(JSON.stringify([schema, table])),
    );
    if (own.length === 0) return [];
    const tables = [...new Set(own.map(([schema, table]) => ids.get(JSON.stringify([schema, table])) ?? ''))];
    const more = tables.length > MOST_NAMED ? ` and ${tables.length - MOST_NAMED} more` : '';
    const drops = own.map(
      ([schema, , name]) => `DROP TRIGGER ${quoteTable({ schema: schema ?? '', name: name ?? '' })};`,
    );
    return [
      errorFinding({
        code: 'FENCED',
        subject: `fence ${id}`,
        message: `another run moves, or has moved, ${tables.slice(0, MOST_NAMED).join(', ')}${more}, and has closed them to writes`,
        cure: `${drops.join(' ')} -- on the source, only when these tables are to be written here again: else exclude them`,
      }),
    ];
  });
};
