// One writer of row changes with its own connection. Sets first: a statement for many rows of a table and kind of change. When
// the server or a row count objects, nothing of the sets is left and the caller replays the changes one by one. Constraints are
// checked at once, row by row; what a source checks at the end of its transactions may be refused here.

import type { LetterMoves } from '../../../journal/dead-letters.ts';
import { MigrateError } from '../../../lib/errors.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import { type Change, type Key, keyText, type Row, type RowChange, type Update } from '../../../model/change.ts';
import type { KeyChunk, KeyRange } from '../../../model/chunk.ts';
import type { Table } from '../../../model/table.ts';
import type { ConversionOf } from '../../conversion.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import { copiesMissing, rowMissing } from '../../missing-rows.ts';
import type { CheckpointMove, Lane, Refusals, TableChanges } from '../../target.ts';
import type { MysqlServer, MysqlSession } from '../connection.ts';
import { moveLetters } from '../journal/dead-letters.ts';
import { type Direction, moveCheckpoints, writeKeyChunk } from '../journal/moves.ts';
import { proveLease } from '../lease-proof.ts';
import { RowsOf } from '../rows.ts';
import { quoteTable } from '../sql.ts';
import { WrittenTables } from './columns.ts';
import { changedValue, isRefused, refusalOf, refusedRow } from './failures.ts';
import {
  copiesDelete,
  type Limits,
  limitsOf,
  rowDelete,
  rowInsert,
  rowUpdate,
  type Statement,
  setDeletes,
  setInserts,
  setUpdates,
} from './statements.ts';
import { answered, commit, type Opened, Writer } from './writer.ts';

export interface MysqlLaneOptions {
  readonly server: MysqlServer;
  readonly claim: LeaseClaim;
  readonly direction: Direction;
  /** By the target's columns. */
  readonly conversionOf: ConversionOf;
  /** The database of the checkpoints and of the lease. Default `migrate`: those of the run. */
  readonly journal?: string;
}

/** A network that fails while the server works is noticed no later than this. */
const ANSWER_MS = 150_000;

/** Connects at its first transaction. */
export class MysqlLane implements Lane {
  readonly #options: MysqlLaneOptions;
  readonly #writer: Writer;
  readonly #written: WrittenTables;
  readonly #rows: RowsOf;
  #opened: (Opened & { readonly limits: Limits }) | undefined;
  /** Something was written in this transaction that the next attempt must not take back. */
  #isWritten = false;

  constructor(options: MysqlLaneOptions) {
    this.#options = options;
    this.#writer = new Writer(options.server, options.claim.run);
    this.#written = new WrittenTables(options.conversionOf);
    this.#rows = new RowsOf(options.conversionOf);
  }

  /** The transaction begins with its first statement: on a long network every round trip of a batch is lag. */
  async begin(): Promise<void> {
    const opened = await this.#writer.open();
    if (this.#isWritten) await opened.session.query('ROLLBACK');
    this.#isWritten = false;
    this.#opened = { ...opened, limits: limitsOf(opened.maxPacket) };
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
    for (const each of keyChunks) await writeKeyChunk(this.#connected().session, this.#options.claim.run, each);
  }

  /** A savepoint before each row: after the one that is refused the others are still there. */
  async #replayCarefully(changes: readonly Change[], refusals: Refusals): Promise<void> {
    const { session } = this.#connected();
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
    }
  }

