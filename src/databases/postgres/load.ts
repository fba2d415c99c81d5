// Writes chunks: the rows and the record that the chunk is done commit together, in one transaction that proves the lease.

import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Chunk } from '../../model/chunk.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { ChunkBytes } from '../source.ts';
import type { Loader } from '../target.ts';
import type { PostgresServer, Session } from './connection.ts';
import { translateError } from './errors.ts';
import { proveLease } from './lease-proof.ts';
import { passFence } from './pass.ts';
import { columnList } from './snapshot.ts';
import { quoteTable } from './sql.ts';

const BUFFER_BYTES = 1 << 20;

export interface PostgresLoaderOptions {
  readonly server: PostgresServer;
  readonly claim: LeaseClaim;
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

export class PostgresLoader implements Loader {
  readonly #server: PostgresServer;
  readonly #claim: LeaseClaim;
  readonly #timeoutMs: number;
  #session: Session | undefined;

  constructor(options: PostgresLoaderOptions) {
    this.#server = options.server;
    this.#claim = options.claim;
    this.#timeoutMs = options.networkTimeoutMs;
  }

  async load(table: Table, chunk: Chunk, at: Position, read: ChunkBytes): Promise<number> {
    let rows: number;
    try {
      const session = await this.#open();
      await this.#run(session, 'BEGIN');
      await proveLease(session, this.#claim);
      rows = await this.#copy(session, table, read);
      await this.#record(session, { table, chunk, at, rows });
      await failpoint('chunk.before_commit');
    } catch (error) {
      read.bytes.destroy();
      await this.#rollback();
      throw error;
    }
    await this.#commit({ table, chunk, at, rows });
    await failpoint('chunk.after_commit');
    return rows;
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }

  async #open(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    const session = await this.#server.session({
      purpose: 'load',
      // What an unreachable runner leaves behind must not hold its rows and the lease for hours.
      settings: {
        idle_in_transaction_session_timeout: '60s',
        lock_timeout: '30s',
        tcp_keepalives_idle: '10',
        tcp_keepalives_interval: '5',
        tcp_keepalives_count: '6',
      },
    });
    this.#session = session;
    await passFence(session, this.#claim.run);
    return session;
  }

  #run(session: Session, text: string): ReturnType<Session['run']> {
    return session.run(text, [], { timeoutMs: this.#timeoutMs });
  }

  async #copy(session: Session, table: Table, read: ChunkBytes): Promise<number> {
    const copy = copyFrom(`COPY ${quoteTable(table)} (${columnList(table)}) FROM STDIN (FORMAT ${read.format})`, {
      highWaterMark: BUFFER_BYTES,
    });
    const unwatch = watch(session, this.#timeoutMs, table);
    try {
      session.client.query(copy);
      // When the reader fails, the pipeline destroys `copy`, which fails the COPY on the server instead of ending it.
      await pipeline(read.bytes, copy);
    } catch (error) {
      // A stream that failed before the pipeline began is reported as closed too early; its own error says more.
      throw translateError('target', read.bytes.errored ?? error);
    } finally {
      unwatch();
    }
    if (copy.rowCount !== read.rows()) {
      throw new MigrateError(
        'COPY.ROWS',
        `${table.id}: the source sent ${read.rows()} rows of a chunk and the target kept ${copy.rowCount}`,
        { where: table.id },
      );
    }
    return copy.rowCount;
  }

  /** Marks the chunk as done, which only one transaction can. */
  async #record(session: Session, { table, chunk, at, rows }: Entry): Promise<void> {
    const marked = await session.prepared(
      'chunk_done',
      `UPDATE migrate.chunk SET at = $4, rows = $5, done_at = clock_timestamp()
       WHERE run = $1 AND table_id = $2 AND ordinal = $3 AND at IS NULL`,
      [this.#claim.run, table.id, chunk.ordinal, at, rows],
    );
    if (marked.rowCount !== 1) {
      throw new MigrateError('LEASE.LOST', `chunk ${chunk.ordinal} of ${table.id} was copied by another runner`);
    }
  }

  async #commit(entry: Entry): Promise<void> {
    const session = await this.#open();
    try {
      const { command } = await this.#run(session, 'COMMIT');
      if (command !== 'COMMIT') throw new MigrateError('INTERNAL.BUG', `COMMIT was answered by ${command}`);
    } catch (error) {
      await this.#rollback();
      // The server said no: it did not commit. Anything else leaves the outcome open.
      if (error instanceof MigrateError && error.code !== 'TARGET.CONNECTION') throw error;
      await this.#settle(entry, error);
    }
  }

  /** Finds out whether a COMMIT without an answer took place. The lock waits for the transaction that may still be ending. */
  async #settle({ table, chunk, at }: Entry, cause: unknown): Promise<void> {
    const unknown = (): MigrateError =>
      new MigrateError('TARGET.COMMIT_UNKNOWN', `${table.id}: the commit of chunk ${chunk.ordinal} was not confirmed`, {
        cause,
      });
    const found = await this.#readChunk(table, chunk).catch(() => {
      throw unknown();
    });
    if (found === null) throw unknown();
    if (found !== at) {
      throw new MigrateError('LEASE.LOST', `chunk ${chunk.ordinal} of ${table.id} was copied by another runner`);
    }
  }

  async #readChunk(table: Table, chunk: Chunk): Promise<string | null> {
    const session = await this.#open();
    const row = await session.one(
      'SELECT at FROM migrate.chunk WHERE run = $1 AND table_id = $2 AND ordinal = $3 FOR UPDATE',
      [this.#claim.run, table.id, chunk.ordinal],
      { timeoutMs: this.#timeoutMs },
    );
    return row?.at ?? null;
  }

  /** Leaves no open transaction behind; a session that cannot promise that is given up. */
  async #rollback(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    try {
      await session.run('ROLLBACK', [], { timeoutMs: Math.min(this.#timeoutMs, 5_000) });
    } catch {
      await this.close();
    }
  }
}

/** Cuts the session when its socket has moved no byte for `timeoutMs`. Returns what ends the watch. */
function watch(session: Session, timeoutMs: number, table: Table): () => void {
  const socket = (session.client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
  let moved = -1;
  let still = 0;
  // Four looks per period: the cut comes at most a quarter late.
  const timer = setInterval(() => {
    const now = socket.bytesRead + socket.bytesWritten;
    // With nothing left to send it is the source that is silent, and the source is watched elsewhere.
    still = now === moved && socket.writableLength > 0 ? still + 1 : 0;
    moved = now;
    if (still >= 4) session.destroy(new Error(`the copy of ${table.id} moved no byte for ${timeoutMs} ms`));
  }, timeoutMs / 4);
  return () => clearInterval(timer);
}
