// What the log says of a row that changes is a property of its table, the replica identity. Where it does not name the
// run's key, another one is set for the run. What was there before is recorded on the source in the transaction that
// changes it, so that whatever happens to the runner it can be put back, exactly once.

import { MigrateError } from '../../lib/errors.ts';
import type { Table } from '../../model/table.ts';
import type { PostgresServer, Session, TextRow } from './connection.ts';
import { DROP_BLOCKERS } from './lock-holders.ts';
import { type LockedOptions, whenLocked } from './locked.ts';
import { field, isTrue } from './row.ts';
import { arrayLiteral, quoteTable } from './sql.ts';

export interface IdentityOptions extends LockedOptions {
  readonly server: PostgresServer;
  /** The run's name. */
  readonly run: string;
}

/** `made` and `was` are what follows REPLICA IDENTITY. */
const RECORD = `
SELECT pg_advisory_xact_lock(hashtext('migrate schema'));
CREATE TABLE IF NOT EXISTS migrate.replica_identity (
  run text NOT NULL,
  relation oid NOT NULL,
  was text NOT NULL,
  made text NOT NULL,
  PRIMARY KEY (run, relation)
)`;

/** Keeps two runs that capture the same table apart, until the end of the transaction. */
const ONE_AT_A_TIME = 'LOCK TABLE migrate.replica_identity IN SHARE ROW EXCLUSIVE MODE';

// An identity that names an index which was dropped since is like none at all.
const CLAUSE = `
CASE c.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE coalesce((
  SELECT 'USING INDEX ' || quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
  WHERE i.indrelid = c.oid AND i.indisreplident), 'NOTHING') END`;

const COLUMNS_OF_INDEX = `
ARRAY(SELECT a.attname::text FROM pg_attribute a
      WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))`;

const MAY_IDENTIFY = `
i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND NOT a.attnotnull
                  AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))`;

// PostgreSQL 18 refuses updates and deletes of a published table that logs whole rows and has generated columns.
const REFUSES_FULL = `
(current_setting('server_version_num')::int >= 180000
 AND EXISTS (SELECT FROM pg_attribute g WHERE g.attrelid = c.oid AND g.attgenerated <> ''))`;

// What others publish of updates and deletes. `listed`: only some columns, which must contain the identity's (PostgreSQL 15).
const OTHERS = `
others AS MATERIALIZED (
  SELECT to_regclass(quote_ident(v.schemaname) || '.' || quote_ident(v.tablename))::oid AS oid,
    EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND to_jsonb(r) ->> 'prattrs' IS NOT NULL) AS listed
  FROM pg_publication p JOIN pg_publication_tables v ON v.pubname = p.pubname
  WHERE (p.pubupdate OR p.pubdelete) AND coalesce(obj_description(p.oid, 'pg_publication'), '') NOT LIKE 'migrate %'
)`;

/** A table that is published by way of its root is named as that. */
const publishedByOthers = (condition: string): string => `
(c.relreplident = 'i' AND EXISTS (
  SELECT FROM others o WHERE ${condition} AND (o.oid = c.oid OR o.oid IN (SELECT relid FROM pg_partition_ancestors(c.oid)))))`;

/**
 * $1 table names, $2 arrays of their key columns. `carried`: the log names the key as things are. `wanted`: the identity
 * that makes it so, the narrowest there is; a deferrable key cannot be one. Where others publish the table, their filters
 * and subscribers go by the columns of its index: all columns are that and more. `refused`: unless they publish but some.
 */
const IDENTITIES = `
WITH ${OTHERS}
SELECT t.n, c.oid, ${CLAUSE} AS clause,
  (c.relreplident = 'f' AND NOT ${REFUSES_FULL}) OR EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = c.oid AND i.indisvalid AND t.key::text[] <@ ${COLUMNS_OF_INDEX}
      AND CASE c.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate
                              WHEN 'i' THEN i.indisreplident ELSE false END) AS carried,
  ${publishedByOthers('o.listed')} AS refused,
  CASE WHEN ${publishedByOthers('true')} THEN 'FULL' ELSE coalesce((
    SELECT CASE WHEN i.indisprimary THEN 'DEFAULT' ELSE 'USING INDEX ' || quote_ident(x.relname) END
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND ${MAY_IDENTIFY}
      AND t.key::text[] <@ ${COLUMNS_OF_INDEX} AND t.key::text[] @> ${COLUMNS_OF_INDEX}
    ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1), 'FULL') END AS wanted
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(name, key, n)
JOIN pg_class c ON c.oid = to_regclass(t.name)
ORDER BY t.n`;

/** What the log names of a table's rows. Each text is what follows REPLICA IDENTITY. */
export interface ReplicaIdentity {
  readonly table: Table;
  readonly oid: string;
  readonly clause: string;
  /** What is needed instead; null when the log names the key as it is. */
  readonly wanted: string | null;
  /** With what is wanted, the server would refuse the application's updates, because of somebody else's publication. */
  readonly refused: boolean;
}

