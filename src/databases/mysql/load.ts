// Writes chunks: the rows and the record that the chunk is done commit together, in one transaction that proves the lease.

import { Readable } from 'node:stream';
import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Chunk } from '../../model/chunk.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { ConversionOf } from '../conversion.ts';
import { rowsOf } from '../copy-rows.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { ChunkBytes } from '../source.ts';
import type { Loader } from '../target.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { translateError } from './errors.ts';
import { readChunk, writeChunk } from './journal/moves.ts';
import { proveLease } from './lease-proof.ts';
import { WrittenTables } from './write/columns.ts';
import { loadStatement, toLoadData } from './write/copy-text.ts';
import { changedValue, isRefused, refusedRow } from './write/failures.ts';
import { limitsOf, type Statement, setInserts } from './write/statements.ts';
import { answered, commit, type Opened, Writer } from './write/writer.ts';

/** Each becomes a packet. */
const PIECE_BYTES = 1 << 18;
const ROLLBACK_MS = 5_000;

export interface MysqlLoaderOptions {
  readonly server: MysqlServer;
  readonly claim: LeaseClaim;
  /** By the target's columns. */
  readonly conversionOf: ConversionOf;
  /** A table under the name that it has now. Default: its own. */
  readonly standing?: (table: Table) => Table;
  /** A connection that moves no byte for this long is given up. */
  readonly networkTimeoutMs: number;
}

/** One chunk as the journal knows it. */
interface Entry {
  readonly table: Table;
  readonly chunk: Chunk;
  readonly at: Position;
  readonly rows: number;
}

export class MysqlLoader implements Loader {
  readonly #claim: LeaseClaim;
  readonly #timeoutMs: number;
  readonly #writer: Writer;
  readonly #written: WrittenTables;

  constructor({ server, claim, conversionOf, standing, networkTimeoutMs }: MysqlLoaderOptions) {
    this.#claim = claim;
    this.#timeoutMs = networkTimeoutMs;
    this.#writer = new Writer(server, claim.run);
    this.#written = new WrittenTables(conversionOf, standing);
  }

  async load(table: Table, chunk: Chunk, at: Position, read: ChunkBytes): Promise<number> {
    let opened: Opened;
    let rows: number;
    if (read.format !== 'text') throw new MigrateError('INTERNAL.BUG', 'rows come in a form of PostgreSQL alone');
    try {
      opened = await this.#writer.open();
      const { session } = opened;
      await answered(session, this.#timeoutMs, () => proveLease(session, this.#claim));
      rows = await this.#write(opened, table, read);
      const entry = { table, chunk, at, rows };
      await answered(session, this.#timeoutMs, () => writeChunk(session, this.#claim, entry));
      await failpoint('chunk.before_commit');
    } catch (error) {
      read.bytes.destroy();
      await this.#writer.rollback(ROLLBACK_MS);
      throw error;
    }
    await this.#commit(opened, { table, chunk, at, rows });
    await failpoint('chunk.after_commit');
    return rows;
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  async #write(opened: Opened, table: Table, read: ChunkBytes): Promise<number> {
    let rows: number;
    try {
      rows = await (opened.localInfile ? this.#loadData(opened, table, read) : this.#insert(opened, table, read));
    } catch (error) {
      const failed = translateError('target', error);
      throw isRefused(failed) ? refusedRow('TARGET.REFUSED', table, failed) : failed;
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

  /** What the server would refuse it changes or leaves out here, and warns of it. */
  async #loadData({ session, maxPacket }: Opened, table: Table, read: ChunkBytes): Promise<number> {
    const written = this.#written.of(table);
    const pieces = cut(toLoadData(read.bytes, written), Math.min(PIECE_BYTES, maxPacket >> 1));
    // The driver pauses it when the socket is full.
    const file = Readable.from(pieces, { highWaterMark: 1 });
    file.on('error', () => undefined);
    const unwatch = watch(session, this.#timeoutMs);
    try {
      const done = await session.write({ sql: loadStatement(written), file: () => file });
      const changed = done.warnings > 0 ? await changedValue(session) : undefined;
      if (changed !== undefined) throw refusedRow('TARGET.REFUSED', table, changed);
      return done.rows;
    } finally {
      file.destroy();
      unwatch();
    }
  }

  async #insert({ session, maxPacket }: Opened, table: Table, read: ChunkBytes): Promise<number> {
    let rows = 0;
    const write = async (statement: Statement): Promise<void> => {
      const done = await answered(session, this.#timeoutMs, () => session.write(statement));
      const changed = done.warnings > 0 ? await changedValue(session) : undefined;
      if (changed !== undefined) throw refusedRow('TARGET.REFUSED', table, changed);
      rows += done.rows;
    };
    const written = this.#written.of(table);
    const limits = limitsOf(maxPacket);
    for await (const batch of rowsOf(read.bytes, table.columns)) {
      for (const statement of setInserts(written, batch, limits)) await write(statement);
    }
    return rows;
  }

  async #commit(opened: Opened, entry: Entry): Promise<void> {
    const { table, chunk } = entry;
    try {
      await commit(opened, this.#timeoutMs, `chunk ${chunk.ordinal} of ${table.id}`);
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
      const { session } = await this.#writer.open();
      found = await answered(session, this.#timeoutMs, () => readChunk(session, this.#claim, { table, chunk }));
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

/** Blocks of at most so many bytes. */
async function* cut(blocks: AsyncIterable<Buffer>, most: number): AsyncGenerator<Buffer> {
  for await (const block of blocks) {
    for (let from = 0; from < block.length; from += most) yield block.subarray(from, from + most);
  }
}

/** Cuts the session when its socket has moved no byte for `timeoutMs` although there is something to send. Returns what ends it. */
function watch(session: MysqlSession, timeoutMs: number): () => void {
  const { socket } = session;
  let moved = -1;
  let still = 0;
  // Four looks per period: the cut comes at most a quarter late.
  const timer = setInterval(() => {
    const now = socket.bytesRead + socket.bytesWritten;
    // With nothing left to send it is the source that is silent, and the source is watched elsewhere.
    still = now === moved && socket.writableLength > 0 ? still + 1 : 0;
    moved = now;
    if (still >= 4) session.close();
  }, timeoutMs / 4);
  return () => clearInterval(timer);
}
