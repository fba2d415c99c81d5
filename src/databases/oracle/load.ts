// Writes chunks: the rows and the record that the chunk is done commit together, in one transaction that proves the lease. Into a table
// that stands open they take the direct path where they fit into one statement.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Row } from '../../model/change.ts';
import type { Chunk } from '../../model/chunk.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { ConversionOf } from '../conversion.ts';
import { type CopiedColumn, rowsOf } from '../copy-rows.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { ChunkBytes } from '../source.ts';
import type { Loader } from '../target.ts';
import type { OracleServer, OracleSession, ValueRow } from './connection.ts';
import { readChunk, writeChunk } from './journal/moves.ts';
import { proveLease } from './lease-proof.ts';
import type { OpenTables } from './open-tables.ts';
import { nameOf } from './schema-state.ts';
import { type Batch, batches } from './write/batches.ts';
import { type WrittenTable, WrittenTables } from './write/columns.ts';
import { DIRECT_PATH, gather } from './write/direct.ts';
import { isRefused, refusedRow } from './write/failures.ts';
import type { LockWaits } from './write/lock-waits.ts';
import { insertStatement } from './write/statements.ts';
import { Writer } from './write/writer.ts';

const ROLLBACK_MS = 5_000;
const LARGE_BATCH = 1 << 24;

export interface OracleLoaderOptions {
  readonly server: OracleServer;
  readonly claim: LeaseClaim;
  /** By the target's columns. */
  readonly conversionOf: ConversionOf;
  /** A server that does not answer for this long is given up. */
  readonly networkTimeoutMs: number;
  /** Who waits for a lock. Default: nobody is told. */
  readonly waits?: LockWaits;
  /** Default: every table is closed. */
  readonly direct?: DirectLoading;
}

export interface DirectLoading {
  readonly tables: OpenTables;
  /** By `nameOf`, those that stand open. */
  readonly names: ReadonlySet<string>;
  /** What one statement is given. */
  readonly mostBytes?: number;
}

/** One chunk to be written. */
interface Task {
  readonly table: Table;
  readonly chunk: Chunk;
  readonly at: Position;
  readonly read: ChunkBytes;
}

/** One chunk as the journal knows it. */
interface Entry extends Omit<Task, 'read'> {
  readonly rows: number;
}

/** How rows are written. */
interface Insertion {
  readonly text: string;
  readonly batches: AsyncIterable<Batch> | Iterable<Batch>;
}

export class OracleLoader implements Loader {
  readonly #claim: LeaseClaim;
  readonly #timeoutMs: number;
  readonly #writer: Writer;
  readonly #written: WrittenTables;
  readonly #direct: DirectLoading | undefined;

  constructor({ server, claim, conversionOf, networkTimeoutMs, waits, direct }: OracleLoaderOptions) {
    this.#claim = claim;
    this.#timeoutMs = networkTimeoutMs;
    this.#writer = new Writer(server, claim.run, waits);
    this.#written = new WrittenTables(conversionOf);
    this.#direct = direct;
  }

