// What a role has to be given for a run, from what the databases are like: not what it has, so that the statements can be
// kept and run again. What everyone may do, or what comes with the owners' rights, is not among them.

import type { Catalog } from '../../model/catalog.ts';
import type { Grant, GrantPhase, RoleGrants } from '../../model/grant.ts';
import type { TableSelection } from '../source.ts';
import type { Session, TextRow } from './connection.ts';
import {
  grantAllRows,
  grantConnect,
  grantCreate,
  grantCreateIn,
  grantOwner,
  grantReplication,
  grantSelect,
  grantSignal,
  grantStatistics,
  grantSwitchOff,
  grantUsage,
  RDS_REPLICATION,
} from './rights.ts';
import { field, isTrue } from './row.ts';
import { IS_SELECTED, selectionValues } from './selection.ts';
import { quoteName } from './sql.ts';

export interface GrantsQuery {
  readonly catalog: Catalog;
  /** Not quoted; the session's own when absent. It need not exist yet. */
  readonly role?: string | undefined;
}

export interface SourceGrantsQuery extends GrantsQuery {
  readonly selection: TableSelection;
  /** True when the plan lets the run end transactions of others. */
  readonly endsTransactions: boolean;
}

interface Subject {
  readonly role: string;
  /** Both quoted. */
  readonly quoted: string;
  readonly database: string;
  readonly version: number;
  readonly managed: boolean;
  /** True when everyone may connect. */
  readonly open: boolean;
}

export async function readSourceGrants(session: Session, query: SourceGrantsQuery): Promise<RoleGrants> {
  const subject = await readSubject(session, query.role);
  const { quoted, version, database, managed } = subject;
  const selected = await readSelected(session, query.selection, subject.role);
  const unreadable = await readUnreadable(session, query.catalog, selected, subject.role);
  const schemas = await readClosedSchemas(session, query.catalog.schemas, selected.owners, subject.role);
  return {
    role: subject.role,
    database: subject.database,
    grants: [
      ...connecting(subject, 'check'),
      optional('check', grantStatistics(quoted), 'to see how long transactions of others have been open'),
      ...schemas.map((schema) => needed('copy', grantUsage(schema, quoted), 'to read what is in it')),
      ...unreadable
        .filter(({ kind }) => kind === 'table')
        .map((table) => needed('copy', grantSelect(table, 'table', quoted), 'not even its owner may read it')),
      ...(selected.forced
        ? [needed('copy', grantAllRows(quoted), 'row security of a table holds for its owner, too')]
        : []),
      needed('stream', grantReplication(quoted, managed), 'to read the log'),
      needed('stream', grantCreate(database, quoted), 'for the publication, and schema migrate with fence and lease'),
      ...(await inSchemaMigrate(session, 'stream', subject)),
      ...selected.owners.map(({ owner, superuser }) =>
        needed('stream', grantOwner(owner, quoted, version), whyOwner(OWNERS, superuser)),
      ),
      ...unreadable
        .filter(({ kind }) => kind === 'sequence')
        .map((sequence) => needed('freeze', grantSelect(sequence, 'sequence', quoted), 'to see where it stands')),
      ...(query.endsTransactions
        ? [
            needed(
              'freeze',
              grantSignal(quoted),
              'cutover.openTransactions is end (superusers keep theirs all the same)',
            ),
          ]
        : []),
    ],
  };
}

export interface TargetGrantsQuery extends GrantsQuery {
  /** True when the tables were made by hand. */
  readonly existing: boolean;
}

export async function readTargetGrants(
  session: Session,
  { catalog, role, existing }: TargetGrantsQuery,
): Promise<RoleGrants> {
  const subject = await readSubject(session, role);
  const { quoted, version, database } = subject;
  return {
    role: subject.role,
    database: subject.database,
    grants: [
      ...connecting(subject, 'schema'),
      needed('schema', grantCreate(database, quoted), 'for schema migrate with the journal, and for missing schemas'),
      ...(await inSchemaMigrate(session, 'schema', subject)),
      ...(await (existing ? grantsOnTables : grantsInSchemas)(session, catalog, subject)),
      optional('apply', grantSwitchOff(quoted, version), 'triggers and foreign keys have fired on the source already'),
    ],
    afterwards: 'REASSIGN OWNED BY the role TO the owner you want.',
  };
}

