// Builds the whole schema on the target and takes it back, so that what is missing there (an extension's function, a
// collation, a right) is found before the first row moves.

import { MigrateError } from '../../../lib/errors.ts';
import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { Session } from '../connection.ts';
import { completeSteps, createSteps, type Step } from '../ddl.ts';
import { errorFinding } from './facts.ts';

/** In one transaction that is rolled back. A statement that fails is undone by itself, so that the next can be tried. */
export async function rehearse(session: Session, catalog: Catalog): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const failed = new Set<string>();
  await session.query('BEGIN');
  try {
    for (const step of [...createSteps(catalog), ...completeSteps(catalog)]) {
      // What hangs on a table that could not be made fails for the same reason.
      if (step.table !== null && failed.has(step.table)) continue;
      const finding = await attempt(session, step);
      if (finding === undefined) continue;
      findings.push(finding);
      if (step.table !== null) failed.add(step.table);
    }
  } finally {
    await session.query('ROLLBACK');
  }
  return findings;
}

async function attempt(session: Session, step: Step): Promise<Finding | undefined> {
  await session.query('SAVEPOINT step');
  try {
    if ((await session.one(step.exists)) === undefined) await session.run(step.statement, []);
    await session.query('RELEASE step');
    return undefined;
  } catch (error) {
    if (!(error instanceof MigrateError) || error.code !== 'TARGET.REFUSED') throw error;
    await session.query('ROLLBACK TO step');
    return errorFinding({
      code: 'DDL',
      subject: step.subject,
      message: `it cannot be made on the target: ${error.message.replace(/^target: /, '')}`,
      cure: 'Make what the message names on the target first (an extension, a function, a collation), or exclude the table.',
    });
  }
}
