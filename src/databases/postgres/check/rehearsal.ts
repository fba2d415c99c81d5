// Builds the whole schema on the target and takes it back, so that what is missing there (an extension's function, a
// collation, a right) is found before the first row moves.

import { MigrateError } from '../../../lib/errors.ts';
import type { Catalog, RelationDefinition } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { TableId } from '../../../model/table.ts';
import { errorFinding } from '../../findings.ts';
import { batches, runMissing } from '../build.ts';
import type { Session } from '../connection.ts';
import { completeSteps, createSteps, type Step } from '../ddl.ts';

/** Tables of one rehearsal: all its locks are held at once. */
export const TABLES_AT_ONCE = 200;

/**
 * In transactions that are rolled back. Of a large schema each takes a part: then only what lies between tables of
 * different parts, their foreign keys and inheritance, is not tried.
 */
export async function rehearse(session: Session, catalog: Catalog): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const failed = new Set<string>();
  for (const part of partsOf(catalog)) {
    await session.query('BEGIN');
    try {
      findings.push(...(await makeAll(session, part, failed)));
    } finally {
      await session.query('ROLLBACK');
    }
  }
  return findings;
}

/** Makes everything in the caller's transaction. `failed` is what could not be made before, and gets what cannot be now. */
export async function makeAll(
  session: Session,
  catalog: Catalog,
  failed = new Set<string>(),
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const batch of batches([...createSteps(catalog), ...completeSteps(catalog)])) {
    if ((await attempt(session, batch)) === undefined) continue;
    for (const step of batch) {
      // What hangs on a table that could not be made fails for the same reason; what every part needs is told once.
      if (failed.has(step.table ?? step.subject)) continue;
      const refusal = await attempt(session, [step]);
      if (refusal === undefined) continue;
      findings.push(refusalFinding(step, refusal));
      failed.add(step.table ?? step.subject);
    }
  }
  return findings;
}

/** Pieces that stand for themselves: each with the partitioned tables and sequences that its tables need. */
export function partsOf(catalog: Catalog): readonly Catalog[] {
  const { tables } = catalog;
  if (tables.length <= TABLES_AT_ONCE) return [catalog];
  return Array.from({ length: Math.ceil(tables.length / TABLES_AT_ONCE) }, (_, index) => {
    const some = tables.slice(index * TABLES_AT_ONCE, (index + 1) * TABLES_AT_ONCE);
    const ids = new Set<TableId | undefined>(some.map(({ table }) => table.id));
    for (const definition of some) for (const id of ancestorsOf(catalog, definition)) ids.add(id);
    // A partitioned table without partitions goes with the first.
    if (index === 0) for (const id of childless(catalog)) ids.add(id);
    const within = <T extends RelationDefinition>(definition: T): T => ({
      ...definition,
      foreignKeys: definition.foreignKeys.filter(({ references }) => references !== null && ids.has(references)),
    });
    return {
      ...catalog,
      tables: some.map((definition) => ({
        ...within(definition),
        inherits: definition.inherits.filter(({ id }) => ids.has(id)),
      })),
      parents: catalog.parents.filter(({ table }) => ids.has(table.id)).map(within),
      sequences: catalog.sequences.filter(
        ({ owner, users }) =>
          ids.has(owner?.table) || users.some((user) => ids.has(user)) || (index === 0 && owner === null),
      ),
    };
  });
}

/** The partitioned tables that a partition belongs to, the nearest first. */
export function ancestorsOf(catalog: Catalog, { partitionOf }: RelationDefinition): readonly TableId[] {
  if (partitionOf === null) return [];
  const { id } = partitionOf.parent;
  const parent = catalog.parents.find(({ table }) => table.id === id);
  return parent === undefined ? [] : [id, ...ancestorsOf(catalog, parent)];
}

function childless({ tables, parents }: Catalog): readonly TableId[] {
  const used = new Set([...tables, ...parents].map(({ partitionOf }) => partitionOf?.parent.id));
  return parents.map(({ table }) => table.id).filter((id) => !used.has(id));
}

/** All of the steps or none: why they failed, so that others can be tried. */
async function attempt(session: Session, steps: readonly Step[]): Promise<MigrateError | undefined> {
  await session.query('SAVEPOINT step');
  try {
    await runMissing(session, steps);
    await session.query('RELEASE step');
    return undefined;
  } catch (error) {
    if (!(error instanceof MigrateError) || error.code !== 'TARGET.REFUSED') throw error;
    await session.query('ROLLBACK TO step');
    return error;
  }
}

function refusalFinding(step: Step, { message }: MigrateError): Finding {
  return errorFinding({
    code: 'DDL',
    subject: step.subject,
    message: `it cannot be made on the target: ${message.replace(/^target: /, '')}`,
    cure: 'Make what the message names on the target first (an extension, a function, a collation), or exclude the table.',
  });
}
