// Finds out how the target describes a catalog under other names. Definitions (defaults, checks, indexes, foreign keys) are
// texts full of names, and only a server can read them: everything is made on the target under the source's names, renamed
// there, read back, and taken away again with the transaction.

import { MigrateError } from '../../lib/errors.ts';
import type { Catalog } from '../../model/catalog.ts';
import { Destinations } from '../../model/destinations.ts';
import type { Finding } from '../../model/finding.ts';
import type { Renames } from '../../model/renames.ts';
import { asGlob, errorFinding } from '../findings.ts';
import type { RenamedCatalog } from '../target.ts';
import { readCatalogHere } from './catalog.ts';
import { makeAll } from './check/rehearsal.ts';
import { absent } from './check/target.ts';
import type { Session } from './connection.ts';
import { sqlState } from './errors.ts';
import { renameStatements } from './rename-statements.ts';
import { renamedCatalog } from './renamed-catalog.ts';

const BATCH = 200;
const LONGEST_NAME = 63;
const OUT_OF_LOCKS = '53200';

/** Leaves nothing behind. `made`: the tables are there already, under their new names. */
export async function renameCatalog(
  session: Session,
  catalog: Catalog,
  renames: Renames,
  made: boolean,
): Promise<RenamedCatalog> {
  const impossible = impossibleNames(renames);
  if (impossible.length > 0) return { findings: impossible };
  await session.query('BEGIN');
  try {
    const findings = made ? [] : await rehearse(session, catalog, renames);
    if (findings.length > 0) return { findings };
    const read = await readCatalogHere(session, {
      include: schemasOf(catalog, renames).map(everythingIn),
      exclude: [],
    });
    return { catalog: renamedCatalog(catalog, renames, read, !made), findings: [] };
  } finally {
    await session.query('ROLLBACK');
  }
}

async function rehearse(session: Session, catalog: Catalog, renames: Renames): Promise<readonly Finding[]> {
  const taken = await absent({ session, catalog });
  if (taken.length > 0) {
    return taken.map((finding) => ({
      ...finding,
      message: `${finding.message}; to learn what the renamed tables look like, they are made under their old names for a moment`,
    }));
  }
  try {
    const findings = await makeAll(session, catalog);
    if (findings.length > 0) return findings;
    const statements = renameStatements(catalog, renames);
    for (let from = 0; from < statements.length; from += BATCH) {
      await session.run(statements.slice(from, from + BATCH).join(';\n'), [], { timeoutMs: 0 });
    }
    return [];
  } catch (error) {
    if (sqlState(error) === OUT_OF_LOCKS) return [tooManyLocks()];
    if (!(error instanceof MigrateError) || error.code !== 'TARGET.REFUSED') throw error;
    return [
      errorFinding({
        code: 'RENAME',
        subject: 'tables.map',
        message: `what was made under the old names cannot be renamed: ${error.message.replace(/^target: /, '')}`,
        cure: 'correct tables.map in the plan',
      }),
    ];
  }
}

function tooManyLocks(): Finding {
  return errorFinding({
    code: 'LOCKS',
    subject: 'max_locks_per_transaction',
    message:
      'tables.map needs one transaction that makes every table and index, and the lock table is too small for it',
    cure: 'ALTER SYSTEM SET max_locks_per_transaction = 1024; -- on the target, then restart it',
  });
}

/** The server would cut them short, or keeps them for itself. */
function impossibleNames({ tables, schemas }: Renames): readonly Finding[] {
  const names = [
    ...tables.flatMap(({ schema, name, columns }) => [schema, name, ...columns.map(({ to }) => to)]),
    ...schemas.map(({ to }) => to),
  ];
  const long = names.filter((name) => Buffer.byteLength(name) > LONGEST_NAME || name.includes('\0'));
  const reserved = [...tables.map(({ schema }) => schema), ...schemas.map(({ to }) => to)].filter(
    (schema) => schema.startsWith('pg_') || schema === 'information_schema' || schema === 'migrate',
  );
  const finding = (name: string, message: string): Finding =>
    errorFinding({ code: 'RENAME', subject: `tables.map ${name}`, message, cure: 'correct tables.map in the plan' });
  return [
    ...[...new Set(long)].map((name) => finding(name, `a name has at most ${LONGEST_NAME} bytes`)),
    ...[...new Set(reserved)].map((name) => finding(name, 'this schema is kept for the server or the run itself')),
  ];
}

function schemasOf(catalog: Catalog, renames: Renames): readonly string[] {
  const to = new Destinations(renames);
  const names = [
    ...[...catalog.tables, ...catalog.parents].map(({ table }) => to.table(table)),
    ...catalog.types.map((type) => to.type(type)),
    ...catalog.sequences.map((sequence) => to.sequence(sequence)),
  ];
  return [...new Set(names.map(({ schema }) => schema))];
}

function everythingIn(schema: string): string {
  return `${asGlob(schema)}.*`;
}
