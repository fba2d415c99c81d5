// The preflight of a target: every check, in the order their findings are shown. The last one builds the whole schema
// in a transaction that is rolled back.

import { type Catalog, writtenTables } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { type TableId, tableId } from '../../../model/table.ts';
import { errorFinding, warningFinding } from '../../findings.ts';
import type { Session } from '../connection.ts';
import { maySwitchOff } from '../pass.ts';
import { grantCreateIn, grantSwitchOff } from '../rights.ts';
import { field } from '../row.ts';
import { quoteLiteral, quoteTable } from '../sql.ts';
import { checkCollations, collationsOf } from './collations.ts';
import { checkExisting, firesOn } from './existing.ts';
import { checkExtensions } from './extensions.ts';
import { readServerFacts, type ServerFacts } from './facts.ts';
import { ancestorsOf, partsOf, rehearse } from './rehearsal.ts';
import { checkConnections, checkCreate, checkEncoding, checkLocks, checkVersion, checkWritable } from './server.ts';
import { checkUsage, usableTables } from './usable.ts';

export interface TargetContext {
  /** The source, to compare with. */
  readonly source?: ServerFacts;
  /** Connections the run opens on the target at most. Default 10. */
  readonly connections?: number;
  /** True when the tables were made by hand. Default false. */
  readonly existing?: boolean;
}

interface TargetSubject {
  readonly session: Session;
  readonly catalog: Catalog;
  readonly context: TargetContext;
  readonly facts: ServerFacts;
  readonly switchesOff: boolean;
}

type TargetCheck = (subject: TargetSubject) => Promise<readonly Finding[]>;

// A table, its primary key, and the table and index that hold its large values.
const LOCKS_PER_TABLE = 4;

const ALWAYS: readonly TargetCheck[] = [
  async ({ facts }) => checkVersion(facts),
  olderVersion,
  ({ session, facts }) => checkWritable(session, facts),
  async ({ facts }) => checkEncoding(facts),
  sameEncoding,
  sameCollation,
  replicationRole,
  ({ session, facts }) => checkCreate(session, facts),
  ({ session, catalog }) => checkExtensions(session, catalog.extensions),
  ({ session, context }) => checkConnections(session, context.connections ?? 10),
];

const BEFORE_CREATION: readonly TargetCheck[] = [
  createInSchemas,
  // What an extension brings is named by its schema; the others have been asked for more.
  ({ session, catalog, facts }) => {
    const schemas = catalog.extensions.map(({ schema }) => schema);
    return checkUsage(
      session,
      facts.role,
      schemas.filter((schema) => !catalog.schemas.includes(schema)),
    );
  },
  absent,
  ({ session, catalog }) => checkCollations(session, catalog),
  ({ session, catalog }) => checkLocks(session, Math.max(...partsOf(catalog).map(locksOf), locksOfTree(catalog))),
];

const BY_HAND: readonly TargetCheck[] = [
  ({ session, catalog, facts }) => checkUsage(session, facts.role, catalog.schemas),
  async ({ session, catalog, facts, switchesOff }) => {
    const tables = await usableTables(session, catalog.tables);
    return checkExisting({ session, catalog: { ...catalog, tables }, role: facts.role, switchesOff });
  },
];

/** While it is rehearsed. */
function locksOf({ tables, parents, sequences }: Catalog): number {
  return [...tables, ...parents].reduce((sum, { indexes }) => sum + LOCKS_PER_TABLE + indexes.length, sequences.length);
}

/** An index of a partitioned table is built on all its partitions in one statement. */
function locksOfTree(catalog: Catalog): number {
  const trees = new Map<TableId | undefined, number>();
  for (const definition of catalog.tables) {
    const root = ancestorsOf(catalog, definition).at(-1);
    if (root !== undefined) trees.set(root, (trees.get(root) ?? 0) + 2);
  }
  return Math.max(0, ...trees.values());
}

/** What was made on the run's own tables meanwhile. */
function quiet({ session, catalog, facts, switchesOff }: TargetSubject): Promise<readonly Finding[]> {
  return firesOn({ session, switchesOff, role: facts.role }, writtenTables(catalog));
}

/** Leaves nothing behind. `resuming`: the tables are this run's own. */
export async function checkTarget(
  session: Session,
  catalog: Catalog,
  resuming: boolean,
  context: TargetContext = {},
): Promise<readonly Finding[]> {
  const existing = context.existing === true;
  const facts = await readServerFacts(session);
  const subject = { session, catalog, context, facts, switchesOff: await readSwitchesOff(session) };
  const own = resuming ? [present, quiet] : existing ? BY_HAND : BEFORE_CREATION;
  const findings: Finding[] = [];
  for (const check of [...ALWAYS, ...own]) {
    findings.push(...(await check(subject)));
  }
  // What is wrong already would only be said again, in the server's words.
  if (!resuming && !existing && !findings.some(({ level }) => level === 'error')) {
    findings.push(...(await rehearse(session, catalog)));
  }
  return findings;
}

async function olderVersion({ facts, context }: TargetSubject): Promise<readonly Finding[]> {
  const [from, to] = [context.source?.version ?? 0, facts.version].map((version) => Math.floor(version / 10_000));
  if (from === undefined || to === undefined || to >= from) return [];
  return [
    warningFinding({
      code: 'OLDER_TARGET',
      subject: `PostgreSQL ${to}`,
      message: `the target is older than the source (PostgreSQL ${from}); definitions may use what it does not have`,
    }),
  ];
}

