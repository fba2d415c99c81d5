// Carries the steps of ddl.ts out on the target.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { Session } from './connection.ts';
import { completeSteps, createSteps, dropStatements } from './ddl.ts';

/** Creates what is missing. Opens no transaction: the caller's one makes it appear together with the fence. */
export async function createSchema(session: Session, catalog: Catalog): Promise<void> {
  for (const step of createSteps(catalog)) {
    if ((await session.one(step.exists)) === undefined) await session.run(step.statement, []);
  }
}

/** Builds what is missing, each object in a transaction of its own: a crash leaves whole objects or none. */
export async function completeSchema(
  session: Session,
  catalog: Catalog,
  progress: (subject: string) => void,
): Promise<void> {
  for (const step of completeSteps(catalog)) {
    if ((await session.one(step.exists)) !== undefined) continue;
    progress(step.subject);
    await failpoint('schema.completing');
    await session.transaction(async () => {
      // Sorting in memory halves the time of an index build; the default is 64 MB.
      await session.run("SET LOCAL maintenance_work_mem = '256MB'", []);
      await session.run(step.statement, [], { timeoutMs: 0 });
    });
  }
}

/** Drops the tables, sequences and types of the catalog, all or none. */
export async function dropSchema(session: Session, catalog: Catalog): Promise<void> {
  await session.transaction(async () => {
    for (const statement of dropStatements(catalog)) await session.run(statement, [], { timeoutMs: 0 });
  });
}
