// Carries the steps of ddl.ts out on the target, some hundred objects to a transaction: a transaction holds a lock on
// everything it makes, and the server's table of locks is small.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { Session } from './connection.ts';
import { completeSteps, createSteps, dropStatements, type Step } from './ddl.ts';
import { fencedTables, functionStatement, hasFence, triggerStatement } from './fence/function.ts';
import { quoteTable } from './sql.ts';

/** Objects that are made in one transaction at most. */
export const BATCH = 100;
// What may be read for the objects of one transaction: a crash costs that much again.
const BATCH_BYTES = 64 << 20;

export interface Closing {
  /** The run's id. */
  readonly id: string;
  /** Proves, inside a transaction, that this runner may still write. */
  readonly prove: (session: Session) => Promise<void>;
  /** Decides, in the transaction that makes the fence, what lets the run's own sessions pass it; see pass.ts. */
  readonly pass: (session: Session) => Promise<string | undefined>;
}

/**
 * Creates what is missing. Each table is closed by the fence in the transaction that makes it, and one that is not is
 * somebody else's: rejects with TARGET.REFUSED. Opens transactions of its own.
 */
export async function createClosed(session: Session, catalog: Catalog, closing: Closing): Promise<void> {
  const { id, prove, pass } = closing;
  const steps = createSteps(catalog);
  const first = !(await hasFence(session, id));
  // Before the first object there must be none; after it, what has no fence of its own was made by this run.
  if (first) await refuseExisting(session, steps);
  await session.transaction(async () => {
    await prove(session);
    if (first) await session.run(functionStatement(id, 'permanent', await pass(session)), []);
  });
  const fenced = await fencedTables(session, id);
  const others = steps.filter(({ creates }) => creates === undefined);
  const tables = steps.filter(({ creates }) => creates !== undefined && !fenced.has(quoteTable(creates)));
  for (const batch of [...batches(others), ...batches(tables)]) {
    const missing = batch[0]?.creates === undefined ? await missingSteps(session, batch) : batch;
    if (missing.length === 0) continue;
    await failpoint('schema.creating');
    await session.transaction(async () => {
      await prove(session);
      const statements = missing.flatMap(({ statement, creates }) =>
        creates === undefined ? [statement] : [statement, triggerStatement(id, creates)],
      );
      await session.run(statements.join(';\n'), []);
    });
  }
}

/** Statistics for tables that have none: the planner would guess at rows that were just copied. */
export async function analyzeNew(session: Session, catalog: Catalog): Promise<void> {
  const names = catalog.tables.map(({ table }) => quoteTable(table));
  const fresh = await session.query(
    `SELECT t.name FROM unnest($1::text[]) t(name) JOIN pg_stat_user_tables s ON s.relid = to_regclass(t.name)
     WHERE s.last_analyze IS NULL AND s.last_autoanalyze IS NULL`,
    [names],
  );
  for (const batch of batches(fresh)) {
    // The server commits after each table.
    await session.run(`ANALYZE ${batch.map(({ name }) => String(name)).join(', ')}`, [], { timeoutMs: 0 });
  }
}

/**
 * Builds what is missing. A crash leaves whole objects or none; those of small tables share a transaction. `prove` runs
 * in each.
 */
export async function completeSchema(
  session: Session,
  catalog: Catalog,
  progress: (subject: string) => void,
  prove: (session: Session) => Promise<void> = async () => undefined,
): Promise<void> {
  for (const batch of batches(completeSteps(catalog))) {
    for (const part of parts(await missingSteps(session, batch))) {
      for (const { subject } of part) progress(subject);
      await failpoint('schema.completing');
      await session.transaction(async () => {
        await prove(session);
        // Sorting in memory halves the time of an index build; the default is 64 MB.
        await session.run("SET LOCAL maintenance_work_mem = '256MB'", []);
        await session.run(part.map(({ statement }) => statement).join(';\n'), [], { timeoutMs: 0 });
      });
    }
  }
}

/** Drops the tables, sequences and types of the catalog; all or none of a small schema. */
export async function dropSchema(session: Session, catalog: Catalog): Promise<void> {
  for (const batch of batches(dropStatements(catalog))) {
    await session.transaction(async () => {
      await session.run(batch.join(';\n'), [], { timeoutMs: 0 });
    });
  }
}

/** What of a catalog carries the fence of the run, and so was made by it. */
export async function readOwn(session: Session, catalog: Catalog, id: string): Promise<Catalog> {
  const fenced = await fencedTables(session, id);
  const own = ({ table }: { readonly table: { readonly schema: string; readonly name: string } }): boolean =>
    fenced.has(quoteTable(table));
  return { ...catalog, tables: catalog.tables.filter(own), parents: catalog.parents.filter(own) };
}

/** In one round trip after the question, in the caller's transaction. */
export async function runMissing(session: Session, steps: readonly Step[]): Promise<void> {
  const missing = await missingSteps(session, steps);
  if (missing.length > 0) await session.run(missing.map(({ statement }) => statement).join(';\n'), []);
}

async function refuseExisting(session: Session, steps: readonly Step[]): Promise<void> {
  for (const batch of batches(steps.filter(({ subject }) => !subject.startsWith('schema ')))) {
    const missing = new Set(await missingSteps(session, batch));
    const there = batch.find((step) => !missing.has(step));
    if (there === undefined) continue;
    throw new MigrateError('TARGET.REFUSED', `target: ${there.subject} exists, and the run did not make it`);
  }
}

/** Those whose objects do not exist, asked in one query. */
async function missingSteps(session: Session, steps: readonly Step[]): Promise<readonly Step[]> {
  const questions = steps.map(({ exists }, index) => `SELECT ${index} AS n WHERE EXISTS (${exists})`);
  const found = await session.query(questions.join(' UNION ALL '));
  const existing = new Set(found.map(({ n }) => Number(n)));
  return steps.filter((_, index) => !existing.has(index));
}

export function batches<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / BATCH) }, (_, index) =>
    items.slice(index * BATCH, (index + 1) * BATCH),
  );
}

/** Cut where too much would have to be done again. */
function parts(steps: readonly Step[]): readonly (readonly Step[])[] {
  const all: Step[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const step of steps) {
    bytes += step.bytes ?? 0;
    if (bytes > BATCH_BYTES) {
      all.push([]);
      bytes = step.bytes ?? 0;
    }
    all.at(-1)?.push(step);
  }
  return all;
}
