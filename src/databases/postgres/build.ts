// Carries the steps of ddl.ts out on the target.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { Session } from './connection.ts';
import { completeSteps, createSteps, dropStatements } from './ddl.ts';
import { arrayLiteral, quoteTable } from './sql.ts';

/** Creates what is missing. Opens no transaction: the caller's one makes it appear together with the fence. */
export async function createSchema(session: Session, catalog: Catalog): Promise<void> {
  for (const step of createSteps(catalog)) {
    if ((await session.one(step.exists)) === undefined) await session.run(step.statement, []);
  }
}

/** Statistics for tables that have none: the planner would guess at rows that were just copied. */
export async function analyzeNew(session: Session, catalog: Catalog): Promise<void> {
  const names = catalog.tables.map(({ table }) => quoteTable(table));
  const fresh = await session.query(
    `SELECT t.name FROM unnest($1::text[]) t(name) JOIN pg_stat_user_tables s ON s.relid = to_regclass(t.name)
     WHERE s.last_analyze IS NULL AND s.last_autoanalyze IS NULL`,
    [arrayLiteral(names)],
  );
  for (const { name } of fresh) await session.run(`ANALYZE ${String(name)}`, [], { timeoutMs: 0 });
}

/** Builds what is missing, each object in a transaction of its own: a crash leaves whole objects or none. `prove` runs in each. */
export async function completeSchema(
  session: Session,
  catalog: Catalog,
  progress: (subject: string) => void,
  prove: (session: Session) => Promise<void> = async () => undefined,
): Promise<void> {
  for (const step of completeSteps(catalog)) {
    if ((await session.one(step.exists)) !== undefined) continue;
    progress(step.subject);
    await failpoint('schema.completing');
    await session.transaction(async () => {
      await prove(session);
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
