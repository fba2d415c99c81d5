// What a target records when the tables of a run change: emptied, copied again, joined by others, given columns. Each within
// the caller's transaction, which proves the lease; what it does to the tables themselves stands before.

import { MigrateError } from '../../../lib/errors.ts';
import type { Catalog } from '../../../model/catalog.ts';
import type { Position } from '../../../model/position.ts';
import type { TableId } from '../../../model/table.ts';
import type { SchemaRecord } from '../../source.ts';
import type { JoinedRecord } from '../../target.ts';
import type { OracleSession } from '../connection.ts';
import { ownTable } from '../own-tables.ts';
import { execute, inLists, type Statement, sql } from '../statement.ts';
import { supersede } from './dead-letters.ts';
import { insertCheckpoints, lockLanes } from './lanes.ts';
import { insertRows, own } from './session.ts';
import { joiningWithout, readNames } from './table-states.ts';

/** The schema that the run goes on with. */
export async function recordSchema(
  session: OracleSession,
  run: string,
  { catalog, fingerprint }: SchemaRecord,
): Promise<void> {
  const rows = await execute(
    session,
    sql`UPDATE ${own('RUN')} SET "CATALOG" = ${JSON.stringify(catalog)}, "FINGERPRINT" = ${fingerprint}
        WHERE "NAME" = ${run}`,
  );
  if (rows !== 1) throw new MigrateError('INTERNAL.BUG', 'the journal has lost the run');
}

/** The tables of `catalog` are part of the run from here on, and are to be copied. */
export async function recordJoined(
  session: OracleSession,
  run: string,
  { tables }: Catalog,
  joined: JoinedRecord,
): Promise<void> {
  const added = [...(await readNames(session, run, 'added')), ...joined.names];
  const joining = joiningWithout(await readNames(session, run, 'joining'), joined.names);
  await recordSchema(session, run, joined);
  await execute(
    session,
    sql`UPDATE ${own('RUN')} SET "ADDED" = ${JSON.stringify(added)}, "JOINING" = ${JSON.stringify(joining)}
        WHERE "NAME" = ${run}`,
  );
  // Which lane is decided with the copy.
  const rows = tables.map(({ table }) => [run, table.id, 0, Number(table.spread)]);
  await insertRows(session, ownTable('TABLES'), ['run', 'table_id', 'lane', 'spread'], rows);
  const states = tables.map(({ table }) => [run, table.id, 'asked']);
  await insertRows(session, ownTable('TABLE_STATE'), ['run', 'table_id', 'state'], states);
}

/** Nothing of these tables is copied any more; their chunks stay as they were planned. */
export async function recordEmptied(session: OracleSession, run: string, tables: readonly TableId[]): Promise<void> {
  await ofTables(
    session,
    run,
    tables,
    (these) =>
      sql`UPDATE ${own('CHUNK')}
          SET "AT" = NULL, "ROWS" = 0, "DONE_AT" = NULL, "CLAIM_EPOCH" = NULL, "CLAIMED_BY" = NULL ${these}`,
  );
}

/**
 * Nothing is known of the rows of these tables any more. With `lane` they get the lane after those that all tables share, at
 * that position; where the lane is there already its position is an earlier one, and stays.
 */
export async function recordApart(
  session: OracleSession,
  run: string,
  tables: readonly TableId[],
  lane: Position | null,
): Promise<void> {
  const each = (statement: (these: Statement) => Statement): Promise<void> => ofTables(session, run, tables, statement);
  await each((these) => sql`DELETE FROM ${own('CHUNK')} ${these}`);
  await each((these) => sql`DELETE FROM ${own('KEY_CHUNK')} ${these}`);
  await each((these) => sql`UPDATE ${own('TABLES')} SET "BOUNDS" = NULL ${these}`);
  await supersede(session, run, tables);
  if (lane === null) {
    await each((these) => sql`DELETE FROM ${own('TABLE_STATE')} ${these} AND "STATE" <> 'skipped'`);
    return;
  }
  const lanes = await lockLanes(session, run);
  if (lanes === undefined) throw new MigrateError('INTERNAL.BUG', 'the journal has lost the run');
  await insertCheckpoints(session, run, [{ lane: lanes, position: lane }]);
  await each((these) => sql`UPDATE ${own('TABLES')} SET "LANE" = ${lanes}, "SPREAD" = 0 ${these}`);
  await each((these) => sql`UPDATE ${own('TABLE_STATE')} SET "STATE" = 'copying' ${these}`);
}

/** `these`: the condition. */
async function ofTables(
  session: OracleSession,
  run: string,
  tables: readonly TableId[],
  statement: (these: Statement) => Statement,
): Promise<void> {
  for (const piece of inLists(tables)) {
    await execute(session, statement(sql`WHERE "RUN" = ${run} AND "TABLE_ID" IN ${piece}`));
  }
}
