// One writer of row changes with its own connection. Sets first: a statement per table and kind of change. When the
// server or a row count objects, nothing of the sets is left and the caller replays the changes one by one.

import type { LetterMoves } from '../../../journal/dead-letters.ts';
import { MigrateError } from '../../../lib/errors.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { Change, Key, LoggedValue, Row, RowChange, Update } from '../../../model/change.ts';
import type { KeyChunk, KeyRange } from '../../../model/chunk.ts';
import type { Table } from '../../../model/table.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import { rowMissing } from '../../missing-rows.ts';
import type { CheckpointMove, Lane, Refusals, TableChanges } from '../../target.ts';
import type { PostgresServer, Session } from '../connection.ts';
import { sqlState } from '../errors.ts';
import { moveLetters } from '../journal/dead-letters.ts';
import { proveLease } from '../lease-proof.ts';
import { passFence } from '../pass.ts';
import { rangeCondition } from '../range.ts';
import { quoteTable } from '../sql.ts';
import { columnArrays, columnsOf, type ValueColumn } from './column-arrays.ts';
import { constraintError, isRefused, refusalOf } from './failures.ts';
import { type Direction, moveCheckpoints, writeKeyChunk } from './journal-moves.ts';
import { rowDelete, rowInsert, rowUpdate, type Statement, setDelete, setInsert, setUpdate } from './statements.ts';
import { deleteWholeRows } from './whole-rows.ts';

export interface PostgresLaneOptions {
  readonly server: PostgresServer;
  readonly claim: LeaseClaim;
  readonly direction: Direction;
  /** The schema of the checkpoints and of the lease. Default `migrate`: those of the run. */
  readonly journal?: string;
}

const STATEMENT_TIMEOUT = '120s';

const SETTINGS: Readonly<Record<string, string>> = {
  // The acknowledgement to the source says that the rows are on disk.
  synchronous_commit: 'on',
  statement_timeout: STATEMENT_TIMEOUT,
  lock_timeout: '30s',
  row_security: 'off',
  // Sets are joined by key, always through the key's index. A plan made while a table was empty, kept with the
  // prepared statement, must not read the whole table for each row once it has grown.
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_memoize: 'off',
};

/** Statements kept prepared per connection; each costs the server memory, and there can be thousands of tables. */
const MAX_PREPARED = 1_000;
/** A network that fails while the server works is noticed no later than this. */
const ANSWER_MS = 150_000;

/** Connects at its first transaction. */
export class PostgresLane implements Lane {
  readonly #options: PostgresLaneOptions;
  readonly #prepared = new Set<string>();
  #opening: Promise<Session> | undefined;
  #session: Session | undefined;
  /** Something was written after the savepoint that the next attempt must not take back. */
  #attempted = false;
  #closed = false;

  constructor(options: PostgresLaneOptions) {
    this.#options = options;
  }

