// Tables that join a run under way, made on the target together with the record that they are part of it: after a crash
// either both are there or neither is.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { JoinedRecord } from '../target.ts';
import { runMissing } from './build.ts';
import type { Session } from './connection.ts';
import { createSteps } from './ddl.ts';
import { closeBatch, presentTables } from './existing.ts';
import { triggerStatement } from './fence/function.ts';
import { joiningWithout } from './journal/table-states.ts';
import { proveLease } from './lease-proof.ts';

export interface JoinOptions {
  /** The run's id. */
  readonly id: string;
  readonly claim: LeaseClaim;
  /** True when the tables were made by hand. */
  readonly existing: boolean;
}

/** One transaction. The fence's function must be there. */
export async function joinTables(
  session: Session,
  { id, claim, existing }: JoinOptions,
  catalog: Catalog,
  joined: JoinedRecord,
): Promise<void> {
  await session.transaction(async () => {
    await proveLease(session, claim);
    await session.query("SET LOCAL lock_timeout = '2s'");
    if (existing) await closeBatch(session, id, await presentTables(session, catalog));
    else await makeClosed(session, id, catalog);
    await record(session, claim.run, catalog, joined);
    await failpoint('table.joining');
  });
  await failpoint('table.joined');
}

/** Anything but a schema that is there already is somebody else's. */
async function makeClosed(session: Session, id: string, catalog: Catalog): Promise<void> {
  const steps = createSteps(catalog);
  const isSchema = ({ subject }: { readonly subject: string }): boolean => subject.startsWith('schema ');
  await runMissing(session, steps.filter(isSchema));
  const statements = steps
    .filter((step) => !isSchema(step))
    .flatMap(({ statement, creates }) =>
      creates === undefined ? [statement] : [statement, triggerStatement(id, creates)],
    );
  await session.run(statements.join(';\n'), []);
}

async function record(
  session: Session,
  run: string,
  { tables }: Catalog,
  { catalog, fingerprint, names }: JoinedRecord,
): Promise<void> {
  await session.query(
    `UPDATE migrate.run SET catalog = $2, fingerprint = $3, added = added || $4::jsonb, joining = ${joiningWithout('$4')}
     WHERE name = $1`,
    [run, JSON.stringify(catalog), fingerprint, JSON.stringify(names)],
  );
  // Which lane is decided with the copy.
  await session.query(
    `INSERT INTO migrate.tables (run, table_id, lane, spread)
     SELECT $1, id, 0, spread FROM unnest($2::text[], $3::boolean[]) AS t(id, spread)`,
    [run, tables.map(({ table }) => table.id), tables.map(({ table }) => String(table.spread))],
  );
  await session.query(
    `INSERT INTO migrate.table_state (run, table_id, state) SELECT $1, id, 'asked' FROM unnest($2::text[]) AS t(id)`,
    [run, tables.map(({ table }) => table.id)],
  );
}