export async function readIdentities(session: Session, tables: readonly Table[]): Promise<readonly ReplicaIdentity[]> {
  const keys = tables.map((table) => arrayLiteral(table.key.map((column) => table.columns[column]?.name)));
  const rows = await session.query(IDENTITIES, [arrayLiteral(tables.map(quoteTable)), arrayLiteral(keys)]);
  return rows.flatMap((row) => {
    const table = tables[Number(row.n) - 1];
    if (table === undefined) return [];
    const wanted = isTrue(row, 'carried') ? null : field(row, 'wanted');
    const refused = wanted !== null && isTrue(row, 'refused');
    return [{ table, oid: field(row, 'oid'), clause: field(row, 'clause'), wanted, refused }];
  });
}

/**
 * Makes the log name the key of every table. To be called before the tables are published: a published table without an
 * identity refuses the application's updates. Idempotent. Rejects with SOURCE.LOCKED naming who holds a table.
 */
export async function setIdentities(options: IdentityOptions, tables: readonly Table[]): Promise<void> {
  await options.server.with('identity', async (session) => {
    const others = new Set(
      (await recorded(session)).filter(({ run }) => run !== options.run).map((row) => row.relation),
    );
    const found = await readIdentities(session, tables);
    const concerned = found.filter(({ wanted, oid }) => wanted !== null || others.has(oid));
    if (concerned.length === 0) return;
    await session.transaction(async () => {
      await options.prove(session);
      await session.run(RECORD, []);
    });
    for (const { table } of concerned) await locked(options, session, table.id, () => setOne(options, session, table));
  });
}

/**
 * Puts back what `setIdentities` changed. To be called when the tables are no longer published. What somebody else has
 * changed since is left, and what another run still needs is left to that run. Idempotent.
 */
export async function restoreIdentities(options: IdentityOptions): Promise<void> {
  await options.server.with('identity', async (session) => {
    const own = (await recorded(session)).filter(({ run }) => run === options.run);
    for (const { relation, name } of own) {
      await locked(options, session, name ?? '', () => restoreOne(options, session, String(relation)));
    }
  });
}

async function setOne({ run }: IdentityOptions, session: Session, table: Table): Promise<void> {
  const [found] = await readIdentities(session, [table]);
  if (found === undefined) throw new MigrateError('SCHEMA.CHANGED', `${table.id} was dropped`, { where: table.id });
  // The other run's record knows what was there before both.
  const other = await session.one(
    'SELECT was FROM migrate.replica_identity WHERE relation = $1 AND run <> $2 LIMIT 1',
    [found.oid, run],
  );
  const shared = found.wanted === null;
  if (shared && other === undefined) return;
  await session.query(
    `INSERT INTO migrate.replica_identity (run, relation, was, made) VALUES ($1, $2, $3, $4)
     ON CONFLICT (run, relation) DO UPDATE SET was = excluded.was, made = excluded.made`,
    [run, found.oid, shared ? (other?.was ?? '') : found.clause, found.wanted ?? found.clause],
  );
  if (found.wanted !== null) await session.query(`ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY ${found.wanted}`);
}

async function restoreOne({ run }: IdentityOptions, session: Session, relation: string): Promise<void> {
  const record = await session.one(
    'DELETE FROM migrate.replica_identity WHERE run = $1 AND relation = $2 RETURNING was, made',
    [run, relation],
  );
  const other = await session.one('SELECT 1 FROM migrate.replica_identity WHERE relation = $1 LIMIT 1', [relation]);
  if (record === undefined || other !== undefined) return;
  const now = await session.one(
    `SELECT n.nspname, c.relname, ${CLAUSE} AS clause,
       starts_with($2, 'USING INDEX') AND NOT EXISTS (
         SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
         WHERE i.indrelid = c.oid AND $2 = 'USING INDEX ' || quote_ident(x.relname) AND ${MAY_IDENTIFY}) AS index_is_gone
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1`,
    [relation, field(record, 'was')],
  );
  if (now === undefined || now.clause !== record.made) return;
  const table = { schema: field(now, 'nspname'), name: field(now, 'relname') };
  const was = isTrue(now, 'index_is_gone') ? 'NOTHING' : field(record, 'was');
  await session.query(`ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY ${was}`);
}

/** Every run's records; tables are named as they are called now. */
async function recorded(session: Session): Promise<readonly TextRow[]> {
  const there = await session.one("SELECT to_regclass('migrate.replica_identity') IS NOT NULL AS it");
  if (there?.it !== 't') return [];
  return session.query(
    `SELECT r.run, r.relation, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
     FROM migrate.replica_identity r
     LEFT JOIN pg_class c ON c.oid = r.relation LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
     ORDER BY r.run, r.relation`,
  );
}

/** One run at a time. */
function locked(options: IdentityOptions, session: Session, table: string, work: () => Promise<void>): Promise<void> {
  const refused = `the replica identity of ${table} cannot be changed`;
  return whenLocked(options, session, { table, modes: DROP_BLOCKERS, refused }, async () => {
    await session.query(ONE_AT_A_TIME);
    await work();
  });
}
