// Empties tables of the target. TRUNCATE commits by itself, so the tables are emptied first and the journal says so after:
// a crash in between leaves what is known of them as it was, and whoever asked for it asks again.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import { neededBy } from '../../model/without.ts';
import type { NewFence } from './fence/new.ts';
import { readHidden } from './hidden.ts';
import { recordApart, recordEmptied } from './journal/changes.ts';
import { proveLease } from './lease-proof.ts';
import type { SchemaChanges } from './schema-session.ts';
import { Additions, readNaming } from './schema-state.ts';
import { quoteName, quoteTable } from './sql.ts';

/** Takes back what was copied of these tables, and the record of it. */
export async function emptyTables(
  changes: SchemaChanges,
  { id, claim }: NewFence,
  tables: readonly Table[],
): Promise<void> {
  await truncate(changes, id, tables);
  const { session } = changes;
  await session.transaction(async () => {
    await proveLease(session, claim);
    await recordEmptied(session, claim.run, idsOf(tables));
  });
}

export interface Apart {
  /** Foreign keys that need the tables are looked for in it. */
  readonly catalog: Catalog;
  readonly tables: readonly Table[];
  /** Of the lane that is to write them; null where none is needed: nothing was applied yet, or nothing will be. */
  readonly lane: Position | null;
  /** False where foreign keys were made by hand: then they stay. */
  readonly dropsForeignKeys: boolean;
}

/** Idempotent as long as nothing is copied in between. */
export async function setApart(changes: SchemaChanges, { id, claim }: NewFence, apart: Apart): Promise<void> {
  const { session } = changes;
  const { tables, lane } = apart;
  if (apart.dropsForeignKeys) await dropForeignKeys(changes, apart);
  await truncate(changes, id, tables);
  await session.transaction(async () => {
    await proveLease(session, claim);
    await recordApart(session, claim.run, idsOf(tables), lane);
    await failpoint('table.apart');
  });
}

async function truncate({ session, run }: SchemaChanges, id: string, tables: readonly Table[]): Promise<void> {
  const hidden = await readHidden(session, id);
  for (const table of tables) await run(`TRUNCATE TABLE ${quoteTable(hidden.standing(table))}`);
}

async function dropForeignKeys({ session, run }: SchemaChanges, { catalog, tables }: Apart): Promise<void> {
  const needing = neededBy(catalog, new Set(idsOf(tables)));
  if (needing.length === 0) return;
  const there = await Additions.read(session, catalog, await readNaming(session));
  for (const { table, name } of needing) {
    if (!there.has(table, { kind: 'foreign key', name })) continue;
    await run(`ALTER TABLE ${quoteTable(table)} DROP FOREIGN KEY ${quoteName(name)}`);
  }
}

function idsOf(tables: readonly Table[]): readonly Table['id'][] {
  return tables.map(({ id }) => id);
}
