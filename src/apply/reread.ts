// Reads single rows of the source again, all at one new exact position. The pair is made when the first row is asked for.

import type { ChunkReader, SourceLog, Start } from '../databases/source.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Key, Row } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { Table } from '../model/table.ts';

export interface Reread {
  readonly at: Position;
  /** Complete; undefined when the source has no such row any more. */
  readonly row: Row | undefined;
}

export class Rereader {
  readonly #log: Pick<SourceLog, 'pair'>;
  #start: Start | undefined;
  #reader: ChunkReader | undefined;

  constructor(log: Pick<SourceLog, 'pair'>) {
    this.#log = log;
  }

  async read(table: Table, key: Key): Promise<Reread> {
    if (this.#start === undefined) {
      this.#start = await this.#log.pair();
      // A lost snapshot shows in the read that needs it.
      this.#start.lost.catch(() => undefined);
    }
    if (this.#start.settled !== undefined) throw new MigrateError('INTERNAL.BUG', 'a row was not read again exactly');
    this.#reader ??= await this.#start.reader();
    return { at: this.#start.at, row: await this.#reader.readRow(table, key) };
  }

  /** Releases the pair. Safe to call twice. */
  async close(): Promise<void> {
    const [reader, start] = [this.#reader, this.#start];
    this.#reader = undefined;
    this.#start = undefined;
    try {
      await reader?.close();
    } finally {
      await start?.close();
    }
  }
}