/** Anything fits into UTF8; else both must be the same. */
async function sameEncoding({ facts, context }: TargetSubject): Promise<readonly Finding[]> {
  if (facts.encoding === 'UTF8' || facts.encoding === 'SQL_ASCII') return [];
  if (context.source?.encoding === facts.encoding) return [];
  return [
    errorFinding({
      code: 'ENCODING',
      subject: facts.database,
      message: `the encoding of the target is ${facts.encoding}, which cannot hold every text of the source`,
      cure: "CREATE DATABASE new_target ENCODING 'UTF8' TEMPLATE template0; -- then name it in target.url",
    }),
  ];
}

async function sameCollation({ facts, context }: TargetSubject): Promise<readonly Finding[]> {
  if (context.source === undefined || context.source.collation === facts.collation) return [];
  return [
    warningFinding({
      code: 'COLLATION',
      subject: facts.database,
      message: 'texts sort differently: the database was made with another locale than the source',
    }),
  ];
}

/** The run works without; it only costs a little more at the end. */
async function replicationRole({ facts, switchesOff }: TargetSubject): Promise<readonly Finding[]> {
  if (switchesOff) return [];
  return [
    warningFinding({
      code: 'REPLICATION_ROLE',
      subject: `role ${facts.role}`,
      message:
        'on the target it may not switch triggers and foreign keys off for the run: foreign keys are added in the ' +
        'cutover, and the rows are checked against them after it',
      cure: `${grantSwitchOff(facts.role, facts.version)} -- on the target, as a superuser`,
    }),
  ];
}

async function readSwitchesOff(session: Session): Promise<boolean> {
  await session.query('BEGIN');
  try {
    return await maySwitchOff(session);
  } finally {
    await session.query('ROLLBACK');
  }
}

async function createInSchemas({ session, catalog, facts }: TargetSubject): Promise<readonly Finding[]> {
  const rows = await session.query(
    `SELECT nspname FROM pg_namespace
     WHERE nspname = ANY ($1::text[]) AND NOT (has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE'))
     ORDER BY 1`,
    [catalog.schemas],
  );
  return rows.map((row) =>
    errorFinding({
      code: 'CREATE_SCHEMA',
      subject: `schema ${field(row, 'nspname')}`,
      message: `role ${facts.role} may not create tables in it`,
      cure: grantCreateIn(field(row, 'nspname'), facts.role),
    }),
  );
}

const PLACES = {
  'TABLE IF EXISTS': ['pg_class', 'rel'],
  'SEQUENCE IF EXISTS': ['pg_class', 'rel'],
  TYPE: ['pg_type', 'typ'],
  COLLATION: ['pg_collation', 'coll'],
} as const;

/** What exists is moved out of the way by the cure, not dropped: someone may want it. */
export async function absent({
  session,
  catalog,
}: Pick<TargetSubject, 'session' | 'catalog'>): Promise<readonly Finding[]> {
  const groups = [
    { code: 'TARGET_NOT_EMPTY', kind: 'TABLE IF EXISTS', names: writtenTables(catalog) },
    { code: 'TARGET_SEQUENCE', kind: 'SEQUENCE IF EXISTS', names: catalog.sequences },
    { code: 'TARGET_TYPE', kind: 'TYPE', names: catalog.types.filter(({ kind }) => kind !== 'collation') },
    { code: 'TARGET_TYPE', kind: 'COLLATION', names: collationsOf(catalog) },
  ] as const;
  const findings: Finding[] = [];
  for (const { code, kind, names } of groups) {
    const [relation, prefix] = PLACES[kind];
    const rows = await session.query(
      `SELECT n.nspname, o.${prefix}name AS name FROM ${relation} o JOIN pg_namespace n ON n.oid = o.${prefix}namespace
       WHERE (n.nspname::text, o.${prefix}name::text) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY 1, 2`,
      [names.map(({ schema }) => schema), names.map(({ name }) => name)],
    );
    for (const row of rows) {
      const name = { schema: field(row, 'nspname'), name: field(row, 'name') };
      findings.push(
        errorFinding({
          code,
          subject: tableId(name.schema, name.name),
          message: 'it exists on the target, and the run did not make it',
          cure: `CREATE SCHEMA IF NOT EXISTS before_migrate; ALTER ${kind} ${quoteTable(name)} SET SCHEMA before_migrate;`,
        }),
      );
    }
  }
  return findings;
}

async function present({ session, catalog }: TargetSubject): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const rows = await session.query('SELECT w.id FROM unnest($1::text[]) AS w(id) WHERE to_regclass(w.id) IS NULL', [
    writtenTables(catalog).map(quoteTable),
  ]);
  for (const row of rows) {
    findings.push(
      errorFinding({
        code: 'TARGET_TABLE_GONE',
        subject: field(row, 'id'),
        message:
          'it is not on the target: it came to the source after the run began, or somebody dropped it from the target',
        cure: `migrate table add ${quoteLiteral(field(row, 'id')).trim()}  # if it is new; if it was dropped, migrate abort --drop, then start again`,
      }),
    );
  }
  return findings;
}