  async begin(): Promise<void> {
    if (this.#closed) throw new MigrateError('TARGET.CONNECTION', 'the lane is closed');
    this.#opening ??= this.#open();
    this.#session = await this.#opening;
    // With the first attempt's savepoint: on a long network every round trip of a batch is lag.
    await this.#session.query('BEGIN; SAVEPOINT attempt');
    this.#attempted = false;
  }

  /** Triggers and foreign keys of the target do not fire: their effects on the source are in the log themselves. */
  async #open(): Promise<Session> {
    const session = await this.#options.server.session({ purpose: 'lane', settings: SETTINGS });
    await passFence(session, this.#options.claim.run);
    return session;
  }

  async attempt(sets: readonly TableChanges[]): Promise<boolean> {
    const session = this.#connected();
    if (this.#attempted) await session.query('RELEASE SAVEPOINT attempt; SAVEPOINT attempt');
    this.#attempted = true;
    try {
      for (const set of sets) {
        if (await this.#writeSet(set)) continue;
        await session.query('ROLLBACK TO SAVEPOINT attempt');
        return false;
      }
    } catch (error) {
      if (!isRefused(error)) throw error;
      await session.query('ROLLBACK TO SAVEPOINT attempt');
      return false;
    }
    return true;
  }

  async replay(
    changes: readonly Change[],
    keyChunks: readonly { readonly table: Table; readonly chunk: KeyChunk }[],
    refusals?: Refusals,
  ): Promise<void> {
    const session = this.#connected();
    // What was written before must outlive a replay that starts over.
    if (refusals !== undefined) await session.query('RELEASE SAVEPOINT attempt; SAVEPOINT attempt');
    this.#attempted = true;
    try {
      await this.#replayAll(changes);
    } catch (error) {
      if (refusals === undefined || !isRefused(error)) throw error;
      await session.query('ROLLBACK TO SAVEPOINT attempt');
      await this.#replayCarefully(changes, refusals);
    }
    for (const each of keyChunks) await writeKeyChunk(session, this.#options.claim.run, each);
  }

  async #replayAll(changes: readonly Change[]): Promise<void> {
    await this.#connected().query('SET CONSTRAINTS ALL DEFERRED');
    for (const change of changes) await this.#replayOne(change);
  }

  /** A savepoint before each row: after the one that is refused the others are still there. */
  async #replayCarefully(changes: readonly Change[], refusals: Refusals): Promise<void> {
    const session = this.#connected();
    await session.query('SET CONSTRAINTS ALL DEFERRED');
    for (const change of changes) {
      const isRow = change.op !== 'marker' && change.op !== 'truncate';
      if (isRow && refusals.holds(change)) continue;
      await session.query('SAVEPOINT one');
      try {
        await this.#replayOne(change);
      } catch (error) {
        if (!isRow || !isRefused(error)) throw error;
        await session.query('ROLLBACK TO SAVEPOINT one');
        refusals.refuse(change, refusalOf(error));
      }
      await session.query('RELEASE SAVEPOINT one');
    }
  }

  async #replayOne(change: Change): Promise<void> {
    if (change.op === 'marker') return;
    if (change.op === 'truncate') await this.truncate(change.tables.map((table) => ({ table, ranges: 'all' })));
    else await this.#replayRow(change);
  }

  async truncate(
    tables: readonly { readonly table: Table; readonly ranges: readonly KeyRange[] | 'all' }[],
  ): Promise<void> {
    const session = this.#connected();
    this.#attempted = true;
    // Emptying takes as long as it takes; the server ends it itself when this client is gone.
    await session.query("SET LOCAL statement_timeout = '0'");
    const whole = tables.filter(({ ranges }) => ranges === 'all').map(({ table }) => quoteTable(table));
    if (whole.length > 0) await this.#truncateWhole(whole);
    for (const { table, ranges } of tables) {
      if (ranges === 'all') continue;
      for (const range of ranges) {
        const condition = rangeCondition(table, range);
        await session.execute(`DELETE FROM ONLY ${quoteTable(table)} WHERE ${condition}`, [], { timeoutMs: 0 });
      }
    }
    await session.query(`SET LOCAL statement_timeout = '${STATEMENT_TIMEOUT}'`);
  }

  async commit(moves: readonly CheckpointMove[], letters?: LetterMoves): Promise<void> {
    const session = this.#connected();
    await failpoint('apply.before_checkpoint');
    const { claim } = this.#options;
    const [own] = moves;
    if (own === undefined) await proveLease(session, claim);
    if (letters !== undefined) await moveLetters(session, claim.run, own?.position, letters);
    if (own !== undefined) await moveCheckpoints(session, this.#options, moves);
    await failpoint('apply.before_commit');
    let command: string;
    try {
      ({ command } = await session.run('COMMIT', []));
    } catch (error) {
      if (isRefused(error)) throw constraintError(error);
      // The server answered with an error of its own: it rolled back.
      if (!(error instanceof MigrateError) || error.code !== 'TARGET.CONNECTION') throw error;
      throw new MigrateError('TARGET.COMMIT_UNKNOWN', 'the connection broke while a batch was being committed', {
        cause: error,
      });
    }
    // COMMIT of a transaction that had failed is answered without an error.
    if (command !== 'COMMIT') throw new MigrateError('INTERNAL.BUG', `COMMIT was answered with ${command}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const session = await this.#opening?.catch(() => undefined);
    await session?.close();
  }

  /** False when a row count is not what it must be. */
  async #writeSet({ table, deletes, tolerant, updates, inserts, keyChunks }: TableChanges): Promise<boolean> {
    // Without a key a row that is not there cannot be a matter of the order.
    if (table.identity === 'row') await this.#deleteWhole(table, deletes);
    else if (
      !(await this.#writeColumns(setDelete(table), deletes.length, columnsOf(deletes, table.key.keys()), tolerant))
    )
      return false;
    for (const { columns, keys, rows } of updates) {
      const values = [...columnsOf(keys, table.key.keys()), ...columnsOf(rows, columns)];
      if (!(await this.#writeColumns(setUpdate(table, columns), rows.length, values))) return false;
    }
    if (!(await this.#writeColumns(setInsert(table), inserts.length, columnsOf(inserts, table.columns.keys()))))
      return false;
    for (const chunk of keyChunks) await writeKeyChunk(this.#connected(), this.#options.claim.run, { table, chunk });
    return true;
  }

  async #writeColumns(
    statement: Statement,
    count: number,
    columns: readonly ValueColumn[],
    tolerant = false,
  ): Promise<boolean> {
    let from = 0;
    for (const { to, arrays } of columnArrays(count, columns)) {
      // Quoted within an array a value takes several times its size. Replayed, a row's values are sent as they are.
      if (arrays === undefined) return false;
      if ((await this.#run(statement, arrays)) !== to - from && !tolerant) return false;
      from = to;
    }
    return true;
  }

  #deleteWhole(table: Table, rows: readonly Key[]): Promise<void> {
    return deleteWholeRows(this.#connected(), table, rows, STATEMENT_TIMEOUT);
  }

  async #replayRow(change: RowChange): Promise<void> {
    const { table } = change;
    if (table.identity === 'row' && change.op !== 'insert') {
      await this.#deleteWhole(table, [change.key]);
      if (change.op === 'update') await this.#replayRow({ op: 'insert', table, row: completed(change) });
      return;
    }
    if (change.tolerant === true) {
      await this.#overwrite(change);
      return;
    }
    const [statement, values] = rowStatement(change);
    let touched: number;
    try {
      touched = await this.#run(statement, values);
    } catch (error) {
      throw isRefused(error) ? constraintError(error, table) : error;
    }
    if (touched !== 1) throw rowMissing(table, change.op, touched);
  }

  async #overwrite(change: RowChange): Promise<void> {
    const { table } = change;
    if (change.op !== 'insert') await this.#run(rowDelete(table), change.key);
    if (change.op === 'delete') return;
    const { row } = change;
    await this.#run(
      rowDelete(table),
      table.key.map((column) => row[column]),
    );
    await this.#replayRow({ op: 'insert', table, row });
  }

  async #truncateWhole(tables: readonly string[]): Promise<void> {
    const session = this.#connected();
    await session.query('SAVEPOINT emptying');
    try {
      await session.query(`TRUNCATE ONLY ${tables.join(', ')}`, [], { timeoutMs: 0 });
    } catch (error) {
      // A table outside the list refers to one in it. Its rows are gone, too, or another lane is about to remove them.
      if (sqlState(error) !== '0A000') throw error;
      await session.query('ROLLBACK TO SAVEPOINT emptying');
      for (const table of tables) await session.execute(`DELETE FROM ONLY ${table}`, [], { timeoutMs: 0 });
    }
    await session.query('RELEASE SAVEPOINT emptying');
  }

  async #run({ name, text }: Statement, values: readonly LoggedValue[]): Promise<number> {
    const session = this.#connected();
    const options = { timeoutMs: ANSWER_MS };
    if (!this.#prepared.has(name) && this.#prepared.size >= MAX_PREPARED) return session.execute(text, values, options);
    this.#prepared.add(name);
    return (await session.prepared(name, text, values, options)).rowCount ?? 0;
  }

  #connected(): Session {
    if (this.#session === undefined) throw new MigrateError('INTERNAL.BUG', 'the lane has not begun');
    return this.#session;
  }
}

/** The new row; what the log did not carry did not change. The key of a row without a key is the row. */
function completed({ key, row }: Update): Row {
  return row.map((value, column) => (value === undefined ? key[column] : value));
}

function rowStatement(change: RowChange): readonly [Statement, readonly LoggedValue[]] {
  const { table } = change;
  switch (change.op) {
    case 'insert':
      return [rowInsert(table), change.row];
    case 'delete':
      return [rowDelete(table), change.key];
    case 'update': {
      const columns = change.row.flatMap((value, column) => (value === undefined ? [] : [column]));
      return [rowUpdate(table, columns), [...change.key, ...columns.map((column) => change.row[column])]];
    }
  }
}
