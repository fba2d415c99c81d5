// Empties tables of the target. TRUNCATE commits by itself, so the tables are emptied first and the journal says so after:
// a crash in between leaves what is known of them as it was, and whoever asked for it asks again.

import { failpoint } from '../../lib/failpoint.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { NewFence } from './fence/new.ts';
import { recordApart, recordEmptied } from './journal/changes.ts';
import { proveLease } from './lease-proof.ts';
import type { SchemaChanges } from './schema-session.ts';
import { quoteTable } from './sql.ts';

/** Takes back what was copied of these tables, and the record of it. */
export async function emptyTables(
  changes: SchemaChanges,
  { claim }: Pick<NewFence, 'claim'>,
  tables: readonly Table[],
): Promise<void> {
  await truncate(changes, tables);
  const { session } = changes;
  await session.transaction(async () => {
    await proveLease(session, claim);
    await recordEmptied(session, claim.run, idsOf(tables));
  });
}

export interface Apart {
  readonly tables: readonly Table[];
  /** Of the lane that is to write them; null where none is needed: nothing was applied yet, or nothing will be. */
  readonly lane: Position | null;
}

/** Idempotent as long as nothing is copied in between. There are no foreign keys before the cutover. */
export async function setApart(
  changes: SchemaChanges,
  { claim }: Pick<NewFence, 'claim'>,
  { tables, lane }: Apart,
): Promise<void> {
  await truncate(changes, tables);
  const { session } = changes;
  await session.transaction(async () => {
    await proveLease(session, claim);
    await recordApart(session, claim.run, idsOf(tables), lane);
    await failpoint('table.apart');
  });
}

/** No trigger fires. */
async function truncate({ run }: SchemaChanges, tables: readonly Table[]): Promise<void> {
  for (const table of tables) await run(`TRUNCATE TABLE ${quoteTable(table)}`);
}

function idsOf(tables: readonly Table[]): readonly Table['id'][] {
  return tables.map(({ id }) => id);
}