  async load(table: Table, chunk: Chunk, at: Position, read: ChunkBytes): Promise<number> {
    if (read.format !== 'text') throw new MigrateError('INTERNAL.BUG', 'rows come in a form of PostgreSQL alone');
    const task = { table, chunk, at, read };
    const written = this.#written.of(table);
    const pieces = ownPieces(written, read);
    if (this.#direct?.names.has(nameOf(table))) return this.#loadOpen(task, written, pieces, this.#direct);
    return this.#load(task, conventional(written, pieces));
  }

  /** While one chunk of the table is written, the next ones are gathered. */
  async #loadOpen(
    task: Task,
    written: WrittenTable,
    pieces: AsyncGenerator<Iterable<ValueRow>>,
    { tables, mostBytes }: DirectLoading,
  ): Promise<number> {
    const { table, read } = task;
    const { rows, whole } = await gather(written.order, pieces, mostBytes).catch((error: unknown) => {
      read.bytes.destroy();
      throw explained(table, error);
    });
    const insertion =
      whole === undefined
        ? conventional(written, before(rows, pieces))
        : { text: insertStatement(written, DIRECT_PATH).text, batches: [whole] };
    const kept = await tables.inTurn(table, () => this.#load(task, insertion));
    await tables.closeCopied(table);
    return kept;
  }

  async #load({ table, chunk, at, read }: Task, insertion: Insertion): Promise<number> {
    let session: OracleSession;
    let rows: number;
    try {
      session = await this.#writer.open();
      rows = await this.#write(session, table, read, insertion);
      const entry = { table, chunk, at, rows };
      // Last: the lock is on the leases of all runs of the account, and one that begins waits a second for it at most.
      await this.#writer.answered(session, this.#timeoutMs, () => proveLease(session, this.#claim));
      await this.#writer.answered(session, this.#timeoutMs, () => writeChunk(session, this.#claim, entry));
      await failpoint('chunk.before_commit');
    } catch (error) {
      read.bytes.destroy();
      await this.#writer.rollback(ROLLBACK_MS);
      throw error;
    }
    await this.#commit(session, { table, chunk, at, rows });
    await failpoint('chunk.after_commit');
    return rows;
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  async #write(session: OracleSession, table: Table, read: ChunkBytes, insertion: Insertion): Promise<number> {
    const rows = await this.#insert(session, insertion).catch((error: unknown) => {
      throw explained(table, error);
    });
    if (rows !== read.rows()) {
      throw new MigrateError(
        'COPY.ROWS',
        `${table.id}: the source sent ${read.rows()} rows of a chunk and the target kept ${rows}`,
        { where: table.id },
      );
    }
    return rows;
  }

  /** While the server takes one batch the next is read and converted; no more than that is in memory. */
  async #insert(session: OracleSession, { text, batches: all }: Insertion): Promise<number> {
    let rows = 0;
    let underWay: Promise<number> = Promise.resolve(0);
    try {
      for await (const batch of all) {
        rows += await underWay;
        underWay = this.#writer.answered(session, this.#timeoutMs, () =>
          session.executeMany(text, batch.rows, batch.columns),
        );
        // Awaited with the next batch, or below.
        underWay.catch(() => undefined);
        // Two large values, each with what the driver makes of it, would be too much at once.
        if (batch.bytes > LARGE_BATCH) {
          rows += await underWay;
          underWay = Promise.resolve(0);
        }
      }
    } finally {
      await underWay.catch(() => undefined);
    }
    return rows + (await underWay);
  }

  async #commit(session: OracleSession, entry: Entry): Promise<void> {
    try {
      await this.#writer.answered(session, this.#timeoutMs, () => session.commit());
    } catch (error) {
      await this.#writer.rollback(ROLLBACK_MS);
      if (!(error instanceof MigrateError) || error.code !== 'TARGET.COMMIT_UNKNOWN') throw error;
      await this.#settle(entry, error);
    }
  }

  /** Finds out whether a COMMIT without an answer took place. The lock waits for the transaction that may still be ending. */
  async #settle({ table, chunk, at }: Entry, unknown: MigrateError): Promise<void> {
    let found: string | null;
    try {
      const session = await this.#writer.open();
      found = await this.#writer.answered(session, this.#timeoutMs, () =>
        readChunk(session, this.#claim, { table, chunk }),
      );
    } catch {
      throw unknown;
    } finally {
      await this.#writer.rollback(ROLLBACK_MS);
    }
    if (found === null) throw unknown;
    if (found !== at) {
      throw new MigrateError('LEASE.LOST', `chunk ${chunk.ordinal} of ${table.id} was copied by another runner`);
    }
  }
}

function explained(table: Table, error: unknown): unknown {
  return isRefused(error) ? refusedRow('TARGET.REFUSED', table, error) : error;
}

function conventional(written: WrittenTable, pieces: AsyncIterable<Iterable<ValueRow>>): Insertion {
  return { text: insertStatement(written).text, batches: inBatches(written, pieces) };
}

async function* inBatches({ order }: WrittenTable, pieces: AsyncIterable<Iterable<ValueRow>>): AsyncGenerator<Batch> {
  for await (const piece of pieces) yield* batches(order, piece);
}

async function* before<T>(first: T, others: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* others;
}

async function* ownPieces(written: WrittenTable, { bytes }: ChunkBytes): AsyncGenerator<Iterable<ValueRow>> {
  for await (const some of rowsOf(bytes, copiedColumns(written))) yield ownRows(written, some);
}

function copiedColumns({ table, columns }: WrittenTable): readonly CopiedColumn[] {
  return columns.map(({ column, conversion }) => ({ name: `${table.id}.${column.name}`, hex: conversion.hex }));
}

function* ownRows({ order }: WrittenTable, rows: readonly Row[]): Generator<ValueRow> {
  for (const row of rows) yield order.map((column) => column.own(row[column.index]));
}
