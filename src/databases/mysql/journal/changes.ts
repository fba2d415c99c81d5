// What a target records when the tables of a run change: emptied, copied again, joined by others, given columns. Each within
// the caller's transaction, which proves the lease; what it does to the tables themselves stands before.

import { MigrateError } from '../../../lib/errors.ts';
import type { Catalog } from '../../../model/catalog.ts';
import type { Position } from '../../../model/position.ts';
import type { TableId } from '../../../model/table.ts';
import type { SchemaRecord } from '../../source.ts';
import type { JoinedRecord } from '../../target.ts';
import type { MysqlSession } from '../connection.ts';
import { inPieces, sql, tuple } from '../statement.ts';
import { supersede } from './dead-letters.ts';
import { insertCheckpoints, lockLanes } from './lanes.ts';
import { expectFits } from './packet.ts';
import { joiningWithout, readNames } from './table-states.ts';

/** The schema that the run goes on with. */
export async function recordSchema(
  session: MysqlSession,
  run: string,
  { catalog, fingerprint }: SchemaRecord,
): Promise<void> {
  const statement = sql`UPDATE migrate.run SET catalog = ${JSON.stringify(catalog)}, fingerprint = ${fingerprint}
                        WHERE name = ${run}`;
  const rows = await session.execute(await expectFits(session, statement));
  if (rows !== 1) throw new MigrateError('INTERNAL.BUG', 'the journal has lost the run');
}

/** The tables of `catalog` are part of the run from here on, and are to be copied. */
export async function recordJoined(
  session: MysqlSession,
  run: string,
  { tables }: Catalog,
  joined: JoinedRecord,
): Promise<void> {
  const added = [...(await readNames(session, run, 'added')), ...joined.names];
  const joining = joiningWithout(await readNames(session, run, 'joining'), joined.names);
  await recordSchema(session, run, joined);
  await session.execute(
    sql`UPDATE migrate.run SET added = ${JSON.stringify(added)}, joining = ${JSON.stringify(joining)} WHERE name = ${run}`,
  );
  // Which lane is decided with the copy.
  const rows = tables.map(({ table }) => tuple([run, table.id, 0, Number(table.spread)]));
  for (const piece of inPieces(rows))
    await session.execute(`INSERT INTO migrate.tables (run, table_id, lane, spread) VALUES ${piece}`);
  const states = tables.map(({ table }) => tuple([run, table.id, 'asked']));
  for (const piece of inPieces(states))
    await session.execute(`INSERT INTO migrate.table_state (run, table_id, state) VALUES ${piece}`);
}

/** Nothing of these tables is copied any more; their chunks stay as they were planned. */
export async function recordEmptied(session: MysqlSession, run: string, tables: readonly TableId[]): Promise<void> {
  await session.execute(
    sql`UPDATE migrate.chunk SET \`at\` = NULL, \`rows\` = 0, done_at = NULL, claim_epoch = NULL, claimed_by = NULL
        WHERE run = ${run} AND table_id IN ${tables}`,
  );
}

/**
 * Nothing is known of the rows of these tables any more. With `lane` they get the lane after those that all tables share, at
 * that position; where the lane is there already its position is an earlier one, and stays.
 */
export async function recordApart(
  session: MysqlSession,
  run: string,
  tables: readonly TableId[],
  lane: Position | null,
): Promise<void> {
  const these = sql`WHERE run = ${run} AND table_id IN ${tables}`;
  await session.execute(`DELETE FROM migrate.chunk ${these}`);
  await session.execute(`DELETE FROM migrate.key_chunk ${these}`);
  await session.execute(`UPDATE migrate.tables SET bounds = NULL ${these}`);
  await supersede(session, run, tables);
  if (lane === null) {
    await session.execute(`DELETE FROM migrate.table_state ${these} AND state <> 'skipped'`);
    return;
  }
  const own = await lockLanes(session, run);
  if (own === undefined) throw new MigrateError('INTERNAL.BUG', 'the journal has lost the run');
  await insertCheckpoints(session, run, [{ lane: own, position: lane }]);
  await session.execute(`UPDATE migrate.tables SET lane = ${own}, spread = false ${these}`);
  await session.execute(`UPDATE migrate.table_state SET state = 'copying' ${these}`);
}
