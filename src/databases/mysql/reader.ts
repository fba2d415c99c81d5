// Reads chunks in a session that holds a snapshot, as lines of COPY's text form, no faster than they are taken.

import { Readable } from 'node:stream';
import { type MigrateError, toMigrateError } from '../../lib/errors.ts';
import type { Key, Row } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { Table } from '../../model/table.ts';
import { refusedIn } from '../conversion.ts';
import type { ChunkBytes, ChunkReader } from '../source.ts';
import type { Flow, MysqlSession } from './connection.ts';
import { CopyLines } from './copy-lines.ts';
import { takeRow } from './row-packets.ts';
import type { RowsOf } from './rows.ts';

const BLOCK_BYTES = 1 << 17;

export class MysqlChunkReader implements ChunkReader {
  readonly #session: MysqlSession;
  readonly #rows: RowsOf;
  readonly #done: () => void;

  /** `done`: called when nobody reads here any more. */
  constructor(session: MysqlSession, rows: RowsOf, done: () => void) {
    this.#session = session;
    this.#rows = rows;
    this.#done = done;
  }

  read(table: Table, range: KeyRange, progress?: (bytes: number) => void): ChunkBytes {
    let flow: Flow | undefined;
    const bytes = new Readable({
      highWaterMark: BLOCK_BYTES,
      read: () => flow?.resume(),
      // Nothing else stops a statement whose rows nobody takes.
      destroy: (error, done) => {
        if (error !== null || !bytes.readableEnded) this.#session.close();
        done(error);
      },
    });
    const lines = new CopyLines((block) => {
      progress?.(block.length);
      if (!bytes.push(block)) flow?.pause();
    });
    const source = this.#rows.of(table);
    const { makers } = source;
    const work = this.#unlocked(async () => {
      const { sql } = source.select(source.within(range));
      flow = this.#session.eachPacket(sql, (packet, offset) => takeRow(makers, lines, packet, offset));
      await flow.done;
      flow = undefined;
    });
    work.then(
      () => {
        lines.flush();
        bytes.push(null);
      },
      (error: unknown) => bytes.destroy(ofChunk(table, error)),
    );
    return { format: 'text', bytes, rows: () => lines.rows };
  }

  async readRow(table: Table, key: Key): Promise<Row | undefined> {
    const rows = this.#rows.of(table);
    return this.#unlocked(async () => {
      const [row] = await this.#session.rows(rows.select(rows.isOneOf([key])));
      return row && rows.values(row);
    });
  }

  async close(): Promise<void> {
    this.#done();
  }

  /** Gives back the lock on the table, which would make ALTER TABLE wait for the end of the copy; the snapshot stays. */
  async #unlocked<T>(work: () => Promise<T>): Promise<T> {
    await this.#session.query('SAVEPOINT chunk');
    const result = await work();
    await this.#session.query('ROLLBACK TO SAVEPOINT chunk');
    return result;
  }
}

/** An error of the server has a cause, one of a conversion has none. */
function ofChunk(table: Table, thrown: unknown): MigrateError {
  const error = toMigrateError(thrown);
  return error.code === 'SOURCE.REFUSED' && error.cause === undefined ? refusedIn(table, error) : error;
}
