// Who holds locks on tables: the open transactions a freeze has to wait for, and those that keep a trigger from being made.

import { type Writer, writerText } from '../fence.ts';
import type { Session } from './connection.ts';
import { arrayLiteral } from './sql.ts';

/** Modes held by a transaction that wrote, or may write without asking for another lock. */
export const WRITE_MODES = ['RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'];
/** Modes that keep CREATE TRIGGER waiting. */
export const CREATE_BLOCKERS = [...WRITE_MODES, 'ShareUpdateExclusiveLock', 'ShareLock'];
/** Modes that keep DROP TRIGGER waiting: all there are. */
export const DROP_BLOCKERS = [...CREATE_BLOCKERS, 'RowShareLock', 'AccessShareLock'];

// The lock table is read once: read twice it would be two moments. A prepared transaction has no process; the lock on
// its own transaction id leads to its name. Autovacuum changes no rows and gives way by itself.
const HOLDERS = `
WITH locks AS MATERIALIZED (SELECT * FROM pg_locks WHERE granted),
relations AS (
  SELECT to_regclass(n)::oid AS id FROM unnest($1::text[]) n
  UNION SELECT tgrelid FROM pg_trigger WHERE tgfoid = to_regprocedure(nullif($2, ''))
)
SELECT l.virtualtransaction AS transaction,
  l.pid::text AS pid,
  max(p.gid) AS gid,
  max(coalesce(a.usename, p.owner)::text) AS "user",
  max(a.application_name) AS application,
  max(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)))::text AS age,
  json_agg(DISTINCT l.relation::regclass::text)::text AS tables
FROM locks l
JOIN relations r ON r.id = l.relation
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
  AND x.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
WHERE l.locktype = 'relation' AND l.mode = ANY($3::text[])
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
GROUP BY l.virtualtransaction, l.pid
ORDER BY max(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared))) DESC NULLS LAST`;

export interface HolderQuery {
  /** Quoted names. */
  readonly tables: readonly string[];
  /** `schema.function()`: tables whose triggers call it count too; empty for none. */
  readonly fence: string;
  readonly modes: readonly string[];
}

/** The oldest first. */
export async function readHolders(session: Session, query: HolderQuery): Promise<readonly Writer[]> {
  const rows = await session.query(HOLDERS, [arrayLiteral(query.tables), query.fence, arrayLiteral(query.modes)]);
  return rows.map((row) => ({
    id: row.pid ?? row.gid ?? String(row.transaction),
    kind: row.pid === null ? 'prepared' : 'session',
    transaction: String(row.transaction),
    user: row.user ?? 'unknown',
    application: row.application ?? '',
    ageSeconds: Number(row.age ?? 0),
    tables: JSON.parse(String(row.tables)) as string[],
  }));
}

/** For messages: the first few of those who hold a table. */
export function holdersText(holders: readonly Writer[]): string {
  return holders.length === 0 ? 'sessions that come and go' : holders.slice(0, 5).map(writerText).join(', ');
}