/** For tables that the run makes. */
async function grantsInSchemas(
  session: Session,
  { schemas, extensions }: Catalog,
  { role, quoted }: Subject,
): Promise<readonly Grant[]> {
  const rows = await session.query(
    `SELECT n.nspname, n.nspname = ANY ($1::text[]) AS made FROM pg_namespace n
     WHERE n.nspname = ANY ($1::text[]) AND n.nspowner::regrole::text <> quote_ident($3)
       OR n.nspname = ANY ($2::text[]) AND n.nspname <> ALL ($1::text[])
          AND NOT EXISTS (SELECT FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
                          WHERE a.privilege_type = 'USAGE' AND a.grantee = 0)
     ORDER BY 1`,
    [schemas, extensions.map(({ schema }) => schema), role],
  );
  return rows.map((row) => {
    const schema = field(row, 'nspname');
    return isTrue(row, 'made')
      ? needed('schema', grantCreateIn(schema, quoted), 'it exists, and tables are made in it')
      : needed('schema', grantUsage(schema, quoted), 'an extension of the tables is in it');
  });
}

/** For tables that were made by hand. */
async function grantsOnTables(
  session: Session,
  { tables, sequences, schemas }: Catalog,
  { role, quoted, version }: Subject,
): Promise<readonly Grant[]> {
  const names = [...tables.map(({ table }) => table), ...sequences];
  const rows = await session.query(
    `SELECT DISTINCT r.oid, quote_ident(r.rolname) AS owner, r.rolsuper
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
     WHERE (n.nspname::text, c.relname::text) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND r.rolname <> $3
     ORDER BY owner`,
    [names.map(({ schema }) => schema), names.map(({ name }) => name), role],
  );
  const owners = rows.map(toOwner);
  const closed = await readClosedSchemas(session, schemas, owners, role);
  return [
    ...closed.map((schema) => needed('schema', grantUsage(schema, quoted), 'to write to what is in it')),
    ...owners.map(({ owner, superuser }) =>
      needed('schema', grantOwner(owner, quoted, version), whyOwner('the fence is the owner’s', superuser)),
    ),
  ];
}

/** Left by a run of another role, or made by hand. */
async function inSchemaMigrate(
  session: Session,
  phase: GrantPhase,
  { role, quoted }: Subject,
): Promise<readonly Grant[]> {
  const row = await session.one(
    "SELECT 1 FROM pg_namespace WHERE nspname = 'migrate' AND nspowner::regrole::text <> quote_ident($1)",
    [role],
  );
  return row === undefined ? [] : [needed(phase, grantCreateIn('migrate', quoted), 'it exists and is not the role’s')];
}

function needed(phase: GrantPhase, statement: string, why: string): Grant {
  return { phase, statement, why, optional: false };
}

function optional(phase: GrantPhase, statement: string, why: string): Grant {
  return { phase, statement, why, optional: true };
}

function connecting({ database, quoted, open }: Subject, phase: GrantPhase): readonly Grant[] {
  return open ? [] : [needed(phase, grantConnect(database, quoted), 'here not everyone may connect')];
}

const OWNERS = 'publication, fence and replica identity are the owner’s; its right to read comes with it';

function whyOwner(what: string, superuser: boolean): string {
  return superuser ? `${what}. It is a superuser: better give the tables another owner first` : what;
}

async function readSubject(session: Session, role: string | undefined): Promise<Subject> {
  const row = await session.one(
    `SELECT coalesce($1, current_user) AS role, quote_ident(current_database()) AS database,
            current_setting('server_version_num') AS version, to_regrole($2) IS NOT NULL AS managed,
            has_database_privilege('public', current_database(), 'CONNECT') AS open`,
    [role ?? null, RDS_REPLICATION],
  );
  const name = row?.role ?? '';
  return {
    role: name,
    quoted: quoteName(name),
    database: row?.database ?? '',
    version: Number(row?.version),
    managed: row?.managed === 't',
    open: row?.open === 't',
  };
}

