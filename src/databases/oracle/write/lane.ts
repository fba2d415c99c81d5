// One writer of row changes with its own connection. Sets first: a statement for many rows of a table and kind of change. When
// the server or a row count objects, nothing of the sets is left and the caller replays the changes one by one. Constraints are
// checked at once, row by row; what a source checks at the end of its transactions may be refused here.

import type { LetterMoves } from '../../../journal/dead-letters.ts';
import { MigrateError } from '../../../lib/errors.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { Change, Key, LoggedValue, Row, RowChange, Update } from '../../../model/change.ts';
import type { KeyChunk, KeyRange } from '../../../model/chunk.ts';
import type { Table } from '../../../model/table.ts';
import type { ConversionOf } from '../../conversion.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import { rowMissing } from '../../missing-rows.ts';
import type { CheckpointMove, Lane, Refusals, TableChanges } from '../../target.ts';
import type { OracleServer, OracleSession, ValueRow } from '../connection.ts';
import { moveLetters } from '../journal/dead-letters.ts';
import { type Direction, moveCheckpoints, writeKeyChunk } from '../journal/moves.ts';
import { proveLease } from '../lease-proof.ts';
import { RowsOf } from '../rows.ts';
import { quoteTable } from '../sql.ts';
import { execute, raw, sql } from '../statement.ts';
import { type Batch, batches } from './batches.ts';
import { type WrittenColumn, WrittenTables } from './columns.ts';
import { isRefused, refusalOf, refusedRow } from './failures.ts';
import type { LockWaits } from './lock-waits.ts';
import { deleteStatement, insertStatement, type RowStatement, updateStatement } from './statements.ts';
import { deleteCopies } from './whole-rows.ts';
import { Writer } from './writer.ts';

export interface OracleLaneOptions {
  readonly server: OracleServer;
  readonly claim: LeaseClaim;
  readonly direction: Direction;
  /** By the target's columns. */
  readonly conversionOf: ConversionOf;
  /** What the names of the tables with the checkpoints and the lease begin with. Default: those of the run. */
  readonly journal?: string;
  /** Who waits for a lock. Default: nobody is told. */
  readonly waits?: LockWaits;
}

/** A network that fails while the server works is noticed no later than this. */
const ANSWER_MS = 150_000;

/** Connects at its first transaction. */
export class OracleLane implements Lane {
  readonly #options: OracleLaneOptions;
  readonly #writer: Writer;
  readonly #written: WrittenTables;
  readonly #rows: RowsOf;
  #session: OracleSession | undefined;
  /** Something was written in this transaction that the next attempt must not take back. */
  #isWritten = false;

  constructor(options: OracleLaneOptions) {
    this.#options = options;
    this.#writer = new Writer(options.server, options.claim.run, options.waits);
    this.#written = new WrittenTables(options.conversionOf);
    this.#rows = new RowsOf(options.conversionOf);
  }

