// Reads chunks in a session that holds a snapshot, as lines of COPY's text form, no faster than they are taken.

import { Readable } from 'node:stream';
import { toMigrateError } from '../../lib/errors.ts';
import type { Key, Row } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { Table } from '../../model/table.ts';
import type { ChunkBytes, ChunkReader } from '../source.ts';
import type { Flow, MysqlSession } from './connection.ts';
import { copyLine } from './row-text.ts';
import type { RowsOf } from './rows.ts';

const BLOCK_CHARACTERS = 1 << 17;

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
    let rows = 0;
    let block = '';
    const bytes = new Readable({
      highWaterMark: BLOCK_CHARACTERS,
      read: () => flow?.resume(),
      // Nothing else stops a statement whose rows nobody takes.
      destroy: (error, done) => {
        if (error !== null || !bytes.readableEnded) this.#session.close();
        done(error);
      },
    });
    const pass = (): void => {
      const passed = Buffer.from(block, 'utf8');
      block = '';
      progress?.(passed.length);
      if (!bytes.push(passed)) flow?.pause();
    };
    const source = this.#rows.of(table);
    const work = this.#unlocked(async () => {
      flow = this.#session.each(source.select(source.within(range)), (row) => {
        rows++;
        block += copyLine(source.values(row));
        if (block.length >= BLOCK_CHARACTERS) pass();
      });
      await flow.done;
      flow = undefined;
    });
    work.then(
      () => {
        if (block !== '') pass();
        bytes.push(null);
      },
      (error: unknown) => bytes.destroy(toMigrateError(error)),
    );
    return { format: 'text', bytes, rows: () => rows };
  }

  async readRow(table: Table, key: Key): Promise<Row | undefined> {
    const rows = this.#rows.of(table);
    return this.#unlocked(async () => {
      const [row] = await this.#session.rows(rows.select(rows.isKey(key)));
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