interface Owner {
  /** Quoted. */
  readonly owner: string;
  readonly oid: string;
  readonly superuser: boolean;
}

interface Selected {
  /** Of the tables. */
  readonly oids: readonly string[];
  /** Other roles than the one that is to be given something. */
  readonly owners: readonly Owner[];
  /** True when a policy of a table holds for its owner. */
  readonly forced: boolean;
}

async function readSelected(session: Session, selection: TableSelection, role: string): Promise<Selected> {
  const rows = await session.query(
    `SELECT c.oid AS relation, r.oid, r.rolname, quote_ident(r.rolname) AS owner, r.rolsuper,
            c.relrowsecurity AND c.relforcerowsecurity AS forced
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
     WHERE c.relkind IN ('r', 'p', 'f') AND ${IS_SELECTED} ORDER BY owner`,
    selectionValues(selection),
  );
  const others = rows.filter((row) => row.rolname !== role);
  const owners = new Map(others.map((row) => [field(row, 'oid'), toOwner(row)]));
  return {
    oids: rows.map((row) => field(row, 'relation')),
    owners: [...owners.values()],
    forced: rows.some((row) => isTrue(row, 'forced')),
  };
}

function toOwner(row: TextRow): Owner {
  return { oid: field(row, 'oid'), owner: field(row, 'owner'), superuser: isTrue(row, 'rolsuper') };
}

/**
 * Roles whose rights come with the owners': the owners, and those they belong to. A superuser belongs to all, but hands
 * that on to nobody. Takes the owners as $1 and the role as $2.
 */
const GIVEN = `given AS (
  SELECT 0::oid AS oid
  UNION SELECT r.oid FROM pg_roles r, unnest($1::oid[]) AS w(oid) JOIN pg_roles o ON o.oid = w.oid
  WHERE r.oid = o.oid OR NOT o.rolsuper AND pg_has_role(o.oid, r.oid, 'USAGE')
)`;

/** True of an entry of an access list `a` that needs no statement of ours; what the role owns cannot be taken from it. */
const HAS = (owner: string): string =>
  `(a.grantee IN (SELECT oid FROM given) OR a.grantee = ${owner} AND ${owner}::regrole::text = quote_ident($2))`;

interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'sequence';
}

async function readUnreadable(
  session: Session,
  { sequences }: Catalog,
  { oids, owners }: Selected,
  role: string,
): Promise<readonly Relation[]> {
  const rows = await session.query(
    `WITH ${GIVEN}
     SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE (c.oid = ANY ($3::oid[])
            OR c.relkind = 'S' AND (n.nspname::text, c.relname::text) IN (SELECT * FROM unnest($4::text[], $5::text[])))
       AND NOT EXISTS (
         SELECT FROM aclexplode(coalesce(c.relacl,
                       acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))) a
         WHERE a.privilege_type = 'SELECT' AND ${HAS('c.relowner')})
     ORDER BY 1, 2`,
    [
      owners.map(({ oid }) => oid),
      role,
      oids,
      sequences.map(({ schema }) => schema),
      sequences.map(({ name }) => name),
    ],
  );
  return rows.map((row) => ({
    schema: field(row, 'nspname'),
    name: field(row, 'relname'),
    kind: row.relkind === 'S' ? 'sequence' : 'table',
  }));
}

async function readClosedSchemas(
  session: Session,
  schemas: readonly string[],
  owners: readonly Owner[],
  role: string,
): Promise<readonly string[]> {
  const rows = await session.query(
    `WITH ${GIVEN}
     SELECT n.nspname FROM pg_namespace n
     WHERE n.nspname = ANY ($3::text[]) AND NOT EXISTS (
       SELECT FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
       WHERE a.privilege_type = 'USAGE' AND ${HAS('n.nspowner')})
     ORDER BY 1`,
    [owners.map(({ oid }) => oid), role, schemas],
  );
  return rows.map((row) => field(row, 'nspname'));
}