  /** The transaction begins with its first statement: on a long network every round trip of a batch is lag. */
  async begin(): Promise<void> {
    const session = await this.#writer.open();
    if (this.#isWritten) await session.rollback();
    this.#isWritten = false;
    this.#session = session;
  }

  async attempt(sets: readonly TableChanges[]): Promise<boolean> {
    const takeBack = await this.#place();
    try {
      for (const set of sets) {
        if (await this.#writeSet(set)) continue;
        await takeBack();
        return false;
      }
    } catch (error) {
      if (!isRefused(error)) throw error;
      await takeBack();
      return false;
    }
    return true;
  }

  async replay(
    changes: readonly Change[],
    keyChunks: readonly { readonly table: Table; readonly chunk: KeyChunk }[],
    refusals?: Refusals,
  ): Promise<void> {
    const takeBack = await this.#place();
    try {
      for (const change of changes) await this.#replayOne(change);
    } catch (error) {
      if (refusals === undefined || !isRefused(error)) throw error;
      await takeBack();
      this.#isWritten = true;
      await this.#replayCarefully(changes, refusals);
    }
    for (const each of keyChunks) await writeKeyChunk(this.#connected(), this.#options.claim.run, each);
  }

  /** A savepoint before each row: after the one that is refused the others are still there. */
  async #replayCarefully(changes: readonly Change[], refusals: Refusals): Promise<void> {
    const session = this.#connected();
    for (const change of changes) {
      const isRow = change.op !== 'marker' && change.op !== 'truncate';
      if (isRow && refusals.holds(change)) continue;
      await session.execute('SAVEPOINT ONE_ROW');
      try {
        await this.#replayOne(change);
      } catch (error) {
        if (!isRow || !isRefused(error)) throw error;
        await session.execute('ROLLBACK TO SAVEPOINT ONE_ROW');
        refusals.refuse(change, refusalOf(error));
      }
    }
  }

  /** Resolves with what takes back everything that is written from now on, and leaves what was written before. */
  async #place(): Promise<() => Promise<void>> {
    const session = this.#connected();
    const before = this.#isWritten;
    if (before) await session.execute('SAVEPOINT ATTEMPT');
    this.#isWritten = true;
    return async () => {
      if (before) await session.execute('ROLLBACK TO SAVEPOINT ATTEMPT');
      else await session.rollback();
      this.#isWritten = before;
    };
  }

  async #replayOne(change: Change): Promise<void> {
    if (change.op === 'marker') return;
    if (change.op === 'truncate') await this.truncate(change.tables.map((table) => ({ table, ranges: 'all' })));
    else await this.#replayRow(change);
  }

  /** Row by row on the server: TRUNCATE would commit. It takes as long as it takes, and undo space for every row. */
  async truncate(
    tables: readonly { readonly table: Table; readonly ranges: readonly KeyRange[] | 'all' }[],
  ): Promise<void> {
    const session = this.#connected();
    this.#isWritten = true;
    for (const { table, ranges } of tables) {
      for (const range of ranges === 'all' ? [{ lower: null, upper: null }] : ranges) {
        const rows = sql`DELETE FROM ${raw(quoteTable(table))} t WHERE ${this.#rows.of(table).within(range)}`;
        await this.#writer.answered(session, 0, () => execute(session, rows));
      }
    }
  }

