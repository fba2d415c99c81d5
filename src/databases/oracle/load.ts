// Writes chunks: the rows and the record that the chunk is done commit together, in one transaction that proves the lease.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Row } from '../../model/change.ts';
import type { Chunk } from '../../model/chunk.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { ConversionOf } from '../conversion.ts';
import { rowsOf } from '../copy-rows.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { ChunkBytes } from '../source.ts';
import type { Loader } from '../target.ts';
import type { OracleServer, OracleSession, ValueRow } from './connection.ts';
import { readChunk, writeChunk } from './journal/moves.ts';
import { proveLease } from './lease-proof.ts';
import { batches } from './write/batches.ts';
import { type WrittenTable, WrittenTables } from './write/columns.ts';
import { isRefused, refusedRow } from './write/failures.ts';
import type { LockWaits } from './write/lock-waits.ts';
import { insertStatement } from './write/statements.ts';
import { Writer } from './write/writer.ts';

const ROLLBACK_MS = 5_000;

export interface OracleLoaderOptions {
  readonly server: OracleServer;
  readonly claim: LeaseClaim;
  /** By the target's columns. */
  readonly conversionOf: ConversionOf;
  /** A server that does not answer for this long is given up. */
  readonly networkTimeoutMs: number;
  /** Who waits for a lock. Default: nobody is told. */
  readonly waits?: LockWaits;
}

/** One chunk as the journal knows it. */
interface Entry {
  readonly table: Table;
  readonly chunk: Chunk;
  readonly at: Position;
  readonly rows: number;
}

export class OracleLoader implements Loader {
  readonly #claim: LeaseClaim;
  readonly #timeoutMs: number;
  readonly #writer: Writer;
  readonly #written: WrittenTables;

  constructor({ server, claim, conversionOf, networkTimeoutMs, waits }: OracleLoaderOptions) {
    this.#claim = claim;
    this.#timeoutMs = networkTimeoutMs;
    this.#writer = new Writer(server, claim.run, waits);
    this.#written = new WrittenTables(conversionOf);
  }

  async load(table: Table, chunk: Chunk, at: Position, read: ChunkBytes): Promise<number> {
    let session: OracleSession;
    let rows: number;
    if (read.format !== 'text') throw new MigrateError('INTERNAL.BUG', 'rows come in a form of PostgreSQL alone');
    try {
      session = await this.#writer.open();
      await this.#writer.answered(session, this.#timeoutMs, () => proveLease(session, this.#claim));
      rows = await this.#write(session, table, read);
      const entry = { table, chunk, at, rows };
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

  async #write(session: OracleSession, table: Table, read: ChunkBytes): Promise<number> {
    let rows: number;
    try {
      rows = await this.#insert(session, this.#written.of(table), read);
    } catch (error) {
      throw isRefused(error) ? refusedRow('TARGET.REFUSED', table, error) : error;
    }
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
  async #insert(session: OracleSession, written: WrittenTable, read: ChunkBytes): Promise<number> {
    const { text, places } = insertStatement(written);
    let rows = 0;
    let underWay: Promise<number> = Promise.resolve(0);
    try {
      for await (const some of rowsOf(read.bytes)) {
        for (const batch of batches(places, ownRows(written, some))) {
          rows += await underWay;
          underWay = this.#writer.answered(session, this.#timeoutMs, () =>
            session.insertMany(text, batch.rows, batch.columns),
          );
          // Awaited with the next batch, or below.
          underWay.catch(() => undefined);
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

function* ownRows({ columns }: WrittenTable, rows: readonly Row[]): Generator<ValueRow> {
  for (const row of rows) yield columns.map((column, index) => column.own(row[index]));
}