  /** Resolves with what takes back everything that is written from now on, and leaves what was written before. */
  async #place(): Promise<() => Promise<void>> {
    const { session } = this.#connected();
    const before = this.#isWritten;
    if (before) await session.query('SAVEPOINT attempt');
    this.#isWritten = true;
    return async () => {
      await session.query(before ? 'ROLLBACK TO SAVEPOINT attempt' : 'ROLLBACK');
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
    const { session } = this.#connected();
    this.#isWritten = true;
    for (const { table, ranges } of tables) {
      const conditions = ranges === 'all' ? ['TRUE'] : ranges.map((range) => this.#rows.of(table).within(range));
      for (const condition of conditions) await session.execute(`DELETE FROM ${quoteTable(table)} WHERE ${condition}`);
    }
  }

  async commit(moves: readonly CheckpointMove[], letters?: LetterMoves): Promise<void> {
    const opened = this.#connected();
    await failpoint('apply.before_checkpoint');
    await answered(opened.session, ANSWER_MS, () => this.#journal(opened.session, moves, letters));
    await failpoint('apply.before_commit');
    await commit(opened, ANSWER_MS, 'a batch');
    this.#isWritten = false;
    this.#opened = undefined;
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  async #journal(session: MysqlSession, moves: readonly CheckpointMove[], letters?: LetterMoves): Promise<void> {
    const { claim } = this.#options;
    const [own] = moves;
    if (own === undefined) await proveLease(session, claim);
    if (letters !== undefined) await moveLetters(session, claim.run, own?.position, letters);
    if (own !== undefined) await moveCheckpoints(session, this.#options, moves);
  }

  /** False when a row count is not what it must be. */
  async #writeSet({ table, deletes, tolerant, updates, inserts, keyChunks }: TableChanges): Promise<boolean> {
    const written = this.#written.of(table);
    const { session, limits } = this.#connected();
    // Without a key a row that is not there cannot be a matter of the order.
    if (table.identity === 'row') await this.#deleteWhole(table, deletes);
    else if (!(await this.#writeAll(setDeletes(written, deletes, limits), tolerant))) return false;
    for (const update of updates) {
      if (!(await this.#writeAll(setUpdates(written, update, limits)))) return false;
    }
    if (!(await this.#writeAll(setInserts(written, inserts, limits)))) return false;
    for (const chunk of keyChunks) await writeKeyChunk(session, this.#options.claim.run, { table, chunk });
    return true;
  }

  async #writeAll(statements: Iterable<Statement>, tolerant = false): Promise<boolean> {
    for (const statement of statements) {
      if ((await this.#run(statement)) !== statement.rows && !tolerant) return false;
    }
    return true;
  }

  async #deleteWhole(table: Table, rows: readonly Key[]): Promise<void> {
    const { session, limits } = this.#connected();
    const copies = new Map<string, { readonly row: Key; count: number }>();
    for (const row of rows) {
      const text = keyText(row);
      const known = copies.get(text);
      if (known === undefined) copies.set(text, { row, count: 1 });
      else known.count++;
    }
    for (const { row, count } of copies.values()) {
      // A scan takes as long as it takes.
      const { rows: found } = await session.write(copiesDelete(this.#written.of(table), row, count, limits));
      if (found !== count) throw copiesMissing(table, count, found);
    }
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
    let touched: number;
    try {
      touched = await this.#run(this.#rowStatement(change));
    } catch (error) {
      throw isRefused(error) ? refusedRow('APPLY.CONSTRAINT', table, error) : error;
    }
    if (touched !== 1) throw rowMissing(table, change.op, touched);
  }

  async #overwrite(change: RowChange): Promise<void> {
    const { table } = change;
    const written = this.#written.of(table);
    const { limits } = this.#connected();
    if (change.op !== 'insert') await this.#run(rowDelete(written, change.key, limits));
    if (change.op === 'delete') return;
    const { row } = change;
    const key = table.key.map((column) => row[column] ?? null);
    await this.#run(rowDelete(written, key, limits));
    await this.#replayRow({ op: 'insert', table, row });
  }

  #rowStatement(change: RowChange): Statement {
    const written = this.#written.of(change.table);
    const { limits } = this.#connected();
    switch (change.op) {
      case 'insert':
        return rowInsert(written, change.row, limits);
      case 'delete':
        return rowDelete(written, change.key, limits);
      case 'update':
        return rowUpdate(written, change.key, change.row, limits);
    }
  }

  /** How many rows it touched. Rejects when it changed a value instead of refusing it. */
  async #run(statement: Statement): Promise<number> {
    const { session } = this.#connected();
    const { rows, warnings } = await answered(session, ANSWER_MS, () => session.write(statement));
    const changed = warnings > 0 ? await changedValue(session) : undefined;
    if (changed !== undefined) throw changed;
    return rows;
  }

  #connected(): Opened & { readonly limits: Limits } {
    if (this.#opened === undefined) throw new MigrateError('INTERNAL.BUG', 'the lane has not begun');
    return this.#opened;
  }
}

/** The new row; what the log did not carry did not change. The key of a row without a key is the row. */
function completed({ key, row }: Update): Row {
  return row.map((value, column) => (value === undefined ? key[column] : value));
}