  async commit(moves: readonly CheckpointMove[], letters?: LetterMoves): Promise<void> {
    const session = this.#connected();
    await failpoint('apply.before_checkpoint');
    await this.#writer.answered(session, ANSWER_MS, () => this.#journal(session, moves, letters));
    await failpoint('apply.before_commit');
    await this.#writer.answered(session, ANSWER_MS, () => session.commit());
    this.#isWritten = false;
    this.#session = undefined;
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  async #journal(session: OracleSession, moves: readonly CheckpointMove[], letters?: LetterMoves): Promise<void> {
    const { claim } = this.#options;
    const [own] = moves;
    if (own === undefined) await proveLease(session, claim, this.#options.journal);
    if (letters !== undefined) await moveLetters(session, claim.run, own?.position, letters);
    if (own !== undefined) await moveCheckpoints(session, this.#options, moves);
  }

  /** False when a row count is not what it must be. */
  async #writeSet({ table, deletes, tolerant, updates, inserts, keyChunks }: TableChanges): Promise<boolean> {
    const written = this.#written.of(table);
    const session = this.#connected();
    // Without a key a row that is not there cannot be a matter of the order.
    if (table.identity === 'row') await this.#deleteCopies(table, deletes);
    else if (!(await this.#writeAll(deleteStatement(written), bound(written.key, deletes), tolerant))) return false;
    for (const { columns, keys, rows } of updates) {
      const carried = written.order.filter(({ index }) => columns.includes(index));
      const places = bound(
        [...carried, ...written.key],
        rows.map((row, at) => [...valuesOf(carried, row), ...(keys[at] ?? [])]),
      );
      if (!(await this.#writeAll(updateStatement(written, carried), places))) return false;
    }
    const placed = inserts.map((row) => valuesOf(written.order, row));
    if (!(await this.#writeAll(insertStatement(written), bound(written.order, placed)))) return false;
    for (const chunk of keyChunks) await writeKeyChunk(session, this.#options.claim.run, { table, chunk });
    return true;
  }

  /** Each may have to read the whole table. */
  #deleteCopies(table: Table, rows: readonly Key[]): Promise<void> {
    const session = this.#connected();
    return this.#writer.answered(session, 0, () => deleteCopies(session, this.#written.of(table), rows));
  }

  async #writeAll(statement: RowStatement, rows: Iterable<ValueRow>, tolerant = false): Promise<boolean> {
    for (const batch of batches(statement.places, rows)) {
      const touched = await this.#send(statement, batch);
      // A key finds one row at most, so that all of them together tell of each.
      if (!tolerant && touched !== batch.rows.length) return false;
    }
    return true;
  }

  /** How many rows the batch touched. */
  #send({ text }: RowStatement, { rows, columns }: Batch): Promise<number> {
    const session = this.#connected();
    return this.#writer.answered(session, ANSWER_MS, () => session.executeMany(text, rows, columns));
  }

  async #replayRow(change: RowChange): Promise<void> {
    const { table } = change;
    if (table.identity === 'row' && change.op !== 'insert') {
      await this.#deleteCopies(table, [change.key]);
      if (change.op === 'update') await this.#replayRow({ op: 'insert', table, row: completed(change) });
      return;
    }
    if (change.tolerant === true) {
      await this.#overwrite(change);
      return;
    }
    let touched: number;
    try {
      touched = await this.#writeRow(change);
    } catch (error) {
      throw isRefused(error) ? refusedRow('APPLY.CONSTRAINT', table, error) : error;
    }
    if (touched !== 1) throw rowMissing(table, change.op, touched);
  }

  async #overwrite(change: RowChange): Promise<void> {
    const { table } = change;
    if (change.op !== 'insert') await this.#writeRow({ op: 'delete', table, key: change.key });
    if (change.op === 'delete') return;
    const { row } = change;
    await this.#writeRow({ op: 'delete', table, key: table.key.map((column) => row[column] ?? null) });
    await this.#replayRow({ op: 'insert', table, row });
  }

  /** How many rows it touched. */
  #writeRow(change: RowChange): Promise<number> {
    const written = this.#written.of(change.table);
    switch (change.op) {
      case 'insert':
        return this.#run(insertStatement(written), valuesOf(written.order, change.row));
      case 'delete':
        return this.#run(deleteStatement(written), change.key);
      case 'update': {
        const { row, key } = change;
        const carried = written.order.filter(({ index }) => row[index] !== undefined);
        return this.#run(updateStatement(written, carried), [...valuesOf(carried, row), ...key]);
      }
    }
  }

  async #run(statement: RowStatement, values: readonly LoggedValue[]): Promise<number> {
    let touched = 0;
    for (const batch of batches(statement.places, bound(statement.places, [values]))) {
      touched += await this.#send(statement, batch);
    }
    return touched;
  }

  #connected(): OracleSession {
    if (this.#session === undefined) throw new MigrateError('INTERNAL.BUG', 'the lane has not begun');
    return this.#session;
  }
}

function valuesOf(columns: readonly WrittenColumn[], row: Row): readonly LoggedValue[] {
  return columns.map(({ index }) => row[index]);
}

/** Rows as they are bound. */
function* bound(columns: readonly WrittenColumn[], rows: Iterable<readonly LoggedValue[]>): Generator<ValueRow> {
  for (const row of rows) yield columns.map((column, index) => column.own(row[index]));
}

/** The new row; what the log did not carry did not change. The key of a row without a key is the row. */
function completed({ key, row }: Update): Row {
  return row.map((value, column) => (value === undefined ? key[column] : value));
}
