// Takes tables out of what the run has carried so far: they stand empty, and nothing that is known of their rows is left.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import { neededBy } from '../../model/without.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { Session } from './connection.ts';
import { emptyTable } from './existing.ts';
import { supersede } from './journal/dead-letters.ts';
import { proveLease } from './lease-proof.ts';
import { passFence } from './pass.ts';
import { quoteName, quoteTable } from './sql.ts';

export interface Apart {
  /** Foreign keys that need the tables are looked for in it. */
  readonly catalog: Catalog;
  readonly tables: readonly Table[];
  /** Of the lane that is to write them; null where none is needed: nothing was applied yet, or nothing will be. */
  readonly lane: Position | null;
  /** False where foreign keys were made by hand: then they stay, and their tables are emptied the slow way. */
  readonly dropsForeignKeys: boolean;
}

/** One transaction. Idempotent as long as nothing is copied in between. */
export async function setApart(session: Session, claim: LeaseClaim, apart: Apart): Promise<void> {
  const { catalog, tables, lane, dropsForeignKeys } = apart;
  const ids = tables.map(({ id }) => id);
  await passFence(session, claim.run);
  await session.transaction(async () => {
    await proveLease(session, claim);
    await session.query("SET LOCAL lock_timeout = '30s'");
    if (dropsForeignKeys) await dropForeignKeys(session, catalog, tables);
    for (const table of tables) await emptyTable(session, quoteTable(table));
    const values = [claim.run, ids];
    const each = 'WHERE run = $1 AND table_id = ANY ($2::text[])';
    await session.query(`DELETE FROM migrate.chunk ${each}`, values);
    await session.query(`DELETE FROM migrate.key_chunk ${each}`, values);
    await session.query(`UPDATE migrate.tables SET bounds = NULL ${each}`, values);
    await supersede(session, claim.run, ids);
    if (lane === null) await session.query(`DELETE FROM migrate.table_state ${each} AND state <> 'skipped'`, values);
    else await openLane(session, claim.run, ids, lane);
    await failpoint('table.apart');
  });
}

/** The lane after those that all tables share. It may be there already: then its position is an earlier one. */
async function openLane(session: Session, run: string, ids: readonly string[], position: Position): Promise<void> {
  await session.query(
    `INSERT INTO migrate.checkpoint (run, direction, lane, position)
     SELECT $1, 'forward', lanes, $2 FROM migrate.run WHERE name = $1 ON CONFLICT DO NOTHING`,
    [run, position],
  );
  await session.query(
    `UPDATE migrate.tables AS t SET lane = r.lanes, spread = false FROM migrate.run AS r
     WHERE t.run = $1 AND r.name = $1 AND t.table_id = ANY ($2::text[])`,
    [run, ids],
  );
  await session.query(
    `UPDATE migrate.table_state SET state = 'copying' WHERE run = $1 AND table_id = ANY ($2::text[])`,
    [run, ids],
  );
}

async function dropForeignKeys(session: Session, catalog: Catalog, tables: readonly Table[]): Promise<void> {
  for (const { table, name } of neededBy(catalog, new Set(tables.map(({ id }) => id)))) {
    const there = await session.one(
      `SELECT 1 AS it FROM pg_constraint
       WHERE conrelid = to_regclass($1) AND conname = $2 AND contype = 'f' AND conparentid = 0`,
      [quoteTable(table), name],
    );
    if (there !== undefined)
      await session.run(`ALTER TABLE ${quoteTable(table)} DROP CONSTRAINT ${quoteName(name)}`, []);
  }
}
